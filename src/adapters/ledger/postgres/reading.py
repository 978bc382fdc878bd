"""A PostgreSQL ledger opened for reading alone, beside the gateways that write to it."""

from __future__ import annotations

from dataclasses import replace

import psycopg

from hexgate.adapters.ledger.auditing import Ask
from hexgate.adapters.ledger.postgres import schema
from hexgate.adapters.ledger.postgres.failures import said, unavailable
from hexgate.adapters.ledger.postgres.ledger import BOUNDS, WORDS, reading
from hexgate.adapters.ledger.postgres.link import Link
from hexgate.adapters.ledger.postgres.reader import Reader
from hexgate.adapters.ledger.postgres.writer import Bounds
from hexgate.adapters.ledger.reading import Reading

# An audit reads every row that there is.
_PATIENT = replace(BOUNDS, read_s=3600.0)


async def read_postgres(dsn: str, *, bounds: Bounds = _PATIENT) -> Reading:
    """Open a ledger; nothing is written to it, nor is it migrated.

    Raises StoreUnavailable, with what to do, when it cannot be reached or has another schema.
    """
    try:
        link = Link(dsn, bounds.connect_s, reading(bounds))
    except psycopg.ProgrammingError:
        # Its own message quotes the DSN, password and all.
        raise unavailable("needs a DSN that libpq understands: postgresql://...") from None
    try:
        await link.get()
    except psycopg.Error as error:
        await link.drop()
        raise unavailable(f"cannot be opened: {said(error)}", why=error) from error
    reader = Reader((link,), bounds.read_s)
    try:
        async with reader.moment() as ask:
            await _check(ask)
    except BaseException:
        await reader.aclose()
        raise
    return Reading(reader, WORDS)


async def _check(ask: Ask) -> None:
    found: list[str] = []
    if await ask(schema.HAS_VERSION, ()) == [(True,)]:
        found = [version for (version,) in await ask(schema.VERSION, ())]
    if not schema.check(found):
        raise schema.outdated(found)
