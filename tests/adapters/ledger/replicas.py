"""Ledgers in PostgreSQL as tests open them, and what stands in their way."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import psycopg

from hexgate.adapters.ledger.auditing import findings
from hexgate.adapters.ledger.postgres.ledger import WORDS, PostgresLedger, open_postgres
from hexgate.adapters.ledger.postgres.writer import Bounds
from hexgate.domain.audit import Finding

PATIENT = Bounds(begin_s=60.0, patience_s=60.0, group_s=60.0, read_s=60.0, connect_s=60.0)
"""For tests in which nothing hangs: a slow machine is no failure."""


@contextlib.asynccontextmanager
async def opened(dsn: str, bounds: Bounds = PATIENT) -> AsyncIterator[PostgresLedger]:
    """A ledger until the end of the context."""
    ledger = await open_postgres(dsn, bounds=bounds)
    try:
        yield ledger
    finally:
        await ledger.aclose()


@contextlib.asynccontextmanager
async def pair(dsn: str, bounds: Bounds = PATIENT) -> AsyncIterator[list[PostgresLedger]]:
    """Two gateways' ledgers over one store."""
    async with opened(dsn, bounds) as one, opened(dsn, bounds) as other:
        yield [one, other]


@contextlib.asynccontextmanager
async def stalled(dsn: str) -> AsyncIterator[None]:
    """Someone else holds a lock, so that nothing is committed."""
    db = await psycopg.AsyncConnection.connect(dsn)
    try:
        await db.execute("LOCK TABLE calls IN EXCLUSIVE MODE")
        yield
    finally:
        await db.close()


async def wrong(ledger: PostgresLedger) -> tuple[Finding, ...]:
    """Accounts and sums that are not those of the rows."""
    async with ledger.moment() as ask:
        return await findings(ask, WORDS)


async def asked(dsn: str, sql: str) -> list[tuple[Any, ...]]:
    """What somebody is answered who is no ledger."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as db:
        found = await db.execute(sql.encode())
        return await found.fetchall() if found.description else []
