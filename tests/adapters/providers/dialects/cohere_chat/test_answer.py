"""Whole answers and errors of Cohere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import Completion, Finish, Logprob
from hexgate.domain.chat import Reasoning, Text, ToolCall
from hexgate.domain.errors import (
    BadResponse,
    ContentFiltered,
    ContextTooLong,
    CredentialRejected,
    GatewayError,
    InvalidRequest,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    QuotaExhausted,
    TimedOut,
    Unserved,
)
from hexgate.domain.usage import Usage
from tests.adapters.providers.dialects.cohere_chat.asking import CHAT, DATA


def recorded(name: str) -> Completion:
    body = (DATA / f"{name}.json").read_bytes()
    return CHAT.completion(WireResponse(200, {"x-debug-trace-id": "t1"}, body))


def answered(**fields: Any) -> Completion:
    message = {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]}
    body = {"id": "a", "message": message, "finish_reason": "COMPLETE", **fields}
    return CHAT.completion(WireResponse(200, {}, json.dumps(body).encode()))


def error(status: int, body: Any = None, **headers: str) -> GatewayError:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return CHAT.error(WireResponse(status, names, json.dumps(body).encode()))


def test_text() -> None:
    assert recorded("text") == Completion(
        parts=(Text("Høst i Oslo. 🍂"),),
        finish=Finish.STOP,
        usage=Usage(uncached_input=11, output=6),
        model="",
        request_id="t1",
        metadata_json=(
            '{"id":"5b1c0f0e-7a62-4a53-9a8e-0f6a5d0f6c11",'
            '"tokens":{"input_tokens":506,"output_tokens":9},"cached_tokens":464}'
        ),
    )


def test_a_plan_is_text_before_its_calls() -> None:
    answer = recorded("tools")
    assert answer.parts == (
        Text("I will look up the weather and the time."),
        ToolCall("get_weather_k88p0m85", "get_weather", '{"city": "Oslo"}'),
        ToolCall("now_3f0a81cd", "now", "{}"),
    )
    assert answer.finish is Finish.TOOL_CALLS
    assert answer.usage == Usage(uncached_input=116, output=24)


def test_thinking_is_reasoning() -> None:
    thought = Reasoning("Two brothers, so\none sister.", provider="cohere")
    assert recorded("thinking").parts == (thought, Text("One."))


def test_content_comes_before_the_plan_and_the_calls() -> None:
    said = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Well."}]
    calls = [{"id": "c", "function": {"name": "now", "arguments": ""}}]
    answer = answered(message={"tool_calls": calls, "tool_plan": "Look.", "content": said})
    thought = Reasoning("Hm.", provider="cohere")
    assert answer.parts == (thought, Text("Well."), Text("Look."), ToolCall("c", "now", "{}"))
    assert answered(message={"content": "Plain."}).parts == (Text("Plain."),)


def test_citations_are_kept_without_the_documents_they_repeat() -> None:
    kept = json.loads(recorded("citations").metadata_json)["citations"]
    source = {"type": "document", "id": "doc_0"}
    cited = {"start": 20, "end": 24, "text": "nine", "type": "TEXT_CONTENT"}
    assert kept == [{**cited, "sources": [source]}]


def test_the_probability_of_a_chunk_is_that_of_all_its_tokens() -> None:
    assert recorded("logprobs").logprobs == (
        Logprob("Hei", -0.25, b"Hei"),
        Logprob(" der", -0.625, b" der"),
    )


def test_a_probability_that_is_none_does_not_fail_an_answer() -> None:
    answer = answered(logprobs=[{"text": "Hi", "logprobs": [-1e308, -1e308]}])
    assert answer.parts == (Text("Hi"),)


def test_a_content_of_one_string_is_a_text_unless_it_is_empty() -> None:
    assert answered(message={"content": "Hi"}).parts == (Text("Hi"),)
    assert answered(message={"content": ""}).parts == ()


ENDS = {
    "COMPLETE": Finish.STOP,
    "STOP_SEQUENCE": Finish.STOP_SEQUENCE,
    "MAX_TOKENS": Finish.LENGTH,
    "TOOL_CALL": Finish.TOOL_CALLS,
    "ERROR_TOXIC": Finish.CONTENT_FILTER,
    "NEW_WORD": Finish.OTHER,
}


@pytest.mark.parametrize("word", ENDS)
def test_an_end_is_translated_and_an_unknown_one_kept(word: str) -> None:
    answer = answered(finish_reason=word)
    assert answer.finish is ENDS[word]
    kept = json.loads(answer.metadata_json).get("finish_reason")
    assert kept == (word if word == "NEW_WORD" else None)


@pytest.mark.parametrize(("word", "kind"), [("ERROR", ProviderFailed), ("TIMEOUT", TimedOut)])
def test_an_end_that_is_a_failure_is_raised(word: str, kind: type[GatewayError]) -> None:
    with pytest.raises(kind) as caught:
        answered(finish_reason=word)
    assert caught.value.metadata["code"] == word


USAGES: list[tuple[Any, tuple[int, int, int] | None]] = [
    (None, None),
    ({}, None),
    ("many", None),
    ({"billed_units": {"input_tokens": 3}}, None),
    ({"billed_units": {"input_tokens": 3.0, "output_tokens": 4.2}}, (3, 0, 5)),
    ({"billed_units": {"input_tokens": -3, "output_tokens": 4}}, None),
    ({"billed_units": {"input_tokens": 1e30, "output_tokens": 4}}, None),
    ({"billed_units": {"input_tokens": True, "output_tokens": 4}}, None),
    ({"billed_units": [], "tokens": {"input_tokens": 8, "output_tokens": 2}}, (8, 0, 2)),
    ({"tokens": {"input_tokens": 8, "output_tokens": 2}, "cached_tokens": 5}, (3, 5, 2)),
    ({"tokens": {"input_tokens": 8, "output_tokens": 2}, "cached_tokens": 99}, (0, 8, 2)),
    ({"tokens": {"input_tokens": 8, "output_tokens": 2}, "cached_tokens": "x"}, (8, 0, 2)),
]


@pytest.mark.parametrize(("said", "counted"), USAGES)
def test_what_is_billed_is_counted_and_odd_counts_never_fail_an_answer(
    said: Any, counted: tuple[int, int, int] | None
) -> None:
    usage = answered(usage=said).usage
    found = usage and (usage.uncached_input, usage.cache_read, usage.output)
    assert found == counted


@pytest.mark.parametrize(
    "fields",
    [
        {"message": None},
        {"message": "Hi"},
        {"finish_reason": None},
        {"finish_reason": 7},
        {"message": {"tool_calls": [{"id": "c"}]}},
    ],
)
def test_what_is_no_answer_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadResponse):
        answered(**fields)


def test_a_call_without_an_id_gets_the_same_one_every_time() -> None:
    calls = [{"function": {"name": "now"}}, {"function": {"name": "now"}}]
    first, again = (answered(message={"tool_calls": calls}).parts for _ in range(2))
    assert first == again
    assert len({part.call_id for part in first if isinstance(part, ToolCall)}) == 2
    assert answered(message={"tool_calls": calls}).finish is Finish.TOOL_CALLS


SAID = "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292."
ASKED = "too many tokens: max tokens must be less than or equal to 4096, the maximum output"
MONTH = "You are using a Trial key, which is limited to 1000 API calls / month."
MINUTE = "You are using a Trial key, which is limited to 20 API calls / minute."
NO_ANSWER = {"message": "no valid response", "error_type": "NO_VALID_RESPONSE_GENERATED"}
ERRORS: list[tuple[int, Any, type[GatewayError]]] = [
    (400, {"message": "invalid request: temperature"}, InvalidRequest),
    (400, {"message": SAID}, ContextTooLong),
    (400, {"message": ASKED}, InvalidRequest),
    (401, {"message": "invalid api token"}, CredentialRejected),
    (402, {"message": "please pay"}, QuotaExhausted),
    (403, {"message": "no"}, CredentialRejected),
    (404, {"message": "model 'x' not found"}, ModelGone),
    (413, {"message": "too large"}, InvalidRequest),
    (422, {"message": "unprocessable"}, InvalidRequest),
    (422, NO_ANSWER, ProviderFailed),
    (429, {"message": MINUTE}, ProviderLimited),
    (429, {"message": MONTH}, QuotaExhausted),
    (429, {"message": SAID}, ProviderLimited),
    (498, {"message": "deny-listed"}, ContentFiltered),
    (499, None, ProviderFailed),
    (500, {"message": SAID}, ProviderFailed),
    (501, {"message": "not implemented"}, InvalidRequest),
    (502, "<html>", ProviderFailed),
    (503, [], Overloaded),
    (504, {}, TimedOut),
    (529, {}, Overloaded),
]


@pytest.mark.parametrize(("status", "body", "kind"), ERRORS)
def test_a_status_and_where_there_is_nothing_else_the_words_say_what_went_wrong(
    status: int, body: Any, kind: type[GatewayError]
) -> None:
    found = error(status, body)
    assert type(found) is kind
    assert "Trial" not in found.message


def test_an_error_has_the_wait_and_the_trace() -> None:
    found = error(429, {"id": "x"}, retry_after="7", x_debug_trace_id="t9")
    assert isinstance(found, Unserved)
    assert (found.retry_after_s, found.request_id, found.http_status) == (7, "t9", 429)


@pytest.mark.parametrize("date", ["", "Fri, 20 Nov 2026 10:00:00 GMT"])
def test_a_wait_that_no_clock_can_tell_is_none(date: str) -> None:
    until = "Fri, 20 Nov 2026 10:00:07 +" + "9" * 20
    assert error(429, {}, retry_after=until, date=date).retry_after_s is None


def test_too_much_asked_for_names_the_field() -> None:
    found = error(400, {"message": ASKED})
    assert isinstance(found, InvalidRequest)
    assert [violation.field for violation in found.violations] == ["max_tokens"]
