"""What the writer does in a transaction of its own: sweeping, pruning, and the post of alerts."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hexgate.adapters.ledger import rows
from hexgate.adapters.ledger.postgres import months, statements
from hexgate.adapters.ledger.postgres.link import Db
from hexgate.adapters.ledger.postgres.page import Page, kept, lock_accounts
from hexgate.domain.budget import Alert, Window
from hexgate.domain.ledger import expired

GROUP = 500
"""Rows that one chore changes at most, so that calls need not wait for all of them."""

T_co = TypeVar("T_co", covariant=True)


class Chore(abc.ABC, Generic[T_co]):
    """Doing it again, when it is not known whether it was done, does no harm."""

    __slots__ = ()

    @abc.abstractmethod
    async def run(self, db: Db) -> T_co:
        """Do it, in the transaction that is open."""


@dataclass(frozen=True, slots=True)
class Sweeping(Chore[int]):
    """Settle a group of calls that expired; those that another gateway sweeps are its own."""

    now: float
    labels: Sequence[str]

    async def run(self, db: Db) -> int:
        found = await db.execute(statements.LOCK_EXPIRED, (self.now, GROUP))
        calls = kept(await found.fetchall())
        accounts = await lock_accounts(db, (name for one in calls.values() for name in one.names))
        page = Page(calls, accounts, self.labels)
        for call in calls.values():
            outcome = expired(call.intent, self.now)
            page.settle(call, outcome, rows.outcome_row(outcome))
        await page.write(db)
        return len(calls)


@dataclass(frozen=True, slots=True)
class Marking(Chore[None]):
    """Say that from now on rows from before a day may be gone."""

    day: float

    async def run(self, db: Db) -> None:
        await db.execute(statements.MARK, (self.day,))


@dataclass(frozen=True, slots=True)
class PruningCalls(Chore[int]):
    """Remove a group of a tenant's rows from before a day."""

    tenant: str
    day: float

    async def run(self, db: Db) -> int:
        return (await db.execute(statements.PRUNE_CALLS, (self.tenant, self.day, GROUP))).rowcount


@dataclass(frozen=True, slots=True)
class PruningAccounts(Chore[int]):
    """Remove a group of accounts whose window ended before a day."""

    day: float

    async def run(self, db: Db) -> int:
        given = {
            "day": Window.DAY.name_at(self.day),
            "month": Window.MONTH.name_at(self.day),
            "limit": GROUP,
        }
        return (await db.execute(statements.PRUNE_ACCOUNTS, given)).rowcount


@dataclass(frozen=True, slots=True)
class Dropping(Chore[int | None]):
    """Drop a partition, with so many rows; None where that is not possible now."""

    name: str

    async def run(self, db: Db) -> int | None:
        return await months.drop(db, self.name)


@dataclass(frozen=True, slots=True)
class Claiming(Chore[list[tuple[Any, ...]]]):
    """Rows of alerts that are the caller's until a moment."""

    now: float
    until: float
    limit: int

    async def run(self, db: Db) -> list[tuple[Any, ...]]:
        given = (self.until, self.now, self.limit)
        return await (await db.execute(statements.CLAIM, given)).fetchall()


@dataclass(frozen=True, slots=True)
class Delivering(Chore[None]):
    """Remove an alert."""

    alert: Alert

    async def run(self, db: Db) -> None:
        await db.execute(statements.DELIVERED, (self.alert.account, self.alert.threshold_nanos))
