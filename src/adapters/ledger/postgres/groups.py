"""One group of operations as one transaction, correct beside any number of other gateways.

Calls are locked first, then their accounts, each in one order everywhere; then the operations are
done in memory, in the order in which they were asked for, and what they come to is written back. In
a pipeline that is three round trips, and the accounts are locked for one of them. Rows that were
not there to be locked, and are there when ours are inserted, violate the key; then the group is
done again, and finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from hexgate.adapters.ledger.postgres.chores import Chore
from hexgate.adapters.ledger.postgres.link import Db, pipelined
from hexgate.adapters.ledger.postgres.months import Months, bounds
from hexgate.adapters.ledger.postgres.operations import Beginning, Operation, Settling
from hexgate.adapters.ledger.postgres.page import Page, lock_accounts, lock_calls
from hexgate.domain.errors import GatewayError

MAX_KNOWN = 100_000
_EVER = (float("-inf"), float("inf"))

T = TypeVar("T")


class Asked(NamedTuple):
    """An operation, and whether it may have been done already."""

    what: Operation[Any]
    doubtful: bool


class Outcome(NamedTuple):
    """What it came to."""

    result: object = None
    error: Exception | None = None


class Groups:
    """Of the calls that were begun here and have not ended it knows when they started, so that
    no partition but theirs is looked at.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._started: dict[str, float] = {}
        self.months = Months()
        self.committing = False
        """Whether what failed last may have been committed all the same."""

    async def do(self, db: Db, chore: Chore[T]) -> T:
        """Do a chore, and commit. Raises psycopg.Error, and then it failed."""
        self.committing = False
        async with db.transaction():
            result = await chore.run(db)
            self.committing = True
        return result

    async def run(self, db: Db, asked: Sequence[Asked]) -> list[Outcome]:
        """Do operations, and commit. Raises psycopg.Error, and then all of them failed."""
        self.committing = False
        ops = [one.what for one in asked]
        begun = [op.intent for op in ops if isinstance(op, Beginning)]
        if begun:
            await self.months.make(db, {intent.started_at for intent in begun})
        starts = {intent.call_id: intent.started_at for intent in begun}
        call_ids = {op.call_id for op in ops} - {""}
        names = {name for op in ops for name in op.accounts}
        if not call_ids and not names:
            return [Outcome()] * len(ops)
        async with pipelined(db):
            await db.execute("BEGIN")
            calls = await lock_calls(db, sorted(call_ids), *self._when(call_ids, starts))
            names.update(name for call in calls.values() for name in call.names)
            page = Page(calls, await lock_accounts(db, names), self._labels)
            outcomes = [_apply(page, *one) for one in asked]
            self.committing = True
            await page.write(db)
            await db.execute("COMMIT")
        for op, outcome in zip(ops, outcomes, strict=True):
            if outcome.error is None:
                self._remember(op)
        return outcomes

    def _when(self, call_ids: set[str], starts: dict[str, float]) -> tuple[float, float]:
        """When they started, in whole months: from, and before."""
        known = self._started
        found = [starts.get(one, known.get(one)) for one in call_ids]
        times = [at for at in found if at is not None]
        if not times or len(times) < len(found):
            return _EVER
        return bounds(min(times))[0], bounds(max(times))[1]

    def _remember(self, op: Operation[Any]) -> None:
        if isinstance(op, Beginning):
            if len(self._started) >= MAX_KNOWN:
                del self._started[next(iter(self._started))]
            self._started[op.call_id] = op.intent.started_at
        elif isinstance(op, Settling):
            self._started.pop(op.call_id, None)


def _apply(page: Page, op: Operation[Any], doubtful: bool) -> Outcome:
    try:
        return Outcome(op.apply(page, doubtful=doubtful))
    except (GatewayError, KeyError) as error:
        return Outcome(error=error)
