"""Asking each provider, now and then, whether it would answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hexgate.application.check import Check
from hexgate.application.vitals import Vitals
from hexgate.domain.errors import DeadlineExceeded, ProviderLimited
from hexgate.ports.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When to check, in seconds, and how many verdicts in a row count. `jitter` is 0 to 1.

    A check may take as long as the interval between two, and `patience_s` at least.
    """

    interval_s: float
    jitter: float = 0.2
    failures: int = 2
    successes: int = 1
    patience_s: float = 5.0


class Told(Protocol):
    """Is told what is worth a line. Must neither raise nor block."""

    def judged(self, provider: str, failure: str) -> None:
        """A provider goes behind all others, for this reason; or is back, where that is empty."""
        ...

    def stumbled(self, provider: str, error: Exception) -> None:
        """A check ended in a way that says nothing about the provider: a bug of the gateway's."""
        ...


class Probing:
    """Checks every provider on a schedule of its own, and tells the vitals.

    `chance` gives numbers from 0 up to 1.
    """

    def __init__(
        self,
        check: Check,
        vitals: Vitals,
        schedule: Schedule,
        clock: Clock,
        chance: Callable[[], float],
        told: Told,
    ) -> None:
        self._check = check
        self._vitals = vitals
        self._schedule = schedule
        self._clock = clock
        self._chance = chance
        self._told = told

    async def run(self) -> None:
        """Go on until cancelled. The first checks are spread over one interval."""
        providers = self._check.providers
        async with asyncio.TaskGroup() as group:
            for place, provider in enumerate(providers):
                start = (place + self._chance()) / len(providers)
                group.create_task(self._watch(provider, start * self._schedule.interval_s))

    async def _watch(self, provider: str, wait_s: float) -> None:
        """One check after the other: never two of a provider at a time."""
        schedule, streak = self._schedule, 0
        while True:
            await self._clock.sleep(wait_s)
            failure = await self._failure(provider)
            if failure is not None:
                # The streak counts verdicts that speak against what is thought of the provider.
                healthy = self._vitals.healthy(provider)
                streak = 0 if healthy is (failure == "") else streak + 1
                if streak >= (schedule.failures if healthy else schedule.successes):
                    streak = 0
                    self._vitals.probed(provider, healthy=not healthy)
                    self._told.judged(provider, failure)
            wait_s = schedule.interval_s * (1 + schedule.jitter * (2 * self._chance() - 1))

    async def _failure(self, provider: str) -> str | None:
        """The reason of its failure, empty when it is fine, None when that cannot be told."""
        schedule = self._schedule
        until = self._clock.monotonic() + max(schedule.interval_s, schedule.patience_s)
        try:
            failure = (await self._check(provider, until)).failure
        except DeadlineExceeded as late:
            failure = late
        except Exception as error:
            self._told.stumbled(provider, error)
            return None
        if isinstance(failure, ProviderLimited):
            return None  # our pace, not its health
        return "" if failure is None else failure.reason
