"""The streamed answers of the Converse API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hexgate.adapters.framing.eventstream import encode
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import (
    Finish,
    Finished,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Warned,
)
from hexgate.domain.assemble import Assembler
from hexgate.domain.chat import Reasoning, Text, ToolCall
from hexgate.domain.errors import (
    BadResponse,
    ContextTooLong,
    GatewayError,
    InvalidRequest,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    TimedOut,
)
from hexgate.domain.usage import Usage
from tests.adapters.providers.dialects.bedrock_converse.asking import (
    DATA,
    DIALECT,
    event,
    read,
    recorded,
    said,
    streamed,
)

START = event("messageStart", role="assistant")
STOP = event("messageStop", stopReason="end_turn")
META = event("metadata", usage={"inputTokens": 2, "outputTokens": 1}, metrics={"latencyMs": 1})


def delta(index: int, **member: Any) -> Any:
    return event("contentBlockDelta", contentBlockIndex=index, delta=member)


def begin(index: int, **member: Any) -> Any:
    return event("contentBlockStart", contentBlockIndex=index, start=member)


def end(index: int) -> Any:
    return event("contentBlockStop", contentBlockIndex=index)


def exception(name: str, kind: str = "exception", **payload: Any) -> Any:
    key = ":exception-type" if kind == "exception" else ":error-code"
    return [{key: name, ":message-type": kind}, payload]


CALL = {"toolUse": {"toolUseId": "t", "name": "f"}}


def test_text_comes_together_and_ends_with_usage() -> None:
    assert said(streamed(recorded("text"))) == [
        TextDelta(0, "Grüße aus 東京 🗼"),
        PartFinished(0, Text("Grüße aus 東京 🗼")),
        Finished(
            finish=Finish.STOP,
            usage=Usage(
                uncached_input=21, cache_read=1200, cache_write=200, cache_write_1h=500, output=9
            ),
            model="",
            metadata_json='{"metrics":{"latencyMs":731}}',
        ),
    ]


def test_parallel_calls_come_one_after_the_other() -> None:
    chunks = said(streamed(recorded("tools")))
    first, second = "tooluse_yJGjH1PMT9Kz2YHHjhOYIA", "tooluse_b2l_7nUaTZSBeqnQ8rbUyw"
    assert chunks[2:-1] == [
        ToolCallStarted(1, first, "weather"),
        ToolCallDelta(1, '{"city": "Köln"}'),
        PartFinished(1, ToolCall(first, "weather", '{"city": "Köln"}')),
        ToolCallStarted(2, second, "now"),
        ToolCallDelta(2, "{}"),
        PartFinished(2, ToolCall(second, "now", "{}")),
    ]
    assert isinstance(chunks[-1], Finished)
    assert chunks[-1].finish is Finish.TOOL_CALLS


def test_reasoning_ends_with_its_signature() -> None:
    chunks = said(streamed(recorded("reasoning")))
    assert chunks[:3] == [
        ReasoningDelta(0, "17 times 3 is 51."),
        PartFinished(0, Reasoning("17 times 3 is 51.", b"EqQBCkYICxgCKkD", "aws")),
        PartFinished(1, Reasoning("", b"\x00\x01\x02\xff", "aws", redacted=True)),
    ]
    assert isinstance(chunks[-1], Finished)
    assert (chunks[-1].finish, chunks[-1].stop_sequence) == (Finish.STOP_SEQUENCE, "END")


@pytest.mark.parametrize("name", ["text", "tools", "reasoning"])
def test_a_stream_says_what_the_whole_answer_says(name: str) -> None:
    whole = DIALECT.completion(WireResponse(200, {}, (DATA / f"{name}.json").read_bytes()))
    chunks = said(streamed(recorded(name)))
    assembler = Assembler()
    for chunk in chunks:
        assembler.add(chunk)
    finished = chunks[-1]
    assert isinstance(finished, Finished)

    def plain(part: object) -> object:
        if isinstance(part, ToolCall):
            return part.call_id, part.name, json.loads(part.arguments_json)
        return part

    assert [*map(plain, assembler.parts())] == [*map(plain, whole.parts)]
    assert (finished.finish, finished.usage) == (whole.finish, whole.usage)
    assert finished.metadata_json == whole.metadata_json


def test_a_body_that_ends_behind_the_stop_is_complete_without_usage() -> None:
    chunks = said(streamed([START, delta(0, text="a"), end(0), STOP]))
    assert chunks[-1] == Finished(finish=Finish.STOP, usage=None, model="")


@pytest.mark.parametrize("keep", [0, 1, 2, 3])
def test_a_body_that_ends_before_the_stop_is_a_bad_response(keep: int) -> None:
    events = [START, delta(0, text="a"), end(0)]
    chunks, failure = read(streamed(events[:keep]))
    assert type(failure) is BadResponse
    assert not any(isinstance(chunk, Finished) for chunk in chunks)


def test_a_body_that_ends_within_a_message_is_a_bad_response() -> None:
    whole = streamed([START, delta(0, text="a"), end(0), STOP])
    cut = streamed([META])[:-1]
    chunks, failure = read(whole, cut)
    assert type(failure) is BadResponse
    assert chunks[0] == TextDelta(0, "a")


@pytest.mark.parametrize(
    "events",
    [
        [delta(0, text="a")],
        [event("messageStart", role="user")],
        [START, START],
        [STOP],
        [START, META],
        [START, delta(0, text="a"), STOP],
        [START, delta(0, text="a"), delta(1, text="b")],
        [START, delta(0, text="a"), begin(1, **CALL)],
        [START, delta(0, text="a"), end(1)],
        [START, delta(1, text="a"), end(1), delta(0, text="b")],
        [START, delta(0, text="a"), end(0), delta(0, text="b")],
        [START, delta(0, toolUse={"input": "{}"})],
        [START, begin(0, **CALL), delta(0, text="a")],
        [START, delta(0, text="a"), delta(0, reasoningContent={"text": "b"})],
        [START, delta(0, text="a"), delta(0, reasoningContent={"redactedContent": "AA=="})],
        [START, STOP, delta(0, text="a")],
        [START, STOP, STOP],
        [START, STOP, META, delta(0, text="a")],
        [START, begin(0, toolUse={"toolUseId": "", "name": "f"})],
        [START, begin(0, toolUse={"name": "f"})],
        [START, delta(0, reasoningContent={"redactedContent": "?"})],
        [START, event("messageStop", stopReason="")],
        [START, event("messageStop")],
        [START, event("contentBlockDelta", delta={"text": "a"})],
        [START, delta(-1, text="a")],
    ],
)
def test_what_comes_out_of_order_is_a_bad_response(events: list[Any]) -> None:
    failure = read(streamed(events))[1]
    assert type(failure) is BadResponse
    assert "ended its stream" not in failure.message


def test_what_was_said_before_a_failure_is_delivered() -> None:
    chunks, failure = read(streamed(recorded("error_after_output")))
    assert chunks == [TextDelta(0, "Once upon")]
    assert type(failure) is ProviderLimited
    broken = encode({":event-type": "contentBlockDelta", ":message-type": "event"}, b'{"de')
    chunks, failure = read(streamed([START, delta(0, text="a")]) + broken)
    assert chunks == [TextDelta(0, "a")]
    assert type(failure) is BadResponse


@pytest.mark.parametrize(
    ("name", "message", "kind"),
    [
        ("throttlingException", "", ProviderLimited),
        ("serviceUnavailableException", "", Overloaded),
        ("internalServerException", "", ProviderFailed),
        ("modelStreamErrorException", "", ProviderFailed),
        ("modelTimeoutException", "", TimedOut),
        ("validationException", "x", InvalidRequest),
        ("validationException", "Input is too long for requested model.", ContextTooLong),
        ("newException", "", ProviderFailed),
    ],
)
def test_an_exception_is_one_class(name: str, message: str, kind: type[GatewayError]) -> None:
    failure = read(streamed([START, exception(name, message=message)]))[1]
    assert type(failure) is kind
    assert failure.metadata.get("code", name) == name


def test_an_error_is_named_by_its_code() -> None:
    failure = read(streamed([exception("ThrottlingException", "error")]))[1]
    assert type(failure) is ProviderLimited


def test_events_that_are_not_known_change_nothing() -> None:
    news = event("initial-response")
    events = [news, START, event("ping", a=1), delta(0, text="a"), end(0), STOP, META, news, META]
    assert [type(chunk) for chunk in said(streamed(events))] == [TextDelta, PartFinished, Finished]


def test_blocks_of_text_stay_apart_and_empty_ones_are_none() -> None:
    events = [
        START,
        delta(0, text=""),
        end(0),
        end(1),
        delta(2, text="a"),
        end(2),
        delta(5, text="b"),
        end(5),
        STOP,
        META,
    ]
    assert said(streamed(events))[:-1] == [
        TextDelta(0, "a"),
        PartFinished(0, Text("a")),
        TextDelta(1, "b"),
        PartFinished(1, Text("b")),
    ]


def test_what_the_contract_has_no_word_for_is_dropped_with_one_warning() -> None:
    server = {"toolUse": {"toolUseId": "s", "name": "x", "type": "server_tool_use"}}
    events = [
        START,
        begin(0, **server),
        delta(0, toolUse={"input": "{}"}),
        end(0),
        delta(1, text="a"),
        delta(1, citation={"title": "t"}),
        delta(1, citation={"title": "u"}),
        end(1),
        begin(2, image={"format": "png"}),
        end(2),
        STOP,
        META,
    ]
    chunks = said(streamed(events))
    warnings = [chunk.message for chunk in chunks if isinstance(chunk, Warned)]
    assert [each.split()[3] for each in warnings] == ["server_tool_use", "citations", "other"]
    assert PartFinished(0, Text("a")) in chunks


def test_a_full_window_is_told() -> None:
    stop = event("messageStop", stopReason="model_context_window_exceeded")
    chunks = said(streamed([START, stop, META]))
    assert [chunk.code for chunk in chunks if isinstance(chunk, Warned)] == ["CONTEXT_EXHAUSTED"]
    assert isinstance(chunks[-1], Finished)
    assert chunks[-1].finish is Finish.LENGTH
