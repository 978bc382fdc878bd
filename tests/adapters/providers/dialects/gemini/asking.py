"""Calls, and what is sent for them, which Google's own types have to take."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from google.ai.generativelanguage_v1beta import GenerateContentRequest
from google.genai import types
from google.protobuf import json_format

from hexgate.adapters.providers.dialects.gemini import Gemini, GeminiOnVertex
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Message, Part, Role, Text, ToolCall, ToolResult
from hexgate.domain.errors import Unsupported
from hexgate.domain.json import JsonObject
from hexgate.domain.spec import Spec, Tool
from tests import fakes

HELLO = (Message(Role.USER, (Text("Hi"),)),)
WEATHER = Tool("weather", "Looks up.", '{"type":"object","properties":{"b":{},"a":{}}}')
NOW = Tool("now", "", "")
FLASH, PRO, NEW = "gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-flash-preview"
PROTO_LACKS = ("thinkingLevel",)  # newer than the package


def ask(model: str = FLASH, **spec: Any) -> ChatCall:
    """A call with these fields of Spec."""
    whole = Spec(model=model, **{"messages": HELLO, **spec})
    return fakes.call(model=model, max_output_tokens=50, spec=whole)


def sent(call: ChatCall, *, stream: bool = False) -> WireRequest:
    """The request of the Developer API, which its own types take."""
    request = Gemini("gemini").request(call, stream=stream)
    accepted(request.payload)
    return request


def payload(call: ChatCall) -> Any:
    return sent(call).payload


def on_vertex(call: ChatCall, *, stream: bool = False) -> WireRequest:
    return GeminiOnVertex("gemini", "p-1", "europe-west4").request(call, stream=stream)


def contents(*messages: Message, model: str = FLASH) -> Any:
    return payload(ask(model, messages=messages))["contents"]


def parts(*parts: Part, role: Role = Role.USER, model: str = FLASH) -> Any:
    (content,) = contents(Message(role, parts), model=model)
    return content["parts"]


def called(*calls: tuple[str, str]) -> Message:
    """The model calls: ids and names."""
    return Message(Role.ASSISTANT, tuple(ToolCall(each, name, "{}") for each, name in calls))


def returned(*results: tuple[str, str]) -> Message:
    """Tools answer: ids and texts."""
    return Message(Role.TOOL, tuple(ToolResult(each, (Text(text),)) for each, text in results))


def warned(request: WireRequest) -> list[tuple[str, str]]:
    return [(warning.code, warning.field) for warning in request.warnings]


def refused(call: ChatCall) -> list[str]:
    with pytest.raises(Unsupported) as caught:
        Gemini("gemini").request(call, stream=False)
    return [violation.field for violation in caught.value.violations]


def accepted(body: JsonObject) -> None:
    """The vendor's proto and its client's types take it and know every field."""
    known: Any = copy.deepcopy(body)
    config = known["generationConfig"]
    types.GenerationConfig.model_validate(config)
    for content in known["contents"]:
        types.Content.model_validate(content)
    for name in PROTO_LACKS:
        config.get("thinkingConfig", {}).pop(name, None)
    json_format.ParseDict(known, GenerateContentRequest.pb(GenerateContentRequest()))
