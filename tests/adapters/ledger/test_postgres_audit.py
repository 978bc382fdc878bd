"""The audit of a PostgreSQL ledger: of the engine at work, and of the store beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest

from hexgate.adapters.ledger.postgres.ledger import open_postgres
from hexgate.adapters.ledger.postgres.reading import read_postgres
from hexgate.domain.errors import StoreUnavailable
from tests.adapters.ledger.replicas import PATIENT, opened
from tests.contracts.audit import AuditContract, Books, Tamper, filled
from tests.contracts.ledger import START, intent, newest
from tests.contracts.reports import SUMMED_LABEL


class TestPostgresAudit(AuditContract):
    @pytest.fixture
    async def ledger(self, dsn: str) -> AsyncIterator[Books]:
        ledger = await open_postgres(dsn, labels=(SUMMED_LABEL,), bounds=PATIENT)
        yield ledger
        await ledger.aclose()

    @pytest.fixture
    def tamper(self, dsn: str) -> Tamper:
        async def tamper(sql: str) -> None:
            async with await psycopg.AsyncConnection.connect(dsn) as db:
                await db.execute(sql.encode())

        return tamper


async def test_a_store_is_read_beside_the_gateways_that_write_it(dsn: str) -> None:
    async with opened(dsn) as ledger:
        await filled(ledger)
        beside = await read_postgres(dsn)
        try:
            assert (await beside.examine(START)).calls == 3
            await ledger.begin(intent("new"))
            assert (await beside.examine(START)).calls == 4
            assert await newest(beside) == await newest(ledger)
            assert await beside.balances("", "", 10) == await ledger.balances("", "", 10)
        finally:
            await beside.aclose()
        with pytest.raises(StoreUnavailable, match="closed"):
            await beside.audit()


async def test_whoever_reads_alone_cannot_write(dsn: str) -> None:
    beside = await read_postgres(dsn)
    try:
        async with beside._source.moment() as ask:
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                await ask("DELETE FROM accounts", ())
    finally:
        await beside.aclose()


async def test_a_database_without_a_ledger_is_refused_and_left_empty(database: str) -> None:
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"has no schema yet, and this version needs 1"):
            await read_postgres(database)


async def test_a_store_that_is_not_there_is_refused_without_its_password() -> None:
    for dsn, told in (
        ("postgresql://u:secret@127.0.0.1:1/none", "cannot be opened: connection"),
        ("postgres//u:secret@host", "needs a DSN that libpq understands"),
    ):
        with pytest.raises(StoreUnavailable, match=told) as refused:
            await read_postgres(dsn)
        assert "secret" not in f"{refused.value} {refused.value.detail}"
