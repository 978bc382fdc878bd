"""The streamed answers of Cohere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import (
    Chunk,
    Finish,
    Finished,
    Logprob,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from hexgate.domain.chat import Reasoning, Text, ToolCall
from hexgate.domain.errors import (
    BadResponse,
    ContextTooLong,
    GatewayError,
    ProviderFailed,
    TimedOut,
)
from hexgate.domain.usage import Usage
from tests.adapters.providers.dialects.cohere_chat.asking import CHAT, DATA

NAMES = ("text", "tools", "thinking", "citations")
RECORDED = {name: (DATA / f"{name}.sse").read_bytes() for name in NAMES}
END = {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}
CALL = {"tool_calls": {"id": "c", "function": {"name": "now", "arguments": ""}}}
FRAGMENT = {"tool_calls": {"function": {"arguments": "{}"}}}


def event(kind: str, **message: Any) -> dict[str, Any]:
    return {"type": kind, "delta": {"message": message}}


def text(piece: str, kind: str = "content-delta") -> dict[str, Any]:
    return event(kind, content={"text": piece})


def sse(*events: Any) -> bytes:
    return b"".join(f"data: {json.dumps(each)}\n\n".encode() for each in events)


def read(*pieces: bytes) -> list[Chunk]:
    """Everything a stream says; raises its failure."""
    chunks, failure = heard(*pieces)
    if failure is not None:
        raise failure
    return chunks


def heard(*pieces: bytes) -> tuple[list[Chunk], GatewayError | None]:
    reader = CHAT.reader()
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks += reader.feed(piece)
        if reader.failure is not None:
            return chunks, reader.failure
    chunks += reader.end()
    return chunks, reader.failure


def test_text_comes_in_pieces_as_they_arrive() -> None:
    assert read(*RECORDED["text"].splitlines(keepends=True)) == [
        TextDelta(0, "Høst"),
        TextDelta(0, " i Oslo."),
        TextDelta(0, " 🍂"),
        PartFinished(0, Text("Høst i Oslo. 🍂")),
        Finished(
            finish=Finish.STOP,
            usage=Usage(uncached_input=11, output=6),
            model="",
            metadata_json=(
                '{"id":"5b1c0f0e-7a62-4a53-9a8e-0f6a5d0f6c11",'
                '"tokens":{"input_tokens":506,"output_tokens":9},"cached_tokens":464}'
            ),
        ),
    ]


def test_a_plan_is_text_and_each_call_a_part() -> None:
    *chunks, end = read(RECORDED["tools"])
    said, first = "I will look up the weather and the time.", '{"city": "Oslo"}'
    assert chunks == [
        TextDelta(0, said),
        PartFinished(0, Text(said)),
        ToolCallStarted(1, "get_weather_k88p0m85", "get_weather"),
        ToolCallDelta(1, first),
        PartFinished(1, ToolCall("get_weather_k88p0m85", "get_weather", first)),
        ToolCallStarted(2, "now_3f0a81cd", "now"),
        ToolCallDelta(2, "{}"),
        PartFinished(2, ToolCall("now_3f0a81cd", "now", "{}")),
    ]
    assert isinstance(end, Finished)
    assert end.finish is Finish.TOOL_CALLS


def test_thinking_is_reasoning_of_the_provider() -> None:
    *chunks, _ = read(RECORDED["thinking"])
    thought = "Two brothers, so\none sister."
    assert chunks == [
        ReasoningDelta(0, thought),
        PartFinished(0, Reasoning(thought, provider="cohere")),
        TextDelta(1, "One."),
        PartFinished(1, Text("One.")),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_says_what_the_whole_answer_says(name: str) -> None:
    body = (DATA / f"{name}.json").read_bytes()
    whole = CHAT.completion(WireResponse(200, {}, body))
    *chunks, end = read(RECORDED[name])
    assert [chunk.part for chunk in chunks if isinstance(chunk, PartFinished)] == [*whole.parts]
    assert end == Finished(
        finish=whole.finish, usage=whole.usage, model="", metadata_json=whole.metadata_json
    )


def test_content_and_plan_are_parts_of_their_own_as_in_a_whole_answer() -> None:
    events = [
        text("", "content-start"),
        text("a"),
        event("content-end"),
        text("b", "content-start"),
        event("tool-plan-delta", tool_plan="c"),
        event("tool-plan-delta", tool_plan="d"),
        text("e"),
        END,
    ]
    *chunks, _ = read(sse(*events))
    parts = [chunk.part for chunk in chunks if isinstance(chunk, PartFinished)]
    assert parts == [Text("a"), Text("b"), Text("cd"), Text("e")]


def test_log_probabilities_come_with_their_text() -> None:
    piece = {**text("Hei"), "logprobs": {"text": "Hei", "token_ids": [1], "logprobs": [-0.5]}}
    unsaid = {**text("!"), "logprobs": {"token_ids": [1], "logprobs": [-0.25]}}
    chunks = read(sse(piece, unsaid, END))
    chances = (Logprob("Hei", -0.5, b"Hei"), Logprob("!", -0.25, b"!"))
    assert chunks[0] == TextDelta(0, "Hei!", chances)


def test_events_that_say_nothing_to_us_are_passed_over() -> None:
    other = [{"type": "debug", "prompt": "p"}, {"type": "brand-new", "delta": {}}]
    chunks = read(sse(*other, text("a")), b": ping\n\n", b"data:\n\n", sse(*other, END, *other))
    assert [type(chunk) for chunk in chunks] == [TextDelta, PartFinished, Finished]


@pytest.mark.parametrize("delta", ["text", [1], {"message": "text"}, {"message": {"content": 1}}])
def test_events_of_other_types_may_have_any_shape(delta: Any) -> None:
    chunks = read(sse(text("a"), {"type": "brand-new", "delta": delta}, END))
    assert [type(chunk) for chunk in chunks] == [TextDelta, PartFinished, Finished]
    with pytest.raises(BadResponse, match="makes no sense"):
        read(sse({"type": "content-delta", "delta": "text"}, END))


def test_what_comes_before_an_error_is_delivered() -> None:
    chunks, failure = heard((DATA / "error_after_output.sse").read_bytes())
    assert chunks == [TextDelta(0, "Half an ans")]
    assert type(failure) is ProviderFailed
    assert "broke" not in failure.message


FAILURES: list[tuple[Any, type[GatewayError]]] = [
    ({"type": "message-end", "delta": {"finish_reason": "ERROR"}}, ProviderFailed),
    ({"type": "message-end", "delta": {"finish_reason": "TIMEOUT"}}, TimedOut),
    ({"type": "message-end", "delta": {"error": "oh"}}, ProviderFailed),
    ({"type": "message-end", "delta": {"error": {"a": 1}}}, ProviderFailed),
    ({"type": "message-end", "delta": {"error": "too many tokens: total"}}, ContextTooLong),
    ({"message": "internal server error", "id": "x"}, ProviderFailed),
    ({"type": "message-end", "delta": {}}, BadResponse),
    ({"type": "message-end"}, BadResponse),
    ({}, BadResponse),
    ([], BadResponse),
    (text("a") | {"delta": "x"}, BadResponse),
    (event("tool-call-delta", **FRAGMENT), BadResponse),
    (event("tool-call-end"), BadResponse),
    (event("tool-call-start", tool_calls={"id": "c"}), BadResponse),
]


@pytest.mark.parametrize(("found", "kind"), FAILURES)
def test_what_reports_a_failure_or_makes_no_sense_is_one(
    found: Any, kind: type[GatewayError]
) -> None:
    chunks, failure = heard(sse(text("a"), found))
    assert type(failure) is kind
    assert not any(isinstance(chunk, Finished) for chunk in chunks)


@pytest.mark.parametrize(
    "inside",
    [text("a"), event("content-end"), event("tool-plan-delta", tool_plan="a")],
)
def test_nothing_else_is_said_within_a_call(inside: Any) -> None:
    _, failure = heard(sse(event("tool-call-start", **CALL), inside, END))
    assert type(failure) is BadResponse


@pytest.mark.parametrize(
    "more",
    [
        text("a"),
        text("a", "content-start"),
        event("tool-plan-delta", tool_plan="a"),
        event("tool-call-start", **CALL),
        event("tool-call-delta", **FRAGMENT),
    ],
)
def test_more_output_after_the_end_is_refused_and_a_second_end_is_not(more: Any) -> None:
    chunks, failure = heard(sse(text("a"), END, END), b"data: [DONE]\n\n", sse(END, more))
    assert type(failure) is BadResponse
    assert [type(chunk) for chunk in chunks].count(Finished) == 1


@pytest.mark.parametrize("last", [b"", b"data: [DONE]\n\n"])
def test_an_answer_without_its_end_is_none(last: bytes) -> None:
    chunks, failure = heard(sse(text("a")), last)
    assert type(failure) is BadResponse
    assert chunks == [TextDelta(0, "a")]


def test_a_call_that_is_not_closed_is_closed_by_the_next() -> None:
    begun = event("tool-call-start", **CALL)
    *chunks, _ = read(sse(begun, event("tool-call-delta", **FRAGMENT), begun, END))
    calls = [chunk.part for chunk in chunks if isinstance(chunk, PartFinished)]
    assert calls == [ToolCall("c", "now", "{}")] * 2
