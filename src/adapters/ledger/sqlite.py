"""The ledger in one SQLite file, for one process: durable before it answers."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from hexgate.adapters.ledger import file, rows
from hexgate.adapters.ledger import operations as ops
from hexgate.adapters.ledger.reader import Reader
from hexgate.adapters.ledger.reading import Reading
from hexgate.adapters.ledger.reporting import Words
from hexgate.adapters.ledger.totals import Totals
from hexgate.adapters.ledger.writer import Writer
from hexgate.domain.budget import Alert, Budget, Charge
from hexgate.domain.ledger import Entry, Intent, Settlement

# A commit costs as much as ten operations or more, and on a busy machine every caller pays for it:
# measured, a gateway at its limit does more with groups at this distance than at a shorter one.
GAP_S = 0.004
WORDS = Words(
    label="coalesce(json_extract(nullif(labels, ''), ?), '')",
    label_key=ops.label_path,
    day="strftime('%Y-%m-%d', started_at, 'unixepoch')",
    hour="strftime('%Y-%m-%dT%H', started_at, 'unixepoch')",
    members="json_each(nullif(accounts, '')) AS each",
    window="substr(account, instr(account, '|') + 1, "
    "instr(substr(account, instr(account, '|') + 1), '|') - 1)",
)
_UNCLAIMED = "SELECT 1 FROM alerts WHERE claimed_until <= ? LIMIT 1"


class SqliteLedger(Reading):
    """Ledger, Reports, Accounts, Alerts and Audit: see the ports. Made by `open_sqlite`; whoever
    opens it closes it.

    Losing power loses nothing that was acknowledged (WAL, synchronous=FULL), as far as the disk
    keeps its word. Every use after closing raises StoreUnavailable. It belongs to the event loop
    that uses it first; using it from another raises RuntimeError.
    """

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        totaled: Totals,
        unlock: Callable[[], None],
    ) -> None:
        super().__init__(reader, WORDS)
        self._writer = writer
        self._reader = reader
        self._totals = totaled
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

    async def begin(self, intent: Intent, charges: Sequence[Charge] = ()) -> None:
        """See Ledger."""
        await self._writer.submit(ops.begin, ops.Beginning(self._totals, intent, charges))

    async def extend(self, call_id: str, hold_nanos: int) -> None:
        """See Ledger."""
        await self._writer.submit(ops.extend, ops.Extending(self._totals, call_id, hold_nanos))

    async def settle(self, settlement: Settlement) -> bool:
        """See Ledger."""
        op = ops.Settling(self._totals, settlement)
        first = await self._writer.submit(ops.settle, op, owed=True)
        if first is None:
            raise KeyError(settlement.call_id)
        return first

    async def get(self, call_id: str) -> Entry | None:
        """See Ledger."""
        row = await self._writer.submit(ops.get, call_id)
        return None if row is None else rows.entry_of(row)

    async def sweep(self, now: float) -> int:
        """See Ledger."""
        return await self._repeated(ops.sweep, now)

    async def recover(self, now: float) -> int:
        """Settle what an earlier process left pending, as `sweep` does; returns how many.

        The file is this process's alone, so before it begins its first call, nobody else is at work
        on those that are pending.
        """
        return await self._repeated(ops.recover, now)

    async def prune(self, before: float) -> int:
        """See Ledger."""
        return await self._repeated(ops.prune, before)

    async def adopt(self, budgets: Sequence[Budget], now: float) -> None:
        """See Accounts."""
        await self._writer.submit(
            ops.adopt, ops.Adopting(self._totals, self._reporting.spent, budgets, now), slow=True
        )

    async def claim(self, now: float, until: float, limit: int) -> tuple[Alert, ...]:
        """See Alerts. Nothing is written where there is nothing to claim."""
        if not await self._reader.rows(_UNCLAIMED, (now,)):
            return ()
        found = await self._writer.submit(ops.claim, (now, until, limit))
        return tuple(
            Alert(
                account=row[0],
                threshold_nanos=row[1],
                limit_nanos=row[2],
                spent_nanos=row[3],
                raised_at=row[4],
                claims=row[5],
            )
            for row in found
        )

    async def delivered(self, alert: Alert) -> None:
        """See Alerts."""
        await self._writer.submit(ops.delivered, alert)

    def close(self) -> None:
        """Write what is queued and let go of the file. Blocks; a second time does nothing.

        Call it on the thread of the ledger's loop, or when that has ended.
        """
        self._writer.close()
        self._reader.close()
        self._unlock()

    async def aclose(self) -> None:
        """`close`, without blocking the loop."""
        self._writer.stop()
        await asyncio.to_thread(self.close)

    async def _repeated(self, do: Callable[[sqlite3.Connection, ops.Dated], int], at: float) -> int:
        """Group by group, so that calls need not wait for all of a backlog."""
        done = 0
        while True:
            group = await self._writer.submit(do, ops.Dated(self._totals, at), slow=True)
            done += group
            if group < ops.GROUP:
                return done


def open_sqlite(
    path: Path,
    *,
    labels: Sequence[str] = (),
    max_queue: int = 10_000,
    busy_timeout_s: float = 5.0,
) -> SqliteLedger:
    """Open the ledger, or make it; blocks. `max_queue` bounds the operations that wait, and
    `labels` have daily sums of their own.

    Raises StoreUnavailable, with what to do, when the file cannot be used: it is open already,
    no SQLite file, somebody else's, or written by a newer version.
    """
    with contextlib.ExitStack() as undo:
        unlock = file.lock(path)
        undo.callback(unlock)
        db = file.connect(path, labels, busy_timeout_s)
        undo.callback(db.close)
        reader = Reader(path, "ledger")
        totaled = Totals(db, labels)
        writer = Writer(
            db,
            "ledger",
            max_queue=max_queue,
            busy_timeout_s=busy_timeout_s,
            gap_s=GAP_S,
            total=totaled,
        )
        undo.pop_all()
    return SqliteLedger(writer, reader, totaled, unlock)


def read_sqlite(path: Path) -> Reading:
    """Open a ledger for reading alone, also beside the process that writes to it.

    Raises StoreUnavailable, with what to do, when it is not there, or has another schema.
    """
    file.check(path)
    return Reading(Reader(path, "ledger"), WORDS)
