"""Providers are checked on a schedule, each on its own, and verdicts in a row count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from hexgate.application.check import Check
from hexgate.application.probing import Probing, Schedule
from hexgate.application.vitals import Vitals
from hexgate.domain.call import Timeouts
from hexgate.domain.errors import ProviderLimited, Unreachable
from tests.fakes import FakeClock

ILL = Unreachable("refused")
EVERY = Schedule(interval_s=30, jitter=0, failures=2, successes=2)


class Patient:
    """Is well, or ill with an error, and may hang."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self.checks = self.running = self.most = 0

    async def check(self, timeouts: Timeouts) -> None:
        """See Probe."""
        self.checks += 1
        self.running += 1
        self.entered.set()
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        if self.error is not None:
            raise self.error


class Notes:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def judged(self, provider: str, failure: str) -> None:
        """See Told."""
        self.lines.append(f"{provider} {failure or 'well'}")

    def stumbled(self, provider: str, error: Exception) -> None:
        """See Told."""
        self.lines.append(f"{provider} {type(error).__name__}")


class Ward:
    """Patients under watch, and the time."""

    def __init__(
        self, schedule: Schedule, chance: Callable[[], float], **patients: Patient
    ) -> None:
        self.clock = FakeClock()
        self.vitals = Vitals(self.clock)
        self.notes = Notes()
        self.count = len(patients)
        check = Check(patients, {}, self.clock)
        self.probing = Probing(check, self.vitals, schedule, self.clock, chance, self.notes)

    async def pass_by(self, seconds: float, asleep: int | None = None) -> None:
        """Let time pass, and whoever is woken sleep again."""
        self.clock.advance(seconds)
        await asyncio.sleep(0)
        await self.clock.until_sleeping(self.count if asleep is None else asleep)


@asynccontextmanager
async def watched(
    schedule: Schedule = EVERY, chance: Callable[[], float] = lambda: 0.0, **patients: Patient
) -> AsyncIterator[Ward]:
    """Probing that runs, cancelled at the end."""
    ward = Ward(schedule, chance, **patients)
    running = asyncio.create_task(ward.probing.run())
    await ward.clock.until_sleeping(len(patients))
    try:
        yield ward
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert ward.clock.sleepers == 0


async def test_the_first_checks_are_spread_over_the_interval() -> None:
    async with watched(chance=lambda: 0.5, a=Patient(), b=Patient(), c=Patient()) as ward:
        assert ward.clock.naps == [5, 15, 25]


@pytest.mark.parametrize(("chance", "wait_s"), [(0.0, 24), (0.5, 30), (1.0, 36)])
async def test_later_checks_come_sooner_or_later_by_the_jitter(
    chance: float, wait_s: float
) -> None:
    patient = Patient()
    schedule = Schedule(interval_s=30, jitter=0.2)
    async with watched(schedule, lambda: chance, a=patient) as ward:
        await ward.pass_by(30)
        assert patient.checks
        assert ward.clock.naps[-1] == pytest.approx(wait_s)


async def test_so_many_failures_in_a_row_put_it_behind_and_so_many_good_ones_bring_it_back() -> (
    None
):
    patient = Patient(ILL)
    async with watched(chance=lambda: 0.5, a=patient) as ward:
        seen = []
        for error in (ILL, None, ILL, ILL, None, ILL, None, None, ILL):
            patient.error = error
            await ward.pass_by(30)
            seen.append(ward.vitals.healthy("a"))
        assert seen == [True, True, True, False, False, False, False, True, True]
        assert ward.notes.lines == ["a PROVIDER_ERROR", "a well"]
        assert patient.checks == 9


async def test_one_provider_that_hangs_delays_no_other_and_is_not_asked_twice() -> None:
    hangs, fine = Patient(), Patient()
    hangs.gate.clear()
    async with watched(chance=lambda: 0.5, a=hangs, b=fine) as ward:
        for _ in range(5):
            await ward.pass_by(30, asleep=1)
        assert (hangs.checks, hangs.most, fine.checks) == (1, 1, 5)
        hangs.gate.set()
        await ward.clock.until_sleeping(2)


async def test_an_answer_that_takes_longer_than_the_interval_is_a_failure() -> None:
    hangs = Patient()
    hangs.gate.clear()
    schedule = Schedule(interval_s=0.01, jitter=0, failures=1, patience_s=0)
    async with watched(schedule, lambda: 0.5, a=hangs) as ward:
        await ward.pass_by(0.01)
        assert not ward.vitals.healthy("a")
        assert ward.notes.lines == ["a DEADLINE_EXCEEDED"]


async def test_a_limit_says_nothing_about_health() -> None:
    patient = Patient(ProviderLimited("slow down"))
    async with watched(chance=lambda: 0.5, a=patient) as ward:
        for _ in range(5):
            await ward.pass_by(30)
        assert ward.vitals.healthy("a")
        assert ward.notes.lines == []
        # Nor does it end a row.
        for error in (ILL, ProviderLimited("slow down"), ILL):
            patient.error = error
            await ward.pass_by(30)
        assert not ward.vitals.healthy("a")


async def test_an_odd_error_is_told_and_ends_nothing() -> None:
    patient, other = Patient(KeyError("secret")), Patient()
    async with watched(chance=lambda: 0.5, a=patient, b=other) as ward:
        await ward.pass_by(30)
        await ward.pass_by(30)
        assert (patient.checks, other.checks) == (2, 2)
        assert ward.notes.lines == ["a KeyError", "a KeyError"]
        assert ward.vitals.healthy("a")
        patient.error = ILL
        await ward.pass_by(30)
        await ward.pass_by(30)
        assert not ward.vitals.healthy("a")


async def test_cancelling_ends_a_check_that_is_under_way() -> None:
    hangs = Patient()
    hangs.gate.clear()
    async with watched(chance=lambda: 0.5, a=hangs) as ward:
        ward.clock.advance(30)
        await hangs.entered.wait()
        assert hangs.running == 1
    assert hangs.running == 0


async def test_without_providers_there_is_nothing_to_do() -> None:
    clock = FakeClock()
    check = Check({}, {}, clock)
    await Probing(check, Vitals(clock), EVERY, clock, lambda: 0.5, Notes()).run()
