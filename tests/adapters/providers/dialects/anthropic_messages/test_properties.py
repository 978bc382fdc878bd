"""What holds for every conversation and every stream, sensible or not."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.providers.dialects.anthropic_messages import (
    AnthropicMessages,
    ClaudeOnVertex,
)
from hexgate.adapters.providers.wire import WireResponse
from hexgate.adapters.simulator.anthropic import reading
from hexgate.adapters.simulator.chat import Part as Heard
from hexgate.domain.answer import (
    Chunk,
    Completion,
    Finished,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from hexgate.domain.chat import (
    Message,
    Reasoning,
    Role,
    Text,
    ToolCall,
)
from hexgate.domain.errors import GatewayError
from tests.adapters.providers.dialects.anthropic_messages.asking import NEW, OLD, ask, said
from tests.adapters.providers.dialects.conversing import TEXTS, conversations, heard

INDEXES = st.sampled_from((0, 0, 1, 2))
WORDS = st.sampled_from(("", "a", "bc", "東京"))
BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(("text", "thinking", "redacted_thinking", "tool_use", "odd"))},
    optional={
        "text": WORDS,
        "thinking": WORDS,
        "data": WORDS,
        "signature": WORDS,
        "id": st.just("t"),
        "name": st.just("f"),
        "input": st.just({}) | st.just({"a": 1}),
    },
)
DELTAS = (
    st.builds(lambda text: {"type": "text_delta", "text": text}, WORDS)
    | st.builds(lambda text: {"type": "thinking_delta", "thinking": text}, WORDS)
    | st.builds(lambda text: {"type": "signature_delta", "signature": text}, WORDS)
    | st.builds(lambda text: {"type": "input_json_delta", "partial_json": text}, WORDS)
    | st.just({"type": "citations_delta"})
)
COUNTS = st.none() | st.integers(-1, 3) | st.just(2**70) | st.just("odd")
USAGE = st.none() | st.fixed_dictionaries(
    {}, optional={"input_tokens": COUNTS, "output_tokens": COUNTS}
)
EVENTS = st.one_of(
    st.builds(
        lambda i, block: {"type": "content_block_start", "index": i, "content_block": block},
        INDEXES,
        BLOCKS,
    ),
    st.builds(
        lambda i, delta: {"type": "content_block_delta", "index": i, "delta": delta},
        INDEXES,
        DELTAS,
    ),
    st.builds(lambda i: {"type": "content_block_stop", "index": i}, INDEXES),
    st.just({"type": "ping"}),
    st.just({"type": "message_stop"}),
    st.just({"type": "error", "error": {"type": "overloaded_error"}}),
    st.builds(
        lambda usage: {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": usage,
        },
        USAGE,
    ),
)


@st.composite
def streams(draw: st.DrawFn) -> list[Any]:
    """Blocks in a good order, some events that are not, and an end."""
    events: list[Any] = []
    for index in range(draw(st.integers(0, 3))):
        block = draw(BLOCKS)
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        deltas = draw(st.lists(DELTAS, max_size=3))
        events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": index})
    for event in draw(st.lists(EVENTS, max_size=1)):
        events.insert(draw(st.integers(0, len(events))), event)
    return [START, *events, *END]


START = {"type": "message_start", "message": {"type": "message", "model": "m"}}
END = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]
SAID = TEXTS.filter(lambda part: bool(part.text.strip()))  # others are left out
KEYS = st.sampled_from(
    ("type", "error", "message", "content", "usage", "text", "delta", "index", "details", "status")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def sse(events: list[Any]) -> bytes:
    """Events as the API frames them."""
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events
    )


def take(pieces: list[bytes]) -> tuple[list[Chunk], GatewayError | None]:
    """What a stream says, and how it failed."""
    reader = AnthropicMessages("anthropic").reader()
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks.extend(reader.feed(piece))
        if reader.failure is not None:
            return chunks, reader.failure
    chunks.extend(reader.end())
    return chunks, reader.failure


def coherent(chunks: list[Chunk]) -> None:
    """Indices never fall, and the deltas of a part are the part."""
    last, said = -1, ""
    for chunk in chunks:
        match chunk:
            case TextDelta(index, text) | ReasoningDelta(index, text) | ToolCallDelta(index, text):
                assert text
                said = said + text if index == last else text
            case ToolCallStarted(index):
                assert index == last + 1
                said = ""
            case PartFinished(index, Text(whole)):
                assert said == whole
            case PartFinished(index, Reasoning(whole)) if whole:
                assert said == whole
            case PartFinished(index, ToolCall() as call):
                assert said == call.arguments_json
            case PartFinished(index):
                pass
            case _:
                continue
        assert index in (last, last + 1)
        last = index


@given(streams())
def test_what_is_shown_is_coherent_and_finished_last_and_once(events: list[Any]) -> None:
    chunks, failure = take([sse(events)])
    coherent(chunks)
    ends = [index for index, chunk in enumerate(chunks) if isinstance(chunk, Finished)]
    assert ends == ([len(chunks) - 1] if failure is None else [])


@given(streams())
def test_events_one_by_one_say_what_they_say_together(events: list[Any]) -> None:
    def parts(pieces: list[bytes]) -> tuple[list[Chunk], str]:
        chunks, failure = take(pieces)
        deltas = TextDelta | ReasoningDelta | ToolCallDelta
        rest: list[Chunk] = [chunk for chunk in chunks if not isinstance(chunk, deltas)]
        return rest, failure.message if failure else ""

    assert parts([sse(events)]) == parts([sse([event]) for event in events])


@given(streams(), st.data())
def test_no_stream_is_finished_without_its_marker(events: list[Any], data: st.DataObject) -> None:
    whole = sse(events)
    cut = whole[: data.draw(st.integers(0, whole.index(b"event: message_stop")))]
    chunks, failure = take([cut])
    assert not any(isinstance(chunk, Finished) for chunk in chunks)
    assert isinstance(failure, GatewayError)


@given(streams())
def test_a_stream_and_a_whole_answer_have_the_same_parts(events: list[Any]) -> None:
    """Blocks that are written whole; deltas have no place in a whole answer."""
    kept = [event for event in events if event["type"] != "content_block_delta"]
    chunks, failure = take([sse(kept)])
    if failure is not None:
        return
    content = [event["content_block"] for event in kept if "content_block" in event]
    body = {"type": "message", "content": content, "stop_reason": "end_turn"}
    made = AnthropicMessages("anthropic").completion(
        WireResponse(200, {}, json.dumps(body, separators=(", ", ": ")).encode())
    )
    finished = tuple(chunk.part for chunk in chunks if isinstance(chunk, PartFinished))
    assert finished == made.parts


@given(JSON)
def test_any_json_gives_an_answer_or_an_error_of_the_tree(value: object) -> None:
    body = json.dumps(value).encode()
    dialect = AnthropicMessages("anthropic")
    with contextlib.suppress(GatewayError):
        assert isinstance(dialect.completion(WireResponse(200, {}, body)), Completion)
    for name in (b"", b"message_start", b"content_block_start", b"message_delta", b"error"):
        reader = dialect.reader()
        assert not reader.feed(b"event: " + name + b"\ndata: " + body + b"\n\n")[1:]
    for status in (400, 404, 429, 500):
        assert isinstance(dialect.error(WireResponse(status, {}, body)), GatewayError)


@pytest.mark.parametrize("name", [NEW, OLD])
@given(messages=conversations(SAID))
def test_the_other_side_reads_every_part_in_its_place(
    name: str, messages: tuple[Message, ...]
) -> None:
    request = said(ask(name, messages=messages))
    asked = reading.ask(
        reading.read(json.dumps(request.payload).encode(), request.headers["anthropic-version"])
    )
    heard = [(turn.role, part) for turn in asked.turns for part in turn.parts]
    assert heard == [pair for message in messages for pair in expected(message)]


def expected(message: Message) -> list[tuple[str, Heard]]:
    """How the simulator sees a message: tools answer in turns of the user."""
    role = "user" if message.role is Role.TOOL else message.role.value
    return [(role, heard(part)) for part in message.parts]


@given(messages=conversations(SAID))
def test_vertex_is_told_the_same(messages: tuple[Message, ...]) -> None:
    call = ask(messages=messages)
    here = ClaudeOnVertex("anthropic", "p", "l").request(call, stream=False).payload
    there = AnthropicMessages("anthropic").request(call, stream=False).payload
    assert (here["messages"], here.get("system")) == (there["messages"], there.get("system"))
