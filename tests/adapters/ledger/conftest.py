"""A PostgreSQL for the tests of the ledger."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import psycopg
import pytest

from hexgate.adapters.ledger.postgres.schema import migrate
from tests.postgres import PostgresServer, running

_names = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for a session, or for a worker of it."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def _shared(postgres: PostgresServer) -> str:
    dsn = postgres.create("shared")
    migrate(dsn)
    return dsn


@pytest.fixture
def dsn(_shared: str) -> str:
    """An empty ledger; tests have it one after the other."""
    with psycopg.connect(_shared) as db:
        db.execute("TRUNCATE calls, accounts, sums, alerts, facts")
    return _shared


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """A database of its own, with nothing in it."""
    name = f"own_{next(_names)}"
    yield postgres.create(name)
    postgres.drop(name)
