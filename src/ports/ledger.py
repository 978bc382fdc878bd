"""The durable record of every call that may cost money."""

from __future__ import annotations

from typing import Protocol

from hexgate.domain.ledger import Entry, Intent, Settlement


class Ledger(Protocol):
    """What returns is durable. Cancelling the caller never undoes or loses a write.

    Every method raises StoreUnavailable when the store cannot be read or written.
    """

    async def begin(self, intent: Intent) -> None:
        """Record a call before its provider is called. The same call_id again changes nothing."""
        ...

    async def settle(self, settlement: Settlement) -> bool:
        """Record the outcome. The first settlement of a call wins; True if this was it.

        Raises KeyError for a call that was never begun.
        """
        ...

    async def get(self, call_id: str) -> Entry | None:
        """One row, or None."""
        ...

    async def recent(self, tenant: str, limit: int) -> tuple[Entry, ...]:
        """The newest rows of a tenant, newest first; at most `limit` (1 to 1000)."""
        ...

    async def sweep(self, now: float) -> int:
        """Turn PENDING rows that expired at or before `now` into UNKNOWN, charged at their hold.

        Returns how many.
        """
        ...
