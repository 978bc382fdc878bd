"""Whole answers, and what errors mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import Completion, Finish
from hexgate.domain.chat import Reasoning, Text, ToolCall
from hexgate.domain.errors import (
    BadResponse,
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
from tests.adapters.providers.dialects.bedrock_converse.asking import DATA, DIALECT

HEADERS = {"x-amzn-requestid": "req-1"}
PAGE = "http://internal.amazon.com/coral/com.amazon.bedrock/"


def recorded(name: str) -> Completion:
    return DIALECT.completion(WireResponse(200, HEADERS, (DATA / f"{name}.json").read_bytes()))


def answered(content: Any = (), stop: str = "end_turn", **body: Any) -> Completion:
    message = {"role": "assistant", "content": [*content]}
    whole = {"output": {"message": message}, "stopReason": stop, **body}
    return DIALECT.completion(WireResponse(200, {}, json.dumps(whole).encode()))


def test_a_text_has_its_usage_in_disjoint_classes() -> None:
    answer = recorded("text")
    assert answer.parts == (Text("Grüße aus 東京 🗼"),)
    assert answer.finish is Finish.STOP
    assert answer.usage == Usage(
        uncached_input=21, cache_read=1200, cache_write=200, cache_write_1h=500, output=9
    )
    assert answer.request_id == "req-1"
    assert json.loads(answer.metadata_json) == {"metrics": {"latencyMs": 731}}


def test_tool_calls_keep_their_arguments_as_they_came() -> None:
    answer = recorded("tools")
    assert answer.finish is Finish.TOOL_CALLS
    assert answer.parts[0] == Text("I will look it up.")
    assert answer.parts[2] == ToolCall("tooluse_b2l_7nUaTZSBeqnQ8rbUyw", "now", "{}")
    call = answer.parts[1]
    assert isinstance(call, ToolCall)
    assert json.loads(call.arguments_json) == {"city": "Köln"}


def test_reasoning_keeps_its_signature_and_what_is_redacted() -> None:
    answer = recorded("reasoning")
    assert answer.parts == (
        Reasoning("17 times 3 is 51.", b"EqQBCkYICxgCKkD", "aws"),
        Reasoning("", b"\x00\x01\x02\xff", "aws", redacted=True),
        Text("51"),
    )
    assert (answer.finish, answer.stop_sequence) == (Finish.STOP_SEQUENCE, "END")


def test_a_guardrail_and_a_router_are_told() -> None:
    answer = recorded("guardrail")
    assert answer.finish is Finish.CONTENT_FILTER
    assert answer.model.endswith("amazon.nova-lite-v1:0")
    assert json.loads(answer.metadata_json)["stopReason"] == "guardrail_intervened"
    assert "guardrail" in json.loads(answer.metadata_json)["trace"]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("max_tokens", Finish.LENGTH),
        ("model_context_window_exceeded", Finish.LENGTH),
        ("content_filtered", Finish.CONTENT_FILTER),
        ("malformed_model_output", Finish.OTHER),
        ("malformed_tool_use", Finish.OTHER),
        ("new_reason", Finish.OTHER),
    ],
)
def test_every_ending_has_a_reason_and_odd_ones_are_kept(reason: str, finish: Finish) -> None:
    answer = answered(stop=reason)
    assert answer.finish is finish
    assert (reason in answer.metadata_json) == (reason != "max_tokens")
    assert [each.code for each in answer.warnings] == (
        ["CONTEXT_EXHAUSTED"] if reason == "model_context_window_exceeded" else []
    )


def test_what_the_contract_has_no_word_for_is_dropped_with_a_warning() -> None:
    cited = {"citationsContent": {"content": [{"text": "So "}, {"text": "it is."}]}}
    server = {"toolUse": {"toolUseId": "a", "name": "b", "input": {}, "type": "server_tool_use"}}
    image = {"image": {"format": "png", "source": {"bytes": ""}}}
    answer = answered([cited, server, image, image, {"text": ""}, {"text": "x"}])
    assert answer.parts == (Text("So it is."), Text("x"))
    assert [each.message.split()[3] for each in answer.warnings] == [
        "citations",
        "server_tool_use",
        "other",
    ]


@pytest.mark.parametrize("given", ["{}", "null", '""'])
def test_a_call_without_arguments_has_an_empty_object(given: str) -> None:
    call = {"toolUse": {"toolUseId": "a", "name": "b", "input": json.loads(given)}}
    assert answered([call]).parts == (ToolCall("a", "b", "{}"),)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        3,
        {},
        {"inputTokens": 1},
        {"inputTokens": -1, "outputTokens": 1},
        {"inputTokens": 1 << 41, "outputTokens": 1},
        {"inputTokens": "1", "outputTokens": 1},
        {"inputTokens": 1.5, "outputTokens": 1},
    ],
)
def test_counts_that_make_no_sense_are_not_reported(usage: object) -> None:
    assert answered([{"text": "x"}], usage=usage).usage is None


@pytest.mark.parametrize(
    "extra",
    [
        {"cacheReadInputTokens": "x", "cacheWriteInputTokens": -3},
        {"cacheDetails": 3},
        {"cacheDetails": [3, {"ttl": "1h", "inputTokens": "x"}, {"ttl": "1h", "inputTokens": 9}]},
    ],
)
def test_odd_counts_of_the_cache_are_none(extra: dict[str, object]) -> None:
    usage = {"inputTokens": 3, "outputTokens": 4, **extra}
    assert answered([], usage=usage).usage == Usage(uncached_input=3, output=4)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"stopReason":"end_turn"}',
        b'{"stopReason":"end_turn","output":{}}',
        b'{"output":{"message":{"content":[]}}}',
        b'{"stopReason":"x","output":{"message":{"content":[{"toolUse":{"name":"a"}}]}}}',
        b'{"stopReason":"x","output":{"message":{"content":'
        b'[{"toolUse":{"name":"","toolUseId":"a","input":{}}}]}}}',
        b'{"stopReason":"x","output":{"message":{"content":'
        b'[{"toolUse":{"name":"f","toolUseId":"a","input":{"a":"\xff"}}}]}}}',
        b'{"stopReason":"x","output":{"message":{"content":'
        b'[{"reasoningContent":{"redactedContent":"?"}}]}}}',
    ],
)
def test_what_is_no_answer_is_a_bad_response(body: bytes) -> None:
    with pytest.raises(BadResponse):
        DIALECT.completion(WireResponse(200, {}, body))


def error(status: int, code: str = "", message: str = "", **more: str) -> GatewayError:
    headers = {**HEADERS, **({"x-amzn-errortype": f"{code}:{PAGE}"} if code else {}), **more}
    return DIALECT.error(WireResponse(status, headers, json.dumps({"message": message}).encode()))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "ThrottlingException", ProviderLimited),
        (429, "TooManyRequestsException", ProviderLimited),
        (429, "ModelNotReadyException", ProviderLimited),
        (400, "ServiceQuotaExceededException", QuotaExhausted),
        (403, "AccessDeniedException", CredentialRejected),
        (403, "UnrecognizedClientException", CredentialRejected),
        (403, "InvalidSignatureException", CredentialRejected),
        (403, "ExpiredTokenException", CredentialRejected),
        (400, "IncompleteSignature", CredentialRejected),
        (404, "ResourceNotFoundException", ModelGone),
        (408, "ModelTimeoutException", TimedOut),
        (424, "ModelErrorException", ProviderFailed),
        (500, "InternalServerException", ProviderFailed),
        (503, "ServiceUnavailableException", Overloaded),
        (400, "ValidationException", InvalidRequest),
        (400, "NewException", InvalidRequest),
        (502, "", ProviderFailed),
        (429, "", ProviderLimited),
    ],
)
def test_every_code_is_one_class(status: int, code: str, kind: type[GatewayError]) -> None:
    found = error(status, code)
    assert type(found) is kind
    assert found.metadata.get("code", "") == code
    assert found.metadata["httpStatus"] == str(status)
    if isinstance(found, Unserved):
        assert found.request_id == "req-1"


def test_the_code_may_be_in_the_body_with_a_namespace() -> None:
    for body in (
        {"__type": "com.amazon.coral.service#ThrottlingException"},
        {"code": "ThrottlingException"},
    ):
        found = DIALECT.error(WireResponse(400, {}, json.dumps(body).encode()))
        assert type(found) is ProviderLimited


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Input is too long for requested model.", ContextTooLong),
        ("The model returned: prompt is too long: 9 tokens > 8 maximum", ContextTooLong),
        ("Too many input tokens. Max input tokens: 8192", ContextTooLong),
        ("The provided model identifier is invalid.", ModelGone),
        ("Invocation of model ID x with on-demand throughput isn\u2019t supported.", ModelGone),
        ("Malformed input request", InvalidRequest),
    ],
)
def test_a_validation_exception_is_told_apart_by_its_words(
    message: str, kind: type[GatewayError]
) -> None:
    found = error(400, "ValidationException", message)
    assert type(found) is kind
    assert message not in found.message


def test_too_many_tokens_too_fast_is_no_long_prompt() -> None:
    found = error(429, "ThrottlingException", "Too many input tokens, please wait")
    assert type(found) is ProviderLimited


def test_a_wait_is_kept_where_one_is_asked_for() -> None:
    limited = error(429, "ThrottlingException", **{"retry-after": "3"})
    assert limited.retry_after_s == 3
    spent = error(400, "ServiceQuotaExceededException", **{"retry-after": "3"})
    assert spent.retry_after_s is None
