"""How a target stands, and what the operator wants of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class TargetState(enum.Enum):
    """The operator's wish."""

    ENABLED = "enabled"
    DRAINING = "draining"  # calls that were routed to it go on, retries included; no new ones
    DISABLED = "disabled"  # nothing is tried there any more


class BreakerState(enum.Enum):
    """What a breaker lets through."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerStatus:
    """A breaker at this moment.

    `rest_s` is how long an open one goes on resting, 0 otherwise; `failure_ratio` is the share of
    failures, 0 to 1, among the attempts of its window.
    """

    state: BreakerState = BreakerState.CLOSED
    rest_s: float = 0.0
    failure_ratio: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an operator said of a target. `until` is on the monotonic scale; None is for good."""

    state: TargetState = TargetState.ENABLED
    until: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHealth:
    """One line of the list of targets. `name` is `provider/model`, or `provider/*`.

    `latency_s` is None before the first attempt; `first_token_s` is the median of recent ones.
    `failure` is the reason of the latest failure, or empty. `enable_at` is since the epoch.
    """

    name: str
    state: TargetState = TargetState.ENABLED
    enable_at: float | None = None
    reason: str = ""
    breaker: BreakerStatus | None = None  # a provider has none of its own
    unhealthy: bool = False
    active: int = 0
    attempts: int = 0
    failures: int = 0
    failure: str = ""
    latency_s: float | None = None
    first_token_s: float | None = None
