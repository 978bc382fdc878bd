"""Asking each provider, now and then, whether it would answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hexgate.application.check import Check
from hexgate.application.vitals import Vitals
from hexgate.ports.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When to check, in seconds, and how many verdicts in a row count. `jitter` is 0 to 1."""

    interval_s: float
    jitter: float = 0.2
    failures: int = 2
    successes: int = 1


class Probing:
    """Checks every provider on a schedule, and tells the vitals."""

    def __init__(
        self,
        check: Check,
        vitals: Vitals,
        schedule: Schedule,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._check = check
        self._vitals = vitals
        self._schedule = schedule
        self._clock = clock
        self._chance = chance

    async def run(self) -> None:
        """Go on until cancelled."""
        raise NotImplementedError
