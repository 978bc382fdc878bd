"""What a ledger needs now and then happens on time, and nothing ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.ledger.sqlite import open_sqlite
from hexgate.domain.errors import StoreUnavailable
from hexgate.domain.ledger import CallState
from hexgate.domain.report import DAY_S, Query
from hexgate.entrypoints.upkeep import PRUNE_S, SWEEP_S, prune, sweep, upkeep
from hexgate.ports.ledger import Ledger
from tests.contracts.accounts import DAY, begun, costs
from tests.contracts.ledger import START, intent
from tests.contracts.reports import ended
from tests.fakes import FakeClock


class Ailing(MemoryLedger):
    """Counts what is asked of it, and fails with these, one after the other."""

    def __init__(self, *ills: Exception | None) -> None:
        super().__init__()
        self._ills = list(ills)
        self.swept: list[float] = []
        self.pruned: list[float] = []

    async def sweep(self, now: float) -> int:
        """See Ledger."""
        self.swept.append(now)
        self._fail()
        return await super().sweep(now)

    async def prune(self, before: float) -> int:
        """See Ledger."""
        self.pruned.append(before)
        self._fail()
        return await super().prune(before)

    def _fail(self) -> None:
        ill = self._ills.pop(0) if self._ills else None
        if ill is not None:
            raise ill


AWAY = StoreUnavailable("the ledger cannot be read", metadata={"store": "ledger"}, detail="disk")


@asynccontextmanager
async def kept(ledger: Ledger, clock: FakeClock, days: int | None) -> AsyncIterator[None]:
    """Upkeep at work, cancelled at the end."""
    working = asyncio.create_task(upkeep(ledger, clock, days))
    await clock.until_sleeping(1)
    yield
    working.cancel()
    await asyncio.wait([working])
    assert working.cancelled()


async def later(clock: FakeClock, seconds: float, rounds: int = 1) -> None:
    """Let time pass, so many times, until upkeep sleeps again."""
    for _ in range(rounds):
        clock.advance(seconds)
        await clock.until_sleeping(1)


async def test_a_call_that_nobody_settled_is_charged_within_a_minute_of_its_end() -> None:
    ledger = MemoryLedger()
    call = await begun(ledger, "a", 600)
    clock = FakeClock(now=call.expires_at - 1.5 * SWEEP_S)
    async with kept(ledger, clock, None):
        await later(clock, SWEEP_S)
        entry = await ledger.get("a")
        assert entry is not None
        assert entry.state is CallState.PENDING
        with capture_logs() as lines:
            await later(clock, SWEEP_S)
    entry = await ledger.get("a")
    assert entry is not None
    assert entry.state is CallState.UNKNOWN
    (account,) = await ledger.balances("", "", 9)
    assert (account.spent_nanos, account.held_nanos) == (600, 0)
    event = "calls without an outcome were charged at their hold"
    assert lines == [{"event": event, "log_level": "warning", "count": 1}]


async def test_it_sweeps_once_a_minute_and_prunes_once_an_hour() -> None:
    clock, ledger = FakeClock(now=START), Ailing()
    async with kept(ledger, clock, 30):
        await later(clock, SWEEP_S, 121)
    assert ledger.swept == pytest.approx([START + SWEEP_S * n for n in range(1, 122)])
    first = START + SWEEP_S - 30 * DAY_S
    assert ledger.pruned == pytest.approx([first, first + PRUNE_S, first + 2 * PRUNE_S])
    assert (SWEEP_S, PRUNE_S) == (60, 3600)


async def test_without_a_retention_nothing_is_ever_pruned() -> None:
    clock, ledger = FakeClock(now=START), Ailing()
    async with kept(ledger, clock, None):
        await later(clock, PRUNE_S, 3)
    assert len(ledger.swept) == 3
    assert ledger.pruned == []


@pytest.mark.parametrize("ill", [AWAY, RuntimeError("of sk-secret")])
async def test_a_failing_ledger_does_not_end_it_and_is_told_of(ill: Exception) -> None:
    clock, ledger = FakeClock(now=START), Ailing(ill, ill)
    with capture_logs() as lines:
        async with kept(ledger, clock, 30):
            await later(clock, SWEEP_S)  # both fail
            await later(clock, PRUNE_S)  # and both are tried again
    assert (len(ledger.swept), len(ledger.pruned)) == (2, 2)
    assert [line["event"] for line in lines] == ["ledger sweep failed", "ledger pruning failed"]
    level = "warning" if ill is AWAY else "error"
    assert [line["log_level"] for line in lines] == [level, level]
    assert "secret" not in str(lines)


async def test_a_cancellation_ends_it_even_within_the_ledger() -> None:
    asked = asyncio.Event()

    class Stuck(MemoryLedger):
        async def sweep(self, now: float) -> int:
            asked.set()
            await asyncio.Event().wait()
            return 0

    clock = FakeClock(now=START)
    working = asyncio.create_task(upkeep(Stuck(), clock, 30))
    await clock.until_sleeping(1)
    clock.advance(SWEEP_S)
    await asked.wait()
    working.cancel()
    await asyncio.wait([working])
    assert working.cancelled()


async def test_retention_removes_rows_and_keeps_the_sums_of_days(tmp_path: Path) -> None:
    ledger = open_sqlite(tmp_path / "ledger.db")
    try:
        for day in range(4):
            await ended(ledger, f"call-{day}", START - day * DAY_S, cost=costs("x", 7).cost)
        whole = Query(tenant=intent("x").tenant, start=0, end=START // DAY_S * DAY_S + DAY_S)
        before = await ledger.summarize(whole, ("day",), None, 99)
        with capture_logs() as lines:
            await prune(ledger, FakeClock(now=START), 2)
        assert await ledger.summarize(whole, ("day",), None, 99) == before
        left = [day for day in range(4) if await ledger.get(f"call-{day}") is not None]
    finally:
        await ledger.aclose()
    assert len(before) == 4
    assert left == [0, 1, 2]
    event = "old rows were removed from the ledger"
    assert lines == [{"event": event, "log_level": "info", "count": 1}]


async def test_retention_leaves_what_budgets_have_spent_in_their_windows() -> None:
    ledger, clock = MemoryLedger(), FakeClock(now=START)
    month = replace(DAY, name="monthly", window=DAY.window.MONTH)
    await begun(ledger, "a", 600, DAY, month)
    await ledger.settle(costs("a", 600))
    clock.advance(5 * DAY_S)
    await prune(ledger, clock, 2)
    assert await ledger.get("a") is None
    (account,) = await ledger.balances("", "", 9)
    assert (account.budget, account.spent_nanos) == ("monthly", 600)


async def test_nothing_done_is_nothing_to_tell() -> None:
    with capture_logs() as lines:
        await sweep(MemoryLedger(), FakeClock(now=START))
        await prune(MemoryLedger(), FakeClock(now=START), 30)
    assert lines == []
