"""What many callers ask, committed in groups over one connection, by one task.

Callers queue an operation and await its future; the task takes what has queued up into one
transaction, and meanwhile the next group queues up. No future is done before its group is
committed. A caller that is cancelled gives up its future; the operation is queued already and is
done all the same.

When the store fails, its operations wait at the head of the queue and are tried again over a new
connection, each for as long as it may wait. It may be that a transaction was committed and only the
answer was lost; then its operations are doubtful, and done again so that what was done counts as
done. A doubtful one that has waited too long is undone as soon as that is possible.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from hexgate.adapters.ledger.postgres.chores import Chore
from hexgate.adapters.ledger.postgres.failures import (
    STORE,
    Verdict,
    homeless,
    unavailable,
    unfit,
    verdict,
)
from hexgate.adapters.ledger.postgres.groups import Asked, Groups, Outcome
from hexgate.adapters.ledger.postgres.link import Db, Link
from hexgate.adapters.ledger.postgres.operations import Operation

T = TypeVar("T")

# Bounds how long a group holds the loop, and the accounts: a few milliseconds each.
MAX_GROUP = 256
# How often a group is done again at once because of other gateways; then their turn is over.
MAX_AGAIN = 10
_TICK_S = 0.05
_REST_S, _MAX_REST_S = 0.05, 1.0
_AWAY = "cannot be read or written; try again later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much may wait, and for how long, in seconds."""

    max_queue: int = 10_000  # operations; what is owed is always taken
    begin_s: float = 2.0  # what has to wait longer, in the queue or for the store, fails
    patience_s: float = 10.0  # the same, for what is owed
    group_s: float = 2.0  # a transaction of the writer; half of it for any lock
    read_s: float = 30.0  # a report
    connect_s: float = 2.0  # for each host of the DSN


@dataclass(slots=True, eq=False)
class _Job:
    what: Operation[Any] | Chore[Any]
    future: asyncio.Future[Any]
    until: float  # by the loop's clock
    doubtful: bool = False


