"""The schema of the ledger in PostgreSQL: its versions, and its months."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from hexgate.adapters.ledger.postgres import schema
from hexgate.adapters.ledger.postgres.ledger import open_postgres
from hexgate.domain.errors import StoreUnavailable
from hexgate.domain.report import DAY_S
from tests.adapters.ledger.replicas import PATIENT, asked, opened, stalled, wrong
from tests.contracts.ledger import START, intent, settlement
from tests.postgres import PostgresServer, running

MONTHS = (
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = 'calls'::regclass ORDER BY 1"
)
MARCH = 1_772_323_200.0  # 2026-03-01


HASTY = replace(PATIENT, begin_s=5.0, group_s=5.0)


async def tables(dsn: str) -> list[str]:
    """The partitions that there are."""
    return [name for (name,) in await asked(dsn, MONTHS)]


async def homes(dsn: str) -> dict[str, str]:
    """In which partition each call is."""
    rows = await asked(dsn, "SELECT call_id, tableoid::regclass::text FROM calls")
    return {str(call_id): str(home) for call_id, home in rows}


async def test_opening_makes_everything_out_of_nothing_and_leaves_it_the_next_time(
    database: str,
) -> None:
    for _ in range(2):
        async with opened(database) as ledger:
            assert await ledger.balances("", "", 10) == ()
            assert ledger.warning == ""
    assert await asked(database, schema.VERSION) == [(schema.VERSIONS[-1],)]


async def test_of_many_that_open_at_once_one_migrates(database: str) -> None:
    ledgers = await asyncio.gather(*(open_postgres(database, bounds=PATIENT) for _ in range(4)))
    await asyncio.gather(*(one.begin(intent(str(n))) for n, one in enumerate(ledgers)))
    for ledger in ledgers:
        await ledger.aclose()
    assert await asked(database, schema.VERSION) == [(schema.VERSIONS[-1],)]
    assert await asked(database, "SELECT count(*) FROM calls") == [(4,)]


def test_every_migration_is_a_version_that_is_known() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    assert [one.revision for one in script.walk_revisions()] == [*reversed(schema.VERSIONS)]


async def test_a_newer_schema_is_refused_with_what_to_do(database: str) -> None:
    async with opened(database):
        pass
    await asked(database, f"UPDATE {schema.TABLE} SET version_num = '99'")
    for migrate in (True, False):
        with pytest.raises(StoreUnavailable, match=r"schema 99, this one knows 1\); upgrade"):
            await open_postgres(database, migrate=migrate)
    with pytest.raises(StoreUnavailable, match="schema 99"):
        await asyncio.to_thread(schema.migrate, database)


async def test_an_empty_database_is_refused_where_it_may_not_be_migrated(database: str) -> None:
    with pytest.raises(StoreUnavailable, match="has no schema yet, and this version needs 1"):
        await open_postgres(database, migrate=False)
    assert await asked(database, "SELECT to_regclass('calls') IS NULL") == [(True,)]


async def test_a_ledger_may_have_a_schema_of_its_own(database: str) -> None:
    await asked(database, "CREATE SCHEMA apart")
    await asked(database, "CREATE TABLE public.calls (theirs text)")
    async with opened(f"{database}&options=-csearch_path%3Dapart") as ledger:
        await ledger.begin(intent("a"))
    assert await asked(database, "SELECT count(*) FROM apart.calls") == [(1,)]
    assert await asked(database, "SELECT count(*) FROM public.calls") == [(0,)]
    strays = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert await asked(database, strays) == [(1,)]


async def test_a_database_that_keeps_no_unicode_is_refused(postgres: PostgresServer) -> None:
    name = "latin"
    await asked(postgres.dsn(), f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0")
    try:
        with pytest.raises(StoreUnavailable, match="of this one is LATIN1; make one"):
            await open_postgres(postgres.dsn(name))
    finally:
        postgres.drop(name)


async def test_a_database_that_is_not_there_is_said_to_be_not_there(
    postgres: PostgresServer,
) -> None:
    with pytest.raises(StoreUnavailable, match='database "nowhere" does not exist') as refused:
        await open_postgres(postgres.dsn("nowhere"))
    assert refused.value.metadata == {"store": "ledger"}


async def test_a_dsn_that_cannot_be_read_is_not_quoted() -> None:
    with pytest.raises(StoreUnavailable, match="needs a DSN") as refused:
        await open_postgres("postgresql://user:secret@host:port:port/x y=z")
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_a_server_that_may_lose_what_it_was_told_is_warned_of() -> None:
    async def warning(dsn: str) -> str:
        async with opened(dsn) as ledger:
            return ledger.warning

    with running(fsync="off") as careless:
        assert "can lose or damage" in asyncio.run(warning(careless.dsn()))


async def test_the_months_around_now_are_there_before_anybody_calls(database: str) -> None:
    async with opened(database):
        found = await tables(database)
        ((this, after),) = await asked(
            database,
            "SELECT to_char(now() AT TIME ZONE 'UTC', '\"calls_\"YYYY_MM'), "
            "to_char(now() AT TIME ZONE 'UTC' + interval '1 month', '\"calls_\"YYYY_MM')",
        )
        assert found == [this, after]


async def test_rows_of_several_months_land_in_theirs_which_are_made_on_demand(
    database: str,
) -> None:
    async with opened(database) as ledger, opened(database) as other:
        moments = {"a": MARCH - 0.001, "b": MARCH, "c": MARCH + 40 * DAY_S, "d": 0.0}
        await asyncio.gather(
            *(
                one.begin(intent(f"{name}-{place}", started_at=at))
                for name, at in moments.items()
                for place, one in enumerate((ledger, other))
            )
        )
        months = {"a": "2026_02", "b": "2026_03", "c": "2026_04", "d": "1970_01"}
        assert await homes(database) == {
            f"{name}-{place}": f"calls_{month}"
            for name, month in months.items()
            for place in range(2)
        }
        # And the one after each, ahead.
        assert {"calls_2026_05", "calls_1970_02"} < {*await tables(database)}
        for name in await homes(database):
            assert await other.settle(settlement(name))
        assert await wrong(ledger) == ()


async def test_a_call_of_another_gateway_and_another_month_is_found_amid_our_own(
    database: str,
) -> None:
    async with opened(database) as other:
        await other.begin(intent("theirs", started_at=MARCH - 1))
    async with opened(database) as ledger:
        await ledger.begin(intent("ours", started_at=MARCH))
        async with stalled(database):
            first = asyncio.create_task(ledger.begin(intent("first", started_at=MARCH)))
            await asyncio.sleep(0)
            ended = [
                asyncio.create_task(ledger.settle(settlement(name))) for name in ("ours", "theirs")
            ]
            await asyncio.sleep(0)
        await first
        assert await asyncio.gather(*ended) == [True, True]


async def test_a_month_that_somebody_removed_is_made_again(database: str) -> None:
    async with opened(database) as ledger:
        await ledger.begin(intent("a", started_at=MARCH))
        await asked(database, "DROP TABLE calls_2026_03")
        await ledger.begin(intent("b", started_at=MARCH))
        assert await homes(database) == {"b": "calls_2026_03"}


async def test_pruning_drops_months_that_are_over_as_a_whole(database: str) -> None:
    async with opened(database) as ledger:
        for name, at in (("old", MARCH - 1), ("new", MARCH + DAY_S), ("open", MARCH - 40 * DAY_S)):
            await ledger.begin(intent(name, started_at=at))
        for name in ("old", "new"):
            await ledger.settle(settlement(name))
        assert await ledger.prune(MARCH + DAY_S) == 1
        found = await tables(database)
        assert "calls_2026_02" not in found
        # One call is pending there.
        assert "calls_2026_01" in found
        assert {*await homes(database)} == {"new", "open"}
        await ledger.sweep(MARCH)
        assert await ledger.prune(MARCH + 2 * DAY_S) == 2
        assert await homes(database) == {}
        await ledger.begin(intent("late", started_at=MARCH - 1))
        assert await homes(database) == {"late": "calls_2026_02"}
        assert await wrong(ledger) == ()


async def test_a_month_that_somebody_looks_at_is_emptied_and_dropped_another_time(
    database: str,
) -> None:
    async with opened(database) as ledger:
        names = [str(number) for number in range(1100)]
        await asyncio.gather(*(ledger.begin(intent(one, started_at=MARCH - 1)) for one in names))
        await asyncio.gather(*(ledger.settle(settlement(one)) for one in names))
        async with ledger.moment() as ask, opened(database, HASTY) as other:
            assert await ask("SELECT count(*) FROM calls", ()) == [(1100,)]
            pruning = asyncio.create_task(ledger.prune(MARCH))
            # Whoever waits to drop it holds up everybody who comes later, so it does not wait long.
            while not pruning.done():
                await other.begin(intent("new", started_at=MARCH))
            assert await pruning == 1100
            assert "calls_2026_02" in await tables(database)
            assert await ask("SELECT count(*) FROM calls", ()) == [(1100,)]
        assert await ledger.prune(MARCH) == 0
        assert "calls_2026_02" not in await tables(database)


async def test_calls_go_on_while_a_month_is_made_and_somebody_looks(database: str) -> None:
    async with opened(database, replace(PATIENT, begin_s=5.0)) as ledger:
        async with ledger.moment() as ask:
            await ask("SELECT count(*) FROM calls", ())
            await ledger.begin(intent("a", started_at=START - 400 * DAY_S))
        assert await ledger.get("a") is not None
