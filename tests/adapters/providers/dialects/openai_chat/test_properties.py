"""What holds for every stream, sensible or not."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.providers.dialects.openai_chat import OPENAI, OpenAIChat
from hexgate.adapters.providers.dialects.openai_chat.quirks import Quirks
from hexgate.adapters.providers.wire import WireResponse
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
from hexgate.domain.chat import Reasoning, Text, ToolCall
from hexgate.domain.errors import BadResponse, GatewayError

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
    try:
        chunks = [*reader.feed(sse(events)), *reader.feed(sse([stop]) + b"data: [DONE]\n\n")]
        reader.end()
    except BadResponse:
        return
    coherent(chunks)
    assert [index for index, chunk in enumerate(chunks) if isinstance(chunk, Finished)] == [
        len(chunks) - 1
    ]


@given(st.lists(EVENTS, max_size=8), st.booleans())
def test_events_one_by_one_say_what_they_say_together(
    events: list[object], needs_done: bool
) -> None:
    def parts(pieces: list[bytes]) -> list[Chunk] | str:
        reader = OpenAIChat("openai", Quirks(needs_done=needs_done)).reader()
        try:
            chunks = [chunk for piece in pieces for chunk in reader.feed(piece)]
            chunks.extend(reader.end())
        except BadResponse as error:
            return error.message
        deltas = TextDelta | ReasoningDelta | ToolCallDelta
        return [chunk for chunk in chunks if not isinstance(chunk, deltas)]

    assert parts([sse(events)]) == parts([sse([event]) for event in events])


@given(JSON)
def test_any_json_gives_an_answer_or_an_error_of_the_tree(value: object) -> None:
    body = json.dumps(value).encode()
    dialect = OpenAIChat("openai", OPENAI)
    with contextlib.suppress(GatewayError):
        assert isinstance(dialect.completion(WireResponse(200, {}, body)), Completion)
    with contextlib.suppress(GatewayError):
        dialect.reader().feed(b"data: " + body + b"\n\n")
    for status in (400, 404, 429, 500):
        assert isinstance(dialect.error(WireResponse(status, {}, body)), GatewayError)
