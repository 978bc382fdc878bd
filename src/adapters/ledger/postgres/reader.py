"""Reads of a PostgreSQL ledger beside the writer, each at one moment of the whole store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import psycopg

from hexgate.adapters.ledger.auditing import Ask, Rows
from hexgate.adapters.ledger.postgres.failures import unavailable
from hexgate.adapters.ledger.postgres.link import Db, Link
from hexgate.domain.errors import GatewayError


class Reader:
    """Answers as many questions at a time as there are `links`, each within `read_s` seconds."""

    def __init__(self, links: tuple[Link, ...], read_s: float) -> None:
        self._links = links
        self._read_s = read_s
        self._free: asyncio.LifoQueue[Link] = asyncio.LifoQueue()
        for link in links:
            self._free.put_nowait(link)
        self._closed = False

    async def rows(self, sql: str, values: tuple[Any, ...] = ()) -> Rows:
        """All rows of a statement. Raises StoreUnavailable."""
        async with self.moment() as ask:
            return await ask(sql, values)

    @contextlib.asynccontextmanager
    async def moment(self) -> AsyncIterator[Ask]:
        """One thing after the other may be asked, and the store does not change meanwhile.

        Raises StoreUnavailable.
        """
        link = await self._one()
        try:
            async with link.bounded(self._read_s):
                db = await _begun(link)
                try:
                    yield lambda sql, values: _ask(db, sql, values)
                except GatewayError:
                    await db.rollback()
                    raise
                await db.rollback()
        except GatewayError:
            raise
        except psycopg.Error as error:
            await link.drop()
            raise unavailable("cannot be read; try again later", why=error) from error
        except BaseException:
            # Wherever it was left, it is not where a transaction may begin.
            await link.drop()
            raise
        finally:
            self._free.put_nowait(link)

    async def _one(self) -> Link:
        if self._closed:
            raise unavailable("is closed")
        try:
            async with asyncio.timeout(self._read_s):
                return await self._free.get()
        except TimeoutError as error:
            raise unavailable("has too many readers; try again later", why=error) from error

    async def aclose(self) -> None:
        """Wait for what is asked, then close. Again does nothing."""
        if not self._closed:
            self._closed = True
            for _ in self._links:
                await (await self._free.get()).drop()


async def _begun(link: Link) -> Db:
    """A connection in a transaction. One that was lost since it was used is made again."""
    used = link.there
    try:
        db = await link.get()
        await db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    except psycopg.OperationalError:
        await link.drop()
        if not used:
            raise
        db = await link.get()
        await db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    return db


async def _ask(db: Db, sql: str, values: tuple[Any, ...]) -> Rows:
    # No text in the store has a NUL, and PostgreSQL takes none to compare it with.
    given = [one.replace("\0", "\ufffe") if isinstance(one, str) else one for one in values]
    found = await db.execute(sql.replace("%", "%%").replace("?", "%s"), given)
    return await found.fetchall()
