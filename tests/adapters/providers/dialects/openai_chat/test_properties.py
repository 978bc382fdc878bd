"""What holds for every stream, sensible or not."""

from __future__ import annotations

import contextlib
import itertools
import json

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from hexgate.adapters.providers.dialects.openai_chat import OPENAI, OpenAIChat
from hexgate.adapters.providers.dialects.openai_chat.quirks import Quirks
from hexgate.adapters.providers.wire import WireResponse
from hexgate.adapters.simulator import chat
from hexgate.adapters.simulator.openai import reading
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
    Inline,
    Link,
    Media,
    Message,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.errors import BadResponse, GatewayError
from tests.adapters.providers.dialects.conversing import heard
from tests.adapters.providers.dialects.openai_chat.asking import ask, sent
from tests.adapters.providers.dialects.openai_chat.recorded import RECORDED, said

WORDS = st.sampled_from(("", "a", "bc", "東京"))
CALLS = st.fixed_dictionaries(
    {},
    optional={
        "index": st.sampled_from((None, 0, 1, 2)),
        "id": st.sampled_from((None, "", "a", "b")),
        "function": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from((None, "", "f", "g")),
                "arguments": st.sampled_from((None, "", "{", "}")),
            },
        ),
    },
)
DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "content": WORDS,
        "refusal": WORDS,
        "reasoning_content": WORDS,
        "tool_calls": st.lists(CALLS, max_size=2),
    },
)
CHOICES = st.fixed_dictionaries(
    {"delta": DELTAS}, optional={"finish_reason": st.sampled_from((None, None, None, "stop"))}
)
TOTALS = st.just({"prompt_tokens": 2, "completion_tokens": 1})
EVENTS = st.fixed_dictionaries(
    {"choices": st.lists(CHOICES, max_size=1)}, optional={"usage": TOTALS}
)
ANSWER = ("choices", "message", "delta", "content", "tool_calls", "function", "name", "usage")
ERROR = ("error", "code", "type", "param", "logprobs", "finish_reason")
KEYS = st.sampled_from((*ANSWER, *ERROR))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def sse(events: list[object]) -> bytes:
    return b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events)


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
            case PartFinished(index, Text(whole) | Reasoning(whole)):
                assert said == whole
            case PartFinished(index, ToolCall() as call):
                assert said == call.arguments_json
            case PartFinished(index):
                pass
            case _:
                continue
        assert index in (last, last + 1)
        last = index


@given(st.lists(EVENTS, max_size=8))
def test_what_is_shown_is_coherent_and_finished_last_and_once(events: list[object]) -> None:
    reader = OpenAIChat("openai").reader()
    stop = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    chunks = list(reader.feed(sse(events)))
    if reader.failure is None:
        chunks.extend(reader.feed(sse([stop]) + b"data: [DONE]\n\n"))
        chunks.extend(reader.end())
    coherent(chunks)
    if reader.failure is not None:
        assert isinstance(reader.failure, BadResponse)
        assert not any(isinstance(chunk, Finished) for chunk in chunks)
        return
    assert [index for index, chunk in enumerate(chunks) if isinstance(chunk, Finished)] == [
        len(chunks) - 1
    ]


@given(st.lists(EVENTS, max_size=8), st.booleans())
def test_events_one_by_one_say_what_they_say_together(
    events: list[object], needs_done: bool
) -> None:
    def parts(pieces: list[bytes]) -> list[Chunk] | str:
        reader = OpenAIChat("openai", Quirks(needs_done=needs_done)).reader()
        chunks: list[Chunk] = []
        for piece in pieces:
            if reader.failure is None:
                chunks.extend(reader.feed(piece))
        if reader.failure is None:
            chunks.extend(reader.end())
        if reader.failure is not None:
            return reader.failure.message
        deltas = TextDelta | ReasoningDelta | ToolCallDelta
        return [chunk for chunk in chunks if not isinstance(chunk, deltas)]

    assert parts([sse(events)]) == parts([sse([event]) for event in events])


@given(JSON)
def test_any_json_gives_an_answer_or_an_error_of_the_tree(value: object) -> None:
    body = json.dumps(value).encode()
    dialect = OpenAIChat("openai", OPENAI)
    with contextlib.suppress(GatewayError):
        assert isinstance(dialect.completion(WireResponse(200, {}, body)), Completion)
    dialect.reader().feed(b"data: " + body + b"\n\n")
    for status in (400, 404, 429, 500):
        assert isinstance(dialect.error(WireResponse(status, {}, body)), GatewayError)


@given(
    st.sampled_from(sorted(RECORDED)),
    st.binary(max_size=40),
    st.integers(0, 3_000),
    st.lists(st.integers(0, 3_000), max_size=5),
)
def test_without_the_marker_no_stream_is_finished_whatever_is_in_it(
    name: str, junk: bytes, at: int, edges: list[int]
) -> None:
    assume(b"DONE" not in junk)
    whole = RECORDED[name].partition(b"data: [DONE]")[0]
    data = whole[:at] + junk + whole[at:]
    cuts = [0, *sorted(edge % (len(data) + 1) for edge in edges), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(cuts)]
    chunks, failure = said(*pieces)
    assert isinstance(failure, GatewayError)
    assert not any(isinstance(chunk, Finished) for chunk in chunks)
    coherent(chunks)


TEXTS = st.builds(Text, st.text(min_size=1, max_size=8))
PICTURES = st.builds(Media, st.just("image/png"), st.builds(Inline, st.binary(min_size=1)))
LINKS = st.just(Media("image/png", Link("https://a.test/1.png")))
PAPERS = st.builds(Media, st.just("application/pdf"), st.builds(Inline, st.binary(min_size=1)))
REFUSALS = st.builds(Refusal, st.text(min_size=1, max_size=8))
SAID = st.lists(TEXTS | REFUSALS, min_size=1, max_size=4)


@st.composite
def exchanges(draw: st.DrawFn) -> list[Message]:
    """What is said by the user, then by the model, with the results of its calls."""
    asked = draw(st.lists(TEXTS | PICTURES | LINKS | PAPERS, min_size=1, max_size=4))
    count = draw(st.integers(0, 3))
    mark = draw(st.integers(0, 10**9))
    calls = [ToolCall(f"c{mark}-{i}", f"f{i}", json.dumps({"i": i})) for i in range(count)]
    results = [
        ToolResult(call.call_id, tuple(draw(st.lists(TEXTS, min_size=1, max_size=2))))
        for call in draw(st.permutations(calls))
    ]
    answered = Message(Role.ASSISTANT, (*draw(SAID), *calls))
    told = [Message(Role.TOOL, tuple(results))] if results else []
    return [Message(Role.USER, tuple(asked)), answered, *told]


@given(
    st.lists(TEXTS, max_size=2),
    st.lists(exchanges(), max_size=3),
    st.sampled_from(("gpt-4o", "o3")),
)
def test_a_server_hears_every_part_in_its_order(
    rules: list[Text], talk: list[list[Message]], model: str
) -> None:
    system = [Message(Role.SYSTEM, tuple(rules))] if rules else []
    messages = (*system, *(message for each in talk for message in each), HELLO)
    body = msgspec.json.encode(sent(ask(model, messages=messages)).payload)
    expected = [
        chat.Turn(message.role.value, tuple(map(heard, parts)))
        for message in messages
        for parts in (
            [(part,) for part in message.parts] if message.role is Role.TOOL else [message.parts]
        )
    ]
    assert list(reading.ask(reading.read(body)).turns) == expected


HELLO = Message(Role.USER, (Text("Hi"),))
