"""The version of a PostgreSQL ledger's schema, and how it is led to the newest.

Everything is in the schema that comes first in the search path, so a ledger gets one of its own by
its DSN: after `CREATE SCHEMA hexgate`, add `?options=-csearch_path%3Dhexgate` to it. The account of
the DSN must own it, since the gateway makes and drops tables for months.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psycopg

from hexgate.adapters.ledger.postgres.failures import said, unavailable
from hexgate.adapters.ledger.postgres.link import Db, parameters
from hexgate.adapters.ledger.postgres.months import LOCK
from hexgate.adapters.ledger.sheet import SINCE
from hexgate.domain.attribution import LABEL
from hexgate.domain.errors import StoreUnavailable
from hexgate.domain.report import DAY_S

VERSIONS = ("1",)
"""Every version that there was, the newest last: the revisions of alembic."""

TABLE = "hexgate_version"
HAS_VERSION = f"SELECT to_regclass('{TABLE}') IS NOT NULL"
VERSION = f"SELECT version_num FROM {TABLE}"
"""Asked where HAS_VERSION says that it can be."""

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(dsn: str, *, connect_s: float = 10.0) -> None:
    """Lead a database to the newest schema; blocks. Of several at once one does it, and the others
    wait for it. Nothing happens where there is nothing to do.

    Raises StoreUnavailable.
    """
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    try:
        given = parameters(dsn, connect_s)
    except psycopg.ProgrammingError:
        # Its own message quotes the DSN, password and all.
        raise unavailable("needs a DSN that libpq understands: postgresql://...") from None
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(**given),
        poolclass=NullPool,
    )
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            has = connection.exec_driver_sql(HAS_VERSION).scalar_one()
            check([*connection.exec_driver_sql(VERSION).scalars()] if has else [])
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        why = said(error.orig) if isinstance(error.orig, psycopg.Error) else "no reason given"
        raise unavailable(f"cannot be migrated: {why}", why=error.orig) from error


def check(found: Sequence[str]) -> bool:
    """Whether a database with these rows of VERSION has the newest schema. Raises StoreUnavailable
    for one that a newer gateway has made.
    """
    newer = [one for one in found if one not in VERSIONS]
    if newer:
        raise unavailable(
            f"was written by a newer version (schema {newer[0]}, this one knows {VERSIONS[-1]}); "
            "upgrade, or give the ledger another database"
        )
    return list(found) == [VERSIONS[-1]]


def outdated(found: Sequence[str]) -> StoreUnavailable:
    """What is said of a database that may not be migrated, but has to be."""
    has = f"has schema {found[0]}" if found else "has no schema yet"
    return unavailable(
        f"{has}, and this version needs {VERSIONS[-1]}; let it be migrated when it is opened"
    )


async def mark(db: Db, labels: Sequence[str], now: float) -> None:
    """Note from when on each of these labels is in all daily sums. One that is not told any more
    begins anew.

    That is the second midnight: by then each gateway has been told, unless a change of their
    configuration takes longer than a day. Where there is no call yet, it is from the beginning on.
    """
    told = {f"{SINCE}{LABEL}{key}" for key in labels}
    found = await (await db.execute("SELECT name FROM facts")).fetchall()
    known = {name for (name,) in found if name.startswith(SINCE)}
    if told == known:
        return
    (some,) = await (await db.execute("SELECT EXISTS (SELECT FROM calls)")).fetchone() or (True,)
    first = (now // DAY_S + 2) * DAY_S if some else 0.0
    async with db.transaction():
        await db.execute("DELETE FROM facts WHERE name = ANY(%s)", (sorted(known - told),))
        for name in sorted(told - known):
            await db.execute(
                "INSERT INTO facts (name, value) VALUES (%s, %s) ON CONFLICT (name) DO NOTHING",
                (name, first),
            )
