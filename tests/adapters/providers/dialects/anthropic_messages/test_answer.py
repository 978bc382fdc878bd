"""Whole answers and errors of the Messages API."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import Completion, Finish, PartFinished, Warned
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
)
from hexgate.domain.usage import Usage

DATA = Path(__file__).parents[4] / "data" / "anthropic_messages"
DIALECT = AnthropicMessages("anthropic")
SECRET = "sk-ant-secret"


def answer(body: object, status: int = 200, **headers: str) -> WireResponse:
    """A response with a JSON body."""
    return WireResponse(status, headers, json.dumps(body).encode())


def message(**fields: object) -> Completion:
    """The translation of a short message."""
    body = {"type": "message", "model": "m", "content": [], "stop_reason": "end_turn"}
    return DIALECT.completion(answer({**body, **fields}))


def fault(kind: str, text: str = "", code: str = "") -> dict[str, object]:
    """An error body."""
    details = {"details": {"error_code": code}} if code else {}
    return {"type": "error", "error": {"type": kind, "message": text, **details}}


def test_a_recorded_message_is_translated_whole() -> None:
    body = (DATA / "message.json").read_bytes()
    assert DIALECT.completion(WireResponse(200, {"request-id": "req_1"}, body)) == Completion(
        parts=(
            Reasoning("The user wants two cities.", b"EqQBCgIYAhIM1gbcDa9GJwZA2b3h", "anthropic"),
            Reasoning("", b"EmwKAhgBEgy3va3pzix", "anthropic", redacted=True),
            Text("Let me look."),
            ToolCall("toolu_01", "weather", '{"city": "Zürich", "at": 9007199254740993}'),
            ToolCall("toolu_02", "now", "{}"),
        ),
        finish=Finish.TOOL_CALLS,
        usage=Usage(uncached_input=480, output=89, reasoning=40),
        model="claude-opus-4-5-20251101",
        request_id="req_1",
        warnings=(Warned("CONTENT_DROPPED", "the answer held server_tool_use content; dropped"),),
    )


def test_whole_and_streamed_answers_hold_the_same_parts() -> None:
    reader = DIALECT.reader()
    chunks = reader.feed((DATA / "tools.sse").read_bytes())
    streamed = tuple(chunk.part for chunk in chunks if isinstance(chunk, PartFinished))
    body = (DATA / "message.json").read_bytes()
    assert DIALECT.completion(WireResponse(200, {}, body)).parts == streamed


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("end_turn", Finish.STOP),
        ("stop_sequence", Finish.STOP_SEQUENCE),
        ("max_tokens", Finish.LENGTH),
        ("tool_use", Finish.TOOL_CALLS),
        ("pause_turn", Finish.PAUSED),
        ("refusal", Finish.CONTENT_FILTER),
        ("compaction", Finish.OTHER),
    ],
)
def test_every_stop_reason_has_a_neutral_one(word: str, finish: Finish) -> None:
    made = message(stop_reason=word)
    assert made.finish is finish
    assert made.metadata_json == ('{"stop_reason":"compaction"}' if word == "compaction" else "")


def test_a_full_context_window_is_a_length_with_a_warning() -> None:
    made = message(stop_reason="model_context_window_exceeded")
    assert made.finish is Finish.LENGTH
    assert [warned.code for warned in made.warnings] == ["CONTEXT_EXHAUSTED"]


def test_details_of_a_refusal_and_the_stop_sequence_are_kept() -> None:
    details = {"type": "refusal", "category": "bio"}
    assert json.loads(message(stop_reason="refusal", stop_details=details).metadata_json) == {
        "stop_details": details
    }
    made = message(stop_reason="stop_sequence", stop_sequence="END")
    assert made.stop_sequence == "END"


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        ({}, Usage()),
        ({"input_tokens": 3, "output_tokens": 4}, Usage(uncached_input=3, output=4)),
        ({"cache_creation_input_tokens": 9}, Usage(cache_write=9)),
        ({"cache_creation_input_tokens": None, "cache_creation": None}, Usage()),
        (
            {
                "cache_creation_input_tokens": 9,
                "cache_creation": {"ephemeral_1h_input_tokens": 4},
            },
            Usage(cache_write=5, cache_write_1h=4),
        ),
        (
            {
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 1,
                    "ephemeral_1h_input_tokens": 2,
                }
            },
            Usage(cache_write=1, cache_write_1h=2),
        ),
        (
            {
                "cache_creation_input_tokens": 3,
                "cache_creation": {"ephemeral_1h_input_tokens": 4},
            },
            Usage(cache_write_1h=3),
        ),
        (
            {"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 7}},
            Usage(output=5, reasoning=5),
        ),
        ({"output_tokens": 5, "output_tokens_details": [7]}, Usage(output=5)),
        ({"server_tool_use": "odd", "service_tier": 7}, Usage()),
    ],
)
def test_token_classes_are_disjoint(wire: dict[str, object], usage: Usage) -> None:
    assert message(usage={"input_tokens": 0, "output_tokens": 0, **wire}).usage == usage


@pytest.mark.parametrize("odd", [None, -1, 1.5, "5", True, 2**41, 2**70, [], {}])
@pytest.mark.parametrize("name", ["input_tokens", "output_tokens"])
def test_a_count_that_is_missing_or_odd_is_not_reported(name: str, odd: object) -> None:
    wire = {"input_tokens": 1, "output_tokens": 1}
    assert message(usage={**wire, name: odd}).usage is None
    del wire[name]
    assert message(usage=wire).usage is None


@pytest.mark.parametrize("odd", [-1, 1.5, "5", 2**41])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda odd: {"cache_read_input_tokens": odd},
        lambda odd: {"cache_creation_input_tokens": odd},
        lambda odd: {"cache_creation": {"ephemeral_1h_input_tokens": odd}},
        lambda odd: {"cache_creation": {"ephemeral_5m_input_tokens": odd}},
    ],
)
def test_a_cache_count_that_makes_no_sense_is_no_zero(
    wrap: Callable[[object], dict[str, object]], odd: object
) -> None:
    assert message(usage={"input_tokens": 1, "output_tokens": 1, **wrap(odd)}).usage is None


@pytest.mark.parametrize("usage", [None, 5, "many", [1], {}])
def test_an_answer_without_usage_reports_none(usage: object) -> None:
    assert message(usage=usage).usage is None


@pytest.mark.parametrize("odd", [None, 5, [1], {"a": 1}, 1.5])
@pytest.mark.parametrize("name", ["model", "stop_sequence", "stop_details", "usage", "id"])
def test_what_is_said_beside_the_words_may_be_odd(name: str, odd: object) -> None:
    made = message(content=[{"type": "text", "text": "So."}], **{name: odd})
    assert (made.parts, made.finish) == ((Text("So."),), Finish.STOP)


def test_blocks_that_say_nothing_are_no_parts() -> None:
    empty = [
        {"type": "text", "text": ""},
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "redacted_thinking", "data": ""},
    ]
    assert message(content=[*empty, {"type": "text", "text": "So."}]).parts == (Text("So."),)


@pytest.mark.parametrize("block", [{"id": "a"}, {"name": "f"}, {"id": "", "name": "f"}])
def test_a_call_that_nobody_could_answer_is_a_bad_response(block: dict[str, str]) -> None:
    call = {"type": "tool_use", **block}
    with pytest.raises(BadResponse, match="without a name or an id"):
        message(content=[call])
    reader = DIALECT.reader()
    for event in (
        {"type": "message_start", "message": {}},
        {"type": "content_block_start", "index": 0, "content_block": call},
    ):
        reader.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
    assert isinstance(reader.failure, BadResponse)


def test_a_call_without_arguments_has_empty_ones() -> None:
    call = {"type": "tool_use", "id": "a", "name": "f"}
    for block in (call, {**call, "input": None}, {**call, "input": {}}):
        assert message(content=[block]).parts == (ToolCall("a", "f", "{}"),)


def test_an_empty_answer_is_an_answer() -> None:
    assert message().parts == ()


def test_citations_are_dropped_with_a_warning() -> None:
    block = {"type": "text", "text": "So.", "citations": [{"type": "char_location"}]}
    made = message(content=[block])
    assert made.parts == (Text("So."),)
    assert made.warnings == (
        Warned("CONTENT_DROPPED", "the answer held citations content; dropped"),
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Bad gateway</body></html>",
        b"[]",
        b"{}",
        b"null",
        b'{"type":"message","content":[],"model":"m"}',
        b'{"type":"model_list"}',
        b'{"type":"message","content":"text","model":"m","stop_reason":"end_turn"}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_message_is_a_bad_response(body: bytes) -> None:
    with pytest.raises(BadResponse):
        DIALECT.completion(WireResponse(200, {}, body))


def test_an_error_with_status_200_is_that_error() -> None:
    with pytest.raises(Overloaded):
        DIALECT.completion(answer(fault("overloaded_error")))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, fault("authentication_error", "invalid x-api-key"), CredentialRejected),
        (403, fault("permission_error"), CredentialRejected),
        (402, fault("billing_error"), QuotaExhausted),
        (404, fault("not_found_error", "model: claude-9"), ModelGone),
        (429, fault("rate_limit_error"), ProviderLimited),
        (429, fault("rate_limit_error", code="ramp_limit_exceeded"), ProviderLimited),
        (429, fault("rate_limit_error", code="enforced_spend_limit_reached"), QuotaExhausted),
        (429, fault("rate_limit_error", code="contract_spend_limit_reached"), QuotaExhausted),
        (500, fault("api_error"), ProviderFailed),
        (504, fault("timeout_error"), TimedOut),
        (529, fault("overloaded_error"), Overloaded),
        (413, fault("request_too_large"), InvalidRequest),
        (400, fault("invalid_request_error", "max_tokens: required"), InvalidRequest),
        (
            400,
            fault("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
            ContextTooLong,
        ),
        (
            400,
            fault("invalid_request_error", "input length and `max_tokens` exceed context limit"),
            ContextTooLong,
        ),
        (
            400,
            fault("invalid_request_error", "Your credit balance is too low to access the API"),
            QuotaExhausted,
        ),
        (
            400,
            fault("invalid_request_error", "You have reached your specified API usage limits."),
            QuotaExhausted,
        ),
        (409, fault("conflict_error"), InvalidRequest),
        (503, fault("brand_new_error"), Overloaded),
        (502, {"message": "no route"}, ProviderFailed),
        (529, [], Overloaded),
        (418, "tea", InvalidRequest),
    ],
)
def test_every_error_is_one_class_of_the_tree(
    status: int, body: object, kind: type[GatewayError]
) -> None:
    assert type(DIALECT.error(answer(body, status))) is kind


def test_the_body_of_a_proxy_is_judged_by_its_status() -> None:
    page = WireResponse(502, {}, b"<html>Bad gateway</html>")
    assert type(DIALECT.error(page)) is ProviderFailed


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "INVALID_ARGUMENT", InvalidRequest),
        (400, "FAILED_PRECONDITION", InvalidRequest),
        (401, "UNAUTHENTICATED", CredentialRejected),
        (403, "PERMISSION_DENIED", CredentialRejected),
        (404, "NOT_FOUND", ModelGone),
        (429, "RESOURCE_EXHAUSTED", ProviderLimited),
        (500, "INTERNAL", ProviderFailed),
        (503, "UNAVAILABLE", Overloaded),
        (504, "DEADLINE_EXCEEDED", TimedOut),
    ],
)
def test_an_error_in_the_words_of_google_is_told_by_its_status(
    status: int, code: str, kind: type[GatewayError], listed: bool
) -> None:
    body: object = {"error": {"code": status, "message": f"no {SECRET}", "status": code}}
    made = DIALECT.error(answer([body] if listed else body, status))
    assert type(made) is kind
    assert made.metadata["code"] == code
    assert SECRET not in repr(vars(made)) + str(made)


def test_a_wait_that_google_asks_for_is_kept() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details}}
    made = DIALECT.error(answer(body, 429))
    assert isinstance(made, ProviderLimited)
    assert made.retry_after_s == 34.5


def test_a_prompt_too_long_is_told_by_its_words_in_either_shape() -> None:
    said = "Prompt is too long: 9 tokens > 8 maximum"
    google = {"error": {"code": 400, "message": said, "status": "INVALID_ARGUMENT"}}
    for body in (google, [google], fault("invalid_request_error", said)):
        assert type(DIALECT.error(answer(body, 400))) is ContextTooLong


def test_an_error_carries_what_the_next_step_needs_and_no_provider_text() -> None:
    body = fault("rate_limit_error", f"slow down {SECRET}")
    made = DIALECT.error(answer(body, 429, **{"retry-after": "7", "request-id": "req_9"}))
    assert isinstance(made, ProviderLimited)
    assert (made.retry_after_s, made.http_status, made.request_id) == (7.0, 429, "req_9")
    assert made.metadata == {
        "provider": "anthropic",
        "httpStatus": "429",
        "code": "rate_limit_error",
    }
    assert SECRET not in repr(vars(made)) + str(made)


@given(st.integers(400, 599), st.binary(max_size=300))
def test_no_error_body_breaks_the_translation(status: int, body: bytes) -> None:
    assert isinstance(DIALECT.error(WireResponse(status, {}, body)), GatewayError)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda c: st.lists(c, max_size=3)))
def test_no_field_of_an_answer_breaks_the_translation(value: object) -> None:
    for name in ("content", "usage", "model", "stop_details", "stop_sequence"):
        try:
            message(**{name: value})
        except BadResponse:
            continue
