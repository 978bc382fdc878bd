"""The checks of a request that a type cannot express, each worded as the API words it."""

from __future__ import annotations

import base64
import binascii

import msgspec

from hexgate.adapters.simulator.anthropic.signature import is_own
from hexgate.adapters.simulator.bedrock import requests as wire
from hexgate.adapters.simulator.problem import Found
from hexgate.adapters.simulator.wire import Refused, Wrong

_MAX_MARKS = 4


def invalid(message: str) -> Refused:
    """A ValidationException."""
    return Refused(Wrong.INVALID, message)


def refused(found: Found) -> Refused:
    """A body that has not the right form."""
    if found.kind == "json":
        return Refused(Wrong.NOT_JSON)
    if found.kind == "unknown":
        return invalid(f"#: extraneous key [{found.dots}] is not permitted")
    if found.kind == "missing":
        return invalid(f"Value null at '{found.dots}' failed to satisfy constraint: not null")
    return invalid(f"Value at '{found.dots}' failed to satisfy constraint: {found.text}")


def check(request: wire.Prompt) -> None:
    """All checks; raises Refused."""
    for i, block in enumerate(request.system):
        _one_of(block, f"system.{i}")
    for i, message in enumerate(request.messages):
        if message.role != ("user", "assistant")[i % 2]:
            raise invalid(_DISORDER if i else _FIRST)
        for j, each in enumerate(message.content):
            _check_block(message.role, each, f"messages.{i}.content.{j}")
        _check_documents(message, i)
    _check_names(request)
    _check_pairs(request)
    _check_tools(request)
    if _marks(request) > _MAX_MARKS:
        raise invalid(f"The number of cachePoint blocks exceeds {_MAX_MARKS}.")
    if isinstance(request, wire.Body):
        _check_settings(request)


def data(source: wire.Source, at: str) -> bytes:
    """The bytes themselves; none where an object in S3 has them."""
    _one_of(source, at)
    try:
        return base64.b64decode(source.bytes or "", validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"Value at '{at}.bytes' is no base64") from None


_FIRST = (
    "A conversation must start with a user message. "
    "Try again with a conversation that starts with a user message."
)
_DISORDER = (
    "A conversation must alternate between user and assistant roles. Make sure the conversation "
    "alternates between user and assistant roles and try again."
)
_NO_CONFIG = (
    "The toolConfig field must be defined when using toolUse and toolResult content blocks."
)


def _one_of(union: msgspec.Struct, at: str) -> str:
    """The only member of a union that is there."""
    found = [name for name in union.__struct_fields__ if getattr(union, name) is not None]
    if len(found) != 1:
        raise invalid(f"Value at '{at}' must have exactly one member set, found {len(found)}")
    return found[0]


def _check_block(role: str, block: wire.Block, at: str) -> None:
    kind = _one_of(block, at)
    if role == "assistant" and kind not in ("text", "tool_use", "reasoning_content", "cache_point"):
        raise invalid(f"The {kind} block at {at} is not allowed in an assistant message.")
    if role == "user" and kind in ("tool_use", "reasoning_content"):
        raise invalid(f"The {kind} block at {at} is not allowed in a user message.")
    if block.text is not None and not block.text.strip():
        text = f"The text field in the ContentBlock object at {at} is blank."
        raise invalid(f"{text} Add text to the text field, and try again.")
    media = block.image or block.document or block.video or block.audio
    if media is not None:
        data(media.source, f"{at}.source")
    if block.tool_result is not None:
        _check_result(block.tool_result, at)
    if block.reasoning_content is not None:
        _check_reasoning(block.reasoning_content, at)


def _check_result(result: wire.ToolResult, at: str) -> None:
    for k, told in enumerate(result.content):
        _one_of(told, f"{at}.toolResult.content.{k}")
        if told.text is not None and not told.text.strip():
            text = f"The text field in the ToolResultContentBlock object at {at} is blank."
            raise invalid(f"{text} Add text to the text field, and try again.")
        media = told.image or told.document or told.video
        if media is not None:
            data(media.source, f"{at}.toolResult.content.{k}.source")


def _check_reasoning(block: wire.Reasoning, at: str) -> None:
    _one_of(block, at)
    said = block.reasoning_text
    if said is not None and not is_own(said.text, said.signature):
        raise invalid(f"{at}: Invalid `signature` in `thinking` block")


def _check_documents(message: wire.Message, i: int) -> None:
    if any(block.document for block in message.content) and not any(
        block.text for block in message.content
    ):
        text = f"The message at messages.{i} has a document but no text block."
        raise invalid(f"{text} Add a text block, and try again.")


