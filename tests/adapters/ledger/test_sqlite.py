"""The ledger in a SQLite file."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hexgate.adapters.ledger.sqlite import SqliteLedger, open_sqlite
from hexgate.domain.errors import StoreUnavailable
from hexgate.domain.ledger import CallState, Entry
from hexgate.ports.store import Store
from tests.contracts.ledger import (
    FULL_INTENT,
    FULL_SETTLEMENT,
    START,
    dropped,
    intent,
    newest,
    settlement,
)
from tests.contracts.reports import SUMMED_LABEL
from tests.contracts.store import StoreContract


class TestSqliteLedger(StoreContract):
    @pytest.fixture
    async def ledger(self, tmp_path: Path) -> AsyncIterator[Store]:
        ledger = open_sqlite(tmp_path / "contract.db", labels=(SUMMED_LABEL,))
        yield ledger
        await ledger.aclose()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@contextlib.asynccontextmanager
async def opened(path: Path, **settings: float) -> AsyncIterator[SqliteLedger]:
    ledger = open_sqlite(path, **settings)  # type: ignore[arg-type] # max_queue is whole
    try:
        yield ledger
    finally:
        await ledger.aclose()


@contextlib.contextmanager
def stalled(path: Path) -> Iterator[None]:
    """Someone else holds the write lock, so that nothing commits."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
    finally:
        db.close()


def damage(path: Path) -> None:
    """Overwrite everything behind the first page."""
    pages = path.read_bytes()
    path.write_bytes(pages[:4096] + b"\xff" * (len(pages) - 4096))


async def test_a_new_process_finds_everything_and_sweeps_what_was_open(path: Path) -> None:
    async with opened(path) as ledger:
        await ledger.begin(FULL_INTENT)
        await ledger.settle(FULL_SETTLEMENT)
        await ledger.begin(intent("open"))
    async with opened(path) as ledger:
        assert await ledger.get(FULL_INTENT.call_id) == Entry(FULL_INTENT, FULL_SETTLEMENT)
        assert await ledger.sweep(START + 1000) == 1
        found = await ledger.get("open")
        assert found is not None
        assert found.state is CallState.UNKNOWN


async def test_many_operations_share_a_commit(path: Path) -> None:
    async with opened(path, busy_timeout_s=60) as ledger:
        with stalled(path):
            tasks = [asyncio.create_task(ledger.begin(intent(str(n)))) for n in range(100)]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert ledger.operations == 100
        # Those that the writer had taken when it stalled, and the rest.
        assert ledger.commits <= 2


async def test_a_caller_that_leaves_before_the_commit_loses_nothing(path: Path) -> None:
    async with opened(path, busy_timeout_s=60) as ledger:
        with stalled(path):
            await dropped(asyncio.create_task(ledger.begin(intent("a"))))
            await dropped(asyncio.create_task(ledger.settle(settlement("a"))))
        assert await ledger.get("a") == Entry(intent("a"), settlement("a"))


