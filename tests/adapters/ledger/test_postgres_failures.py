"""PostgreSQL away, slow, restarted, or gone just when it was about to answer."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from psycopg.conninfo import conninfo_to_dict

from hexgate.adapters.ledger.postgres.ledger import PostgresLedger, open_postgres
from hexgate.adapters.ledger.postgres.writer import Bounds
from hexgate.domain.errors import StoreUnavailable
from hexgate.domain.ledger import CallState, Entry
from tests.adapters.ledger.replicas import PATIENT, asked, opened, wrong
from tests.adapters.ledger.wire import Wire, wired
from tests.contracts.accounts import DAY, balance, begun, costs
from tests.contracts.ledger import START, dropped, intent
from tests.postgres import USER, PostgresServer

HASTY = replace(PATIENT, begin_s=0.3, patience_s=0.6, group_s=0.2, read_s=0.2, connect_s=0.2)
ROOMY = replace(DAY, limit_nanos=10**15)


@pytest.fixture
async def wire(postgres: PostgresServer) -> AsyncIterator[Wire]:
    async with wired(postgres) as wire:
        yield wire


@pytest.fixture
def through(wire: Wire, dsn: str) -> str:
    """How to connect to the ledger through the wire."""
    return wire.dsn(str(conninfo_to_dict(dsn)["dbname"]))


async def terminate(dsn: str) -> None:
    """End every connection but our own."""
    await asked(
        dsn,
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


async def test_a_connection_that_was_lost_is_made_again_and_nobody_notices(dsn: str) -> None:
    async with opened(dsn) as ledger:
        await begun(ledger, "a", 600)
        for _ in range(3):
            await terminate(dsn)
            assert (await balance(ledger)).held_nanos == 600
            await ledger.extend("a", 600)
        await terminate(dsn)
        assert await ledger.settle(costs("a", 5))
        assert await wrong(ledger) == ()


async def test_a_begin_whose_answer_was_lost_was_made_once(wire: Wire, through: str) -> None:
    async with opened(through) as ledger:
        wire.lose_commit()
        await begun(ledger, "a", 600)  # there would be no room for both
        assert wire.lost.is_set()
        assert (await balance(ledger)).held_nanos == 600
        assert await wrong(ledger) == ()


async def test_a_settlement_whose_answer_was_lost_was_the_first(wire: Wire, through: str) -> None:
    async with opened(through) as ledger:
        await begun(ledger, "a", 600)
        wire.lose_commit()
        first, second = await asyncio.gather(
            ledger.settle(costs("a", 5)), ledger.settle(costs("a", 6))
        )
        assert wire.lost.is_set()
        assert (first, second) == (True, False)
        assert (await balance(ledger)).spent_nanos == 5
        assert await ledger.settle(costs("a", 5)) is False
        assert await wrong(ledger) == ()


async def test_everything_else_whose_answer_was_lost_was_done_once(
    wire: Wire, through: str
) -> None:
    async with opened(through) as ledger:
        await begun(ledger, "a", 600)
        wire.lose_commit()
        await ledger.extend("a", 900)
        assert (await balance(ledger)).held_nanos == 900
        wire.lose_commit()
        await ledger.sweep(START + 1000)
        assert (await balance(ledger)).spent_nanos == 900
        wire.lose_commit()
        await ledger.adopt((replace(DAY, name="later"),), START)
        assert (await balance(ledger, "later")).spent_nanos == 900
        wire.lose_commit()
        assert await ledger.claim(START, START + 30, 10) == ()
        assert len(await ledger.claim(START + 30, START + 60, 10)) == 2
        assert await wrong(ledger) == ()


async def test_a_begin_that_was_given_up_and_had_been_made_is_not_charged(
    wire: Wire, through: str
) -> None:
    async with opened(through, replace(PATIENT, begin_s=0.3)) as ledger:
        wire.lose_commit(cut=True)
        with pytest.raises(StoreUnavailable):
            await begun(ledger, "a", 600)
        assert wire.lost.is_set()
        wire.release()
        found = await ledger.get("a")
        assert found is not None
        assert found.state is CallState.FAILED
        assert found.settlement is not None
        assert found.settlement.failure == "STORE_UNAVAILABLE"
        account = await balance(ledger)
        assert (account.held_nanos, account.spent_nanos) == (0, 0)
        assert await wrong(ledger) == ()


async def test_a_server_that_hangs_is_unavailable_until_it_goes_on(
    wire: Wire, through: str
) -> None:
    async with opened(through, HASTY) as ledger:
        await begun(ledger, "a", 600)
        await ledger.balances("", "", 10)
        wire.hold()
        for use in (
            ledger.begin(intent("b")),
            ledger.settle(costs("a", 5)),
            ledger.balances("", "", 10),
            ledger.get("a"),
            ledger.sweep(START),
        ):
            with pytest.raises(StoreUnavailable) as refused:
                await use
            assert refused.value.detail == "ServerTimeout"
            assert refused.value.metadata == {"store": "ledger"}
        wire.release()
    async with opened(through) as ledger:
        assert await ledger.settle(costs("a", 5)) in (True, False)
        assert await wrong(ledger) == ()


async def test_a_host_that_hangs_is_passed_over_for_the_next(
    postgres: PostgresServer, wire: Wire, dsn: str
) -> None:
    wire.hold()
    name = conninfo_to_dict(dsn)["dbname"]
    hosts = f"host=127.0.0.1,{postgres.folder}&port={wire.port},5432"
    both = f"postgresql://{USER}@/{name}?{hosts}"
    async with opened(both, replace(PATIENT, connect_s=2.0)) as ledger:
        await begun(ledger, "a", 600)


async def test_one_connection_that_hangs_is_given_up_for_another(dsn: str) -> None:
    async with opened(dsn, replace(PATIENT, group_s=0.5)) as ledger:
        await begun(ledger, "a", 600)
        db = ledger._writer._link._db
        assert db is not None
        pid = db.info.backend_pid  # once it is closed, a connection does not know
        os.kill(pid, signal.SIGSTOP)
        try:
            assert await ledger.settle(costs("a", 5))
        finally:
            os.kill(pid, signal.SIGCONT)
        assert await wrong(ledger) == ()


async def test_a_lock_that_is_held_too_long_is_unavailable_and_passes(dsn: str) -> None:
    async with opened(dsn, replace(PATIENT, begin_s=0.3, group_s=0.4)) as ledger:
        await begun(ledger, "a", 600)
        blocker = await open_postgres(dsn, bounds=PATIENT)
        db = blocker._writer._link._db
        assert db is not None
        await db.execute("BEGIN")
        await db.execute("SELECT 1 FROM accounts FOR UPDATE")
        with pytest.raises(StoreUnavailable) as refused:
            await begun(ledger, "b", 100)
        assert refused.value.detail == "LockNotAvailable"
        settling = asyncio.create_task(ledger.settle(costs("a", 5)))
        await asyncio.sleep(0)
        await db.execute("COMMIT")
        assert await settling
        await blocker.aclose()


async def test_without_a_server_calls_fail_and_outcomes_wait_for_it(
    wire: Wire, through: str
) -> None:
    async with opened(through, replace(PATIENT, begin_s=0.2)) as ledger:
        await begun(ledger, "a", 600)
        wire.cut = True
        wire.break_all()
        paid = asyncio.create_task(ledger.settle(costs("a", 5)))
        left = asyncio.create_task(ledger.extend("a", 700))
        await dropped(left)
        for _ in range(3):
            with pytest.raises(StoreUnavailable) as refused:
                await begun(ledger, "b", 100)
            assert refused.value.retry_after_s is not None
        assert not paid.done()
        wire.release()
        assert await paid
        assert await ledger.get("b") is None
        assert await wrong(ledger) == ()


async def test_an_outcome_waits_no_longer_than_patience(wire: Wire, through: str) -> None:
    async with opened(through, replace(PATIENT, patience_s=0.3)) as ledger:
        await begun(ledger, "a", 600)
        wire.cut = True
        wire.break_all()
        with pytest.raises(StoreUnavailable, match="try again later"):
            await ledger.settle(costs("a", 5))
        wire.release()
        assert await ledger.sweep(START + 1000) == 1


async def test_closing_without_a_server_ends_and_says_what_was_not_written(
    wire: Wire, through: str
) -> None:
    ledger = await open_postgres(through, bounds=replace(PATIENT, begin_s=0.2, patience_s=0.3))
    await begun(ledger, "a", 600)
    wire.cut = True
    wire.break_all()
    paid = asyncio.create_task(ledger.settle(costs("a", 5)))
    await asyncio.sleep(0)
    await ledger.aclose()
    with pytest.raises(StoreUnavailable):
        await paid


async def test_a_failing_store_quotes_no_value(dsn: str) -> None:
    async with opened(dsn, replace(PATIENT, begin_s=0.3)) as ledger:
        await asked(dsn, "ALTER TABLE accounts ADD CONSTRAINT odd CHECK (held_nanos <> 600)")
        try:
            with pytest.raises(StoreUnavailable) as refused:
                await begun(ledger, "secret-id", 600)
        finally:
            await asked(dsn, "ALTER TABLE accounts DROP CONSTRAINT odd")
        assert refused.value.detail == "CheckViolation"
        assert "600" not in f"{refused.value.message} {refused.value.metadata}"
        await begun(ledger, "secret-id", 600)


class Load:
    """Callers until `goal` calls have ended, and what they were told."""

    def __init__(self, ledger: PostgresLedger) -> None:
        self._ledger = ledger
        self._ids = itertools.count()
        self.begun: set[str] = set()
        self.won: dict[str, int] = {}
        self.told: Counter[str] = Counter()
        self.warm = asyncio.Event()
        """Set when a hundred have ended."""
        self.goal = 10**9

    async def caller(self) -> None:
        while len(self.won) < self.goal:
            name = f"call-{next(self._ids):06}"
            try:
                await begun(self._ledger, name, 100, ROOMY)
                self.begun.add(name)
                costs_nanos = (7, 8)
                wins = await asyncio.gather(
                    *(self._ledger.settle(costs(name, nanos)) for nanos in costs_nanos)
                )
            except StoreUnavailable as error:
                self.told[error.detail] += 1
                continue
            assert sum(wins) == 1
            self.won[name] = costs_nanos[wins.index(True)]
            if len(self.won) >= 100:
                self.warm.set()


@pytest.mark.parametrize("bounds", [PATIENT, HASTY], ids=["patient", "hasty"])
async def test_a_restart_under_load_loses_nothing_and_doubles_nothing(
    postgres: PostgresServer, dsn: str, bounds: Bounds
) -> None:
    async with opened(dsn, bounds) as ledger:
        load = Load(ledger)
        async with asyncio.TaskGroup() as callers:
            for _ in range(20):
                callers.create_task(load.caller())
            await load.warm.wait()
            await asyncio.to_thread(postgres.restart, immediate=True)
            load.goal = len(load.won) + 100
        if bounds is PATIENT:
            assert not load.told
    async with opened(dsn) as ledger:
        for name in load.begun:
            found = await ledger.get(name)
            assert found is not None
            if name in load.won:
                assert found == Entry(found.intent, costs(name, load.won[name]))
        await ledger.sweep(START + 1000)
        assert (await balance(ledger)).held_nanos == 0
        assert await wrong(ledger) == ()
