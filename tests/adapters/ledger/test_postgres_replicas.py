"""Several gateways over one ledger in PostgreSQL: whatever is done is done once."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from hexgate.adapters.ledger.postgres.ledger import open_postgres
from hexgate.domain.budget import Scope, Window
from hexgate.domain.errors import BudgetExceeded
from hexgate.domain.ledger import Entry
from hexgate.domain.report import DAY_S
from hexgate.ports.store import Store
from tests.adapters.ledger.replicas import PATIENT, asked, opened, pair, wrong
from tests.adapters.ledger.walk import Walk
from tests.contracts.accounts import DAY, EACH_AGENT, asks, begun, costs
from tests.contracts.ledger import START, intent, newest, settlement

# The long form: HEXGATE_WALK_STEPS=1000000.
STEPS = int(os.environ.get("HEXGATE_WALK_STEPS", "8000")) // 8


async def test_a_hundred_calls_at_once_on_a_budget_for_ten_admit_ten(dsn: str) -> None:
    async with pair(dsn) as ledgers:
        outcomes = await asyncio.gather(
            *(begun(ledgers[number % 2], str(number), 100) for number in range(100)),
            return_exceptions=True,
        )
        refused = [one for one in outcomes if isinstance(one, BudgetExceeded)]
        assert len(refused) == 90
        (balance,) = await ledgers[0].balances("", "", 10)
        assert (balance.held_nanos, balance.spent_nanos) == (1000, 0)
        admitted = [one.intent.call_id for one in await newest(ledgers[1])]
        assert len(admitted) == 10
        # Who began a call and who ends it need not be the same.
        won = await asyncio.gather(
            *(one.settle(costs(call_id, 70)) for call_id in admitted for one in ledgers)
        )
        assert sum(won) == 10
        (balance,) = await ledgers[0].balances("", "", 10)
        assert (balance.held_nanos, balance.spent_nanos) == (0, 700)
        assert await wrong(ledgers[0]) == ()


async def test_accounts_that_are_new_to_both_are_opened_once(dsn: str) -> None:
    budgets = [replace(EACH_AGENT, name=f"budget-{number}") for number in range(20)]
    async with pair(dsn) as ledgers:
        for turn in range(20):
            agent = f"agent-{turn}"
            await asyncio.gather(
                *(
                    begun(
                        one, f"{turn}-{place}-{n}", 10, *budgets[:: 1 - 2 * place], agent_id=agent
                    )
                    for place, one in enumerate(ledgers)
                    for n in range(3)
                )
            )
        found = await ledgers[0].balances("", "", 1000)
        assert len(found) == 400
        assert {one.held_nanos for one in found} == {60}
        assert await wrong(ledgers[0]) == ()


async def test_the_same_call_begun_by_both_is_one(dsn: str) -> None:
    async with pair(dsn) as ledgers:
        for turn in range(20):
            call = replace(intent(f"call-{turn}"), hold_nanos=10)
            await asyncio.gather(*(one.begin(call, asks(call, DAY)) for one in ledgers))
        (balance,) = await ledgers[0].balances("", "", 10)
        assert balance.held_nanos == 200
        assert await wrong(ledgers[0]) == ()


async def test_sweeping_at_once_settles_each_call_once(dsn: str) -> None:
    roomy = replace(DAY, limit_nanos=10_000_000)
    async with pair(dsn) as ledgers:
        await asyncio.gather(
            *(begun(ledgers[number % 2], str(number), 100, roomy) for number in range(1200))
        )
        swept = await asyncio.gather(*(one.sweep(START + 1000) for one in ledgers))
        assert sum(swept) == 1200
        (balance,) = await ledgers[0].balances("", "", 10)
        assert (balance.held_nanos, balance.spent_nanos) == (0, 120_000)
        assert await wrong(ledgers[0]) == ()


async def test_pruning_at_once_removes_each_row_once(dsn: str) -> None:
    async with pair(dsn) as ledgers:
        for number in range(40):
            await ledgers[0].begin(intent(str(number)))
            await ledgers[0].settle(settlement(str(number)))
        pruned = await asyncio.gather(*(one.prune(START + DAY_S) for one in ledgers))
        assert sum(pruned) == 40


async def test_adopting_at_once_adds_what_was_spent_once(dsn: str) -> None:
    async with pair(dsn) as ledgers:
        for number in range(10):
            await ledgers[0].begin(replace(intent(str(number)), agent_id=f"agent-{number}"))
            await ledgers[0].settle(costs(str(number), 5))
        budgets = (DAY, EACH_AGENT)
        await asyncio.gather(*(one.adopt(budgets, START) for one in ledgers for _ in range(3)))
        found = {one.subject: one.spent_nanos for one in await ledgers[1].balances("", "", 100)}
        assert found.pop("global") == 50
        assert set(found.values()) == {5}
        assert len(found) == 10


async def test_adopting_amid_calls_counts_each_of_them_once(dsn: str) -> None:
    forever = replace(DAY, name="all", window=Window.TOTAL, limit_nanos=10**9, scope=Scope())

    async def call(ledger: Store, name: str) -> None:
        await begun(ledger, name, 10, forever)
        await ledger.settle(costs(name, 7))

    async with pair(dsn) as ledgers:
        for number in range(50):
            await ledgers[0].begin(intent(f"before-{number}"))
            await ledgers[0].settle(costs(f"before-{number}", 3))
        calls = [call(ledgers[n % 2], f"amid-{n}") for n in range(200)]
        await asyncio.gather(*(one.adopt((forever,), START) for one in ledgers), *calls)
        (balance,) = await ledgers[0].balances("", "", 10)
        assert (balance.spent_nanos, balance.opening_nanos) == (200 * 7 + 150, 150)
        assert await wrong(ledgers[0]) == ()


async def test_alerts_claimed_at_once_are_each_one_gateways(dsn: str) -> None:
    async with pair(dsn) as ledgers:
        for number in range(10):
            each = replace(DAY, name=f"budget-{number}")
            await begun(ledgers[0], str(number), 1000, each)
            await ledgers[0].settle(costs(str(number), 1000))
        claimed = await asyncio.gather(
            *(one.claim(START, START + 30, 3) for one in ledgers for _ in range(5))
        )
        found = [(alert.account, alert.threshold_nanos) for some in claimed for alert in some]
        assert len(found) == len(set(found)) == 20


async def test_a_limit_changed_by_one_holds_for_the_other(dsn: str) -> None:
    async with pair(dsn) as (one, other):
        await begun(one, "a", 600)
        with pytest.raises(BudgetExceeded, match="600 are held"):
            await begun(other, "b", 500)
        await other.extend("a", 900)
        assert await one.get("a") == Entry(replace(intent("a"), hold_nanos=900))


@pytest.mark.timeout(120 + STEPS / 10)
async def test_no_account_is_ever_above_its_limit_whatever_becomes_of_the_replicas(
    dsn: str,
) -> None:
    """In a crash every connection breaks at once, wherever it is, and new gateways begin."""
    stores = [await open_postgres(dsn, bounds=PATIENT) for _ in range(3)]
    old = list(stores)

    async def crash() -> list[Store]:
        await asked(
            dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        for store in stores:
            await store.aclose()
        stores[:] = [await open_postgres(dsn, bounds=PATIENT) for _ in range(3)]
        old.extend(stores)
        return [*stores]

    try:
        walk = Walk([*stores], STEPS, crash)
        for _ in range(5):
            await walk.steps(STEPS // 5)
            await walk._crashed(crash)
        await walk.finish()
        assert walk.refused
        assert await wrong(stores[0]) == ()
    finally:
        for store in old:
            await store.aclose()


async def test_a_gateway_that_comes_later_finds_what_is_pending(dsn: str) -> None:
    async with opened(dsn) as ledger:
        await begun(ledger, "a", 600)
    async with opened(dsn) as ledger:
        assert await ledger.settle(costs("a", 5))
        (balance,) = await ledger.balances("", "", 10)
        assert (balance.held_nanos, balance.spent_nanos) == (0, 5)
