"""What holds for every conversation and every stream, sensible or not."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.framing.eventstream import encode
from hexgate.adapters.providers.dialects.bedrock_converse import BedrockEmbeddings
from hexgate.adapters.providers.wire import WireResponse
from hexgate.adapters.simulator import chat as sim
from hexgate.adapters.simulator.bedrock import reading
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
    CacheMark,
    Inline,
    Media,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.errors import BadResponse, GatewayError
from tests.adapters.providers.dialects.bedrock_converse.asking import (
    DIALECT,
    NOVA,
    ask,
    cut,
    event,
    joined,
    read,
    recorded,
    said,
    sent,
    streamed,
)

TEXT = Text("so")
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(str.strip)
MARKS = st.sampled_from((None, None, None, CacheMark(), CacheMark(60)))
TEXTS = st.builds(Text, WORDS, MARKS)
IMAGES = st.builds(Media, st.just("image/png"), st.builds(Inline, st.binary(min_size=1)))
PDFS = st.builds(
    Media, st.just("application/pdf"), st.builds(Inline, st.binary(min_size=1)), st.text(max_size=9)
)
SAID = st.lists(TEXTS | IMAGES | PDFS, min_size=1, max_size=3).map(lambda parts: (TEXT, *parts))
ARGUMENTS = st.dictionaries(WORDS, st.integers() | WORDS | st.none(), max_size=2)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Turns of the user, and of the model, whose calls are all answered."""
    messages: list[Message] = []
    for i in range(draw(st.integers(1, 4))):
        messages += [Message(Role.USER, each) for each in draw(st.lists(SAID, min_size=1))]
        ids = [f"{i} {j} {draw(WORDS)}" for j in range(draw(st.integers(0, 3)))]
        calls = [ToolCall(each, "f", json.dumps(draw(ARGUMENTS))) for each in ids]
        messages.append(Message(Role.ASSISTANT, (draw(TEXTS), *calls)))
        for each in draw(st.permutations(ids)):
            told = draw(st.lists(TEXTS | IMAGES, max_size=2))
            messages.append(Message(Role.TOOL, (ToolResult(each, tuple(told)),)))
    return (*messages, Message(Role.USER, (TEXT,)))


def flat(part: Part, ids: dict[str, int]) -> Any:
    """A part in words that both sides share; ids by the order in which they come."""
    match part:
        case Text(text):
            return text
        case Media(media_type, Inline(data)):
            return media_type, data
        case ToolCall(call_id, name, arguments):
            return "call", ids.setdefault(call_id, len(ids)), name, json.loads(arguments)
        case ToolResult(call_id, parts):
            text = "".join(each.text for each in parts if isinstance(each, Text))
            shown = [flat(each, ids) for each in parts if isinstance(each, Media)]
            return "result", ids[call_id], text, shown
        case _:
            raise AssertionError(part)


def seen(part: sim.Part, ids: dict[str, int]) -> Any:
    """The same for what the simulator read."""
    match part:
        case sim.Text(text):
            return text
        case sim.Media(media_type, data):
            return media_type, data
        case sim.Called(call_id, name, arguments):
            return "call", ids.setdefault(call_id, len(ids)), name, json.loads(arguments)
        case sim.Result(call_id, text, media):
            return "result", ids[call_id], text, [seen(each, ids) for each in media]


def expected(messages: tuple[Message, ...]) -> list[tuple[str, list[Any]]]:
    """Turns of one side joined, results first."""
    turns: list[tuple[str, list[Part]]] = []
    for message in messages:
        side = "assistant" if message.role is Role.ASSISTANT else "user"
        if not turns or turns[-1][0] != side:
            turns.append((side, []))
        turns[-1][1].extend(message.parts)
    ids: dict[str, int] = {}
    return [
        (side, [flat(part, ids) for part in sorted(parts, key=_is_no_result)])
        for side, parts in turns
    ]


def _is_no_result(part: Part) -> bool:
    return not isinstance(part, ToolResult)


@given(conversations())
def test_a_conversation_arrives_without_loss_and_in_order(messages: tuple[Message, ...]) -> None:
    for name in ("imported", NOVA):
        request = sent(ask(name, messages=messages))
        asked = reading.ask(name, reading.read(json.dumps(request.payload).encode()))
        ids: dict[str, int] = {}
        arrived = [(turn.role, [seen(part, ids) for part in turn.parts]) for turn in asked.turns]
        assert arrived == expected(messages)


