"""Calls, and what is sent for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hexgate.adapters.providers.dialects.cohere_chat import CohereChat
from hexgate.adapters.providers.wire import WireRequest
from hexgate.adapters.simulator.cohere import reading
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Message, Part, Role, Text
from hexgate.domain.errors import Unsupported
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.spec import Spec, Tool
from tests import fakes

DATA = Path(__file__).parents[4] / "data" / "cohere_chat"
HELLO = (Message(Role.USER, (Text("Hi"),)),)
WEATHER = Tool(
    "weather", "Looks up.", '{"type":"object","properties":{"b":{},"a":{}}}', strict=True
)
NOW = Tool("now", "", "")
CHAT = CohereChat("cohere")


def ask(model: str = "command-a-03-2025", **spec: Any) -> ChatCall:
    """A call with these fields of Spec."""
    whole = Spec(model=model, **{"messages": HELLO, **spec})
    return fakes.call(model=model, max_output_tokens=50, spec=whole)


def sent(call: ChatCall, *, stream: bool = False) -> WireRequest:
    """The request, which the simulator's strict reading of the wire accepts."""
    request = CHAT.request(call, stream=stream)
    reading.read(json.dumps(request.payload).encode())
    return request


def payload(call: ChatCall) -> JsonObject:
    return sent(call).payload


def messages(*parts: Part, role: Role = Role.USER, model: str = "any") -> Json:
    return payload(ask(model, messages=(*HELLO, Message(role, parts))))["messages"]


def warned(request: WireRequest) -> list[tuple[str, str]]:
    return [(warning.code, warning.field) for warning in request.warnings]


def refused(call: ChatCall) -> list[str]:
    with pytest.raises(Unsupported) as caught:
        CHAT.request(call, stream=False)
    return [violation.field for violation in caught.value.violations]
