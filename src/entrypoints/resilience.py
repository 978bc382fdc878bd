"""Settings of what happens on a provider's bad day: routes, retries, breakers, health."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from hexgate.entrypoints.fields import (
    OF,
    Count,
    Seconds,
    TargetName,
    Targets,
    expected,
    listed,
    once,
)
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


class Member(Section):
    """One target of an alias."""

    target: TargetName = Field(description="Where calls go, provider/model.")
    weight: float = Field(
        default=1,
        ge=0,
        le=1_000_000,
        description="Its share beside the others', by strategy weighted and least_loaded; 0: only "
        "when the others fail.",
    )


def _member(value: object) -> object:
    return {"target": value} if isinstance(value, str) else value


AnyMember = Annotated[Member, BeforeValidator(_member, json_schema_input_type=TargetName | Member)]


Members = Annotated[tuple[AnyMember, ...], Field(min_length=1, max_length=16)]


class Alias(Section):
    """A name for one or more targets."""

    targets: Annotated[
        Members, BeforeValidator(listed, json_schema_input_type=TargetName | Members)
    ] = Field(description="Each provider/model, or {target, weight}.")
    strategy: Strategy | None = Field(
        default=None, description="How they are ordered; routing.strategy when absent."
    )
    hedge_after_s: float | None = Field(
        default=None,
        ge=0,
        le=86_400,
        description="When a second attempt starts beside the first, in seconds; 0: never; "
        "routing.hedge_after_s when absent.",
    )

    @model_validator(mode="after")
    def _can_be_chosen(self) -> Self:
        once(tuple(member.target for member in self.targets))
        if not any(member.weight for member in self.targets):
            raise expected("a weight above 0 for one target at least")
        return self


def _alias(value: object) -> object:
    return {"targets": value} if isinstance(value, str | list | tuple) else value


AnyAlias = Annotated[
    Alias,
    BeforeValidator(_alias, json_schema_input_type=TargetName | Members | Alias),
]


Kinds = Annotated[tuple[On, ...], Field(min_length=1, max_length=7)]


class FallbackRule(Section):
    """Where calls may go when a target fails in these ways; over providers too."""

    on: Annotated[Kinds, BeforeValidator(listed, json_schema_input_type=On | Kinds)] = Field(
        description="Kinds of failure: rate_limit (or a quota), unavailable (503, no connection, "
        "or its breaker), overloaded (529), timeout, error (any other of the provider), "
        "context_length, content_filter.",
    )
    to: Targets = Field(description="Each provider/model, tried in order.")
    of: str | None = Field(
        default=None,
        pattern=OF,
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

    @model_validator(mode="after")
    def _leads_elsewhere(self) -> Self:
        if self.to == (self.of,):
            raise expected(f"another target in `to` than {self.of}, which is the one that failed")
        return self


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


Retries = Annotated[
    int, Field(ge=0, le=10, description="How often at most, below retry.attempts; 0: never.")
]
Wait = Annotated[
    float,
    Field(ge=0.001, le=86_400, description="First wait, in seconds; up to its double, by chance."),
]
Factor = Annotated[float, Field(ge=1, le=10, description="Growth from wait to wait, as a factor.")]


class RetryRow(Section):
    """Repeating a call at the same target after one kind of failure."""

    retries: Retries
    wait_s: Wait
    factor: Factor = 1


class AfterRateLimit(RetryRow):
    """After 429."""

    retries: Retries = 3
    wait_s: Wait = 1
    factor: Factor = 2


class AfterError(RetryRow):
    """After 500, 502 or an odd answer."""

    retries: Retries = 2
    wait_s: Wait = 2


class AfterUnavailable(RetryRow):
    """After 503."""

    retries: Retries = 1
    wait_s: Wait = 5


class AfterOverload(RetryRow):
    """After 529."""

    retries: Retries = 1
    wait_s: Wait = 10


class AfterTimeout(RetryRow):
    """After silence, 408 or 504."""

    retries: Retries = 1
    wait_s: Wait = 1


class AfterNoConnection(RetryRow):
    """Without a connection, or after it broke."""

    retries: Retries = 2
    wait_s: Wait = 0.5
    factor: Factor = 2


class RetryBudget(Section):
    """What retries may add to a provider's load."""

    ratio: float = Field(
        default=0.1,
        ge=0.001,
        le=1,
        description="Retries that each call adds to what its provider may still get, as a share.",
    )
    burst: Count = Field(default=10, description="Retries that quiet times save up at most.")


class Retry(Section):
    """Repeating a call at the same target. A wait that the provider asks for is kept."""

    attempts: int = Field(
        default=4, ge=1, le=10, description="Attempts per target at most, the first included."
    )
    rate_limit: AfterRateLimit = AfterRateLimit()
    error: AfterError = AfterError()
    unavailable: AfterUnavailable = AfterUnavailable()
    overloaded: AfterOverload = AfterOverload()
    timeout: AfterTimeout = AfterTimeout()
    unreachable: AfterNoConnection = AfterNoConnection()
    patience_s: Seconds = Field(
        default=20, description="Longest wait while another target is left, in seconds."
    )
    budget: RetryBudget = RetryBudget()

    @model_validator(mode="after")
    def _within_attempts(self) -> Self:
        for name in sorted(self.model_fields_set):
            row = getattr(self, name)
            asked = isinstance(row, RetryRow) and "retries" in row.model_fields_set
            if asked and row.retries >= self.attempts:
                raise expected(
                    f"attempts ({self.attempts}) above {name}.retries ({row.retries}), "
                    "for the first attempt counts"
                )
        return self


class Breaker(Section):
    """Leaving a failing target alone for a while."""

    failures: Count = Field(default=5, description="Failures in a row that open it.")
    failure_ratio: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of failures within the window that opens it; 0: never.",
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
        "in seconds; it never waits beyond its deadline. 0: not at all.",
    )

    @model_validator(mode="after")
    def _bears_one_failure(self) -> Self:
        if self.failures > 1 and 0 < self.failure_ratio * self.min_calls <= 1:
            raise expected(
                f"min_calls or failure_ratio higher: one failure in {self.min_calls} calls would "
                f"open it, whatever failures ({self.failures}) says"
            )
        return self


class Health(Section):
    """Asking each provider, now and then, whether it would answer; it costs nothing there."""

    interval_s: float | None = Field(
        default=None,
        ge=1,
        le=86_400,
        description="Time between two checks of a provider, in seconds; absent: none.",
    )
    jitter: float = Field(
        default=0.2,
        ge=0,
        le=0.9,
        description="By which share of the interval a check comes sooner or later, by chance.",
    )
    failures: Count = Field(
        default=2, description="Failed checks in a row that put a provider behind all others."
    )
    successes: Count = Field(default=1, description="Good checks in a row that bring it back.")

    @model_validator(mode="after")
    def _is_on(self) -> Self:
        if self.model_fields_set and self.interval_s is None:
            raise expected("interval_s as well, without which nothing is checked")
        return self
