"""Conversations of every kind that a provider takes, for properties of more than one dialect."""

from __future__ import annotations

import json
from typing import TypeVar

from hypothesis import strategies as st

from hexgate.adapters.simulator import chat
from hexgate.domain.chat import (
    Inline,
    Link,
    Media,
    Message,
    Part,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)

T = TypeVar("T")
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
TEXTS = WORDS.map(Text)
PICTURES = st.binary(max_size=8).map(
    lambda data: Media("image/png", Inline(b"\x89PNG\r\n\x1a\n" + data))
)
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS
ARGUMENTS = st.dictionaries(WORDS, VALUES, max_size=3).map(json.dumps)


@st.composite
def conversations(draw: st.DrawFn, texts: st.SearchStrategy[Text] = TEXTS) -> tuple[Message, ...]:
    """A system message or none, then turns in which every call has its result; the user ends."""
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message(Role.SYSTEM, some(draw, texts)))
    for turn in range(draw(st.integers(0, 3))):
        messages.append(Message(Role.USER, some(draw, texts | PICTURES)))
        count = draw(st.integers(0, 3))
        calls = tuple(ToolCall(f"c{turn}-{i}", draw(NAMES), draw(ARGUMENTS)) for i in range(count))
        messages.append(Message(Role.ASSISTANT, (*some(draw, texts), *calls)))
        messages += [
            Message(Role.TOOL, (ToolResult(call.call_id, some(draw, texts)),)) for call in calls
        ]
    messages.append(Message(Role.USER, some(draw, texts | PICTURES)))
    return tuple(messages)


def some(draw: st.DrawFn, parts: st.SearchStrategy[T]) -> tuple[T, ...]:
    """One to three of them."""
    return tuple(draw(st.lists(parts, min_size=1, max_size=3)))


def heard(part: Part, between: str = "") -> chat.Part:
    """What the simulator is to understand by a part; `between` stands between texts of a result."""
    match part:
        case Text(text) | Refusal(text):
            return chat.Text(text)
        case Media(kind, Inline(data)):
            return chat.Media(kind, data)
        case Media(_, Link(url)):
            return chat.Media("", reference=url)
        case ToolCall(call_id, name, arguments):
            return chat.Called(call_id, name, chat.canonical(json.loads(arguments)))
        case ToolResult(call_id, parts):
            texts = (inner.text for inner in parts if isinstance(inner, Text))
            return chat.Result(call_id, between.join(texts))
        case _:
            raise AssertionError(part)
