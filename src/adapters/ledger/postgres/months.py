"""The partitions of calls: a table for each month, made ahead, and dropped as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import LiteralString

from psycopg import errors, sql

from hexgate.adapters.ledger.postgres.link import Db
from hexgate.domain.budget import Window

# One gateway at a time changes what tables there are: "hxgt".
LOCK = 0x68786774
# Whoever looks at calls is waited for no longer, since everybody else has to wait behind us.
_DROP_WAIT = "200ms"
NAMES = (
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = 'calls'::regclass ORDER BY relname COLLATE \"C\""
)
# To count more than this takes longer than it is worth, and everybody waits.
_MANY_BYTES = 32 << 20
_HELD = (
    "SELECT EXISTS (SELECT FROM {0} WHERE state = 'pending'), CASE WHEN pg_relation_size(oid) > %s "
    "THEN greatest(reltuples, 0)::bigint ELSE (SELECT count(*) FROM {0}) END "
    "FROM pg_class WHERE oid = %s::regclass"
)
_NAME = re.compile(r"calls_\d{4}_\d\d")
_TAKE_LOCK = "SELECT pg_advisory_xact_lock(%s)"


class Months:
    """What the writer knows of the partitions that are there."""

    def __init__(self) -> None:
        self._ready: list[tuple[float, float]] = []

    async def make(self, db: Db, moments: Iterable[float]) -> None:
        """Have a partition for the month of each moment, and for the one after it."""
        for at in moments:
            if not any(start <= at < end for start, end in self._ready):
                month = start, end = bounds(at)
                await _attach(db, (start, end))
                self._ready.append(month)

    def forget(self) -> None:
        """Somebody else may have dropped some."""
        self._ready.clear()


def bounds(at: float) -> tuple[float, float]:
    """When the month of a moment begins, and when it ends, in seconds since the epoch."""
    start, end = Window.MONTH.bounds_at(at)
    assert end is not None
    return start, end


def partition(at: float) -> str:
    """The name of the table for the month of a moment; such names sort as the months do."""
    return f"calls_{Window.MONTH.name_at(at).replace('-', '_')}"


def over(name: str, at: float) -> bool:
    """Whether this is a partition of ours, for a month that ended at that moment or before."""
    return _NAME.fullmatch(name) is not None and name < partition(at)


async def partitions(db: Db) -> list[str]:
    """All that there are, from the oldest on."""
    found = await (await db.execute(NAMES)).fetchall()
    return [name for (name,) in found]


async def drop(db: Db, name: str) -> int | None:
    """Drop a partition in which no call is pending, and say how many rows were in it: as PostgreSQL
    estimates it, where there are many. None where it is in use, or gone.
    """
    await db.execute(_TAKE_LOCK, (LOCK,))
    if name not in await partitions(db):
        return None
    try:
        async with db.transaction():
            await db.execute("SELECT set_config('lock_timeout', %s, true)", (_DROP_WAIT,))
            await db.execute("LOCK TABLE ONLY calls IN ACCESS EXCLUSIVE MODE")
            await db.execute(_named("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", name))
            found = await (await db.execute(_named(_HELD, name), (_MANY_BYTES, name))).fetchone()
            assert found is not None
            pending, rows = found
            if not pending:
                await db.execute(_named("DROP TABLE {}", name))
                return int(rows)
    except errors.LockNotAvailable:
        pass
    return None


async def _attach(db: Db, wanted: tuple[float, ...]) -> None:
    """Make those that are missing. To attach a table holds up nobody who reads or writes calls; to
    make it as a partition would wait for, and hold up, all of them.
    """
    names = {partition(at): at for at in wanted}
    if names.keys() <= set(await partitions(db)):
        return
    async with db.transaction():
        await db.execute(_TAKE_LOCK, (LOCK,))
        there = await partitions(db)
        for name, at in names.items():
            if name in there:
                continue
            await db.execute(_named("CREATE TABLE {} (LIKE calls INCLUDING DEFAULTS)", name))
            attach = "ALTER TABLE calls ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})"
            await db.execute(_named(attach, name, *bounds(at)))


def _named(text: LiteralString, table: str, *values: float) -> sql.Composed:
    return sql.SQL(text).format(sql.Identifier(table), *values)
