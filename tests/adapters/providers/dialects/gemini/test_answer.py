"""Whole answers: endings, counts, media, and every error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hexgate.adapters.providers.dialects.gemini import Gemini
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import Finish
from hexgate.domain.chat import FileId, Inline, Media, Reasoning, Text
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
from tests.adapters.providers.dialects.gemini.hearing import (
    body,
    dumped,
    read,
    recorded,
    sse,
    whole,
)


def said(*parts: Any, finish: str = "STOP", **beside: Any) -> Any:
    return whole(dumped(body(*parts, finish=finish, **beside)))


def test_a_whole_answer_names_itself() -> None:
    answer = whole(recorded("text.json"))
    assert answer.parts == (Text("Grüße aus 東京 🗼!\n"),)
    assert (answer.model, answer.request_id) == ("gemini-2.5-flash", "qK8faZ")
    assert answer.finish is Finish.STOP
    assert answer.usage == Usage(uncached_input=8, cache_read=4, output=9)


ENDS = {
    "STOP": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    "CONTINUATION": Finish.PAUSED,
    **dict.fromkeys(
        (
            *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"),
            *("MODEL_ARMOR", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
        ),
        Finish.CONTENT_FILTER,
    ),
    **dict.fromkeys(
        (
            *("OTHER", "LANGUAGE", "NO_IMAGE", "IMAGE_OTHER", "UNEXPECTED_TOOL_CALL"),
            *("TOO_MANY_TOOL_CALLS", "SOMETHING_NEW"),
        ),
        Finish.OTHER,
    ),
}


@pytest.mark.parametrize("reason", ENDS)
def test_every_reason_has_its_meaning_and_odd_ones_are_kept(reason: str) -> None:
    answer = said({"text": "a"}, finish=reason)
    assert answer.finish is ENDS[reason]
    kept = json.loads(answer.metadata_json or "{}")
    plain = reason in ("STOP", "MAX_TOKENS")
    assert kept == ({} if plain else {"finishReason": reason})


def test_reasons_that_are_failures_raise() -> None:
    for reason in ("MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE"):
        with pytest.raises(BadResponse, match=reason):
            said(finish=reason)
    with pytest.raises(InvalidRequest, match="MISSING_THOUGHT_SIGNATURE"):
        said(finish="MISSING_THOUGHT_SIGNATURE")


def test_a_blocked_prompt_is_refused() -> None:
    with pytest.raises(ContentFiltered):
        whole(recorded("blocked.json"))


def test_calls_keep_their_own_ids() -> None:
    (call,) = said({"functionCall": {"id": "fc-1", "name": "f", "args": None}}).parts
    assert (call.call_id, call.arguments_json) == ("fc-1", "{}")


def test_what_is_drawn_is_media() -> None:
    answer = said(
        {"inlineData": {"mimeType": "image/png", "data": "iVBO_w=="}, "thoughtSignature": "QQ=="},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://a/b"}},
    )
    assert answer.parts == (
        Reasoning("", b"QQ==", "gemini"),
        Media("image/png", Inline(b"\x89PN\xff")),
        Media("video/mp4", FileId("gemini", "gs://a/b")),
    )


P, C, T, S = "promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount"
H, U = "cachedContentTokenCount", "toolUsePromptTokenCount"


def of(modality: str, count: int) -> dict[str, Any]:
    return {"modality": modality, "tokenCount": count}


def asked(**counts: int) -> dict[str, Any]:
    return {"promptTokensDetails": [of(*each) for each in counts.items()]}


def cached(**counts: int) -> dict[str, Any]:
    return {"cacheTokensDetails": [of(*each) for each in counts.items()]}


COUNTS: list[tuple[Any, Usage | None]] = [
    ({P: 5, C: 2}, Usage(uncached_input=5, output=2)),
    ({P: 5, C: 2, T: 3, S: 10}, Usage(uncached_input=5, output=5, reasoning=3)),
    ({P: 5, T: 3, S: 8}, Usage(uncached_input=5, output=3, reasoning=3)),
    ({P: 5, S: 5}, Usage(uncached_input=5)),
    (
        {P: 5, C: 1, "toolUsePromptTokenCount": 4, "cachedContentTokenCount": 2},
        Usage(uncached_input=7, cache_read=2, output=1),
    ),
    ({P: 5, C: 1, "cachedContentTokenCount": 9}, Usage(cache_read=5, output=1)),
    ({P: 5, C: 1, T: "x"}, Usage(uncached_input=5, output=1)),
    (
        {P: 5, C: 1, T: -2, "cachedContentTokenCount": 2},
        Usage(uncached_input=3, cache_read=2, output=1),
    ),
    (
        {P: 100, C: 9, **asked(TEXT=30, AUDIO=40, IMAGE=20, VIDEO=10)},
        Usage(uncached_input=40, audio_input=40, image_input=20, output=9),
    ),
    # The pages of a document are read as images.
    (
        {P: 10, C: 1, **asked(DOCUMENT=4, IMAGE=3, TEXT=3)},
        Usage(uncached_input=3, image_input=7, output=1),
    ),
    # What was cached is within the prompt, by modality as well.
    (
        {P: 100, C: 9, H: 60, **asked(TEXT=40, AUDIO=50, IMAGE=10), **cached(AUDIO=35, TEXT=25)},
        Usage(
            uncached_input=15,
            cache_read=25,
            audio_input=15,
            audio_cache_read=35,
            image_input=10,
            output=9,
        ),
    ),
    (
        {P: 100, C: 9, H: 60, **asked(TEXT=80, IMAGE=20), **cached(IMAGE=15, TEXT=45)},
        Usage(uncached_input=35, cache_read=60, image_input=5, output=9),
    ),
    # Nothing is told of the cache: as little audio as can be was in it, and that is a guess.
    (
        {P: 100, C: 9, H: 60, **asked(TEXT=30, AUDIO=50, IMAGE=20)},
        Usage(cache_read=50, audio_input=40, audio_cache_read=10, output=9, estimated=True),
    ),
    ({P: 9, C: 1, H: 4, **asked(TEXT=6, IMAGE=3)}, Usage(uncached_input=5, cache_read=4, output=1)),
    # So is what tools brought in, which the prompt leaves out.
    (
        {
            P: 10,
            C: 1,
            U: 5,
            S: 16,
            **asked(TEXT=10),
            "toolUsePromptTokensDetails": [of("AUDIO", 4)],
        },
        Usage(uncached_input=11, audio_input=4, output=1),
    ),
    (
        {P: 5, C: 9, T: 3, S: 17, "candidatesTokensDetails": [of("AUDIO", 7), of("TEXT", 2)]},
        Usage(uncached_input=5, output=5, audio_output=7, reasoning=3),
    ),
    # Thoughts are not spoken.
    (
        {P: 5, C: 2, T: 3, S: 10, "candidatesTokensDetails": [of("AUDIO", 9)]},
        Usage(uncached_input=5, output=3, audio_output=2, reasoning=3),
    ),
    # Where only the total is told.
    (
        {P: 5, S: 9, "candidatesTokensDetails": [of("AUDIO", 4)]},
        Usage(uncached_input=5, audio_output=4),
    ),
    # Claims beyond the totals, and odd ones.
    (
        {P: 5, C: 2, **asked(AUDIO=9, IMAGE=9), "candidatesTokensDetails": [of("AUDIO", 9)]},
        Usage(audio_input=5, audio_output=2),
    ),
    (
        {P: 5, C: 2, H: 3, **asked(AUDIO=2), **cached(AUDIO=9)},
        Usage(uncached_input=2, audio_cache_read=3, output=2),
    ),
    (
        {P: 5, C: 2, **asked(AUDIO=2, IMAGE=-1), T: "x"},
        Usage(uncached_input=3, audio_input=2, output=2),
    ),
    (
        {
            P: 5,
            C: 2,
            "promptTokensDetails": [7, {"modality": 3}, {"tokenCount": 2}, of("AUDIO", 2)],
        },
        Usage(uncached_input=3, audio_input=2, output=2),
    ),
    ({P: 5, C: 2, "promptTokensDetails": "AUDIO"}, Usage(uncached_input=5, output=2)),
    (
        {P: 5, C: 2, "promptTokensDetails": [{"modality": "AUDIO"}]},
        Usage(uncached_input=5, output=2),
    ),
    ({P: 5}, None),
    ({C: 5, S: 5}, None),
    ({P: -1, C: 2}, None),
    ({P: 1.5, C: 2}, None),
    ({P: 1 << 41, C: 2}, None),
    ({P: True, C: 2}, None),
    ({P: 5, S: 3}, None),
    ([], None),
    ("no", None),
    (None, None),
]


@pytest.mark.parametrize(("wire", "usage"), COUNTS)
def test_counts_are_disjoint_and_odd_ones_are_as_good_as_none(
    wire: Any, usage: Usage | None
) -> None:
    assert said({"text": "a"}, usageMetadata=wire).usage == usage


def test_odd_things_beside_the_words_spoil_nothing() -> None:
    odd = {"safetyRatings": 7, "groundingMetadata": "x", "avgLogprobs": [], "logprobsResult": 1}
    answer = said({"text": "a"}, candidate=odd, modelVersion=7, responseId=[], createTime={})
    assert (answer.parts, answer.model, answer.request_id) == ((Text("a"),), "", "")


@pytest.mark.parametrize(
    "answer", [{}, {"candidates": []}, {"candidates": [{"content": {}}]}, [], 7, "x", None]
)
def test_no_finished_answer_is_a_bad_response(answer: Any) -> None:
    with pytest.raises(BadResponse):
        whole(dumped(answer))


def failed(status: int, error: bytes, **headers: str) -> Any:
    return Gemini("gemini").error(WireResponse(status, headers, error))


def fault(code: int, status: str, message: str = "secret words") -> bytes:
    return dumped({"error": {"code": code, "status": status, "message": message}})


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (429, "limited.json", ProviderLimited),
        (429, "daily.json", QuotaExhausted),
        (400, "bad_key.json", CredentialRejected),
        (400, "bad_field.json", InvalidRequest),
        (400, "too_long.json", ContextTooLong),
    ],
)
def test_recorded_errors_are_told_by_their_details(
    status: int, name: str, kind: type[GatewayError]
) -> None:
    error = failed(status, recorded(name))
    assert type(error) is kind
    assert "plan and billing" not in error.message


def test_waits_are_taken_from_the_body_and_else_from_the_headers() -> None:
    assert failed(429, recorded("limited.json"), **{"retry-after": "9"}).retry_after_s == 34.5
    assert failed(429, fault(429, "RESOURCE_EXHAUSTED"), **{"retry-after": "9"}).retry_after_s == 9
    assert failed(429, recorded("daily.json")).retry_after_s is None


def test_the_field_at_fault_is_named() -> None:
    assert failed(400, recorded("bad_field.json")).metadata["field"] == "generation_config"


CODES: list[tuple[int, str, type[GatewayError]]] = [
    (401, "UNAUTHENTICATED", CredentialRejected),
    (403, "PERMISSION_DENIED", CredentialRejected),
    (404, "NOT_FOUND", ModelGone),
    (429, "RESOURCE_EXHAUSTED", ProviderLimited),
    (500, "INTERNAL", ProviderFailed),
    (503, "UNAVAILABLE", Overloaded),
    (504, "DEADLINE_EXCEEDED", TimedOut),
    (499, "CANCELLED", ProviderFailed),
    (400, "INVALID_ARGUMENT", InvalidRequest),
    (400, "FAILED_PRECONDITION", InvalidRequest),
    (413, "SOMETHING_NEW", InvalidRequest),
    (529, "SOMETHING_NEW", Overloaded),
]


@pytest.mark.parametrize(("status", "code", "kind"), CODES)
def test_codes_decide_and_the_status_where_they_say_nothing(
    status: int, code: str, kind: type[GatewayError]
) -> None:
    error = failed(status, fault(status, code), **{"x-goog-request-id": "r-1"})
    assert type(error) is kind
    assert "secret" not in error.message
    assert error.metadata["code"] == code
    if isinstance(error, Unserved):
        assert (error.http_status, error.request_id) == (status, "r-1")


@pytest.mark.parametrize(("status", "code", "kind"), CODES)
def test_an_error_in_a_stream_means_the_same(
    status: int, code: str, kind: type[GatewayError]
) -> None:
    with pytest.raises(GatewayError) as caught:
        read(sse(json.loads(fault(status, code))))
    assert type(caught.value) is kind


@pytest.mark.parametrize("error", [b"", b"<html>", b"[]", b"{}", b'{"error":"x"}', b"\xff"])
def test_a_body_without_an_error_is_read_by_its_status(error: bytes) -> None:
    assert type(failed(503, error)) is Overloaded
    assert type(failed(400, error)) is InvalidRequest
    assert failed(429, error, **{"retry-after": "2"}).retry_after_s == 2


@pytest.mark.parametrize(
    "odd", [{"message": None}, {"code": "429"}, {"details": [7, None]}, {"details": {}}]
)
def test_what_is_odd_about_an_error_hides_nothing_else(odd: Any) -> None:
    error = json.loads(fault(429, "RESOURCE_EXHAUSTED"))
    error["error"] |= odd
    assert type(failed(400, dumped(error))) is ProviderLimited
    with pytest.raises(ProviderLimited):
        read(sse(error))


def test_a_long_message_is_searched_once() -> None:
    text = "The input token count (9) exceeds the maximum number of tokens"
    assert type(failed(400, fault(400, "INVALID_ARGUMENT", text))) is ContextTooLong
    # Were it searched again from each of these words, this would take minutes.
    endless = "input token count " * 100_000
    assert type(failed(400, fault(400, "INVALID_ARGUMENT", endless))) is InvalidRequest


def test_long_words_of_a_prompt_are_no_sign_of_a_long_prompt() -> None:
    text = "exceeds the maximum number of tokens allowed"
    assert type(failed(429, fault(429, "RESOURCE_EXHAUSTED", text))) is ProviderLimited
