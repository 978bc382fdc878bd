"""Reads of a SQLite ledger beside the writer: a connection that cannot write, in its own thread."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from hexgate.adapters.ledger.auditing import Ask, Rows
from hexgate.domain.errors import StoreUnavailable

T = TypeVar("T")


class Reader:
    """Answers one question after the other. It never holds up a writer, nor a writer it."""

    def __init__(self, path: Path, store: str) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, f"{store}-reader")
        self._turn = asyncio.Lock()  # the connection's transaction is one at a time
        # mode=ro: only one connection may ever write or checkpoint.
        self._db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )

    async def rows(self, sql: str, values: tuple[Any, ...] = ()) -> Rows:
        """All rows of a statement. Raises StoreUnavailable."""
        async with self._turn:
            return await self._done(lambda: self._db.execute(sql, values).fetchall())

    @contextlib.asynccontextmanager
    async def moment(self) -> AsyncIterator[Ask]:
        """One thing after the other may be asked, and the store does not change meanwhile.

        Raises StoreUnavailable.
        """
        async with self._turn:
            try:
                yield self._ask
            finally:
                # Nobody waits: in the thread it comes behind all that was asked, however it ended,
                # and before whatever is asked next.
                with contextlib.suppress(RuntimeError):
                    self._thread.submit(self._end)

    async def _ask(self, sql: str, values: tuple[Any, ...]) -> Rows:
        return await self._done(lambda: self._read(sql, values))

    def _read(self, sql: str, values: tuple[Any, ...]) -> Rows:
        if not self._db.in_transaction:
            self._db.execute("BEGIN")
        return self._db.execute(sql, values).fetchall()

    async def _done(self, work: Callable[[], T]) -> T:
        try:
            doing = asyncio.get_running_loop().run_in_executor(self._thread, work)
        except RuntimeError:
            raise StoreUnavailable(
                f"the {self._store} is closed", metadata={"store": self._store}
            ) from None
        try:
            return await doing
        except sqlite3.Error as error:
            raise StoreUnavailable(
                f"the {self._store} cannot be read; try again later",
                metadata={"store": self._store},
                detail=getattr(error, "sqlite_errorname", type(error).__name__),
            ) from error

    def _end(self) -> None:
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Wait for what is asked, then close the connection. Blocks; again does nothing."""
        self._thread.shutdown()
        self._db.close()

    async def aclose(self) -> None:
        """`close`, without blocking the loop."""
        await asyncio.to_thread(self.close)
