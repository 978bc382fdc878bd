"""What providers say of their limits, in the headers of every answer."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|h|m|s))+")
_STEP = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_MOST = 1 << 53
_MOST_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit; None is what was not said. `reset_s` is how long until it is whole again."""

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None

    @property
    def used_up(self) -> bool:
        """Whether nothing is left of it."""
        return self.remaining == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """How many requests and tokens a provider takes from us, as of one answer."""

    requests: Limit
    tokens: Limit

    @property
    def wait_s(self) -> float | None:
        """How long until a further request can be served; None where nothing says so."""
        waits = [
            limit.reset_s
            for limit in (self.requests, self.tokens)
            if limit.used_up and limit.reset_s is not None
        ]
        return max(waits, default=None)


def parse(headers: Mapping[str, str]) -> RateLimits | None:
    """The limits that the headers tell; None where they tell none.

    Read are OpenAI's and Azure's (`x-ratelimit-limit-requests`, resets as Go writes durations) and
    Anthropic's (`anthropic-ratelimit-requests-limit`, resets as times, measured against the date
    of the answer). Where input and output are limited apart, the tighter is the limit of tokens.
    """
    if "x-ratelimit-remaining-requests" in headers or "x-ratelimit-remaining-tokens" in headers:
        return RateLimits(requests=_openai(headers, "requests"), tokens=_openai(headers, "tokens"))
    requests, tokens = _anthropic(headers, "requests"), _anthropic(headers, "tokens")
    apart = [_anthropic(headers, "input-tokens"), _anthropic(headers, "output-tokens")]
    tokens = min((tokens, *apart), key=_left)
    if requests == tokens == Limit():
        return None
    return RateLimits(requests=requests, tokens=tokens)


def _openai(headers: Mapping[str, str], kind: str) -> Limit:
    return Limit(
        limit=_count(headers.get(f"x-ratelimit-limit-{kind}")),
        remaining=_count(headers.get(f"x-ratelimit-remaining-{kind}")),
        reset_s=_duration(headers.get(f"x-ratelimit-reset-{kind}", "")),
    )


def _anthropic(headers: Mapping[str, str], kind: str) -> Limit:
    prefix = f"anthropic-ratelimit-{kind}"
    return Limit(
        limit=_count(headers.get(f"{prefix}-limit")),
        remaining=_count(headers.get(f"{prefix}-remaining")),
        reset_s=_until(headers.get(f"{prefix}-reset", ""), headers.get("date", "")),
    )


def _left(limit: Limit) -> float:
    return math.inf if limit.remaining is None else limit.remaining


def _count(value: str | None) -> int | None:
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 16:
        return None
    found = int(value)
    return found if found <= _MOST else None


def _duration(text: str) -> float | None:
    """Seconds of `1s`, `6m0s`, `12ms`, and of a bare number, which Azure sends."""
    if (seconds := _count(text)) is not None:
        return min(float(seconds), _MOST_S)
    if len(text) > 64 or not _DURATION.fullmatch(text):
        return None
    return min(sum(float(step[1]) * _SECONDS[step[2]] for step in _STEP.finditer(text)), _MOST_S)


def _until(text: str, date: str) -> float | None:
    """Seconds from the answer's date to an RFC 3339 time, at least 0; no clock has to agree."""
    try:
        until = datetime.fromisoformat(text)
        asked = parsedate_to_datetime(date)
    except (TypeError, ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        return None
    if asked.tzinfo is None:  # what a date of `-0000` is read as
        asked = asked.replace(tzinfo=UTC)
    return min(max(0.0, (until - asked).total_seconds()), _MOST_S)
