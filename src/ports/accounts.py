"""The accounts of budgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hexgate.domain.budget import Alert, Balance, Budget


class Accounts(Protocol):
    """Raises StoreUnavailable."""

    async def adopt(self, budgets: Sequence[Budget], now: float) -> None:
        """Let what was spent in the present windows count for these budgets, from the sums of what
        is settled: also what was spent while a budget was not configured. Never lowers what an
        account has spent.
        """
        ...

    async def balances(self, prefix: str, after: str, limit: int) -> tuple[Balance, ...]:
        """Accounts whose name begins with this, in the order of names; those beyond `after`."""
        ...


class Alerts(Protocol):
    """Alerts wait in the store until somebody has delivered them. Raises StoreUnavailable."""

    async def claim(self, now: float, until: float, limit: int) -> tuple[Alert, ...]:
        """The oldest alerts that are not delivered and not claimed by another at `now`, for the
        caller alone until `until`.
        """
        ...

    async def delivered(self, alert: Alert) -> None:
        """It need not be claimed again."""
        ...
