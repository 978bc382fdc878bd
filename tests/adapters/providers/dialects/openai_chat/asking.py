"""Calls, and what is sent for them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import pydantic
import pytest

from hexgate.adapters.providers.dialects.openai_chat import OPENAI, OpenAIChat
from hexgate.adapters.providers.dialects.openai_chat.quirks import Quirks
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import ChatCall, Options
from hexgate.domain.chat import (
    Message,
    Part,
    Role,
    Text,
)
from hexgate.domain.errors import Unsupported
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.spec import (
    Spec,
    Tool,
)
from tests import fakes

HELLO = (Message(Role.USER, (Text("Hi"),)),)


WEATHER = Tool(
    "weather", "Looks up.", '{"type":"object","properties":{"b":{},"a":{}}}', strict=True
)


NOW = Tool("now", "", "")


PLAIN, REASONER = "gpt-4o", "o3"


def ask(model: str = PLAIN, options: Options | None = None, **spec: Any) -> ChatCall:
    """A call with these fields of Spec."""
    whole = Spec(model=model, **{"messages": HELLO, **spec})
    return fakes.call(model=model, max_output_tokens=50, spec=whole, options=options or Options())


def sent(call: ChatCall, quirks: Quirks = OPENAI, *, stream: bool = False) -> WireRequest:
    request = OpenAIChat("openai", quirks).request(call, stream=stream)
    if quirks is OPENAI:
        accepted(request.payload, stream=stream)
    return request


def payload(call: ChatCall, quirks: Quirks = OPENAI) -> JsonObject:
    return sent(call, quirks).payload


def messages(*parts: Part, role: Role = Role.USER, quirks: Quirks = OPENAI) -> Json:
    return payload(ask(messages=(Message(role, parts),)), quirks)["messages"]


def warned(request: WireRequest) -> list[tuple[str, str]]:
    return [(warning.code, warning.field) for warning in request.warnings]


def refused(call: ChatCall, quirks: Quirks = OPENAI) -> list[str]:
    with pytest.raises(Unsupported) as caught:
        OpenAIChat("openai", quirks).request(call, stream=False)
    return [violation.field for violation in caught.value.violations]


@functools.cache
def theirs(*, stream: bool) -> tuple[pydantic.TypeAdapter[Any], frozenset[str]]:
    """The vendor's own type of a request, and its fields. Kept, for its iterables refer to it."""
    from openai.types.chat import completion_create_params as types

    base = types.CompletionCreateParamsBase
    kind: Any = types.CompletionCreateParamsNonStreaming
    if stream:
        kind = types.CompletionCreateParamsStreaming
    fields = frozenset(kind.__annotations__) | frozenset(base.__annotations__)
    return pydantic.TypeAdapter(kind), fields


def accepted(body: JsonObject, *, stream: bool) -> None:
    """The vendor's own types take it and know every field."""
    adapter, fields = theirs(stream=stream)
    exhaust(adapter.validate_python(body))
    assert set(body) <= fields


def exhaust(value: object) -> None:
    """Walk everything: the vendor's iterables are only checked when they are read."""
    if isinstance(value, Mapping):
        for item in value.values():
            exhaust(item)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            exhaust(item)
