"""Calls, and what is sent for them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pydantic
import pytest

from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import (
    Message,
    Part,
    Role,
    Text,
)
from hexgate.domain.errors import Unsupported
from hexgate.domain.spec import (
    Spec,
    Tool,
)
from tests import fakes

NEW, OLD = "claude-sonnet-5", "claude-sonnet-4-5-20250929"


HELLO = (Message(Role.USER, (Text("Hi"),)),)


WEATHER = Tool("weather", "Looks up the weather.", '{"type":"object","properties":{"at":{}}}')


NOW = Tool("now", "", "{}")


def ask(model: str = NEW, max_output_tokens: int = 100, **spec: Any) -> ChatCall:
    """A call with these fields of Spec."""
    return fakes.call(
        model=model,
        max_output_tokens=max_output_tokens,
        spec=Spec(model=model, **{"messages": HELLO, **spec}),
    )


def said(call: ChatCall) -> WireRequest:
    """The request of a call, after the SDK's own types have accepted it."""
    request = AnthropicMessages("anthropic").request(call, stream=False)
    for value in _adapter().validate_python(request.payload).values():
        force(value)
    return request


@cache
def _adapter() -> pydantic.TypeAdapter[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

        return pydantic.TypeAdapter(MessageCreateParamsNonStreaming)


def force(value: object) -> None:
    """Walk lazily validated lists, which is what validates them."""
    if isinstance(value, Mapping):
        for inner in value.values():
            force(inner)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for inner in value:
            force(inner)


def body(call: ChatCall) -> dict[str, Any]:
    """The payload as any other JSON library reads it."""
    payload: dict[str, Any] = json.loads(json.dumps(said(call).payload))
    return payload


def turns(*messages: Message) -> Any:
    """How these messages are said."""
    return body(ask(messages=messages))["messages"]


def refused(call: ChatCall) -> list[str]:
    """The fields that are refused."""
    with pytest.raises(Unsupported) as raised:
        AnthropicMessages("anthropic").request(call, stream=False)
    return [violation.field for violation in raised.value.violations]


def warned(call: ChatCall) -> list[tuple[str, str]]:
    """Code and field of every warning."""
    return [(warning.code, warning.field) for warning in said(call).warnings]


def user(*parts: Part) -> Message:
    """What the user says."""
    return Message(Role.USER, parts)


def model(*parts: Part) -> Message:
    """What the model said."""
    return Message(Role.ASSISTANT, parts)


def tool(*parts: Part) -> Message:
    """What a tool said."""
    return Message(Role.TOOL, parts)
