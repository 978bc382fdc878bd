"""The audit of a SQLite ledger: of the engine at work, and of its file beside it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from hexgate.adapters.ledger.reader import Reader
from hexgate.adapters.ledger.sqlite import open_sqlite, read_sqlite
from hexgate.domain.errors import StoreUnavailable
from tests.contracts.audit import AuditContract, Books, Tamper, filled
from tests.contracts.ledger import START, intent, newest, settlement
from tests.contracts.reports import SUMMED_LABEL


def changed(path: Path, sql: str) -> None:
    """The file after a statement of somebody else."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(sql)


class TestSqliteAudit(AuditContract):
    @pytest.fixture
    async def ledger(self, tmp_path: Path) -> AsyncIterator[Books]:
        ledger = open_sqlite(tmp_path / "audit.db", labels=(SUMMED_LABEL,))
        yield ledger
        await ledger.aclose()

    @pytest.fixture
    def tamper(self, tmp_path: Path) -> Tamper:
        async def tamper(sql: str) -> None:
            changed(tmp_path / "audit.db", sql)

        return tamper


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[Books]:
    ledger = open_sqlite(path)
    yield ledger
    await ledger.aclose()


async def test_a_file_is_read_beside_the_gateway_that_writes_it(path: Path, ledger: Books) -> None:
    await filled(ledger)
    beside = read_sqlite(path)
    try:
        assert (await beside.examine(START)).calls == 3
        await ledger.begin(intent("new"))
        assert (await beside.examine(START)).calls == 4
        assert await newest(beside) == await newest(ledger)
        assert await beside.balances("", "", 10) == await ledger.balances("", "", 10)
    finally:
        await beside.aclose()
    assert await ledger.settle(settlement("new"))


async def test_what_is_asked_within_a_moment_is_of_that_moment(path: Path, ledger: Books) -> None:
    count = "SELECT count(*) FROM calls"
    beside = read_sqlite(path)
    try:
        async with beside._source.moment() as ask:
            assert await ask(count, ()) == [(0,)]
            await ledger.begin(intent("a"))
            assert await ask(count, ()) == [(0,)]
        async with beside._source.moment() as ask:
            assert await ask(count, ()) == [(1,)]
    finally:
        await beside.aclose()


async def test_what_is_asked_beside_a_moment_is_of_now(path: Path, ledger: Books) -> None:
    count = "SELECT count(*) FROM calls"
    reader = Reader(path, "ledger")
    try:
        async with reader.moment() as ask:
            assert await ask(count, ()) == [(0,)]
            beside = asyncio.create_task(reader.rows(count))
            await ledger.begin(intent("a"))
        assert await beside == [(1,)]
    finally:
        await reader.aclose()


async def test_a_moment_that_is_left_early_is_over(path: Path, ledger: Books) -> None:
    reader = Reader(path, "ledger")

    async def look() -> None:
        async with reader.moment() as ask:
            while True:
                await ask("SELECT count(*) FROM calls", ())

    try:
        looking = asyncio.create_task(look())
        await asyncio.sleep(0)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        await ledger.begin(intent("a"))
        assert await reader.rows("SELECT count(*) FROM calls") == [(1,)]
    finally:
        await reader.aclose()


async def test_whoever_reads_alone_cannot_write(path: Path, ledger: Books) -> None:
    beside = read_sqlite(path)
    try:
        async with beside._source.moment() as ask:
            with pytest.raises(StoreUnavailable) as refused:
                await ask("DELETE FROM accounts", ())
        assert refused.value.detail == "SQLITE_READONLY"
        assert await beside.audit() == ()
    finally:
        await beside.aclose()


async def test_after_closing_nothing_can_be_asked(path: Path, ledger: Books) -> None:
    beside = read_sqlite(path)
    await beside.aclose()
    await beside.aclose()
    for use in (beside.audit(), beside.examine(START), newest(beside)):
        with pytest.raises(StoreUnavailable, match="closed"):
            await use


async def test_a_file_whose_gateway_has_ended_is_read_all_the_same(path: Path) -> None:
    ledger = open_sqlite(path)
    await filled(ledger)
    await ledger.aclose()
    for _ in range(2):
        beside = read_sqlite(path)
        assert (await beside.examine(START)).calls == 3
        await beside.aclose()


def refusal(path: Path) -> str:
    """Why a file is not opened for reading."""
    with pytest.raises(StoreUnavailable) as refused:
        read_sqlite(path)
    return refused.value.message


def opened_and_closed(path: Path) -> None:
    open_sqlite(path).close()


def test_a_file_that_is_not_there_is_not_made(path: Path) -> None:
    assert f"{path} is not there" in refusal(path)
    assert not path.exists()


def test_an_older_schema_is_refused_and_left_as_it_is(path: Path) -> None:
    opened_and_closed(path)
    changed(path, "PRAGMA user_version = 1;")
    assert "older version (schema 1, this one knows 2); start the gateway once" in refusal(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_newer_schema_is_refused_with_what_to_do(path: Path) -> None:
    opened_and_closed(path)
    changed(path, "PRAGMA user_version = 99;")
    assert "newer version (schema 99, this one knows 2); upgrade" in refusal(path)


def test_the_file_of_another_program_is_refused(path: Path) -> None:
    changed(path, "CREATE TABLE theirs (x);")
    assert "database of another program" in refusal(path)
    path.write_text("no database at all, but long enough to look at" * 100)
    assert "cannot be read: file is not a database" in refusal(path)