FRAGMENTS = st.sampled_from(("", "a", "bc", "東京"))
INDEXES = st.integers(0, 2)
MEMBERS: st.SearchStrategy[Any] = (
    st.fixed_dictionaries({"text": FRAGMENTS})
    | st.fixed_dictionaries({"toolUse": st.fixed_dictionaries({"input": FRAGMENTS})})
    | st.fixed_dictionaries({"reasoningContent": st.fixed_dictionaries({"text": FRAGMENTS})})
    | st.just({"reasoningContent": {"signature": "s"}})
    | st.just({"reasoningContent": {"redactedContent": "AA=="}})
    | st.just({"citation": {}})
)
EVENTS = st.one_of(
    st.just(event("messageStart", role="assistant")),
    st.builds(
        lambda i, m: event("contentBlockDelta", contentBlockIndex=i, delta=m), INDEXES, MEMBERS
    ),
    st.builds(lambda i: event("contentBlockStop", contentBlockIndex=i), INDEXES),
    st.builds(
        lambda i: event(
            "contentBlockStart",
            contentBlockIndex=i,
            start={"toolUse": {"toolUseId": "t", "name": "f"}},
        ),
        INDEXES,
    ),
    st.just(event("messageStop", stopReason="end_turn")),
    st.just(event("metadata", usage={"inputTokens": 1, "outputTokens": 1})),
)
BLOCKS = st.lists(st.lists(MEMBERS, max_size=3), max_size=3).map(
    lambda blocks: [
        each
        for i, members in enumerate(blocks)
        for each in (
            *(event("contentBlockDelta", contentBlockIndex=i, delta=m) for m in members),
            event("contentBlockStop", contentBlockIndex=i),
        )
    ]
)
STREAMS = st.lists(EVENTS, max_size=8) | BLOCKS.map(
    lambda blocks: [event("messageStart", role="assistant"), *blocks]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    *(
                        "output",
                        "message",
                        "content",
                        "text",
                        "toolUse",
                        "toolUseId",
                        "name",
                        "input",
                    ),
                    *(
                        "stopReason",
                        "usage",
                        "inputTokens",
                        "trace",
                        "promptRouter",
                        "__type",
                        "code",
                    ),
                    *("contentBlockIndex", "delta", "start", "role", "embedding", "embeddings"),
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def coherent(chunks: list[Chunk]) -> None:
    """Indices never fall, and the deltas of a part are the part."""
    last, text = -1, ""
    for chunk in chunks:
        match chunk:
            case TextDelta(index, more) | ReasoningDelta(index, more) | ToolCallDelta(index, more):
                assert more
                text = text + more if index == last else more
            case ToolCallStarted(index):
                assert index == last + 1
                text = ""
            case PartFinished(index, Text(whole)):
                assert text == whole
            case PartFinished(index, Reasoning(whole)):
                assert whole == (text if index == last else "")
            case PartFinished(index, ToolCall() as call):
                assert text == call.arguments_json
            case _:
                continue
        assert index in (last, last + 1)
        last = index


@given(STREAMS)
def test_what_is_shown_is_coherent_and_finished_last_and_once(events: list[Any]) -> None:
    end = [event("messageStop", stopReason="end_turn"), event("metadata")]
    chunks, failure = read(streamed(events), streamed(end))
    coherent(chunks)
    places = [index for index, chunk in enumerate(chunks) if isinstance(chunk, Finished)]
    assert places == ([] if failure and not places else [len(chunks) - 1])


@given(STREAMS, st.lists(st.integers(0, 2000), max_size=8))
def test_any_split_says_the_same(events: list[Any], at: list[int]) -> None:
    data = streamed(events)
    whole, failure = read(data)
    pieces, other = read(*cut(data, at))
    assert joined(pieces) == joined(whole)
    assert str(other) == str(failure)


@given(st.sampled_from(("text", "tools", "reasoning")), st.data())
def test_a_cut_stream_is_never_complete_before_its_stop(name: str, draw: st.DataObject) -> None:
    events = recorded(name)
    data, stopped = streamed(events), len(streamed(events[:-1]))
    kept = draw.draw(st.integers(0, len(data) - 1))
    chunks, failure = read(*cut(data[:kept], draw.draw(st.lists(st.integers(0, 3000), max_size=4))))
    if kept == stopped:  # the body ends behind the stop: complete, but for the usage
        assert failure is None
    else:
        assert type(failure) is BadResponse
        assert not any(isinstance(chunk, Finished) for chunk in chunks)
    whole = said(data)
    assert [c for c in chunks if isinstance(c, PartFinished)] == [
        c for c in whole if isinstance(c, PartFinished)
    ][: sum(isinstance(c, PartFinished) for c in chunks)]


@given(st.sampled_from(("text", "tools", "reasoning")), st.data())
def test_a_flipped_bit_never_gives_another_answer(name: str, draw: st.DataObject) -> None:
    data = bytearray(streamed(recorded(name)))
    data[draw.draw(st.integers(0, len(data) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    chunks, failure = read(bytes(data))
    assert type(failure) is BadResponse
    assert not any(isinstance(chunk, Finished) for chunk in chunks)


@given(
    JSON, st.sampled_from(("messageStart", "contentBlockDelta", "contentBlockStart", "metadata"))
)
def test_any_json_gives_an_answer_or_an_error_of_the_tree(value: object, name: str) -> None:
    body = json.dumps(value).encode()
    with contextlib.suppress(GatewayError):
        assert isinstance(DIALECT.completion(WireResponse(200, {}, body)), Completion)
    read(encode({":event-type": name}, body))
    read(encode({":message-type": "exception", ":exception-type": name}, body))
    for status in (400, 404, 429, 500):
        assert isinstance(DIALECT.error(WireResponse(status, {}, body)), GatewayError)
    with contextlib.suppress(GatewayError):
        BedrockEmbeddings("aws").vectors([WireResponse(200, {}, body)])
