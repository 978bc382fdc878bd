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
    for (name,) in await reader.rows(months.NAMES):
        if months.over(name, day):
            rows = await writer.submit(chores.Dropping(name))
            removed += rows or 0
    for (tenant,) in await reader.rows(_TENANTS):
        removed += await _repeated(writer, chores.PruningCalls(tenant, day))
    await _repeated(writer, chores.PruningAccounts(day))
    return removed


async def _repeated(writer: Writer, chore: chores.Chore[int]) -> int:
    """Group by group, so that calls need not wait for all of a backlog."""
    done = 0
    while True:
        group = await writer.submit(chore)
        done += group
        if group < chores.GROUP:
            return done
