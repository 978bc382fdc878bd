"""One group of operations as one transaction, correct beside any number of other gateways.

Calls are locked first, then their accounts, each in one order everywhere; then the operations are
done in memory, in the order in which they were asked for, and what they come to is written back. In
a pipeline that is three round trips, and the accounts are locked for one of them. Rows that were not
there to be locked, and are there when ours are inserted, violate the key; then the group is done
again, and finds them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hexgate.adapters.ledger.postgres.chores import Chore
from hexgate.adapters.ledger.postgres.link import Db
from hexgate.adapters.ledger.postgres.months import Months, bounds
from hexgate.adapters.ledger.postgres.operations import Beginning, Operation, Settling
from hexgate.adapters.ledger.postgres.page import Page, lock_accounts, lock_calls

MAX_KNOWN = 100_000
_EVER = (float("-inf"), float("inf"))


@dataclass(slots=True)
class Task:
    """Something to do; `answer` is what it came to once the transaction is committed."""

    what: Operation[Any] | Chore[Any]
    doubtful: bool = False
    answer: object = None
    error: Exception | None = None


class Groups:
    """Runs tasks over whatever connection. Of the calls that it began and that have not ended, it
    knows when they started, so that their partition is the only one that is looked at.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self.months = Months()
        self._started: OrderedDict[str, float] = OrderedDict()
        self.committing = False
        """Whether the last one came so far that it may have been committed, if it failed."""

    async def run(self, db: Db, tasks: Sequence[Task]) -> None:
        """Do a chore, or several operations. Raises psycopg.Error, and then all of it failed."""
        self.committing = False
        first = tasks[0].what
        if isinstance(first, Chore):
            async with db.transaction():
                tasks[0].answer = await first.run(db)
                self.committing = True
            return
        await self._run(db, tasks)
        for task in tasks:
            if task.error is None:
                self._remember(task.what)

    async def _run(self, db: Db, tasks: Sequence[Task]) -> None:
        ops = [task.what for task in tasks if isinstance(task.what, Operation)]
        starts = [op.intent.started_at for op in ops if isinstance(op, Beginning)]
        call_ids = sorted({op.call_id for op in ops if op.call_id})
        names = {name for op in ops for name in op.accounts}
        if starts:
            await self.months.make(db, (min(starts), max(starts)))
        if not call_ids and not names:
            return
        start, end = self._when(starts, ops)
        async with db.pipeline():
            await db.execute("BEGIN")
            calls = await lock_calls(db, call_ids, start, end)
            names.update(name for one in calls.values() for name in one.names)
            page = Page(calls, await lock_accounts(db, names), self._labels)
            for task in tasks:
                _apply(task, page)
            self.committing = True
            await page.write(db)
            await db.execute("COMMIT")
