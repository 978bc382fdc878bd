"""The limits that providers tell in their headers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.adapters.providers.dialects.bedrock_converse import BedrockConverse
from hexgate.adapters.providers.dialects.openai_chat import OpenAIChat
from hexgate.adapters.providers.failures import by_status
from hexgate.adapters.providers.ratelimits import Limit, RateLimits, parse
from hexgate.adapters.providers.wire import WireResponse
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.domain.errors import GatewayError, Overloaded, ProviderLimited
from tests import fakes
from tests.adapters.providers.wiring import ScriptedWire

OPENAI = {
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "6m0s",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-tokens": "1999",
    "x-ratelimit-reset-tokens": "12ms",
}
ANTHROPIC = {
    "date": "Fri, 20 Nov 2026 10:00:00 GMT",
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-11-20T10:00:01Z",
    "anthropic-ratelimit-input-tokens-limit": "40000",
    "anthropic-ratelimit-input-tokens-remaining": "0",
    "anthropic-ratelimit-input-tokens-reset": "2026-11-20T11:00:30+01:00",
    "anthropic-ratelimit-output-tokens-limit": "8000",
    "anthropic-ratelimit-output-tokens-remaining": "8000",
    "anthropic-ratelimit-output-tokens-reset": "2026-11-20T10:00:00Z",
}


def test_the_headers_of_openai_and_azure_are_read() -> None:
    assert parse(OPENAI) == RateLimits(
        requests=Limit(limit=10_000, remaining=0, reset_s=360.0),
        tokens=Limit(limit=2_000_000, remaining=1_999, reset_s=0.012),
    )


def test_the_headers_of_anthropic_are_read_against_the_date_of_the_answer() -> None:
    assert parse(ANTHROPIC) == RateLimits(
        requests=Limit(limit=50, remaining=49, reset_s=1.0),
        tokens=Limit(limit=40_000, remaining=0, reset_s=30.0),
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("12ms", 0.012),
        ("1h2m3.5s", 3723.5),
        ("1d", None),
        ("60", 60.0),
        ("", None),
        ("soon", None),
        ("-1s", None),
        ("9" * 200 + "h", None),
        ("9" * 60 + "h", 366 * 86_400.0),
    ],
)
def test_a_duration_is_as_go_writes_it(text: str, seconds: float | None) -> None:
    limits = parse({**OPENAI, "x-ratelimit-reset-requests": text})
    assert limits is not None
    assert limits.requests.reset_s == (pytest.approx(seconds) if seconds is not None else None)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-remaining-requests": "many"},
        {"x-ratelimit-remaining-tokens": "-1"},
        {"x-ratelimit-remaining-tokens": "²"},
        {"x-ratelimit-remaining-tokens": "9" * 40},
        {"anthropic-ratelimit-requests-reset": "2026-11-20T10:00:00Z"},
        {"anthropic-ratelimit-requests-reset": "soon", "date": "Fri, 20 Nov 2026 10:00:00 GMT"},
        {
            "anthropic-ratelimit-requests-reset": "2026-11-20T10:00:00Z",
            "date": "Fri, 20 Nov 2026 10:00:00 +" + "9" * 20,
        },
        {"anthropic-ratelimit-requests-reset": "2026-11-20T10:00:00", "date": ANTHROPIC["date"]},
    ],
)
def test_what_cannot_be_read_tells_nothing(headers: Mapping[str, str]) -> None:
    found = parse(headers)
    assert found is None or found == RateLimits(requests=Limit(), tokens=Limit())


def errors(headers: Mapping[str, str]) -> list[GatewayError]:
    """What the dialects that look at the words of a 429 make of it."""
    openai = b'{"error":{"code":"rate_limit_exceeded"}}'
    anthropic = b'{"type":"error","error":{"type":"rate_limit_error","message":""}}'
    aws = {**headers, "x-amzn-errortype": "ThrottlingException"}
    return [
        by_status("p", 429, headers),
        OpenAIChat("p").error(WireResponse(429, headers, openai)),
        AnthropicMessages("p").error(WireResponse(429, headers, anthropic)),
        BedrockConverse("p", "").error(WireResponse(429, aws, b"{}")),
    ]


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        (OPENAI, 360.0),
        ({**OPENAI, "retry-after": "7"}, 7.0),
        ({**OPENAI, "retry-after-ms": "250"}, 0.25),
        ({**OPENAI, "x-ratelimit-remaining-requests": "1"}, None),
        ({**OPENAI, "x-ratelimit-remaining-tokens": "0"}, 360.0),
        ({**OPENAI, "x-ratelimit-reset-requests": "?"}, None),
        (ANTHROPIC, 30.0),
        ({}, None),
    ],
)
def test_a_429_without_a_wait_waits_for_what_is_used_up(
    headers: Mapping[str, str], wait_s: float | None
) -> None:
    for error in errors(headers):
        assert isinstance(error, ProviderLimited)
        assert error.retry_after_s == wait_s


def test_other_errors_do_not_wait_for_a_limit() -> None:
    error = by_status("p", 503, OPENAI)
    assert isinstance(error, Overloaded)
    assert error.retry_after_s is None


def provider(wire: ScriptedWire) -> WiredProvider:
    return WiredProvider(OpenAIChat("openai"), wire, monotonic=lambda: 0.0)


async def test_a_provider_knows_the_latest_limits_of_each_model() -> None:
    wire = ScriptedWire(status=500, headers=OPENAI, reads=[b"{}"])
    over = provider(wire)
    assert over.rate_limits("m") is None
    with pytest.raises(GatewayError):
        await over.complete(fakes.call(model="m"))
    limits = over.rate_limits("m")
    assert limits is not None
    assert limits.requests.remaining == 0
    assert over.rate_limits("other") is None
    wire.headers = {**OPENAI, "x-ratelimit-remaining-requests": "5"}
    with pytest.raises(GatewayError):
        await over.open(fakes.call(model="m"))
    limits = over.rate_limits("m")
    assert limits is not None
    assert limits.requests.remaining == 5


async def test_the_models_that_are_known_of_are_bounded() -> None:
    wire = ScriptedWire(status=500, headers=OPENAI, reads=[b"{}"])
    over = provider(wire)
    for number in range(300):
        with pytest.raises(GatewayError):
            await over.complete(fakes.call(model=f"m{number}"))
    known = [number for number in range(300) if over.rate_limits(f"m{number}") is not None]
    assert known == list(range(44, 300))
