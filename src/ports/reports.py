"""What was used, from the ledger."""

from __future__ import annotations

from typing import Protocol

from hexgate.domain.ledger import Entry
from hexgate.domain.report import Group, Query


class Reports(Protocol):
    """Reads beside the calls and never holds one up. Raises StoreUnavailable."""

    async def summarize(
        self, query: Query, by: tuple[str, ...], after: tuple[str, ...] | None, limit: int
    ) -> tuple[Group, ...]:
        """Totals of the calls that have ended, by the values of at most three dimensions, in the
        order of these values; at most `limit` groups, those beyond the values `after`.

        Raises PeriodPruned where the answer needs rows that retention has removed.
        """
        ...

    async def records(
        self, query: Query, before: tuple[float, str] | None, limit: int
    ) -> tuple[Entry, ...]:
        """The newest calls, pending ones as well, newest first: those older than `before`, a start
        and a call_id; at most `limit` (1 to 1001).

        Raises PeriodPruned where the period begins before the oldest rows that are kept.
        """
        ...
