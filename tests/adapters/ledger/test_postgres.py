"""The ledger in PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from hexgate.adapters.ledger.postgres.ledger import open_postgres
from hexgate.domain.errors import PeriodPruned, StoreUnavailable
from hexgate.domain.ledger import CallState, Entry
from hexgate.domain.price import Cost
from hexgate.domain.report import DAY_S, Query
from hexgate.ports.store import Store
from tests.adapters.ledger.replicas import PATIENT, asked, opened, stalled, wrong
from tests.contracts.accounts import DAY, asks
from tests.contracts.ledger import (
    FULL_INTENT,
    FULL_SETTLEMENT,
    START,
    dropped,
    intent,
    newest,
    settlement,
)
from tests.contracts.reports import SUMMED_LABEL
from tests.contracts.store import StoreContract

MOST = 2**63 - 1


class TestPostgresLedger(StoreContract):
    @pytest.fixture
    async def ledger(self, dsn: str) -> AsyncIterator[Store]:
        ledger = await open_postgres(dsn, labels=(SUMMED_LABEL,), bounds=PATIENT)
        yield ledger
        assert await wrong(ledger) == ()
        await ledger.aclose()


async def test_a_new_process_finds_everything_and_sweeps_what_was_open(dsn: str) -> None:
    async with opened(dsn) as ledger:
        await ledger.begin(FULL_INTENT)
        await ledger.settle(FULL_SETTLEMENT)
        await ledger.begin(intent("open"))
    async with opened(dsn) as ledger:
        assert await ledger.get(FULL_INTENT.call_id) == Entry(FULL_INTENT, FULL_SETTLEMENT)
        assert await ledger.sweep(START + 1000) == 1
        found = await ledger.get("open")
        assert found is not None
        assert found.state is CallState.UNKNOWN


async def test_many_operations_share_a_commit(dsn: str) -> None:
    async with opened(dsn) as ledger:
        async with stalled(dsn):
            tasks = [asyncio.create_task(ledger.begin(intent(str(n)))) for n in range(100)]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert ledger.operations == 100
        # Those that the writer had taken when it stalled, and the rest.
        assert ledger.commits <= 2


async def test_a_call_may_begin_grow_and_end_within_one_commit(dsn: str) -> None:
    async with opened(dsn) as ledger:
        async with stalled(dsn):
            first = asyncio.create_task(ledger.begin(intent("first")))
            await asyncio.sleep(0)
            begun = asyncio.create_task(ledger.begin(intent("a")))
            grown = asyncio.create_task(ledger.extend("a", 900))
            ended = asyncio.create_task(ledger.settle(settlement("a")))
            again = asyncio.create_task(ledger.settle(settlement("a")))
            await asyncio.sleep(0)
        await asyncio.gather(first, begun, grown)
        assert (await ended, await again) == (True, False)
        longer = replace(intent("a"), hold_nanos=900)
        assert await ledger.get("a") == Entry(longer, settlement("a"))
        assert await wrong(ledger) == ()


async def test_a_caller_that_leaves_before_the_commit_loses_nothing(dsn: str) -> None:
    async with opened(dsn) as ledger:
        async with stalled(dsn):
            await dropped(asyncio.create_task(ledger.begin(intent("a"))))
            await dropped(asyncio.create_task(ledger.settle(settlement("a"))))
        assert await ledger.get("a") == Entry(intent("a"), settlement("a"))


async def test_closing_finishes_what_is_queued(dsn: str) -> None:
    ledger = await open_postgres(dsn, bounds=PATIENT)
    async with stalled(dsn):
        tasks = [asyncio.create_task(ledger.begin(intent(str(n)))) for n in range(10)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(ledger.aclose())
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    await closing
    async with opened(dsn) as again:
        assert len(await newest(again, "acme", 100)) == 10


async def test_refuses_at_once_what_its_queue_cannot_hold(dsn: str) -> None:
    async with opened(dsn, replace(PATIENT, max_queue=10)) as ledger:
        async with stalled(dsn):
            tasks = [asyncio.create_task(ledger.begin(intent(str(n)))) for n in range(10)]
            await asyncio.sleep(0)
            with pytest.raises(StoreUnavailable, match="behind by 10") as refused:
                await ledger.begin(intent("late"))
        assert refused.value.retry_after_s is not None
        await asyncio.gather(*tasks)
        assert len(await newest(ledger, "acme", 1000)) == 10


async def test_an_outcome_is_taken_even_when_the_queue_is_full(dsn: str) -> None:
    async with opened(dsn, replace(PATIENT, max_queue=10)) as ledger:
        await ledger.begin(intent("paid"))
        async with stalled(dsn):
            begun = [asyncio.create_task(ledger.begin(intent(str(n)))) for n in range(10)]
            await asyncio.sleep(0)
            paid = asyncio.create_task(ledger.settle(settlement("paid")))
            await asyncio.sleep(0)
            with pytest.raises(StoreUnavailable):
                await ledger.begin(intent("late"))
        assert await paid
        await asyncio.gather(*begun)


async def test_after_closing_every_method_is_unavailable(dsn: str) -> None:
    ledger = await open_postgres(dsn)
    await ledger.aclose()
    await ledger.aclose()
    for use in (
        ledger.begin(intent("a")),
        ledger.settle(settlement("a")),
        ledger.get("a"),
        newest(ledger),
        ledger.balances("", "", 1),
        ledger.claim(0, 0, 1),
        ledger.prune(0),
        ledger.sweep(0),
    ):
        with pytest.raises(StoreUnavailable, match="ledger is closed") as refused:
            await use
        assert refused.value.metadata == {"store": "ledger"}


async def test_another_event_loop_is_told_to_open_its_own(dsn: str) -> None:
    async with opened(dsn) as ledger:
        with pytest.raises(RuntimeError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, ledger.begin(intent("a")))


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"hold_nanos": 1 << 63}, "OverflowError"),
        ({"tenant": "\ud800"}, "UnicodeEncodeError"),
        ({"labels": {"team": "\ud800"}}, "UnicodeEncodeError"),
        ({"session_id": "half\0way"}, "UntranslatableCharacter"),
        ({"labels": {"team": "half\0way"}}, "UntranslatableCharacter"),
        ({"expires_at": float("inf")}, "OverflowError"),
        ({"started_at": -1.0}, "DatetimeFieldOverflow"),
        ({"started_at": 1e12}, "DatetimeFieldOverflow"),
    ],
)
async def test_a_value_that_no_column_holds_is_refused_and_harms_nothing(
    dsn: str, changes: dict[str, Any], detail: str
) -> None:
    async with opened(dsn) as ledger:
        with pytest.raises(StoreUnavailable, match="beyond what its columns hold") as refused:
            await ledger.begin(replace(intent("a"), **changes))
        assert (refused.value.detail, refused.value.metadata) == (detail, {"store": "ledger"})
        await ledger.begin(intent("a"))
        with pytest.raises(StoreUnavailable):
            await ledger.settle(settlement("a", nanos=1 << 63))
        with pytest.raises(StoreUnavailable):
            await ledger.settle(replace(settlement("a"), finish="half\0way"))
        with pytest.raises(StoreUnavailable):
            await ledger.extend("a", 1 << 63)
        assert await ledger.get("a") == Entry(intent("a"))


async def test_a_sum_that_no_column_holds_leaves_the_others_of_its_commit_alone(dsn: str) -> None:
    async with opened(dsn) as ledger:
        for name in ("a", "b", "c"):
            await ledger.begin(intent(name))
        assert await ledger.settle(settlement("a", nanos=MOST - 10))
        async with stalled(dsn):
            first = asyncio.create_task(ledger.begin(intent("d")))
            await asyncio.sleep(0)
            second = asyncio.create_task(ledger.begin(intent("e")))
            bad = asyncio.create_task(ledger.settle(settlement("b", nanos=20)))
            last = asyncio.create_task(ledger.settle(settlement("c", nanos=5)))
            await asyncio.sleep(0)
        await asyncio.gather(first, second)
        with pytest.raises(StoreUnavailable, match="beyond what its columns hold") as refused:
            await bad
        assert refused.value.detail == "NumericValueOutOfRange"
        assert await last
        assert await ledger.get("b") == Entry(intent("b"))
        assert await wrong(ledger) == ()


async def test_text_that_no_row_has_matches_none(dsn: str) -> None:
    async with opened(dsn) as ledger:
        await ledger.begin(intent("a"))
        assert await ledger.get("a\0") is None
        query = Query(tenant="acme", start=0.0, end=4e9, session_id="\0")
        assert await ledger.records(query, None, 10) == ()
        with pytest.raises(KeyError):
            await ledger.extend("b", 1)


async def test_labels_survive_whatever_json_makes_of_them(dsn: str) -> None:
    odd = {"quote": '"\\u0000', "line": "a\nb", "empty": "", "wide": "\U0001f600\ufffe"}
    async with opened(dsn) as ledger:
        await ledger.begin(replace(intent("a"), labels=odd))
        await ledger.settle(replace(settlement("a"), cost=Cost(input_nanos=1)))
        found = await ledger.get("a")
        assert found is not None
        assert found.intent.labels == odd
        query = Query(tenant="acme", start=0.0, end=4e9, labels=odd)
        assert len(await ledger.records(query, None, 10)) == 1


async def test_every_text_sorts_as_in_python_whatever_the_locale(dsn: str) -> None:
    found = await asked(
        dsn,
        "SELECT attrelid::regclass || '.' || attname FROM pg_attribute "
        "JOIN pg_class ON pg_class.oid = attrelid JOIN pg_collation ON pg_collation.oid = "
        "attcollation WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace "
        "AND relname <> 'hexgate_version' AND attnum > 0 AND collname <> 'C'",
    )
    assert found == []


async def test_the_writer_looks_at_rows_by_their_keys_alone(dsn: str) -> None:
    """Its plans are made once, whatever the size of the tables is by then."""
    async with opened(dsn) as ledger:
        await ledger.begin(intent("a"), asks(intent("a"), DAY))
        await ledger.extend("a", 600)
        await ledger.settle(settlement("a"))
        await ledger.sweep(START)
        await ledger.prune(START)
        db = ledger._writer._link._db
        assert db is not None
        found = await db.execute(
            "SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements "
            "WHERE statement ~ ' (calls|accounts|sums) '"
        )
        statements = await found.fetchall()
        assert len(statements) > 5
        for name, statement, width in statements:
            nulls = f"({', '.join(['NULL'] * width)})" if width else ""
            lines = await (await db.execute(f"EXPLAIN EXECUTE {name}{nulls}".encode())).fetchall()
            plan = "\n".join(line for (line,) in lines)
            assert "Seq Scan" not in plan, f"{statement}\n{plan}"


async def test_it_is_right_and_durable_whatever_the_defaults_of_the_database_are(
    database: str,
) -> None:
    name = conninfo_to_dict(database)["dbname"]
    for setting in (
        "synchronous_commit = off",
        "extra_float_digits = -10",
        "default_transaction_isolation = serializable",
        "client_encoding = latin1",
    ):
        await asked(database, f"ALTER DATABASE {name} SET {setting}")
    async with opened(database) as ledger:
        await ledger.begin(FULL_INTENT)
        assert await ledger.settle(FULL_SETTLEMENT)
        assert await ledger.get(FULL_INTENT.call_id) == Entry(FULL_INTENT, FULL_SETTLEMENT)
        db = ledger._writer._link._db
        assert db is not None
        assert await (await db.execute("SHOW synchronous_commit")).fetchone() == ("on",)
        found = await db.execute("SHOW transaction_isolation")
        assert await found.fetchone() == ("read committed",)


async def test_a_report_that_is_refused_leaves_its_connection_as_it_was(dsn: str) -> None:
    query = Query(tenant="acme", start=START - 5 * DAY_S, end=START)
    async with opened(dsn) as ledger:
        await ledger.prune(START)
        for _ in range(3):
            with pytest.raises(PeriodPruned):
                await ledger.records(query, None, 10)
        assert len({link._db for link in ledger._reader._links} - {None}) == 1
        # Nor does it go on to look at the moment of that report.
        await ledger.begin(intent("a"))
        assert await ledger.get("a") == Entry(intent("a"))


async def test_a_reader_that_never_comes_to_its_turn_is_told(dsn: str) -> None:
    refused: StoreUnavailable | None = None
    async with opened(dsn, replace(PATIENT, read_s=0.2)) as ledger:
        # Those who keep everybody waiting have had their time as well.
        with contextlib.suppress(StoreUnavailable):
            async with ledger.moment(), ledger.moment():
                with pytest.raises(StoreUnavailable) as late:
                    await ledger.balances("", "", 10)
                refused = late.value
        assert refused is not None
        assert "too many readers" in refused.message
        assert await ledger.balances("", "", 10) == ()
