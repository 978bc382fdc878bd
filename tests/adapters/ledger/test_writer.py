"""How the writer groups operations, and whose it is."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hexgate.adapters.ledger.writer import MAX_GROUP, WORTH, Writer
from hexgate.domain.errors import StoreUnavailable

FOREVER_S = 3600.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "any.db"


@contextlib.asynccontextmanager
async def opened(
    path: Path, *, gap_s: float = 0.0, max_queue: int = 10_000
) -> AsyncIterator[Writer]:
    writer = made(path, gap_s=gap_s, max_queue=max_queue)
    try:
        yield writer
    finally:
        writer.stop()
        await asyncio.to_thread(writer.close)


def made(path: Path, *, gap_s: float = 0.0, max_queue: int = 10_000) -> Writer:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE IF NOT EXISTS t (x INTEGER PRIMARY KEY)")
    return Writer(db, "store", max_queue=max_queue, busy_timeout_s=60, gap_s=gap_s)


def put(db: sqlite3.Connection, x: int) -> str:
    db.execute("INSERT INTO t VALUES (?)", (x,))
    return threading.current_thread().name


def fail(db: sqlite3.Connection, _: int) -> None:
    """As a store does that cannot go on."""
    db.execute("SELECT x FROM nowhere")


def kept(path: Path) -> list[int]:
    """What another connection sees: all that was committed."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [x for (x,) in db.execute("SELECT x FROM t ORDER BY x")]


