"""Circuit breakers: one per target."""

from __future__ import annotations

import enum
from typing import Protocol

from hexgate.domain.health import BreakerStatus


class Outcome(enum.Enum):
    """How an admitted attempt ended, in the eyes of a breaker."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"  # cancelled, our own deadline or limit, the caller's fault


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

    def status(self, key: str) -> BreakerStatus:
        """How it stands now; an unknown key is CLOSED."""
        ...

    def trip(self, key: str) -> None:
        """Open it now: another replica, or whoever shares its state, has found the target ill."""
        ...
