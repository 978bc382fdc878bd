"""Settings of what happens on a provider's bad day: routes, retries, breakers, health."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from hexgate.entrypoints.fields import Count, Seconds, TargetName, Targets
from hexgate.entrypoints.section import Section

Strategy = Literal["order", "round_robin", "weighted", "least_loaded", "latency", "cost", "quality"]
On = Literal[
    "rate_limit",
    "unavailable",
    "overloaded",
    "timeout",
    "error",
    "context_length",
    "content_filter",
]
Share = Annotated[float, Field(ge=0, le=1)]
RULE_OF = r"^([a-z][a-z0-9_-]{0,31}/\S{1,256}|[A-Za-z0-9][A-Za-z0-9._:-]{0,63})$"


class Member(Section):
    """One target of an alias."""

    target: TargetName = Field(description="Where calls go, provider/model.")
    weight: float = Field(
        default=1,
        ge=0,
        le=1_000_000,
        description="Its share beside the others'; 0: only when the others fail.",
    )


def _member(value: object) -> object:
    return {"target": value} if isinstance(value, str) else value


AnyMember = Annotated[Member, BeforeValidator(_member, json_schema_input_type=TargetName | Member)]


class Alias(Section):
    """A name for one or more targets."""

    targets: tuple[AnyMember, ...] = Field(
        min_length=1,
        max_length=16,
        description="Each provider/model, or {target, weight}.",
    )
    strategy: Strategy | None = Field(
        default=None, description="How they are ordered; routing.strategy when absent."
    )
    hedge_after_s: Seconds | None = Field(
        default=None,
        description="When a second attempt starts beside the first; routing.hedge_after_s when "
        "absent.",
    )


def _alias(value: object) -> object:
    if isinstance(value, str):
        return {"targets": (value,)}
    return {"targets": value} if isinstance(value, list | tuple) else value


AnyAlias = Annotated[
    Alias,
    BeforeValidator(
        _alias, json_schema_input_type=TargetName | tuple[TargetName | Member, ...] | Alias
    ),
]


class FallbackRule(Section):
    """Where calls may go when a target fails in these ways; over providers too."""

    on: tuple[On, ...] = Field(
        min_length=1,
        description="Kinds of failure: rate_limit, unavailable (also no connection), overloaded, "
        "timeout, error (anything else that a provider does), context_length, content_filter.",
    )
    to: Targets = Field(description="Each provider/model, tried in order.")
    of: str | None = Field(
        default=None,
        pattern=RULE_OF,
        description="Calls that it is for: an alias, provider/model or provider/*; absent: all.",
    )
    retry_original: bool = Field(
        default=True, description="Whether the target that failed is tried again first."
    )
    delay_s: float = Field(
        default=0, ge=0, le=3600, description="Wait before the first of them, in seconds."
    )
    max_attempts: Count | None = Field(
        default=None, description="Attempts at all of them together; absent: max_attempts alone."
    )


class Routing(Section):
    """Which target a call goes to, and which come after it."""

    strategy: Strategy = Field(
        default="order",
        description="How targets of an alias are ordered: order (as listed), round_robin, "
        "weighted, least_loaded, latency, cost, quality. With any but order, a bare model name "
        "goes to all providers that are known to serve it.",
    )
    hedge_after_s: Seconds | None = Field(
        default=None,
        description="Start a second attempt when the first has produced nothing for so long, in "
        "seconds, and keep the faster one; both may be billed. Absent: never.",
    )
    fallback: tuple[FallbackRule, ...] = Field(
        default=(), max_length=64, description="Rules by kind of failure, in order."
    )


class RetryRow(Section):
    """Repeating a call at the same target after one kind of failure."""

    retries: int = Field(default=0, ge=0, le=10, description="How often at most; 0: never.")
    wait_s: Seconds = Field(
        default=1, description="First wait, in seconds; up to its double, by chance."
    )
    factor: float = Field(default=1, ge=1, le=10, description="Growth from wait to wait.")


class RetryBudget(Section):
    """What retries may add to a provider's load."""

    ratio: Share = Field(default=0.1, description="Retries for each call, as a share.")
    burst: Count = Field(default=10, description="Retries that quiet times save up.")


class Retry(Section):
    """Repeating a call at the same target. A wait that the provider asks for is kept."""

    attempts: int = Field(
        default=4, ge=1, le=10, description="Attempts per target at most, the first included."
    )
    rate_limit: RetryRow = Field(
        default=RetryRow(retries=3, wait_s=1, factor=2), description="After 429."
    )
    error: RetryRow = Field(
        default=RetryRow(retries=2, wait_s=2), description="After 500, 502 or an odd answer."
    )
    unavailable: RetryRow = Field(default=RetryRow(retries=1, wait_s=5), description="After 503.")
    overloaded: RetryRow = Field(default=RetryRow(retries=1, wait_s=10), description="After 529.")
    timeout: RetryRow = Field(
        default=RetryRow(retries=1, wait_s=1), description="After silence, 408 or 504."
    )
    unreachable: RetryRow = Field(
        default=RetryRow(retries=2, wait_s=0.5, factor=2),
        description="Without a connection, or after it broke.",
    )
    patience_s: Seconds = Field(
        default=20, description="Longest wait while another target is left, in seconds."
    )
    budget: RetryBudget = RetryBudget()


class Breaker(Section):
    """Leaving a failing target alone for a while."""

    failures: Count = Field(default=5, description="Failures in a row that open it.")
    failure_ratio: Share = Field(
        default=0.5, description="Share of failures within the window that opens it; 0: never."
    )
    window_s: Seconds = Field(default=60, description="Length of that window, in seconds.")
    min_calls: Count = Field(
        default=20, description="Attempts within the window before their share counts."
    )
    rest_s: Seconds = Field(default=30, description="How long it stays open, in seconds.")
    probes: Count = Field(
        default=1, description="Calls let through at the same time after the rest."
    )
    successes: Count = Field(default=2, description="Probes that must succeed before it closes.")
    wait_s: float = Field(
        default=5,
        ge=0,
        le=3600,
        description="How long a call waits for the first of its targets to be back when all rest, "
        "in seconds; it never waits beyond its deadline.",
    )


class Health(Section):
    """Asking each provider, now and then, whether it would answer; it costs nothing there."""

    interval_s: Seconds | None = Field(
        default=None, description="Time between two checks of a provider, in seconds; absent: none."
    )
    jitter: Share = Field(
        default=0.2, description="By how much of the interval a check comes sooner or later."
    )
    failures: Count = Field(
        default=2, description="Failed checks in a row that put a provider behind all others."
    )
    successes: Count = Field(default=1, description="Good checks in a row that bring it back.")
