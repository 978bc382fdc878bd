"""Whole answers of chat completions, and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hexgate.adapters.providers.dialects.openai_chat import OpenAIChat
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import Completion, Finish, Logprob
from hexgate.domain.chat import Reasoning, Refusal, Text, ToolCall
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

DATA = Path(__file__).parents[4] / "data" / "openai_chat"


def recorded(name: str) -> Completion:
    body = (DATA / f"{name}.json").read_bytes()
    headers = {"x-request-id": "req_1"}
    return OpenAIChat("openai").completion(WireResponse(200, headers, body))


def answered(usage: object = None, **choice: Any) -> Completion:
    whole = {"message": {"content": "Hi"}, "finish_reason": "stop", **choice}
    body = json.dumps({"choices": [whole], "usage": usage}).encode()
    return OpenAIChat("openai").completion(WireResponse(200, {}, body))


def test_a_text_is_translated_whole() -> None:
    assert recorded("text") == Completion(
        parts=(Text("Grüße aus 東京 🗼"),),
        finish=Finish.STOP,
        usage=Usage(uncached_input=93, cache_read=1024, output=46),
        model="gpt-4o-2024-08-06",
        request_id="req_1",
        metadata_json='{"id":"chatcmpl-C8w4","system_fingerprint":"fp_80956533eb",'
        '"service_tier":"default"}',
    )


def test_a_content_of_parts_is_read_in_order() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm. "}, {"text": "Ah."}]}
    said = [{"type": "text", "text": "Yes"}, {"type": "text", "text": "."}, {"type": "image"}]
    refused = {"type": "refusal", "refusal": "No."}
    completion = answered(message={"content": [thought, *said, refused]})
    assert completion.parts == (
        Reasoning("Hm. Ah.", provider="openai"),
        Text("Yes."),
        Refusal("No."),
    )


def test_sources_are_kept_beside_the_answer() -> None:
    source = {"type": "url_citation", "url_citation": {"url": "https://a.test"}}
    completion = answered(message={"content": "x", "annotations": [source]})
    assert json.loads(completion.metadata_json) == {"annotations": [source]}
    assert answered(message={"content": "x", "annotations": []}).metadata_json == ""


def test_calls_keep_the_text_of_their_arguments() -> None:
    completion = recorded("tools")
    assert completion.finish is Finish.TOOL_CALLS
    assert completion.parts == (
        Text("Let me look."),
        ToolCall("call_gX1", "get_weather", '{"city": "Oslo"}'),
        ToolCall("call_gX2", "get_time", '{"zone": "CET"}'),
    )


def test_a_refusal_is_a_refusal() -> None:
    completion = recorded("refusal")
    assert completion.parts == (Refusal("I'm sorry, I can't help with that."),)
    assert completion.finish is Finish.REFUSAL


def test_reasoning_comes_first() -> None:
    parts = recorded("reasoning").parts
    assert parts == (Reasoning("Two and two.", provider="openai"), Text("Four."))


def test_logprobs_are_one_per_token() -> None:
    tokens = recorded("logprobs").logprobs
    assert [token.token for token in tokens] == ["Yes", "."]
    assert tokens[0].alternatives[1] == Logprob("No", -4.6, b"No")


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        (None, None),
        ({"prompt_tokens": 3}, None),
        ("none", None),
        ([], None),
        ({"prompt_tokens": -1, "completion_tokens": 2}, None),
        ({"prompt_tokens": 2**40 + 1, "completion_tokens": 2}, None),
        ({"prompt_tokens": 3, "completion_tokens": 2.0}, None),
        ({"prompt_tokens": 3, "completion_tokens": "2"}, None),
        (
            {
                "prompt_tokens": 3,
                "completion_tokens": 2,
                "prompt_tokens_details": [1],
                "completion_tokens_details": {"reasoning_tokens": -5},
            },
            Usage(uncached_input=3, output=2),
        ),
        ({"prompt_tokens": 3, "completion_tokens": 2}, Usage(uncached_input=3, output=2)),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "total_tokens": 120,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
                "completion_tokens_details": {"reasoning_tokens": 15},
            },
            Usage(uncached_input=10, cache_read=60, cache_write=30, output=20, reasoning=15),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 22,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(uncached_input=10, output=12, reasoning=7),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 11, "cache_write_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 6},
            },
            Usage(cache_read=10, output=5, reasoning=5),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {
                    "audio_tokens": 70,
                    "image_tokens": 20,
                    "text_tokens": 10,
                },
                "completion_tokens_details": {"audio_tokens": 40, "reasoning_tokens": 4},
            },
            Usage(
                uncached_input=10,
                audio_input=70,
                image_input=20,
                output=10,
                audio_output=40,
                reasoning=4,
            ),
        ),
        # Audio may be among what was cached or not: as little of it as can be, and that is a guess.
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "prompt_tokens_details": {"audio_tokens": 70, "cached_tokens": 60},
            },
            Usage(cache_read=30, audio_input=40, audio_cache_read=30, output=5, estimated=True),
        ),
        # All of it was cached: there is nothing to guess.
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "prompt_tokens_details": {"audio_tokens": 70, "cached_tokens": 100},
            },
            Usage(cache_read=30, audio_cache_read=70, output=5),
        ),
        # Images that may have been cached are not told apart.
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "prompt_tokens_details": {"image_tokens": 70, "cached_tokens": 60},
            },
            Usage(uncached_input=40, cache_read=60, output=5),
        ),
        # More audio than there are tokens, of either side.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"audio_tokens": 11, "image_tokens": 3},
                "completion_tokens_details": {"audio_tokens": 6, "reasoning_tokens": 2},
            },
            Usage(audio_input=10, audio_output=5),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"audio_tokens": "4", "image_tokens": None},
                "completion_tokens_details": {"audio_tokens": -1},
            },
            Usage(uncached_input=10, output=5),
        ),
    ],
)
def test_usage_is_in_disjoint_classes(wire: object, usage: Usage | None) -> None:
    assert answered(wire).usage == usage


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", Finish.STOP),
        ("length", Finish.LENGTH),
        ("tool_calls", Finish.TOOL_CALLS),
        ("function_call", Finish.TOOL_CALLS),
        ("content_filter", Finish.CONTENT_FILTER),
        ("weather", Finish.OTHER),
    ],
)
def test_each_finish_reason_has_a_neutral_one(reason: str, finish: Finish) -> None:
    completion = answered(finish_reason=reason)
    assert completion.finish is finish
    assert ("weather" in completion.metadata_json) is (reason == "weather")


def test_the_stop_sequence_is_told_where_the_server_tells() -> None:
    completion = answered(stop_reason="END")
    assert (completion.finish, completion.stop_sequence) == (Finish.STOP_SEQUENCE, "END")
    assert answered(stop_reason=128_009).finish is Finish.STOP


def test_an_empty_answer_is_an_answer() -> None:
    completion = answered(message={"content": None}, finish_reason="length")
    assert (completion.parts, completion.finish) == ((), Finish.LENGTH)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>Bad gateway</html>", "no chat completion"),
        (b"", "no chat completion"),
        (b"[]", "no chat completion"),
        (b"[" * 100_000, "no chat completion"),
        (b'{"choices":[]}', "without a choice"),
        (b"{}", "without a choice"),
        (b'{"choices":[{"finish_reason":"stop"}]}', "without a choice"),
        (b'{"choices":[{"message":{"content":"x"}}]}', "without a finish reason"),
        (
            b'{"choices":[{"message":{"tool_calls":[{"id":"c"}]},"finish_reason":"stop"}]}',
            "without a name",
        ),
    ],
)
def test_what_is_no_answer_is_a_bad_response(body: bytes, message: str) -> None:
    with pytest.raises(BadResponse, match=message):
        OpenAIChat("openai").completion(WireResponse(200, {}, body))


def test_an_error_with_a_good_status_is_an_error() -> None:
    body = b'{"error":{"message":"no","type":"server_error"}}'
    with pytest.raises(ProviderFailed):
        OpenAIChat("openai").completion(WireResponse(200, {}, body))


def failed(status: int, error: object, headers: dict[str, str] | None = None) -> GatewayError:
    body = error if isinstance(error, bytes) else json.dumps({"error": error}).encode()
    return OpenAIChat("openai").error(WireResponse(status, headers or {}, body))


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"code": "context_length_exceeded"}, ContextTooLong),
        (400, {"type": "exceed_context_size_error", "code": 400}, ContextTooLong),
        (
            400,
            {"message": "This model's maximum context length is 4096", "code": 400},
            ContextTooLong,
        ),
        (  # DeepSeek
            400,
            {"message": "maximum context length", "code": "invalid_request_error"},
            ContextTooLong,
        ),
        (  # Mistral
            400,
            b'{"object":"error","message":"maximum context length","code":"3051"}',
            ContextTooLong,
        ),
        (  # xAI
            400,
            b'{"code":"An invalid argument","error":"This model\'s maximum prompt length is 9"}',
            ContextTooLong,
        ),
        (400, {"code": "content_policy_violation"}, ContentFiltered),
        (400, {"code": "content_filter", "message": "maximum context length"}, ContentFiltered),
        (400, {"code": "unsupported_value", "param": "temperature"}, InvalidRequest),
        (400, {"code": "odd", "message": "maximum context length"}, InvalidRequest),
        (422, {}, InvalidRequest),
        (413, b"too large", InvalidRequest),
        (401, {"code": "invalid_api_key", "type": "invalid_request_error"}, CredentialRejected),
        (401, b"", CredentialRejected),
        (403, {"code": None, "type": "permission_error"}, CredentialRejected),
        (402, {}, QuotaExhausted),
        (429, {"code": "insufficient_quota", "type": "insufficient_quota"}, QuotaExhausted),
        (429, {"code": None, "type": "insufficient_quota"}, QuotaExhausted),
        (429, {"code": "rate_limit_exceeded", "type": "tokens"}, ProviderLimited),
        (429, "slow down", ProviderLimited),
        (404, {"code": "model_not_found"}, ModelGone),
        (404, b'{"object":"error","message":"?","type":"NotFoundError","code":404}', ModelGone),
        (408, {}, TimedOut),
        (500, {"type": "server_error"}, ProviderFailed),
        (502, b"<html></html>", ProviderFailed),
        (503, {"code": "slow_down"}, Overloaded),
        (503, b"upstream", Overloaded),
        (529, {}, Overloaded),
    ],
)
def test_an_error_is_told_by_its_words_then_by_its_status(
    status: int, error: object, kind: type[GatewayError]
) -> None:
    found = failed(status, error)
    assert type(found) is kind
    if isinstance(found, Unserved):
        assert found.http_status == status


def test_a_wait_that_is_asked_for_is_passed_on_except_for_an_empty_account() -> None:
    headers = {"retry-after": "7", "x-request-id": "req_9"}
    limited = failed(429, {"code": "rate_limit_exceeded"}, headers)
    assert limited.retry_after_s == 7
    assert isinstance(limited, ProviderLimited)
    assert limited.request_id == "req_9"
    assert failed(429, {"code": "insufficient_quota"}, headers).retry_after_s is None
    assert failed(429, {"code": "new_word"}, headers).retry_after_s == 7


def test_an_error_repeats_field_and_code_and_never_the_message() -> None:
    said = "Unsupported value for sk-secret: the prompt was 'hello'"
    error = {"message": said, "code": "unsupported_value", "param": "messages[0].content"}
    found = failed(400, error)
    assert isinstance(found, InvalidRequest)
    assert found.violations[0].field == "messages[0].content"
    assert found.metadata["code"] == "unsupported_value"
    assert "hello" not in repr((found.message, found.metadata, found.violations))


def test_the_request_id_is_the_providers() -> None:
    dialect = OpenAIChat("openai")
    assert dialect.request_id({"x-request-id": "req_1"}) == "req_1"
    assert dialect.request_id({}) == ""
