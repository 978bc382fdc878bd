"""The ledger in PostgreSQL: durable before it answers, and right with any number of gateways."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import psycopg

from hexgate.adapters.ledger import rows
from hexgate.adapters.ledger.auditing import Ask
from hexgate.adapters.ledger.postgres import chores, schema
from hexgate.adapters.ledger.postgres import operations as ops
from hexgate.adapters.ledger.postgres.adopting import openings
from hexgate.adapters.ledger.postgres.failures import said, unavailable
from hexgate.adapters.ledger.postgres.groups import Groups
from hexgate.adapters.ledger.postgres.link import Db, Link
from hexgate.adapters.ledger.postgres.pruning import prune
from hexgate.adapters.ledger.postgres.reader import Reader
from hexgate.adapters.ledger.postgres.writer import Bounds, Writer
from hexgate.adapters.ledger.reading import Reading
from hexgate.adapters.ledger.reporting import Words
from hexgate.domain.budget import Alert, Budget, Charge
from hexgate.domain.ledger import Entry, Intent, Settlement

BOUNDS = Bounds()
_UTC = "to_timestamp(started_at) AT TIME ZONE 'UTC'"
# Columns sort as in Python; what is made of them has to be told.
WORDS = Words(
    label="coalesce(nullif(labels, '')::json ->> ?::text, '') COLLATE \"C\"",
    label_key=lambda key: key,
    day=f"to_char({_UTC}, 'YYYY-MM-DD') COLLATE \"C\"",
    members='LATERAL (SELECT value COLLATE "C" AS value FROM '
    "json_array_elements_text(nullif(accounts, '')::json) AS names(value)) AS each",
    hour=f'to_char({_UTC}, \'YYYY-MM-DD"T"HH24\') COLLATE "C"',
    flag="({})::int",
    whole="({})::bigint",
)
_UNCLAIMED = "SELECT 1 FROM alerts WHERE claimed_until <= ? LIMIT 1"
_GET = f"SELECT {', '.join((*rows.INTENT, *rows.OUTCOME))} FROM calls WHERE call_id = ?"


class PostgresLedger(Reading):
    """Ledger, Reports, Accounts, Alerts and Audit: see the ports. Made by `open_postgres`; whoever
    opens it closes it.

    What PostgreSQL acknowledged is as durable as its disk. While it is away, calls wait for it as
    long as Bounds say, and then raise StoreUnavailable; when it is back, so is the ledger. Every
    use after closing raises StoreUnavailable. It belongs to the event loop in which it is opened;
    writing from another raises RuntimeError. `warning` is what the operator should know of the
    server; empty when all is well.
    """

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        labels: Sequence[str],
        *,
        warning: str = "",
    ) -> None:
        super().__init__(reader, WORDS)
        self._writer = writer
        self._reader = reader
        self._labels = tuple(labels)
        self.warning = warning

    @property
    def commits(self) -> int:
        """Transactions committed since it was opened."""
        return self._writer.commits

    @property
    def operations(self) -> int:
        """Operations in these transactions; many share one under load."""
        return self._writer.operations

    async def begin(self, intent: Intent, charges: Sequence[Charge] = ()) -> None:
        """See Ledger."""
        await self._writer.submit(ops.beginning(intent, charges))

    async def extend(self, call_id: str, hold_nanos: int) -> None:
        """See Ledger."""
        await self._writer.submit(ops.extending(call_id, hold_nanos))

    async def settle(self, settlement: Settlement) -> bool:
        """See Ledger."""
        return await self._writer.submit(ops.settling(settlement), owed=True)

    async def get(self, call_id: str) -> Entry | None:
        """See Ledger. What was asked before is done before."""
        await self._writer.submit(ops.Waiting())
        found = await self._reader.rows(_GET, (call_id,))
        return rows.entry_of(found[0]) if found else None

    async def sweep(self, now: float) -> int:
        """See Ledger. Several gateways may sweep at once; each counts its own."""
        done = 0
        while True:
            group = await self._writer.submit(chores.Sweeping(now, self._labels))
            done += group
            if group < chores.GROUP:
                return done

    async def prune(self, before: float) -> int:
        """See Ledger. Several gateways may prune at once; each counts its own. How many rows leave
        with a whole month is an estimate where they are many.
        """
        return await prune(self._writer, self._reader, before)

    async def adopt(self, budgets: Sequence[Budget], now: float) -> None:
        """See Accounts. Nobody is held up while it reads."""
        async with self._reader.moment() as ask:
            found = await openings(ask, self._reporting, budgets, now)
        for place in range(0, len(found), chores.GROUP):
            group = found[place : place + chores.GROUP]
            await self._writer.submit(ops.Adopting(group, now))

    async def claim(self, now: float, until: float, limit: int) -> tuple[Alert, ...]:
        """See Alerts. Nothing is written where there is nothing to claim."""
        if not await self._reader.rows(_UNCLAIMED, (now,)):
            return ()
        found = [
            Alert(
                account=row[0],
                threshold_nanos=row[1],
                limit_nanos=row[2],
                spent_nanos=row[3],
                raised_at=row[4],
                claims=row[5],
            )
            for row in await self._writer.submit(chores.Claiming(now, until, limit))
        ]
        found.sort(key=lambda one: (one.raised_at, one.account, one.threshold_nanos))
        return tuple(found)

    async def delivered(self, alert: Alert) -> None:
        """See Alerts."""
        await self._writer.submit(chores.Delivering(alert))

    def moment(self) -> AbstractAsyncContextManager[Ask]:
        """Ask one thing after the other of the store as it is at one moment: see Reader."""
        return self._reader.moment()

    async def aclose(self) -> None:
        """Write what is queued, as long as that may wait, and let go. Again does nothing."""
        await self._writer.aclose()
        await self._reader.aclose()


async def open_postgres(
    dsn: str,
    *,
    labels: Sequence[str] = (),
    migrate: bool = True,
    readers: int = 2,
    bounds: Bounds = BOUNDS,
) -> PostgresLedger:
    """Open the ledger, or make it; `labels` have daily sums of their own, and so many `readers`
    may look at it at a time. Behind a pooler it needs sessions of its own.

    Raises StoreUnavailable, with what to do, when the database cannot be used: it cannot be
    reached, keeps no Unicode, or has another schema.
    """
    try:
        link = Link(dsn, bounds.connect_s, _writing(bounds), prepared=True)
        reads = tuple(Link(dsn, bounds.connect_s, reading(bounds)) for _ in range(readers))
    except psycopg.ProgrammingError:
        # Its own message quotes the DSN, password and all.
        raise unavailable("needs a DSN that libpq understands: postgresql://...") from None
    groups = Groups(labels)
    try:
        db = await link.get()
        now, warning = await _look(db)
        await _prepare(db, dsn, migrate=migrate)
        async with link.bounded(bounds.group_s):
            await groups.months.make(db, (now,))
            await schema.mark(db, labels, now)
    except BaseException as error:
        await link.drop()
        if isinstance(error, psycopg.Error):
            # There was nothing yet that a message could quote, but where and as whom.
            raise unavailable(f"cannot be opened: {said(error)}", why=error) from error
        raise
    writer = Writer(link, groups, bounds)
    return PostgresLedger(writer, Reader(reads, bounds.read_s), labels, warning=warning)


def _writing(bounds: Bounds) -> dict[str, str]:
    """A session that only ever looks at single rows, by their keys; and holds no lock for long,
    even when its gateway stands still.
    """
    ms = round(bounds.group_s * 1000)
    return {
        "statement_timeout": str(ms),
        "lock_timeout": str(ms // 2),
        "idle_in_transaction_session_timeout": str(ms),
        "client_connection_check_interval": str(ms),
        # What was waited for is seen.
        "default_transaction_isolation": "read committed",
        # Plans made once, for tables of whatever size, by indexes alone.
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "jit": "off",
    }


def reading(bounds: Bounds) -> dict[str, str]:
    """A session that only reads."""
    ms = str(round(bounds.read_s * 1000))
    return {
        "statement_timeout": ms,
        "idle_in_transaction_session_timeout": ms,
        "client_connection_check_interval": "1000",
    }


async def _look(db: Db) -> tuple[float, str]:
    """The store's time, and what the operator should know. Raises StoreUnavailable."""
    found = await db.execute(
        "SELECT current_setting('server_encoding'), current_setting('fsync'), "
        "current_setting('full_page_writes'), extract(epoch FROM now())::float8"
    )
    (encoding, *safe, now) = await found.fetchone() or ()
    if encoding != "UTF8":
        raise unavailable(
            f"needs a database whose encoding is UTF8, and that of this one is {encoding}; "
            "make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )
    if safe == ["on", "on"]:
        return now, ""
    return now, (
        "PostgreSQL runs with fsync or full_page_writes off: a crash of its machine can lose or "
        "damage what the ledger was told is safe"
    )


async def _prepare(db: Db, dsn: str, *, migrate: bool) -> None:
    """Make sure of the newest schema."""
    found = await _versions(db)
    if schema.check(found):
        return
    if not migrate:
        raise schema.outdated(found)
    await asyncio.to_thread(schema.migrate, dsn)


async def _versions(db: Db) -> list[str]:
    has = await (await db.execute(schema.HAS_VERSION)).fetchone()
    if has != (True,):
        return []
    return [version for (version,) in await (await db.execute(schema.VERSION)).fetchall()]
