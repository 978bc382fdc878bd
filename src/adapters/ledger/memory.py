"""A ledger in this process's memory: as durable as the process, for trials and for tests."""

from __future__ import annotations

import heapq
from collections import OrderedDict

from hexgate.domain.errors import StoreUnavailable
from hexgate.domain.ledger import Entry, Intent, Settlement, expired


class MemoryLedger:
    """Keeps at most `max_entries` rows: the first settled leave first, pending ones never.

    A row that has left is unknown: settling it again raises KeyError. When every row is pending,
    `begin` raises StoreUnavailable. Raises ValueError for a bound below 1.
    """

    def __init__(self, max_entries: int = 100_000) -> None:
        if max_entries < 1:
            raise ValueError(f"max_entries is {max_entries}; it must be at least 1")
        self._max_entries = max_entries
        self._open: dict[str, Intent] = {}
        self._closed: OrderedDict[str, Entry] = OrderedDict()

    async def begin(self, intent: Intent) -> None:
        """Record a call; the same call_id again changes nothing."""
        if intent.call_id in self._open or intent.call_id in self._closed:
            return
        if len(self._open) + len(self._closed) >= self._max_entries:
            self._make_room()
        self._open[intent.call_id] = intent

    async def settle(self, settlement: Settlement) -> bool:
        """Record the outcome; True if this was the first."""
        intent = self._open.pop(settlement.call_id, None)
        if intent is not None:
            self._closed[settlement.call_id] = Entry(intent, settlement)
            return True
        if settlement.call_id in self._closed:
            return False
        raise KeyError(settlement.call_id)

    async def get(self, call_id: str) -> Entry | None:
        """One row, or None."""
        intent = self._open.get(call_id)
        return Entry(intent) if intent is not None else self._closed.get(call_id)

    async def recent(self, tenant: str, limit: int) -> tuple[Entry, ...]:
        """The newest rows of a tenant, newest first. Looks at every row."""
        if not 1 <= limit <= 1000:
            raise ValueError(f"limit is {limit}; it must be 1 to 1000")
        rows = (*self._closed.values(), *map(Entry, self._open.values()))
        mine = (row for row in rows if row.intent.tenant == tenant)
        return tuple(heapq.nlargest(limit, mine, key=_age))

    async def sweep(self, now: float) -> int:
        """Settle what expired at or before `now` at its hold; returns how many."""
        lost = [intent for intent in self._open.values() if intent.expires_at <= now]
        for intent in lost:
            await self.settle(expired(intent, now))
        return len(lost)

    def _make_room(self) -> None:
        if not self._closed:
            raise StoreUnavailable(
                f"the ledger in memory holds {self._max_entries} pending calls, its maximum; "
                "try again when some have ended",
                metadata={"store": "ledger", "max_entries": str(self._max_entries)},
                retry_after_s=1.0,
            )
        self._closed.popitem(last=False)


def _age(entry: Entry) -> tuple[float, str]:
    return entry.intent.started_at, entry.intent.call_id