async def test_closing_finishes_what_is_queued(path: Path) -> None:
    ledger = open_sqlite(path, busy_timeout_s=60)
    with stalled(path):
        tasks = [asyncio.create_task(ledger.begin(intent(str(n)))) for n in range(10)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(ledger.aclose())
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    await closing
    async with opened(path) as again:
        assert len(await newest(again, "acme", 100)) == 10


async def test_refuses_at_once_what_its_queue_cannot_hold(path: Path) -> None:
    async with opened(path, max_queue=10, busy_timeout_s=60) as ledger:
        with stalled(path):
            # The writer holds one of them at least, so 10 more always fill the queue.
            tasks = [asyncio.create_task(ledger.begin(intent(str(n)))) for n in range(600)]
            await asyncio.sleep(0)
            with pytest.raises(StoreUnavailable, match="behind by 10") as refused:
                await ledger.begin(intent("late"))
        assert refused.value.retry_after_s is not None
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        kept = await newest(ledger, "acme", 1000)
        assert len(kept) == sum(outcome is None for outcome in outcomes)
        assert all(outcome is None or type(outcome) is StoreUnavailable for outcome in outcomes)


async def test_an_outcome_is_taken_even_when_the_queue_is_full(path: Path) -> None:
    async with opened(path, max_queue=10, busy_timeout_s=60) as ledger:
        await ledger.begin(intent("paid"))
        with stalled(path):
            begun = [asyncio.create_task(ledger.begin(intent(str(n)))) for n in range(10)]
            await asyncio.sleep(0)
            paid = asyncio.create_task(ledger.settle(settlement("paid")))
            await asyncio.sleep(0)
            with pytest.raises(StoreUnavailable):
                await ledger.begin(intent("late"))
        assert await paid
        await asyncio.gather(*begun)


async def test_after_closing_every_method_is_unavailable(path: Path) -> None:
    ledger = open_sqlite(path)
    await ledger.aclose()
    await ledger.aclose()
    for use in (
        ledger.begin(intent("a")),
        ledger.settle(settlement("a")),
        ledger.get("a"),
        newest(ledger),
        ledger.balances("", "", 1),
        ledger.prune(0),
        ledger.sweep(0),
    ):
        with pytest.raises(StoreUnavailable, match="ledger is closed") as refused:
            await use
        assert refused.value.metadata == {"store": "ledger"}


async def test_a_bad_operation_leaves_the_others_of_its_commit_alone(path: Path) -> None:
    too_large = settlement("a", nanos=1 << 70)
    async with opened(path, busy_timeout_s=60) as ledger:
        await ledger.begin(intent("a"))
        with stalled(path):
            first = asyncio.create_task(ledger.begin(intent("b")))
            bad = asyncio.create_task(ledger.settle(too_large))
            last = asyncio.create_task(ledger.begin(intent("c")))
            await asyncio.sleep(0)
        await first
        await last
        with pytest.raises(StoreUnavailable, match="beyond what its columns hold") as refused:
            await bad
        assert refused.value.detail == "OverflowError"
        assert await ledger.get("a") == Entry(intent("a"))
        assert await ledger.get("b") == Entry(intent("b"))
        assert await ledger.get("c") == Entry(intent("c"))


@pytest.mark.parametrize(
    ("changes", "detail"),
    [({"hold_nanos": 1 << 63}, "OverflowError"), ({"tenant": "\ud800"}, "UnicodeEncodeError")],
)
async def test_a_value_that_no_column_holds_is_refused_and_harms_nothing(
    path: Path, changes: dict[str, Any], detail: str
) -> None:
    async with opened(path) as ledger:
        with pytest.raises(StoreUnavailable) as refused:
            await ledger.begin(replace(intent("a"), **changes))
        assert (refused.value.detail, refused.value.metadata) == (detail, {"store": "ledger"})
        await ledger.begin(intent("a"))
        assert await ledger.get("a") == Entry(intent("a"))


async def test_a_write_that_cannot_be_undone_is_never_committed(path: Path) -> None:
    ledger = open_sqlite(path)
    await ledger.begin(intent("before"))
    forbidden = {(sqlite3.SQLITE_UPDATE, "calls"), (sqlite3.SQLITE_TRANSACTION, "ROLLBACK")}
    ledger._writer._db.set_authorizer(
        lambda action, name, *_: (
            sqlite3.SQLITE_DENY if (action, name) in forbidden else sqlite3.SQLITE_OK
        )
    )
    group = (ledger.begin(intent("with it")), ledger.settle(settlement("before")))
    for outcome in await asyncio.gather(*group, return_exceptions=True):
        assert isinstance(outcome, StoreUnavailable)
        assert "restart the gateway" in outcome.message
    with pytest.raises(StoreUnavailable, match="restart the gateway"):
        await ledger.begin(intent("after"))
    with pytest.raises(StoreUnavailable, match="restart the gateway"):
        await ledger.get("before")
    await ledger.aclose()
    async with opened(path) as again:
        assert await newest(again, "acme", 10) == (Entry(intent("before")),)


async def test_a_lock_held_too_long_is_unavailable_and_passes(path: Path) -> None:
    async with opened(path, busy_timeout_s=0.01) as ledger:
        with stalled(path), pytest.raises(StoreUnavailable) as refused:
            await ledger.begin(intent("a"))
        assert refused.value.detail == "SQLITE_BUSY"
        assert refused.value.metadata == {"store": "ledger"}
        await ledger.begin(intent("a"))
        assert await ledger.get("a") == Entry(intent("a"))


async def test_a_full_database_is_unavailable_until_there_is_room(path: Path) -> None:
    async with opened(path) as ledger:
        await ledger.begin(intent("before"))
        db = ledger._writer._db
        db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
        begun: list[str] = []

        async def fill() -> None:
            while True:
                name = f"call-{len(begun)}"
                await ledger.begin(intent(name))
                begun.append(name)

        with pytest.raises(StoreUnavailable) as refused:
            await fill()
        assert refused.value.detail == "SQLITE_FULL"
        assert refused.value.metadata == {"store": "ledger"}
        db.execute("PRAGMA max_page_count = 1000000")
        assert await ledger.settle(settlement("before"))
        await ledger.begin(intent("after"))
        rows = {row.intent.call_id for row in await newest(ledger, "acme", 1000)}
        assert rows == {"before", "after", *begun}


async def test_a_full_disk_loses_nothing_and_the_ledger_recovers(path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.adapters.ledger.full_disk", str(path)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await child.communicate()
    assert child.returncode == 0
    refusal, after = out.decode().splitlines()
    begun, reason, store, detail = refusal.split()
    assert (reason, store) == ("STORE_UNAVAILABLE", "ledger")
    # How the system says so depends on what filled up.
    assert detail in ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_IOERR_WRITE")
    assert int(begun) > 0
    assert after == f"{begun} True None"
    async with opened(path) as ledger:
        assert len(await newest(ledger, "acme", 1000)) == min(int(begun) + 2, 1000)


async def test_a_damaged_file_is_unavailable(path: Path) -> None:
    async with opened(path) as ledger:
        for number in range(200):
            await ledger.begin(intent(str(number)))
    async with opened(path) as ledger:
        damage(path)
        for use in (ledger.get("1"), newest(ledger)):
            with pytest.raises(StoreUnavailable) as refused:
                await use
            assert refused.value.detail.startswith("SQLITE_CORRUPT")
    with pytest.raises(StoreUnavailable, match="malformed"):
        open_sqlite(path)


async def test_every_acknowledged_row_is_on_the_disk_in_the_safest_mode(path: Path) -> None:
    async with opened(path) as ledger:
        db = ledger._writer._db
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_recent_and_sweep_use_their_indexes(path: Path) -> None:
    async with opened(path):
        pass
    db = sqlite3.connect(path)
    try:
        for index, where in (
            ("calls_recent", "tenant = 'a' ORDER BY started_at DESC, call_id DESC LIMIT 5"),
            ("calls_open", "state = 'pending' AND expires_at <= 5 ORDER BY expires_at"),
        ):
            plan = db.execute(f"EXPLAIN QUERY PLAN SELECT * FROM calls WHERE {where}").fetchall()
            assert len(plan) == 1
            assert f"USING INDEX {index}" in plan[0][3]
    finally:
        db.close()


def test_a_warning_tells_of_a_sqlite_that_can_corrupt_the_log(path: Path) -> None:
    ledger = open_sqlite(path)
    try:
        assert bool(ledger.warning) == (sqlite3.sqlite_version_info < (3, 51, 3))
        assert not ledger.warning or sqlite3.sqlite_version in ledger.warning
    finally:
        ledger.close()


async def test_readers_of_the_file_are_never_blocked_and_never_in_the_way(path: Path) -> None:
    async with opened(path) as ledger:
        await ledger.begin(intent("a"))
        with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            before = reader.execute("SELECT count(*) FROM calls").fetchone()
            await ledger.begin(intent("b"))
            assert reader.execute("SELECT count(*) FROM calls").fetchone() == before == (1,)
            reader.execute("COMMIT")
            assert reader.execute("SELECT count(*) FROM calls").fetchone() == (2,)


async def test_the_log_stays_bounded_over_many_commits(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    async with opened(path) as ledger:
        ledger._writer._db.execute("PRAGMA wal_autocheckpoint = 20")
        largest = 0
        for number in range(300):
            await ledger.begin(intent(str(number)))
            await ledger.settle(settlement(str(number)))
            largest = max(largest, log.stat().st_size)
        assert ledger.commits == 600
        # Written in full, 600 commits of two pages and more would take 5 MB.
        assert largest < 300_000