class Writer:
    """Belongs to the event loop in which it is made, and to nobody else."""

    def __init__(self, link: Link, groups: Groups, bounds: Bounds) -> None:
        self._link = link
        self._groups = groups
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Job] = deque()
        self._busy: Sequence[_Job] = ()
        self._asked = asyncio.Event()
        self._ticking = False
        self._closing = False
        self._alone = 0  # so many jobs at the head are each done alone: one of them is unfit
        self._again = 0
        self._rest_s = 0.0
        self._why: Exception | None = None
        self.commits = 0
        self.operations = 0
        self._task = asyncio.create_task(self._run(), name=f"{STORE}-writer")

    def submit(self, what: Operation[T] | Chore[T], *, owed: bool = False) -> asyncio.Future[T]:
        """Queue it. Done once it is committed.

        Raises StoreUnavailable when closed, or at once when too much waits already. What is owed,
        because an earlier operation promised it, is always taken: those bound it.
        """
        loop, bounds = asyncio.get_running_loop(), self._bounds
        if loop is not self._loop:
            raise RuntimeError(f"the {STORE} belongs to another event loop; open one for each")
        if self._closing:
            raise unavailable("is closed")
        if len(self._queue) + len(self._busy) >= bounds.max_queue and not owed:
            raise unavailable(
                f"is behind by {bounds.max_queue} operations, its maximum; try again later",
                retry_after_s=1.0,
            )
        future: asyncio.Future[T] = loop.create_future()
        until = loop.time() + (bounds.patience_s if owed else bounds.begin_s)
        self._queue.append(_Job(what, future, until))
        self._asked.set()
        self._tick_later()
        return future

    async def aclose(self) -> None:
        """Take nothing more, and finish what is queued, as long as that may wait."""
        self._closing = True
        self._asked.set()
        await asyncio.wait({self._task})
        await self._link.drop()

    async def _run(self) -> None:
        while await self._some():
            try:
                await self._work(await self._link.get())
            # Whatever it is, those who wait shall hear of it, and those behind them be served.
            except Exception as error:
                await self._rest(error)

    async def _some(self) -> bool:
        """Wait for something to do; False when there will be nothing more."""
        while not self._queue:
            if self._closing:
                return False
            self._asked.clear()
            await self._asked.wait()
        return True

    async def _work(self, db: Db) -> None:
        """Do a group. Raises when the store is away."""
        jobs = self._busy = self._take()
        if not jobs:
            return
        try:
            async with self._link.bounded(self._bounds.group_s):
                outcomes = await self._do(db, jobs)
        except Exception as error:
            self._back(jobs)
            await self._failed(db, jobs, error)
            return
        finally:
            self._busy = ()
        self._rest_s, self._again, self._why = 0.0, 0, None
        self._alone = max(0, self._alone - len(jobs))
        self.commits += 1
        self.operations += len(jobs)
        for job, outcome in zip(jobs, outcomes, strict=True):
            _answer(job, outcome)

    def _take(self) -> list[_Job]:
        """One chore, or as many operations as follow each other."""
        queue, size = self._queue, 1 if self._alone else MAX_GROUP
        jobs: list[_Job] = []
        while queue and len(jobs) < size and not (jobs and isinstance(queue[0].what, Chore)):
            jobs.append(queue.popleft())
            if isinstance(jobs[0].what, Chore):
                break
        return jobs

    async def _do(self, db: Db, jobs: Sequence[_Job]) -> list[Outcome]:
        first = jobs[0].what
        if isinstance(first, Chore):
            return [Outcome(await self._groups.do(db, first))]
        asked = [Asked(job.what, job.doubtful) for job in jobs if isinstance(job.what, Operation)]
        return await self._groups.run(db, asked)

    def _back(self, jobs: Sequence[_Job]) -> None:
        self._queue.extendleft(reversed(jobs))
        self._tick_later()

    async def _failed(self, db: Db, jobs: Sequence[_Job], error: Exception) -> None:
        meaning = verdict(error)
        if meaning is Verdict.AWAY or self._again >= MAX_AGAIN:
            self._again = 0
            for job in jobs:
                job.doubtful |= self._groups.committing
            raise error
        async with self._link.bounded(self._bounds.group_s):
            await db.rollback()
        if meaning is Verdict.AGAIN:
            self._again += 1
            if homeless(error):
                self._groups.months.forget()
        elif len(jobs) > 1:
            self._alone = len(jobs)
        else:
            self._queue.popleft()
            _answer(jobs[0], Outcome(error=_fault(error)))

    async def _rest(self, error: Exception) -> None:
        self._why = error
        await self._link.drop()
        # The first time at once: a connection that was lost long ago is found out only now.
        await asyncio.sleep(self._rest_s)
        self._rest_s = min(max(_REST_S, 2 * self._rest_s), _MAX_REST_S)

    def _tick_later(self) -> None:
        if not self._ticking:
            self._ticking = True
            self._loop.call_later(_TICK_S, self._tick)

    def _tick(self) -> None:
        """Let go of what has waited too long."""
        self._ticking = False
        now = self._loop.time()
        late = [job for job in self._queue if job.until <= now]
        if late:
            self._queue = deque(job for job in self._queue if job.until > now)
        for job in late:
            _answer(job, Outcome(error=unavailable(_AWAY, why=self._why, retry_after_s=1.0)))
            self._undo(job)
        if self._queue:
            self._tick_later()

    def _undo(self, job: _Job) -> None:
        undone = job.what.undone() if job.doubtful and isinstance(job.what, Operation) else None
        if undone is not None:
            nobody: asyncio.Future[object] = self._loop.create_future()
            nobody.cancel()
            until = self._loop.time() + self._bounds.patience_s
            self._queue.append(_Job(undone, nobody, until))


def _answer(job: _Job, outcome: Outcome) -> None:
    # A cancelled caller wants no answer.
    if job.future.done():
        return
    if outcome.error is None:
        job.future.set_result(outcome.result)
    else:
        job.future.set_exception(outcome.error)


def _fault(error: Exception) -> Exception:
    """What PostgreSQL says of values is told by its name alone; the rest is our own mistake."""
    return unfit(type(error).__name__) if isinstance(error, psycopg.Error) else error
