"""The durable record of every call that may cost money, and the accounts that calls are held on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hexgate.domain.budget import Charge
from hexgate.domain.ledger import Entry, Intent, Settlement


class Ledger(Protocol):
    """What returns is durable. Cancelling the caller never undoes or loses a write.

    A call and its accounts change in one step: whoever looks sees both changed or neither, however
    many processes write to the store. Every method raises StoreUnavailable when the store cannot
    be read or written.
    """

    async def begin(self, intent: Intent, charges: Sequence[Charge] = ()) -> None:
        """Record a call before its provider is called, its hold on every account.

        Raises BudgetExceeded for the first account in which spending, holds and this one together
        would be above the ceiling; then nothing is recorded. The same call_id again changes
        nothing.
        """
        ...

    async def extend(self, call_id: str, hold_nanos: int) -> None:
        """Make the hold of a pending call this large, if it is less, within the limits of its
        accounts.

        Raises BudgetExceeded, and then the hold is what it was; KeyError for a call that is not
        pending.
        """
        ...

    async def settle(self, settlement: Settlement) -> bool:
        """Record the outcome, turn the hold into spending, and raise the alerts that this causes.

        The first settlement of a call wins; True if this was it. A cost above the hold is recorded
        all the same: the money is spent. Raises KeyError for a call that was never begun.
        """
        ...

    async def get(self, call_id: str) -> Entry | None:
        """One row, or None."""
        ...

    async def sweep(self, now: float) -> int:
        """Turn PENDING rows that expired at or before `now` into UNKNOWN, charged at their hold.

        Returns how many.
        """
        ...

    async def prune(self, before: float) -> int:
        """Remove rows that started before the UTC day of that moment and have ended, and the
        accounts whose window ended before it. What daily reports are made from stays.

        Returns how many rows.
        """
        ...
