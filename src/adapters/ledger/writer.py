"""One SQLite connection that commits what many callers ask in groups, off the event loop.

Callers never touch the connection: they queue an operation and await its future. The event loop
takes what has queued up into one transaction and runs it there, since a statement is microseconds
of work in memory; a thread of its own does what may block, the COMMIT with its fsync, and is woken
once for a group. (Were the statements run there too, each would fight a busy loop for the
interpreter twice, which costs more than the statement.) The connection is the loop's or the
thread's, never both's: it changes hands with the group. Meanwhile the next group queues up.

No future is done before its group is committed. A caller that is cancelled gives up its future; the
operation is queued already and is done all the same. No operation waits for another's outcome, so
one that fails by itself leaves the others of its group alone: SQLite undoes the failing statement,
and no more. When the store fails, so does the whole group; a group that cannot be undone is the
last one. What the operations of a group come to together, its `Sum`, is written once, with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, NamedTuple, Protocol, TypeVar

from hexgate.domain.errors import StoreUnavailable

T = TypeVar("T")
A = TypeVar("A")

# Bounds how long a group holds the loop: a few milliseconds.
MAX_GROUP = 256
# So many operations are worth a commit of their own, however soon after the last.
WORTH = 16

# After these SQLite may have rolled the whole transaction back. (It runs out of memory, too.)
_STORE_FAILED = (sqlite3.OperationalError, sqlite3.InternalError, MemoryError)
# What ends a group: the store's failures, and a sum beyond 64 bits.
_GROUP_FAILED = (sqlite3.Error, MemoryError, OverflowError)
_NO_WAY_BACK = "could not undo a write that failed; look at its disk, then restart the gateway"


class Sum(Protocol):
    """What operations leave to be written once for all of their group. Used by one thread at a
    time: by whichever has the connection.
    """

    def write(self, db: sqlite3.Connection) -> None:
        """Write it; the commit follows."""
        ...

    def written(self) -> None:
        """It is committed."""
        ...

    def forget(self) -> None:
        """Nothing of the group happened."""
        ...


class _Job(NamedTuple):
    """Jobs of all kinds share a queue; `submit` ties each to its arguments and its answer."""

    do: Callable[[sqlite3.Connection, Any], Any]
    args: Any
    future: asyncio.Future[Any]
    slow: bool


class _Answer(NamedTuple):
    future: asyncio.Future[Any]
    result: object
    error: Exception | None


@dataclass(slots=True)
class _Group:
    jobs: list[_Job]
    left: list[_Job]  # jobs that the loop has left to the thread
    summed: bool = False  # nothing is left to be written but the commit
    answers: list[_Answer] = field(default_factory=list)


class Writer:
    """Takes over `db`, which must be in autocommit mode, and closes it.

    Belongs to the event loop that submits first: `submit` and `stop` are for that loop alone, or
    `stop` for anyone once it has ended; after `stop`, `close` is for any thread. A foreign lock is
    waited for in the thread, for at most `busy_timeout_s`. Behind a group of several operations the
    next begins `gap_s` after it did, or as soon as WORTH operations wait, so that under load it is
    worth its commit; a caller that is alone never waits.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        store: str,
        *,
        max_queue: int,
        busy_timeout_s: float,
        gap_s: float,
        total: Sum | None = None,
    ) -> None:
        self._db = db
        self._sum = total
        self._store = store
        self._max_queue = max_queue
        self._busy_timeout_s = busy_timeout_s
        self._gap_s = gap_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: list[_Job] = []
        self._group: _Group | None = None  # begun, and not yet answered
        self._scheduled = False
        self._waiting: asyncio.TimerHandle | None = None  # for `_not_before`
        self._not_before = 0.0  # when the next group may begin, by the loop's clock
        self._closing = False
        self._broken = False  # a failed group could not be undone, so the connection is closed
        self._to_commit: SimpleQueue[_Group | None] = SimpleQueue()
        self.commits = 0
        self.operations = 0
        self._wait_for_locks(0)
        # Daemon: a process that forgot to close must still end; what it was promised is committed.
        self._thread = threading.Thread(target=self._run, name=f"{store}-writer", daemon=True)
        self._thread.start()

    def submit(
        self,
        do: Callable[[sqlite3.Connection, A], T],
        args: A,
        *,
        slow: bool = False,
        owed: bool = False,
    ) -> asyncio.Future[T]:
        """Queue `do(db, args)`; a slow one is run in the thread. Done once it is committed.

        Raises StoreUnavailable when closed, or at once when too much waits already. What is owed,
        because an earlier operation promised it, is always taken: those bound it.
        """
        if self._closing:
            raise self._unavailable("is closed")
        if self._broken:
            raise self._unavailable(_NO_WAY_BACK)
        waiting = len(self._queue) + (len(self._group.jobs) if self._group else 0)
        if waiting >= self._max_queue and not owed:
            raise self._unavailable(
                f"is behind by {self._max_queue} operations, its maximum; try again later",
                retry_after_s=1.0,
            )
        future: asyncio.Future[T] = self._own().create_future()
        self._queue.append(_Job(do, args, future, slow))
        self._schedule()
        return future

    def stop(self) -> None:
        """Take nothing more. What is queued is finished by the thread; `close` waits for it."""
        # From here on the queue and the connection are the thread's.
        if not self._closing:
            self._closing = True
            self._to_commit.put(None)

    def close(self) -> None:
        """Finish what is queued, then close the connection. Blocks; again does nothing."""
        self.stop()
        self._thread.join()

    def _own(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError(
                f"the {self._store} belongs to another event loop; open one for each"
            )
        return loop

    def _schedule(self) -> None:
        """Begin a group when the loop comes round, so that all of one round share it."""
        if self._waiting is not None and len(self._queue) >= WORTH:
            self._waiting.cancel()
            self._scheduled, self._waiting = False, None
        if self._scheduled or self._group is not None or self._closing or self._loop is None:
            return
        self._scheduled = True
        if self._loop.time() < self._not_before and len(self._queue) < WORTH:
            self._waiting = self._loop.call_at(self._not_before, self._begin)
        else:
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._scheduled, self._waiting = False, None
        if self._closing or self._loop is None:
            return
        group = self._group = self._take()
        # Only a group of one may be that of a lone caller, who shall not wait.
        if len(group.jobs) > 1:
            self._not_before = self._loop.time() + self._gap_s
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except (sqlite3.Error, MemoryError):
            # Locked by someone else, in all likelihood: the thread waits, or finds out what it is.
            self._to_commit.put(group)
            return
        group.left = [job for job in group.jobs if job.slow]
        try:
            group.answers += [self._do(job) for job in group.jobs if not job.slow]
            if not group.left:
                self._write_sum(group)
        except _GROUP_FAILED as error:
            self._fail(group, error)
            self._answer(group)
            return
        self._to_commit.put(group)

    def _answer(self, group: _Group) -> None:
        self._group = None
        for future, result, error in group.answers:
            # A cancelled caller wants no answer.
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        if self._queue:
            self._schedule()

    def _take(self) -> _Group:
        jobs = self._queue[:MAX_GROUP]
        del self._queue[:MAX_GROUP]
        return _Group(jobs, jobs)

    def _run(self) -> None:
        try:
            while (group := self._to_commit.get()) is not None:
                self._finish(group)
            while self._queue:
                self._finish(self._take())
        finally:
            self._db.close()

    def _finish(self, group: _Group) -> None:
        try:
            if not self._db.in_transaction:
                self._begin_slowly()
            group.answers += [self._do(job) for job in group.left]
            if not group.summed:
                self._write_sum(group)
            self._db.execute("COMMIT")
        except _GROUP_FAILED as error:
            self._fail(group, error)
        else:
            if self._sum is not None:
                self._sum.written()
            self.commits += 1
            self.operations += len(group.jobs)
        # A loop that has ended waits for nothing.
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._answer, group)

    def _write_sum(self, group: _Group) -> None:
        if self._sum is not None:
            self._sum.write(self._db)
        group.summed = True

    def _begin_slowly(self) -> None:
        self._wait_for_locks(self._busy_timeout_s)
        try:
            self._db.execute("BEGIN IMMEDIATE")
        finally:
            self._wait_for_locks(0)

    def _wait_for_locks(self, seconds: float) -> None:
        self._db.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")

    def _do(self, job: _Job) -> _Answer:
        try:
            return _Answer(job.future, job.do(self._db, job.args), None)
        except _STORE_FAILED:
            raise
        except Exception as error:
            # DatabaseError itself is what a corrupt file raises; its subclasses blame the values.
            if type(error) is sqlite3.DatabaseError:
                raise
            return _Answer(job.future, None, error)

    def _fail(self, group: _Group, error: Exception) -> None:
        self._undo()
        if self._sum is not None:
            self._sum.forget()
        what = _NO_WAY_BACK if self._broken else "cannot be read or written; try again later"
        # The message of SQLite may quote values, so only the name of the error is told.
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        group.answers.clear()
        for job in group.jobs:
            failure = self._unavailable(what, detail=name)
            failure.__cause__ = error
            group.answers.append(_Answer(job.future, None, failure))

    def _undo(self) -> None:
        """Roll back. Where even that fails, nothing of the group may reach a later commit: closing
        the connection drops it, and the store stays closed.
        """
        if self._broken:
            return
        with contextlib.suppress(sqlite3.Error, MemoryError):
            # A failing store may have rolled back by itself.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        self._broken = self._db.in_transaction
        if self._broken:
            self._db.close()

    def _unavailable(
        self, what: str, *, retry_after_s: float | None = None, detail: str = ""
    ) -> StoreUnavailable:
        return StoreUnavailable(
            f"the {self._store} {what}",
            metadata={"store": self._store},
            retry_after_s=retry_after_s,
            detail=detail,
        )
