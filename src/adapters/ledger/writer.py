"""One thread that owns one SQLite connection and commits what many callers ask in groups.

Callers never touch the connection: they queue an operation and await its future. The thread takes
everything that has queued up into one transaction, so that they share one fsync, and answers only
after the commit; all answers of a group wake the event loop once. A caller that is cancelled gives
up its future; the operation is queued already and is done all the same. No operation waits for
another's outcome, so one that fails by itself leaves the others of its group alone: SQLite undoes
the failing statement, and no more. When the store fails, so does the whole group.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeAlias, TypeVar

from hexgate.domain.errors import StoreUnavailable

T = TypeVar("T")
A = TypeVar("A")

MAX_GROUP = 512

# After these SQLite may have rolled the whole transaction back. (It runs out of memory, too.)
_STORE_FAILED = (sqlite3.OperationalError, sqlite3.InternalError, MemoryError)

# The queue holds operations of all kinds; `submit` ties each to its arguments and its answer.
_Job: TypeAlias = tuple[Callable[[sqlite3.Connection, Any], Any], Any, asyncio.Future[Any]]


class _Answer(NamedTuple):
    future: asyncio.Future[Any]
    result: object
    error: Exception | None


class Writer:
    """Takes over `db`, which must be in autocommit mode, and closes it."""

    def __init__(self, db: sqlite3.Connection, store: str, max_queue: int) -> None:
        self._db = db
        self._store = store
        self._max_queue = max_queue
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._closing = False
        self._stopped = False
        self.commits = 0
        self.operations = 0
        # Daemon: a process that forgot to close must still end; what it was promised is committed.
        self._thread = threading.Thread(target=self._run, name=f"{store}-writer", daemon=True)
        self._thread.start()

    def submit(self, do: Callable[[sqlite3.Connection, A], T], args: A) -> asyncio.Future[T]:
        """Queue `do(db, args)`. The future is done once the transaction is committed.

        Raises StoreUnavailable when closed, or at once when too much is queued.
        """
        if self._closing:
            raise self._unavailable("is closed")
        if self._queue.qsize() >= self._max_queue:
            raise self._unavailable(
                f"is behind by {self._max_queue} operations, its maximum; try again later",
                retry_after_s=1.0,
            )
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put((do, args, future))
        if self._stopped:
            # Closed between the check and the put, from another thread: nobody would answer.
            self._refuse()
        return future

    def close(self) -> None:
        """Finish what is queued, then close the connection. Blocks; again does nothing."""
        self._closing = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            running = True
            while running:
                jobs, running = self._take()
                if jobs:
                    self._answer(self._commit(jobs))
        finally:
            self._closing = self._stopped = True
            self._db.close()
            self._refuse()

    def _take(self) -> tuple[list[_Job], bool]:
        """Everything queued, at least one, up to a group; False behind the last."""
        jobs: list[_Job] = []
        job = self._queue.get()
        for _ in range(min(self._queue.qsize(), MAX_GROUP - 1)):
            if job is None:
                break
            jobs.append(job)
            job = self._queue.get_nowait()
        if job is None:
            return jobs, False
        jobs.append(job)
        return jobs, True

    def _commit(self, jobs: list[_Job]) -> list[_Answer]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            answers = [self._do(job) for job in jobs]
            self._db.execute("COMMIT")
        except (sqlite3.Error, MemoryError) as error:
            # A failing store may have rolled back by itself.
            if self._db.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
            return [_Answer(future, None, self._failed(error)) for _, _, future in jobs]
        self.commits += 1
        self.operations += len(jobs)
        return answers

    def _do(self, job: _Job) -> _Answer:
        do, args, future = job
        try:
            return _Answer(future, do(self._db, args), None)
        except _STORE_FAILED:
            raise
        except Exception as error:
            # DatabaseError itself is what a corrupt file raises; its subclasses blame the values.
            if type(error) is sqlite3.DatabaseError:
                raise
            return _Answer(future, None, error)

    def _answer(self, answers: list[_Answer]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Answer]] = {}
        for answer in answers:
            by_loop.setdefault(answer.future.get_loop(), []).append(answer)
        for loop, group in by_loop.items():
            # A loop that has ended waits for nothing.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_resolve, group)

    def _refuse(self) -> None:
        """Answer whatever came too late."""
        left: list[_Answer] = []
        with contextlib.suppress(Empty):
            while True:
                job = self._queue.get_nowait()
                if job is not None:
                    left.append(_Answer(job[2], None, self._unavailable("is closed")))
        self._answer(left)

    def _failed(self, error: Exception) -> StoreUnavailable:
        # The message of SQLite may quote values, so only the name of the error is told.
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        failure = self._unavailable("cannot be read or written; try again later", detail=name)
        failure.__cause__ = error
        return failure

    def _unavailable(
        self, what: str, *, retry_after_s: float | None = None, detail: str = ""
    ) -> StoreUnavailable:
        return StoreUnavailable(
            f"the {self._store} {what}",
            metadata={"store": self._store},
            retry_after_s=retry_after_s,
            detail=detail,
        )


def _resolve(answers: list[_Answer]) -> None:
    for future, result, error in answers:
        # A cancelled caller wants no answer.
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
