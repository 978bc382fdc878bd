"""Worlds that hypothesis makes up."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from hexgate.adapters.breaker.pybreaker import Settings
from hexgate.application.policies.retry import TABLE, RetryRow, RetryRules
from hexgate.domain.call import FallbackMode, Hop, Timeouts
from hexgate.domain.conditions import CALLERS_OWN, Condition
from hexgate.domain.errors import (
    BadResponse,
    ContentFiltered,
    ContextTooLong,
    CredentialRejected,
    InvalidRequest,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    QuotaExhausted,
    TimedOut,
    Unreachable,
    Unsupported,
)
from hexgate.domain.fallback import Rule
from hexgate.domain.price import Price, Rates
from hexgate.domain.usage import Usage
from tests.application.worlds import LONGEST, MOST, SAFE, Asked, Ill, Step, World

ILL: tuple[Ill, ...] = (
    Overloaded,
    ProviderFailed,
    Unreachable,
    TimedOut,
    BadResponse,
    ProviderLimited,
    QuotaExhausted,
    CredentialRejected,
    ModelGone,
)
REFUSED: tuple[Ill, ...] = (
    InvalidRequest,
    Unsupported,
    ContextTooLong,
    ContentFiltered,
)


SECONDS = st.sampled_from([0.0, 0.001, 0.5, 1.0, 5.0, 30.0, 60.0]) | st.floats(0, 100)
LATENCIES = st.sampled_from([0.0, 0.0, 0.001, 0.5, 1.0, 5.0, 60.0]) | st.floats(0, 10)
TIMES_LEFT = st.sampled_from([600.0, 60.0, 30.0, 10.0, 1.0, 0.0]) | st.floats(0, 100)
PRICES = st.builds(
    lambda asked, answered: Price(
        rates=Rates(input=asked * 10**6, output=answered * 10**6), version="test"
    ),
    st.integers(0, 5),  # nano-USD a token
    st.integers(0, 5),
)
USAGES = st.builds(Usage, uncached_input=st.integers(0, MOST), output=st.integers(0, LONGEST))
KINDS = st.frozensets(st.sampled_from(sorted(Condition, key=str)), min_size=1)


@st.composite
def steps(draw: st.DrawFn, *, gentle: bool = False) -> Step:
    """One attempt. A `gentle` one is nothing that only the caller can help, and nothing cut off."""
    if draw(st.integers(0, 2)) == 0:
        return Step(
            after_s=draw(LATENCIES),
            cut=not gentle and draw(st.booleans()),
            words=draw(st.sampled_from([1, 4, LONGEST])),
            used=draw(USAGES),
        )
    refused = [kind for kind in REFUSED if not gentle or _elsewhere(kind)]
    return Step(
        after_s=draw(LATENCIES),
        error=draw(st.sampled_from((*ILL, *ILL, *refused))),
        http_status=draw(st.sampled_from([0, 429, 500, 503, 529])),
        retry_after_s=draw(st.none() | SECONDS),
        other_key=draw(st.booleans()),
        used=draw(USAGES),
        billed=draw(st.booleans()),
    )


def _elsewhere(kind: Ill) -> bool:
    return kind.condition is not None and kind.condition not in CALLERS_OWN


ROWS = st.builds(
    RetryRow, st.integers(0, 4), st.sampled_from([0.001, 0.5, 2.0, 30.0]), st.floats(1, 3)
)
RULES = st.builds(
    RetryRules,
    rows=st.just(TABLE) | st.dictionaries(st.sampled_from(sorted(Condition, key=str)), ROWS),
    attempts=st.integers(1, 5),
    patience_s=SECONDS,
    ratio=st.floats(0.001, 1),
    burst=st.integers(1, 10),
)
BREAKERS = st.builds(
    Settings,
    failures=st.integers(1, 5),
    rest_s=st.sampled_from([0.5, 5.0, 30.0]),
    probes=st.integers(1, 2),
    successes=st.integers(1, 2),
)
FALLBACKS = st.builds(
    Rule,
    on=KINDS,
    to=st.just(()),
    retry_original=st.booleans(),
    delay_s=st.sampled_from([0.0, 1.0, 20.0]),
    max_attempts=st.none() | st.integers(1, 3),
)
TIMEOUTS = st.builds(
    Timeouts,
    first_token_s=st.sampled_from([0.5, 10.0, 60.0]),
    attempt_s=st.sampled_from([1.0, 20.0, 600.0]),
)
NAMES = st.lists(
    st.sampled_from([("a", "m"), ("a", "n"), ("b", "m"), ("c", "m")]),
    min_size=1,
    max_size=4,
    unique=True,
)


@st.composite
def paths(draw: st.DrawFn, *, plain: bool = False) -> tuple[Hop, ...]:
    """Targets in order, the last few by a rule."""
    made = tuple(
        Hop(
            provider=provider,
            model=model,
            max_output_tokens=LONGEST,
            context_tokens=draw(st.sampled_from([0, 5, 1_000])),
            price=draw(PRICES),
            timeouts=draw(TIMEOUTS),
        )
        for provider, model in draw(NAMES)
    )
    if plain:
        return (*made, Hop(provider=SAFE, model="m", max_output_tokens=LONGEST))
    first = draw(st.integers(1, len(made)))
    rule = draw(FALLBACKS)
    return (*made[:first], *(replace(hop, rule=rule) for hop in made[first:]))


@st.composite
def calls(
    draw: st.DrawFn, *, modes: tuple[FallbackMode, ...], streams: tuple[bool, ...] = (False, True)
) -> Asked:
    """One call that may have little time and few attempts."""
    return Asked(
        starts_s=draw(SECONDS),
        hops=draw(paths()),
        attempts=draw(st.integers(1, 8)),
        left_s=draw(TIMES_LEFT),
        streamed=draw(st.sampled_from(streams)),
        hedge_after_s=draw(st.just(0.0) | SECONDS),
        queue_s=draw(st.just(0.0) | SECONDS),
        mode=draw(st.sampled_from(modes)),
    )


@st.composite
def rescued(draw: st.DrawFn) -> Asked:
    """One call with time and attempts for all of its targets, the last of which always answers."""
    return Asked(
        starts_s=draw(SECONDS),
        hops=draw(paths(plain=True)),
        attempts=100,
        left_s=1e7,
        streamed=draw(st.booleans()),
        hedge_after_s=draw(st.just(0.0) | SECONDS),
    )


RICH = st.just(10**9)


@st.composite
def worlds(
    draw: st.DrawFn,
    asked: st.SearchStrategy[Asked],
    *,
    gentle: bool = False,
    limits: st.SearchStrategy[int] = RICH,
) -> World:
    """Three providers with their days, one that is safe, and some calls at the same time.

    In a gentle one no provider has other keys for ever.
    """
    days = st.lists(steps(gentle=gentle), min_size=1, max_size=6).map(
        lambda some: (*some[:-1], replace(some[-1], other_key=some[-1].other_key and not gentle))
    )
    return World(
        steps={name: draw(days) for name in "abc"} | {SAFE: (Step(),)},
        rules=draw(RULES),
        breaker=draw(BREAKERS),
        wait_s=draw(st.sampled_from([0.0, 5.0, 60.0])),
        concurrency=None if gentle else draw(st.none() | st.integers(1, 2)),
        limit_nanos=draw(limits),
        chance=draw(st.sampled_from([0.0, 0.5, 0.999])),
        calls=draw(st.lists(asked, min_size=1, max_size=4).map(tuple)),
    )
