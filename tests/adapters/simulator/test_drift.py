"""The requests that the simulator takes are those that the SDKs can send, key by key."""

from __future__ import annotations

from typing import Any

import anthropic.types as claude
import msgspec
import pytest
from anthropic.types import message_count_tokens_params, message_create_params
from openai.types import chat as gpt
from openai.types.chat import completion_create_params
from openai.types.shared_params import FunctionDefinition

from hexgate.adapters.simulator.anthropic import requests as anthropic_wire
from hexgate.adapters.simulator.openai import requests as openai_wire

# What the SDK no longer sends, and an older version of the API nevertheless takes.
SAMPLING = {"temperature", "top_p", "top_k"}

PAIRS: list[tuple[type[msgspec.Struct], Any, set[str]]] = [
    (openai_wire.Body, completion_create_params.CompletionCreateParamsStreaming, set()),
    (openai_wire.System, gpt.ChatCompletionSystemMessageParam, set()),
    (openai_wire.Developer, gpt.ChatCompletionDeveloperMessageParam, set()),
    (openai_wire.User, gpt.ChatCompletionUserMessageParam, set()),
    (openai_wire.Assistant, gpt.ChatCompletionAssistantMessageParam, set()),
    (openai_wire.ToolMessage, gpt.ChatCompletionToolMessageParam, set()),
    (openai_wire.TextPart, gpt.ChatCompletionContentPartTextParam, set()),
    (openai_wire.ImagePart, gpt.ChatCompletionContentPartImageParam, set()),
    (openai_wire.AudioPart, gpt.ChatCompletionContentPartInputAudioParam, set()),
    (openai_wire.RefusalPart, gpt.ChatCompletionContentPartRefusalParam, set()),
    (openai_wire.ToolCall, gpt.ChatCompletionMessageFunctionToolCallParam, set()),
    (openai_wire.Tool, gpt.ChatCompletionFunctionToolParam, set()),
    (openai_wire.FunctionSpec, FunctionDefinition, set()),
    (openai_wire.NamedChoice, gpt.ChatCompletionNamedToolChoiceParam, set()),
    (openai_wire.AllowedChoice, gpt.ChatCompletionAllowedToolChoiceParam, set()),
    (openai_wire.StreamOptions, gpt.ChatCompletionStreamOptionsParam, set()),
    (anthropic_wire.Body, message_create_params.MessageCreateParamsStreaming, SAMPLING),
    (anthropic_wire.Prompt, message_count_tokens_params.MessageCountTokensParams, set()),
    (anthropic_wire.Text, claude.TextBlockParam, set()),
    (anthropic_wire.Image, claude.ImageBlockParam, set()),
    (anthropic_wire.Document, claude.DocumentBlockParam, set()),
    (anthropic_wire.Thinking, claude.ThinkingBlockParam, set()),
    (anthropic_wire.Redacted, claude.RedactedThinkingBlockParam, set()),
    (anthropic_wire.ToolUse, claude.ToolUseBlockParam, set()),
    (anthropic_wire.ToolResult, claude.ToolResultBlockParam, set()),
    (anthropic_wire.Tool, claude.ToolParam, set()),
    (anthropic_wire.ToolChoice, claude.ToolChoiceToolParam, set()),
    (anthropic_wire.ThinkingConfig, claude.ThinkingConfigEnabledParam, set()),
    (anthropic_wire.OutputConfig, claude.OutputConfigParam, set()),
    (anthropic_wire.Format, claude.JSONOutputFormatParam, set()),
    (anthropic_wire.Metadata, claude.MetadataParam, set()),
    (anthropic_wire.CacheControl, claude.CacheControlEphemeralParam, set()),
]


def keys(struct: type[msgspec.Struct]) -> set[str]:
    """The keys of a struct on the wire, its tag included."""
    tag = struct.__struct_config__.tag_field
    return {*struct.__struct_encode_fields__, *([tag] if tag else [])}


def typed_keys(kind: Any) -> set[str]:
    """The keys of a TypedDict, those it inherits included."""
    return {key for each in (kind, *kind.__mro__) for key in getattr(each, "__annotations__", {})}


@pytest.mark.parametrize(
    ("struct", "kind", "more"), PAIRS, ids=lambda x: getattr(x, "__name__", "")
)
def test_keys_are_those_of_the_sdk(struct: type[msgspec.Struct], kind: Any, more: set[str]) -> None:
    assert keys(struct) == typed_keys(kind) | more
