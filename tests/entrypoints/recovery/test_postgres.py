"""`hexgate ledger` over a PostgreSQL: it is migrated, checked and compared."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hexgate.adapters.ledger.postgres.ledger import open_postgres
from tests.contracts.audit import TODAY, filled
from tests.entrypoints.grpc.books import done
from tests.entrypoints.recovery.conftest import CONFIG, House
from tests.postgres import PostgresServer, running


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running() as server:
        yield server


@pytest.fixture
def dsn(server: PostgresServer) -> Iterator[str]:
    """A database of its own, with nothing in it."""
    yield server.create("own")
    server.drop("own")


@pytest.fixture
def house(tmp_path: Path, dsn: str) -> House:
    """A house whose ledger is in that database."""
    found = House(tmp_path)
    found.configure(
        CONFIG.replace("backend: sqlite, path: hexgate.db", f'backend: postgres, url: "{dsn}"')
    )
    return found


async def fill(dsn: str) -> None:
    ledger = await open_postgres(dsn)
    try:
        await filled(ledger)
        await done(ledger, "ours")
    finally:
        await ledger.aclose()


def test_migrating_makes_the_schema_and_a_second_time_does_nothing(house: House) -> None:
    before = house.run("verify")
    assert before.code == 2
    assert before.err.startswith("ledger.url: the ledger has no schema yet")
    for _ in range(2):
        migrated = house.run("migrate")
        assert (migrated.code, migrated.out) == (
            0,
            "the postgres ledger has schema 1, the newest\n",
        )
    assert house.verified()["adds_up"]


def test_a_ledger_is_verified_and_what_was_tampered_with_is_found(house: House, dsn: str) -> None:
    asyncio.run(fill(dsn))
    found = house.run("verify")
    assert (found.code, found.out.splitlines()[:2]) == (
        0,
        [
            "checked in the postgres ledger: calls 4, accounts 6, days of sums 2",
            "everything adds up",
        ],
    )
    with psycopg.connect(dsn) as db:
        db.execute(
            "UPDATE accounts SET held_nanos = held_nanos + 3 WHERE account = 'ever|total|global'"
        )
    (one,) = house.verified()["findings"]
    assert (one["where"], one["difference"]) == ("ever|total|global", 3)


def test_a_ledger_is_compared_with_an_export(house: House, dsn: str) -> None:
    asyncio.run(fill(dsn))
    (house.folder / "export.csv").write_text(f"day,model,output_tokens\n{TODAY},gpt-4o,20\n")
    assert house.run("reconcile", "export.csv", "--tolerance", "0%").code == 0
    (house.folder / "export.csv").write_text(f"day,model,output_tokens\n{TODAY},gpt-4o,21\n")
    assert house.run("reconcile", "export.csv", "--tolerance", "0%").code == 1


@pytest.mark.parametrize("command", ["verify", "migrate"])
def test_a_database_that_is_not_there_is_an_error_without_its_password(
    tmp_path: Path, command: str
) -> None:
    house = House(tmp_path)
    for url in ("postgresql://u:secret@127.0.0.1:1/none", "postgres//u:secret@host"):
        house.configure(
            CONFIG.replace("backend: sqlite, path: hexgate.db", f'backend: postgres, url: "{url}"')
        )
        found = house.run(command)
        assert (found.code, found.out) == (2, "")
        assert found.err.startswith("ledger.url: the ledger ")
        assert "secret" not in found.err


def test_what_needs_no_migration_says_so(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.configure()
    found = house.run("migrate")
    assert (found.code, found.out) == (
        0,
        "nothing to do: the sqlite ledger has the newest schema once it is opened\n",
    )
