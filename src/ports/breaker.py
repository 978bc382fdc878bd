"""Circuit breakers: one per target."""

from __future__ import annotations

import enum
from typing import Protocol


class Outcome(enum.Enum):
    """How an admitted attempt ended, in the eyes of a breaker."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"  # cancelled, our own deadline or limit, the caller's fault


class BreakerState(enum.Enum):
    """What a breaker lets through."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Permit(Protocol):
    """Admission of one attempt."""

    @property
    def probe(self) -> bool:
        """This attempt decides whether a half-open breaker closes."""
        ...

    def settle(self, outcome: Outcome) -> None:
        """Report once; repeats and reports from before a state change are ignored."""
        ...


class Breaker(Protocol):
    """Synchronous: never held across an await."""

    def admit(self, key: str) -> Permit:
        """Admit an attempt, or raise CircuitOpen with `retry_after_s`."""
        ...

    def state(self, key: str) -> BreakerState:
        """The state now; an unknown key is CLOSED."""
        ...