def _check_names(request: wire.Prompt) -> None:
    blocks = [block for message in request.messages for block in message.content]
    told = [each for block in blocks if block.tool_result for each in block.tool_result.content]
    shown = [each.document for each in blocks] + [each.document for each in told]
    names = [document.name for document in shown if document is not None]
    if len(set(names)) < len(names):
        raise invalid("Messages contain duplicate document file names, rename and try again.")
    if any("  " in name for name in names):
        raise invalid("The document file name can not contain more than one space in a row.")


def _check_pairs(request: wire.Prompt) -> None:
    waiting: list[str] = []
    for i, message in enumerate(request.messages):
        results = [block.tool_result for block in message.content if block.tool_result]
        answered = [result.tool_use_id for result in results]
        if set(answered) - set(waiting) or len(answered) > len(waiting):
            text = f"The number of toolResult blocks at messages.{i}.content exceeds the number of"
            raise invalid(f"{text} toolUse blocks of previous turn.")
        if missing := [each for each in waiting if each not in answered]:
            text = f"Expected toolResult blocks at messages.{i}.content for the following Ids:"
            raise invalid(f"{text} {', '.join(missing)}")
        kinds = [
            block.tool_result is not None for block in message.content if block.cache_point is None
        ]
        if kinds != sorted(kinds, reverse=True):
            raise invalid(f"messages.{i}: toolResult blocks must come first in their message")
        waiting = [block.tool_use.tool_use_id for block in message.content if block.tool_use]
        if len(set(waiting)) < len(waiting):
            raise invalid(f"The toolUse blocks at messages.{i}.content have duplicate Ids")
    if waiting:
        raise invalid(f"Expected toolResult blocks for the following Ids: {', '.join(waiting)}")


def _check_tools(request: wire.Prompt) -> None:
    config = request.tool_config
    blocks = [block for message in request.messages for block in message.content]
    if config is None:
        if any(block.tool_use or block.tool_result for block in blocks):
            raise invalid(_NO_CONFIG)
        if request.additional_model_request_fields.tool_choice is not None:
            raise invalid("tool_choice may only be specified while providing tools.")
        return
    for i, tool in enumerate(config.tools):
        _one_of(tool, f"toolConfig.tools.{i}")
    specs = [tool.tool_spec for tool in config.tools if tool.tool_spec is not None]
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise invalid("The toolConfig field contains duplicate tool names.")
    for i, spec in enumerate(specs):
        if spec.input_schema.json.get("type") != "object":
            at = f"toolConfig.tools.{i}.toolSpec.inputSchema.json.type"
            raise invalid(f"The value at {at} must be one of the following: object.")
    _check_choice(config, names, request.additional_model_request_fields.tool_choice)


def _check_choice(
    config: wire.ToolConfig, names: list[str], native: wire.NativeChoice | None
) -> None:
    choice = config.tool_choice
    if choice is not None:
        _one_of(choice, "toolConfig.toolChoice")
        if native is not None:
            raise invalid("The additional field tool_choice conflicts with an existing field.")
    named = choice.tool.name if choice and choice.tool else native.name if native else ""
    if named and named not in names:
        raise invalid(f"The tool {named} of toolChoice is not in toolConfig.tools.")


def _check_settings(request: wire.Body) -> None:
    native, config = request.additional_model_request_fields, request.inference_config
    thinking = native.thinking
    if thinking is not None and thinking.type not in ("disabled", "between_tools"):
        choice = request.tool_config.tool_choice if request.tool_config else None
        by_name = native.tool_choice is not None and native.tool_choice.type != "auto"
        if (choice is not None and choice.auto is None) or by_name:
            raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
        if config.temperature not in (None, 1):
            raise invalid("`temperature` may only be set to 1 when thinking is enabled.")
        if (thinking.type == "enabled") != (thinking.budget_tokens is not None):
            raise invalid("thinking.budget_tokens: Field required with type enabled alone")
        if thinking.budget_tokens and thinking.budget_tokens >= (config.max_tokens or 1 << 20):
            raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if any(not stop.strip() for stop in config.stop_sequences):
        raise invalid("stop_sequences: each stop sequence must contain non-whitespace")
    for path in request.additional_model_response_field_paths:
        if not path.startswith("/"):
            raise invalid(f"The JSON pointer {path[:64]} is not valid.")


def _marks(request: wire.Prompt) -> int:
    tools = request.tool_config.tools if request.tool_config else []
    blocks = [block for message in request.messages for block in message.content]
    points = [each.cache_point for each in request.system]
    points += [each.cache_point for each in tools] + [each.cache_point for each in blocks]
    return sum(point is not None for point in points)
