"""The ledger in one SQLite file, for one process: durable before it answers."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hexgate.adapters.ledger import rows
from hexgate.adapters.ledger.writer import Writer
from hexgate.domain.errors import StoreUnavailable
from hexgate.domain.ledger import Entry, Intent, Settlement, expired

# Marks the file as ours: "hxgt".
APPLICATION_ID = 0x68786774
SWEEP_GROUP = 500
# A commit costs as much as ten operations or more, and on a busy machine every caller pays for it:
# measured at saturation, calls end sooner with groups at this distance than at none.
GAP_S = 0.004
# What the write-ahead log may keep of the disk after a burst.
_WAL_BYTES = 64 << 20


class SqliteLedger:
    """See the port. Made by `open_sqlite`; whoever opens it closes it.

    Losing power loses nothing that was acknowledged (WAL, synchronous=FULL), as far as the disk
    keeps its word. Every use after closing raises StoreUnavailable. It belongs to the event loop
    that uses it first; using it from another raises RuntimeError.
    """

    def __init__(self, writer: Writer, unlock: Callable[[], None]) -> None:
        self._writer = writer
        self._unlock = unlock

    @property
    def warning(self) -> str:
        """What the operator should know of this SQLite; empty when all is well."""
        if sqlite3.sqlite_version_info >= (3, 51, 3):
            return ""
        return (
            f"SQLite {sqlite3.sqlite_version} can corrupt a write-ahead log that two connections "
            "write to (fixed in 3.51.3); write to the ledger file with nothing but this gateway"
        )

    @property
    def commits(self) -> int:
        """Transactions committed since it was opened."""
        return self._writer.commits

    @property
    def operations(self) -> int:
        """Operations in these transactions; many share one under load."""
        return self._writer.operations

    async def begin(self, intent: Intent) -> None:
        """Record a call; the same call_id again changes nothing."""
        await self._writer.submit(_begin, rows.intent_row(intent))

    async def settle(self, settlement: Settlement) -> bool:
        """Record the outcome; True if this was the first."""
        first = await self._writer.submit(_settle, rows.outcome_row(settlement), owed=True)
        if first is None:
            raise KeyError(settlement.call_id)
        return first

    async def get(self, call_id: str) -> Entry | None:
        """One row, or None."""
        found = await self._writer.submit(_rows, (rows.GET, (call_id,)))
        return rows.entry_of(found[0]) if found else None

    async def recent(self, tenant: str, limit: int) -> tuple[Entry, ...]:
        """The newest rows of a tenant, newest first."""
        if not 1 <= limit <= 1000:
            raise ValueError(f"limit is {limit}; it must be 1 to 1000")
        found = await self._writer.submit(_rows, (rows.RECENT, (tenant, limit)), slow=True)
        return tuple(map(rows.entry_of, found))

    async def sweep(self, now: float) -> int:
        """Settle what expired at or before `now` at its hold; returns how many."""
        swept = 0
        while True:
            # In groups, so that calls need not wait for the whole backlog of a crash.
            group = await self._writer.submit(_sweep, now, slow=True)
            swept += group
            if group < SWEEP_GROUP:
                return swept

    def close(self) -> None:
        """Write what is queued and let go of the file. Blocks; a second time does nothing.

        Call it on the thread of the ledger's loop, or when that has ended.
        """
        self._writer.close()
        self._unlock()

    async def aclose(self) -> None:
        """`close`, without blocking the loop."""
        self._writer.stop()
        await asyncio.to_thread(self.close)


def open_sqlite(
    path: Path, *, max_queue: int = 10_000, busy_timeout_s: float = 5.0
) -> SqliteLedger:
    """Open the ledger, or make it; blocks. `max_queue` bounds the operations that wait.

    Raises StoreUnavailable, with what to do, when the file cannot be used: it is open already,
    no SQLite file, somebody else's, or written by a newer version.
    """
    with contextlib.ExitStack() as undo:
        unlock = _lock(path)
        undo.callback(unlock)
        try:
            # Rows tell who asked for what: for the owner alone. SQLite's own files follow suit.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            db = sqlite3.connect(
                path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
            )
            undo.callback(db.close)
            _prepare(db, path)
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, f"cannot be opened: {error}") from error
        writer = Writer(
            db, "ledger", max_queue=max_queue, busy_timeout_s=busy_timeout_s, gap_s=GAP_S
        )
        undo.pop_all()
    return SqliteLedger(writer, unlock)


def _lock(path: Path) -> Callable[[], None]:
    """Make sure that no other process, nor this one, has the ledger open."""
    try:
        fd = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, f"cannot be opened: {error.strerror}: {path}.lock") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise _unusable(
            path, "is open in another process; stop that one, or give this one a file of its own"
        ) from error
    held = [fd]

    def unlock() -> None:
        if held:
            os.close(held.pop())

    return unlock


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    version, application, tables = (
        db.execute(sql).fetchone()[0]
        for sql in (
            "PRAGMA user_version",
            "PRAGMA application_id",
            "SELECT count(*) FROM sqlite_schema",
        )
    )
    if application != APPLICATION_ID and (application or version or tables):
        raise _unusable(path, "is the database of another program; give the ledger its own file")
    if version > rows.VERSION:
        raise _unusable(
            path,
            f"was written by a newer version (schema {version}, this one knows {rows.VERSION}); "
            "upgrade, or give the ledger another file",
        )
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    if not version:
        db.executescript(
            f"BEGIN; {rows.SCHEMA} PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {rows.VERSION}; COMMIT;"
        )


def _unusable(path: Path, why: str) -> StoreUnavailable:
    return StoreUnavailable(f"the ledger {path} {why}", metadata={"store": "ledger"})


# Operations of the writer. Rows come out as the table holds them.
_Rows = list[tuple[Any, ...]]
# What SQLite says of a number beyond 64 bits, of text that is no UTF-8, and of one without end.
_NO_VALUE = (OverflowError, UnicodeEncodeError, sqlite3.DataError)


def _begin(db: sqlite3.Connection, row: rows.Row) -> None:
    try:
        db.execute(rows.BEGIN, row)
    except _NO_VALUE as error:
        raise _unfit(error) from error


def _settle(db: sqlite3.Connection, row: rows.Row) -> bool | None:
    """True for the first, False for a later one, None for a call that was never begun."""
    try:
        if db.execute(rows.SETTLE, row).rowcount:
            return True
    except _NO_VALUE as error:
        raise _unfit(error) from error
    return False if db.execute(rows.EXISTS, row[-1:]).fetchone() else None


def _unfit(error: Exception) -> StoreUnavailable:
    """The row has a value that no column holds; the others of its commit are not concerned."""
    return StoreUnavailable(
        "the ledger cannot hold this call: a value is beyond what its columns hold",
        metadata={"store": "ledger"},
        detail=type(error).__name__,
    )


def _rows(db: sqlite3.Connection, query: tuple[str, rows.Row]) -> _Rows:
    return db.execute(*query).fetchall()


def _sweep(db: sqlite3.Connection, now: float) -> int:
    lost = db.execute(rows.EXPIRED, (now, SWEEP_GROUP)).fetchall()
    for row in lost:
        db.execute(rows.SETTLE, rows.outcome_row(expired(rows.intent_of(row), now)))
    return len(lost)
