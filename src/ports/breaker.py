"""Circuit breakers: one per target."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from hexgate.domain.health import BreakerState, BreakerStatus

# Told of a key that went from one state to another, in the middle of the change: it may note and
# enqueue, and must neither raise nor ask the breaker anything.
Changed = Callable[[str, BreakerState, BreakerState], None]


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
    """Opens after failures in a row, or when too large a share of the attempts within a window
    failed; once it has rested, few probes at a time decide whether it closes.

    Synchronous, used from one event loop, never held across an await. Each process decides by its
    own attempts. An engine that shares its state with other replicas stands around one like this:
    it hears of changes by `Changed`, sends them in a task of its own, and applies what it hears
    with `trip`, which `Changed` is told as well where it changes anything; so it must not send on
    what it applies. What is lost on the way costs little: whoever is not told finds out by itself,
    and every rest ends on its own clock.
    """

    def admit(self, key: str) -> Permit:
        """Admit an attempt, or raise CircuitOpen with `retry_after_s`.

        A probe that takes longer than a rest gives its place to the next one.
        """
        ...

    def status(self, key: str) -> BreakerStatus:
        """How it stands now; an unknown key is CLOSED."""
        ...

    def trip(self, key: str) -> None:
        """Open it now: another replica, or whoever shares its state, has found the target ill.

        One that is open already begins its rest anew; probes that are out decide nothing more.
        """
        ...