async def turns(count: int = 10) -> None:
    """Let the loop come round so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_is_submitted_in_one_round_of_the_loop_shares_one_commit(path: Path) -> None:
    async with opened(path) as writer:
        await asyncio.gather(*(writer.submit(put, x) for x in range(MAX_GROUP)))
        assert (writer.commits, writer.operations) == (1, MAX_GROUP)


async def test_a_group_has_a_bound_and_the_rest_follows(path: Path) -> None:
    async with opened(path) as writer:
        await asyncio.gather(*(writer.submit(put, x) for x in range(MAX_GROUP + 1)))
        assert (writer.commits, writer.operations) == (2, MAX_GROUP + 1)
        assert kept(path) == list(range(MAX_GROUP + 1))


async def test_what_is_answered_is_there_for_others_to_see(path: Path) -> None:
    async with opened(path) as writer:
        for x in range(20):
            await writer.submit(put, x)
            assert kept(path) == list(range(x + 1))


async def test_short_operations_run_on_the_loop_and_slow_ones_in_the_thread(path: Path) -> None:
    async with opened(path) as writer:
        here = threading.current_thread().name
        places = await asyncio.gather(
            writer.submit(put, 1), writer.submit(put, 2, slow=True), writer.submit(put, 3)
        )
        assert list(places) == [here, "store-writer", here]
        assert writer.commits == 1


async def test_a_lone_caller_never_waits_for_company(path: Path) -> None:
    async with opened(path, gap_s=FOREVER_S) as writer:
        for x in range(5):
            await writer.submit(put, x)
        assert writer.commits == 5


async def test_behind_a_group_of_many_the_next_gathers_until_the_gap_is_over(path: Path) -> None:
    async with opened(path, gap_s=FOREVER_S) as writer:
        await asyncio.gather(writer.submit(put, 1), writer.submit(put, 2))
        late = [writer.submit(put, 3)]
        await turns()
        late.append(writer.submit(put, 4))
        await turns()
        assert kept(path) == [1, 2]
    # Closing waits for no gap.
    await asyncio.gather(*late)
    assert kept(path) == [1, 2, 3, 4]
    assert (writer.commits, writer.operations) == (2, 4)


async def test_a_gap_ends(path: Path) -> None:
    async with opened(path, gap_s=0.01) as writer:
        for x in range(0, 10, 2):
            await asyncio.gather(writer.submit(put, x), writer.submit(put, x + 1))
        assert writer.commits == 5


async def test_between_groups_the_file_is_free_for_others_to_write(path: Path) -> None:
    async with opened(path) as writer:
        await writer.submit(put, 1)
        with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
            other.execute("INSERT INTO t VALUES (2)")
        await writer.submit(put, 3)
    assert kept(path) == [1, 2, 3]


async def test_what_has_begun_counts_as_waiting(path: Path) -> None:
    async with opened(path, max_queue=1) as writer:
        with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            begun = writer.submit(put, 1)
            await turns()
            with pytest.raises(StoreUnavailable, match="behind by 1 operations"):
                writer.submit(put, 2)
        await begun
        await writer.submit(put, 2)


async def test_a_foreign_lock_holds_up_the_thread_and_never_the_loop(path: Path) -> None:
    async with opened(path) as writer:
        await writer.submit(put, 1)
        assert writer._db.execute("PRAGMA busy_timeout").fetchone() == (0,)
        with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = [writer.submit(put, 2)]
            # Would the loop wait, it would wait a minute here before it can let go of the lock.
            await turns()
            waiting.append(writer.submit(put, 3))
            await turns()
            assert not any(one.done() for one in waiting)
            other.execute("ROLLBACK")
        assert await asyncio.gather(*waiting) == ["store-writer", threading.current_thread().name]
        assert writer._db.execute("PRAGMA busy_timeout").fetchone() == (0,)


@pytest.mark.parametrize("slow", [False, True])
async def test_a_failing_store_fails_the_whole_group_and_no_other(path: Path, slow: bool) -> None:
    async with opened(path) as writer:
        group = (
            writer.submit(put, 1),
            writer.submit(fail, 0, slow=slow),
            writer.submit(put, 2, slow=slow),
        )
        outcomes = await asyncio.gather(*group, return_exceptions=True)
        assert [type(one) for one in outcomes] == [StoreUnavailable] * 3
        assert kept(path) == []
        assert (writer.commits, writer.operations) == (0, 0)
        await writer.submit(put, 3)
        assert kept(path) == [3]


def stuck(db: sqlite3.Connection, _: int) -> None:
    """A store that fails and refuses to be rolled back."""
    db.set_authorizer(
        lambda action, arg, *_: (
            sqlite3.SQLITE_DENY
            if (action, arg) == (sqlite3.SQLITE_TRANSACTION, "ROLLBACK")
            else sqlite3.SQLITE_OK
        )
    )
    fail(db, 0)


@pytest.mark.parametrize("slow", [False, True])
async def test_what_cannot_be_undone_never_joins_a_later_commit(path: Path, slow: bool) -> None:
    async with opened(path) as writer:
        await writer.submit(put, 0)
        group: list[asyncio.Future[Any]] = [
            writer.submit(put, 1),
            writer.submit(stuck, 0, slow=slow),
        ]
        group += [writer.submit(put, x) for x in range(2, MAX_GROUP + 1)]  # one for the next group
        outcomes = await asyncio.gather(*group, return_exceptions=True)
        assert {type(one) for one in outcomes} == {StoreUnavailable}
        assert all("restart the gateway" in str(one) for one in outcomes)
        with pytest.raises(StoreUnavailable, match="restart the gateway"):
            writer.submit(put, 3)
        assert kept(path) == [0]
    assert kept(path) == [0]


async def test_a_cancelled_operation_is_done_all_the_same(path: Path) -> None:
    async with opened(path) as writer:
        writer.submit(put, 1).cancel()
        await writer.submit(put, 2)
        assert kept(path) == [1, 2]


def test_closing_writes_what_an_ended_loop_has_left(path: Path) -> None:
    writer = made(path)

    async def leave() -> None:
        for x in range(2 * MAX_GROUP):
            writer.submit(put, x)

    try:
        asyncio.run(leave())
    finally:
        writer.close()
    writer.close()
    assert kept(path) == list(range(2 * MAX_GROUP))


async def test_another_loop_is_refused(path: Path) -> None:
    async with opened(path) as writer:
        await writer.submit(put, 1)

        async def elsewhere() -> None:
            writer.submit(put, 2)

        with pytest.raises(RuntimeError, match="the store belongs to another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
        await writer.submit(put, 3)
    assert kept(path) == [1, 3]


async def test_what_is_worth_a_commit_does_not_wait_for_the_distance(path: Path) -> None:
    async with opened(path, gap_s=FOREVER_S) as writer:
        await asyncio.gather(*(writer.submit(put, x) for x in range(2)))
        few = [writer.submit(put, 100 + x) for x in range(WORTH - 1)]
        await asyncio.sleep(0)
        assert writer.commits == 1
        assert not any(one.done() for one in few)
        await writer.submit(put, 1000)
        assert writer.commits == 2
        assert all(one.done() for one in few)
