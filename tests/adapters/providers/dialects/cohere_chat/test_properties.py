"""What holds for every conversation and every stream, sensible or not."""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.providers.wire import WireResponse
from hexgate.adapters.simulator.chat import Called, Result
from hexgate.adapters.simulator.chat import Media as Shown
from hexgate.adapters.simulator.chat import Text as Said
from hexgate.adapters.simulator.cohere import reading
from hexgate.domain.answer import (
    Chunk,
    Completion,
    Finished,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from hexgate.domain.assemble import Assembler
from hexgate.domain.chat import (
    Inline,
    Link,
    Media,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.errors import BadResponse, GatewayError, ProviderFailed
from tests.adapters.providers.dialects.cohere_chat.asking import CHAT, ask, payload
from tests.adapters.providers.dialects.cohere_chat.test_stream import (
    END,
    NAMES,
    RECORDED,
    event,
    heard,
    sse,
)

# Conversations.
TEXTS = st.builds(Text, st.text(min_size=1, max_size=8))
IMAGES = st.builds(Media, st.just("image/png"), st.binary(min_size=1, max_size=9).map(Inline))
LINKS = st.builds(
    Media,
    st.sampled_from(("", "image/jpeg")),
    st.integers(0, 9).map(lambda i: Link(f"https://e.org/{i}")),
)
NOTES = st.builds(
    Media, st.just("text/plain"), st.text(max_size=6).map(lambda t: Inline(t.encode()))
)
THOUGHTS = st.builds(Reasoning, st.text(min_size=1, max_size=5), provider=st.just("cohere"))
ARGUMENTS = st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2).map(json.dumps)


@st.composite
def talks(draw: st.DrawFn) -> tuple[Message, ...]:
    """A system message or none, then turns; each call has its result."""
    talk: list[Message] = []
    if draw(st.booleans()):
        talk.append(Message(Role.SYSTEM, tuple(draw(st.lists(TEXTS, min_size=1, max_size=2)))))
    for turn in range(draw(st.integers(1, 4))):
        said = draw(st.lists(TEXTS | IMAGES | LINKS | NOTES, max_size=4))
        talk.append(Message(Role.USER, (*said, draw(TEXTS))))
        names = draw(st.lists(st.sampled_from(("f", "g")), max_size=3))
        calls = [ToolCall(f"c{turn}{i}", name, draw(ARGUMENTS)) for i, name in enumerate(names)]
        words: list[Part] = [
            *draw(st.lists(THOUGHTS, max_size=1)),
            *draw(st.lists(TEXTS, max_size=2)),
        ]
        if calls or words:
            talk.append(Message(Role.ASSISTANT, (*words, *calls)))
        for call in calls:
            parts = tuple(draw(st.lists(TEXTS | NOTES, max_size=2)))
            talk.append(Message(Role.TOOL, (ToolResult(call.call_id, parts),)))
    return tuple(talk)


def told(talk: tuple[Message, ...]) -> list[Any]:
    """What the simulator should hear: the documents of users come last of all."""
    heard_: list[Any] = []
    notes: list[Any] = []
    for message in talk:
        plan = "\n\n".join(part.text for part in message.parts if isinstance(part, Text))
        calls = any(isinstance(part, ToolCall) for part in message.parts)
        if calls and plan:
            heard_.append(plan)
        for part in message.parts:
            match part:
                case Text(text) if not calls:
                    heard_.append(text)
                case Media(media_type="text/plain", source=Inline(data)):
                    notes.append(data)
                case Media(source=Inline(data)):
                    heard_.append(data)
                case Media(source=Link(url)):
                    heard_.append(url)
                case ToolCall(call_id, name, arguments):
                    heard_.append((call_id, name, json.loads(arguments)))
                case ToolResult(call_id, parts):
                    text = "".join(each.text for each in parts if isinstance(each, Text))
                    shown = [
                        each.source.data
                        for each in parts
                        if isinstance(each, Media) and isinstance(each.source, Inline)
                    ]
                    heard_.append((call_id, text, shown))
                case _:
                    pass
    return [*heard_, *notes]


def understood(body: bytes) -> list[Any]:
    """What the simulator hears."""
    found: list[Any] = []
    notes: list[Any] = []
    for turn in reading.ask(reading.read(body)).turns:
        for part in turn.parts:
            match part:
                case Said(text):
                    found.append(text)
                case Shown(media_type="text/plain", data=data):
                    notes.append(data)
                case Shown(data=data, reference=url):
                    found.append(url or data)
                case Called(call_id, name, arguments):
                    found.append((call_id, name, json.loads(arguments)))
                case Result(call_id, text, shown):
                    found.append((call_id, text, [each.data for each in shown]))
    return [*found, *notes]


@given(talks())
def test_any_conversation_arrives_whole_and_in_order(talk: tuple[Message, ...]) -> None:
    body: Any = payload(ask("any", messages=talk))
    assert understood(json.dumps(body).encode()) == told(talk)
    assert [each["role"] for each in body["messages"]] == [each.role.value for each in talk]


# Streams.
WORDS = st.sampled_from(("", "a", "bc", "東京"))
CALL = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from((None, "", "a", "b")),
        "function": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from((None, "", "f")),
                "arguments": st.sampled_from((None, "", "{", "}")),
            },
        ),
    },
)
EVENTS = st.one_of(
    st.builds(
        lambda kind, piece: event(kind, content=piece),
        st.sampled_from(("content-start", "content-delta")),
        st.fixed_dictionaries({}, optional={"text": WORDS, "thinking": WORDS}),
    ),
    st.builds(lambda plan: event("tool-plan-delta", tool_plan=plan), WORDS),
    st.builds(
        lambda kind, call: event(kind, tool_calls=call),
        st.sampled_from(("tool-call-start", "tool-call-delta")),
        CALL,
    ),
    st.sampled_from(("content-end", "tool-call-end", "citation-end", "debug")).map(event),
    st.just(END),
)
KEYS = st.sampled_from(
    ("type", "delta", "message", "content", "text", "tool_calls", "function", "usage", "logprobs")
)
VALUES = st.text(max_size=5) | st.sampled_from(("message-end", "content-delta", "COMPLETE"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
DELTAS = TextDelta | ReasoningDelta | ToolCallDelta


def whole(chunks: list[Chunk]) -> list[Chunk]:
    """The chunks that do not depend on how the bytes were cut."""
    return [chunk for chunk in chunks if not isinstance(chunk, DELTAS)]


@given(st.lists(EVENTS, max_size=10))
def test_what_is_shown_is_coherent_and_finished_last_and_once(events: list[Any]) -> None:
    chunks, failure = heard(sse(*events, END))
    finished = [index for index, chunk in enumerate(chunks) if isinstance(chunk, Finished)]
    if failure is None:
        assert finished == [len(chunks) - 1]
    assert finished in ([], [len(chunks) - 1])
    said: dict[int, str] = {}
    for chunk in chunks:
        match chunk:
            case TextDelta(index, text) | ReasoningDelta(index, text) | ToolCallDelta(index, text):
                assert text
                said[index] = said.get(index, "") + text
            case PartFinished(index, Text(text) | Reasoning(text)):
                assert said[index] == text
            case PartFinished(index, ToolCall(arguments_json=text)):
                assert said[index] == text
            case _:
                pass
    assert sorted(said) == list(range(len(said)))


@given(st.sampled_from(NAMES), st.lists(st.integers(0, 3000), max_size=12))
def test_any_split_of_a_stream_says_the_same(name: str, cuts: list[int]) -> None:
    data = RECORDED[name]
    places = sorted({0, *(cut % len(data) for cut in cuts), len(data)})
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    split, together = heard(*pieces), heard(data)
    assert whole(split[0]) == whole(together[0])
    assert split[1] is together[1] is None
    ends = []
    for chunks, _ in (split, together):
        assembler = Assembler()
        for chunk in chunks:
            assembler.add(chunk)
        ends.append(assembler.parts())
    assert ends[0] == ends[1]


@given(st.sampled_from(NAMES), st.integers(0, 3000))
def test_a_stream_that_is_cut_off_is_never_finished_without_its_end(name: str, cut: int) -> None:
    data = RECORDED[name]
    kept = data[: cut % len(data)]
    chunks, failure = heard(kept)
    ended = b"message-end" in kept and kept[kept.rindex(b"event: message-end") :].count(b"\n\n") > 0
    assert any(isinstance(chunk, Finished) for chunk in chunks) == ended
    assert (failure is None) == ended
    assert failure is None or type(failure) is BadResponse


@given(st.sampled_from(NAMES), st.integers(0, 3000), st.binary(max_size=20))
def test_garbage_in_a_stream_gives_chunks_or_a_typed_error(
    name: str, at: int, garbage: bytes
) -> None:
    data = RECORDED[name]
    place = at % len(data)
    chunks, failure = heard(data[:place] + garbage + data[place:])
    finished = any(isinstance(chunk, Finished) for chunk in chunks)
    assert finished or isinstance(failure, BadResponse | ProviderFailed)


@given(JSON)
def test_any_json_gives_an_answer_or_an_error_of_the_tree(value: object) -> None:
    body = json.dumps(value).encode()
    with contextlib.suppress(GatewayError):
        assert isinstance(CHAT.completion(WireResponse(200, {}, body)), Completion)
    reader = CHAT.reader()
    reader.feed(b"data: " + body + b"\n\n")
    reader.end()
    for status in (400, 404, 422, 429, 500):
        assert isinstance(CHAT.error(WireResponse(status, {}, body)), GatewayError)
