"""Reads of a SQLite ledger beside the writer: a connection that cannot write, in its own thread."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hexgate.domain.errors import StoreUnavailable

Rows = list[tuple[Any, ...]]


class Reader:
    """Answers one question after the other. It never holds up a writer, nor a writer it."""

    def __init__(self, path: Path, store: str) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, f"{store}-reader")
        # mode=ro: only one connection may ever write or checkpoint.
        self._db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )

    async def rows(self, sql: str, values: tuple[Any, ...] = ()) -> Rows:
        """All rows of a statement. Raises StoreUnavailable."""
        (found,) = await self.at_once((sql, values))
        return found

    async def at_once(self, *statements: tuple[str, tuple[Any, ...]]) -> tuple[Rows, ...]:
        """The rows of several statements, all of the same moment. Raises StoreUnavailable."""
        try:
            work = asyncio.get_running_loop().run_in_executor(self._thread, self._run, statements)
        except RuntimeError:
            raise StoreUnavailable(
                f"the {self._store} is closed", metadata={"store": self._store}
            ) from None
        return await work

    def _run(self, statements: tuple[tuple[str, tuple[Any, ...]], ...]) -> tuple[Rows, ...]:
        try:
            self._db.execute("BEGIN")
            try:
                return tuple(self._db.execute(*one).fetchall() for one in statements)
            finally:
                self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreUnavailable(
                f"the {self._store} cannot be read; try again later",
                metadata={"store": self._store},
                detail=getattr(error, "sqlite_errorname", type(error).__name__),
            ) from error

    def close(self) -> None:
        """Wait for what is asked, then close the connection. Blocks; again does nothing."""
        self._thread.shutdown()
        self._db.close()
