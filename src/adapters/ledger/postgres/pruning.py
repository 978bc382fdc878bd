"""Retention: what is old leaves by whole months where it can, and in groups where it cannot."""

from __future__ import annotations

from hexgate.adapters.ledger.postgres import chores, months
from hexgate.adapters.ledger.postgres.reader import Reader
from hexgate.adapters.ledger.postgres.writer import Writer
from hexgate.domain.report import DAY_S

_TENANTS = "SELECT DISTINCT tenant FROM sums WHERE dimension = ''"


async def prune(writer: Writer, reader: Reader, before: float) -> int:
    """See Ledger. Of several gateways at once each removes, and counts, its own share."""
    day = before // DAY_S * DAY_S
    # First: whoever reads from now on knows that rows may be missing.
    await writer.submit(chores.Marking(day))
    removed = 0
    for name in [one for (one,) in await reader.rows(months.NAMES)]:
        if name < months.partition(day):
            removed += await _drop(writer, reader, name)
    for (tenant,) in await reader.rows(_TENANTS):
        removed += await _repeated(writer, chores.PruningCalls(tenant, day))
    await _repeated(writer, chores.PruningAccounts(day))
    return removed


async def _drop(writer: Writer, reader: Reader, name: str) -> int:
    """How many rows left with the partition: all, or none."""
    count = f"SELECT count(*), count(*) FILTER (WHERE state = 'pending') FROM {name}"  # noqa: S608 # a name of ours
    ((held, pending),) = await reader.rows(count)
    if not pending and await writer.submit(chores.Dropping(name)):
        return int(held)
    return 0


async def _repeated(writer: Writer, chore: chores.Chore[int]) -> int:
    """Group by group, so that calls need not wait for all of a backlog."""
    done = 0
    while True:
        group = await writer.submit(chore)
        done += group
        if group < chores.GROUP:
            return done
