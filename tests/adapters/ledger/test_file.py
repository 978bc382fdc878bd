"""The file of a SQLite ledger: whose it is, and what is in it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from hexgate.adapters.ledger.file import APPLICATION_ID
from hexgate.adapters.ledger.schema import STEPS
from hexgate.adapters.ledger.sqlite import SqliteLedger, open_sqlite
from hexgate.domain.errors import StoreUnavailable
from hexgate.domain.ledger import CallState
from hexgate.domain.report import Query
from tests.contracts.ledger import START, intent, newest, settlement


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@contextlib.asynccontextmanager
async def opened(path: Path, labels: Sequence[str] = ()) -> AsyncIterator[SqliteLedger]:
    ledger = open_sqlite(path, labels=labels)
    try:
        yield ledger
    finally:
        await ledger.aclose()


def tampered(path: Path, sql: str) -> None:
    db = sqlite3.connect(path)
    db.executescript(sql)
    db.close()


async def test_a_second_opener_is_refused_until_the_first_has_closed(path: Path) -> None:
    async with opened(path) as ledger:
        with pytest.raises(StoreUnavailable, match="open in another process"):
            open_sqlite(path)
        await ledger.begin(intent("a"))
    async with opened(path) as ledger:
        assert await ledger.get("a") is not None


async def test_another_process_is_refused(path: Path) -> None:
    async with opened(path):
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.adapters.ledger.victim", str(path), "second", "1"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await child.communicate()
    assert child.returncode == 1
    assert out == b""
    assert b"is open in another process" in err


async def test_a_newer_schema_is_refused_with_what_to_do(path: Path) -> None:
    async with opened(path):
        pass
    tampered(path, "PRAGMA user_version = 99;")
    with pytest.raises(StoreUnavailable, match=r"schema 99, this one knows 2\); upgrade"):
        open_sqlite(path)
    tampered(path, "PRAGMA user_version = 2;")
    async with opened(path):
        pass


def test_the_database_of_another_program_is_refused_and_left_as_it_was(path: Path) -> None:
    tampered(path, "CREATE TABLE theirs (x);")
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match="of another program"):
        open_sqlite(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text("not a database, but long enough to look at" * 100)
    with pytest.raises(StoreUnavailable, match=r"ledger\.db cannot be opened"):
        open_sqlite(path)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        open_sqlite(tmp_path / "nowhere" / "ledger.db")


async def test_the_files_are_for_the_owner_alone(path: Path) -> None:
    async with opened(path) as ledger:
        await ledger.begin(intent("a"))
        for file in path.parent.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file.name


async def test_a_label_that_was_not_always_summed_is_reported_from_rows(path: Path) -> None:
    for number, labels in enumerate(((), ("team",), (), ("team",))):
        ledger = open_sqlite(path, labels=labels)
        try:
            call = replace(intent(str(number)), labels={"team": "search"})
            await ledger.begin(call)
            await ledger.settle(settlement(str(number)))
            query = Query(tenant="acme", start=0.0, end=4e9)
            (group,) = await ledger.summarize(query, ("label:team",), None, 10)
            assert (group.values, group.totals.calls) == (("search",), number + 1)
        finally:
            await ledger.aclose()


async def test_a_file_of_the_first_version_keeps_its_calls_and_gets_its_sums(path: Path) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(STEPS[0])
    for state, provider, nanos in (("settled", "openai", 7), ("failed", "openai", 5)):
        db.execute(
            "INSERT INTO calls VALUES (?, 'acme', 'fast', 'openai', 'gpt-4o', 500, 1, ?, ?, 's', "
            "'agent', 'user', '', 0, ?, 10, 1, 2, 3, 20, 4, 0, ?, 8, 9, 'v', 0, 0, ?, 'gpt-4o', ?, "
            "NULL, 'stop', '', '')",
            (state, START, START + 60, state, nanos, provider, START + 2),
        )
    db.execute(
        "INSERT INTO calls (call_id, tenant, requested_model, provider, model, hold_nanos, "
        "price_known, started_at, expires_at, session_id, agent_id, end_user_id, labels, streamed) "
        "VALUES ('open', 'acme', 'fast', 'openai', 'gpt-4o', 500, 1, ?, ?, '', '', '', '', 0)",
        (START, START + 60),
    )
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("PRAGMA user_version = 1")
    db.close()
    async with opened(path) as ledger:
        assert [row.state.value for row in await newest(ledger)] == ["settled", "pending", "failed"]
        assert await ledger.recover(START + 5) == 1
        found = await ledger.get("open")
        assert found is not None
        assert found.state is CallState.UNKNOWN
        day = Query(tenant="acme", start=START // 86_400 * 86_400, end=4e9)
        for by in (("agent",), ("day", "model"), ("session",)):
            groups = await ledger.summarize(day, by, None, 10)
            assert sum(group.totals.calls for group in groups) == 3
            assert sum(group.totals.cost.input_nanos for group in groups) == 12
            assert sum(group.totals.cost.wasted_nanos for group in groups) == 9 + 9 + 500
        assert await ledger.audit() == ()
