"""What every store of accounts must do, beside its ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hexgate.domain.budget import MILLION, Balance, Budget, Charge, Scope, Window
from hexgate.domain.errors import BudgetExceeded
from hexgate.domain.ledger import CallState, Intent, Settlement
from hexgate.domain.price import Cost
from hexgate.domain.report import DAY_S
from hexgate.ports.store import Store
from tests.contracts.ledger import START, dropped, intent, settlement

DAY = Budget(
    name="daily",
    limit_nanos=1000,
    window=Window.DAY,
    alert_shares=(800_000, MILLION),
)
EACH_AGENT = Budget(name="agents", limit_nanos=700, window=Window.MONTH, scope=Scope("agent"))


def asks(call: Intent, *budgets: Budget) -> tuple[Charge, ...]:
    """What a call asks of these budgets."""
    charges = (budget.charge(call, call.started_at) for budget in budgets)
    return tuple(charge for charge in charges if charge is not None)


def costs(call_id: str, nanos: int, state: CallState = CallState.SETTLED) -> Settlement:
    """An outcome of this cost."""
    return replace(settlement(call_id, nanos=nanos), state=state)


async def begun(store: Store, call_id: str, hold: int, *budgets: Budget, **changes: str) -> Intent:
    """Begin a call on these budgets."""
    call = replace(intent(call_id), hold_nanos=hold, **changes)  # type: ignore[arg-type] # text alone
    await store.begin(call, asks(call, *(budgets or (DAY,))))
    return call


async def balance(store: Store, prefix: str = "") -> Balance:
    """The one account whose name begins so."""
    (found,) = await store.balances(prefix, "", 10)
    return found


class AccountsContract:
    """For subclasses of LedgerContract whose `ledger` is a Store."""

    @pytest.fixture
    def ledger(self) -> Store | AsyncIterator[Store]:
        """The store under test."""
        raise NotImplementedError("subclasses have one")

    async def test_a_hold_is_on_the_account_until_it_is_spent(self, ledger: Store) -> None:
        await begun(ledger, "a", 600)
        expected = Balance(account="daily|2025-11-21|global", limit_nanos=1000, held_nanos=600)
        assert await ledger.balances("", "", 10) == (expected,)
        await ledger.settle(costs("a", 150))
        expected = replace(expected, held_nanos=0, spent_nanos=150)
        assert await ledger.balances("", "", 10) == (expected,)

    async def test_a_call_on_no_account_opens_none(self, ledger: Store) -> None:
        await ledger.begin(intent("a"))
        await ledger.settle(settlement("a"))
        assert await ledger.balances("", "", 10) == ()

    async def test_holds_and_spending_together_stay_at_or_below_the_limit(
        self, ledger: Store
    ) -> None:
        await begun(ledger, "a", 400)
        await ledger.settle(costs("a", 300))
        await begun(ledger, "b", 300)
        await begun(ledger, "c", 400)  # to the last nano-USD
        with pytest.raises(BudgetExceeded) as refused:
            await begun(ledger, "d", 1)
        assert refused.value.metadata == {
            "budget": "daily",
            "scope": "global",
            "limitNanos": "1000",
            "spentNanos": "300",
            "heldNanos": "700",
            "neededNanos": "1",
            "resetTime": "2025-11-22T00:00:00Z",
        }

    async def test_a_refused_call_leaves_nothing(self, ledger: Store) -> None:
        await begun(ledger, "a", 1000)
        before = await balance(ledger)
        with pytest.raises(BudgetExceeded):
            await begun(ledger, "b", 1)
        assert await ledger.get("b") is None
        assert await balance(ledger) == before

    async def test_one_full_account_of_several_leaves_the_others_alone(self, ledger: Store) -> None:
        with pytest.raises(BudgetExceeded, match="agents"):
            await begun(ledger, "a", 701, DAY, EACH_AGENT, agent_id="indexer")
        assert all(not one.held_nanos for one in await ledger.balances("", "", 10))
        await begun(ledger, "b", 700, DAY, EACH_AGENT, agent_id="indexer")
        found = {one.account: one.held_nanos for one in await ledger.balances("", "", 10)}
        assert found == {"agents|2025-11|agent:indexer": 700, "daily|2025-11-21|global": 700}

    async def test_each_value_of_a_scope_has_its_own(self, ledger: Store) -> None:
        await begun(ledger, "a", 700, EACH_AGENT, agent_id="indexer")
        await begun(ledger, "b", 700, EACH_AGENT, agent_id="writer")
        with pytest.raises(BudgetExceeded, match="agent:writer"):
            await begun(ledger, "c", 1, EACH_AGENT, agent_id="writer")

    async def test_a_ceiling_below_the_limit_holds_for_this_call_alone(self, ledger: Store) -> None:
        (charge,) = asks(intent("a"), DAY)
        soft = replace(charge, ceiling_nanos=500)
        with pytest.raises(BudgetExceeded):
            await ledger.begin(replace(intent("a"), hold_nanos=501), (soft,))
        await ledger.begin(replace(intent("a"), hold_nanos=501), (charge,))

    async def test_a_new_window_begins_at_zero(self, ledger: Store) -> None:
        await begun(ledger, "a", 1000)
        tomorrow = replace(intent("b", started_at=START + DAY_S), hold_nanos=1000)
        await ledger.begin(tomorrow, asks(tomorrow, DAY))
        assert (await balance(ledger, "daily|2025-11-22")).held_nanos == 1000

    async def test_a_call_belongs_to_the_window_in_which_it_started(self, ledger: Store) -> None:
        await begun(ledger, "a", 500)
        await ledger.settle(replace(costs("a", 400), ended_at=START + DAY_S))
        assert (await balance(ledger)).account == "daily|2025-11-21|global"
        assert (await balance(ledger)).spent_nanos == 400

    async def test_beginning_again_holds_once(self, ledger: Store) -> None:
        await begun(ledger, "a", 600)
        await begun(ledger, "a", 600)  # there would be no room for both
        assert (await balance(ledger)).held_nanos == 600
        await ledger.settle(costs("a", 5))
        await begun(ledger, "a", 600)
        assert (await balance(ledger)).held_nanos == 0

    async def test_settling_again_spends_once(self, ledger: Store) -> None:
        await begun(ledger, "a", 600)
        await ledger.settle(costs("a", 5))
        await ledger.settle(costs("a", 7))
        assert (await balance(ledger)).spent_nanos == 5

    async def test_a_cost_above_the_hold_is_spent_all_the_same(self, ledger: Store) -> None:
        await begun(ledger, "a", 600)
        await ledger.settle(costs("a", 1200))
        found = await balance(ledger)
        assert (found.spent_nanos, found.held_nanos) == (1200, 0)
        with pytest.raises(BudgetExceeded):
            await begun(ledger, "b", 0)

    async def test_a_call_that_costs_nothing_fits_where_all_is_spent(self, ledger: Store) -> None:
        await begun(ledger, "a", 1000)
        await ledger.settle(costs("a", 1000))
        await begun(ledger, "b", 0)

    @pytest.mark.parametrize("state", [CallState.CANCELLED, CallState.FAILED])
    async def test_whatever_became_of_a_call_its_cost_is_spent(
        self, ledger: Store, state: CallState
    ) -> None:
        await begun(ledger, "a", 600)
        await ledger.settle(costs("a", 42, state))
        found = await balance(ledger)
        assert (found.spent_nanos, found.held_nanos) == (42, 0)

    async def test_a_sweep_spends_the_hold(self, ledger: Store) -> None:
        call = await begun(ledger, "a", 600)
        await ledger.sweep(call.expires_at)
        found = await balance(ledger)
        assert (found.spent_nanos, found.held_nanos) == (600, 0)

    async def test_an_unknown_price_spends_nothing(self, ledger: Store) -> None:
        await begun(ledger, "a", 600)
        unknown = Cost(input_nanos=7, wasted_nanos=9, unknown=True)
        await ledger.settle(replace(settlement("a"), cost=unknown))
        assert (await balance(ledger)).spent_nanos == 0

    async def test_a_hold_grows_within_the_limit(self, ledger: Store) -> None:
        await begun(ledger, "a", 600)
        await ledger.extend("a", 1000)
        assert (await balance(ledger)).held_nanos == 1000
        with pytest.raises(BudgetExceeded) as refused:
            await ledger.extend("a", 1001)
        assert refused.value.metadata["neededNanos"] == "1"
        assert (await balance(ledger)).held_nanos == 1000
        await ledger.extend("a", 10)  # never shrinks
        assert (await balance(ledger)).held_nanos == 1000
        found = await ledger.get("a")
        assert found is not None
        assert found.intent.hold_nanos == 1000
        await ledger.settle(costs("a", 1))
        assert (await balance(ledger)).held_nanos == 0

    async def test_a_hold_grows_on_all_accounts_or_on_none(self, ledger: Store) -> None:
        await begun(ledger, "a", 600, DAY, EACH_AGENT, agent_id="indexer")
        with pytest.raises(BudgetExceeded, match="agents"):
            await ledger.extend("a", 701)
        held = [one.held_nanos for one in await ledger.balances("", "", 10)]
        assert held == [600, 600]

    async def test_a_grown_hold_is_swept_as_it_is(self, ledger: Store) -> None:
        call = await begun(ledger, "a", 600)
        await ledger.extend("a", 900)
        await ledger.sweep(call.expires_at)
        assert (await balance(ledger)).spent_nanos == 900

    async def test_only_a_pending_call_has_a_hold_to_grow(self, ledger: Store) -> None:
        with pytest.raises(KeyError):
            await ledger.extend("never", 1)
        await begun(ledger, "a", 600)
        await ledger.settle(costs("a", 1))
        with pytest.raises(KeyError):
            await ledger.extend("a", 700)

    async def test_a_hundred_calls_at_once_on_a_budget_for_ten_admit_ten(
        self, ledger: Store
    ) -> None:
        outcomes = await asyncio.gather(
            *(begun(ledger, str(number), 100) for number in range(100)), return_exceptions=True
        )
        refused = [one for one in outcomes if isinstance(one, BudgetExceeded)]
        assert len(refused) == 90
        assert sum(isinstance(one, Intent) for one in outcomes) == 10
        found = await balance(ledger)
        assert (found.held_nanos, found.spent_nanos) == (1000, 0)

    async def test_a_caller_that_leaves_while_it_is_admitted_holds_once(
        self, ledger: Store
    ) -> None:
        await dropped(asyncio.create_task(begun(ledger, "a", 600)))
        await dropped(asyncio.create_task(ledger.settle(costs("a", 5))))
        await ledger.get("a")
        found = await balance(ledger)
        assert (found.held_nanos, found.spent_nanos) == (0, 5)

    async def test_a_changed_limit_holds_from_the_next_call_on(self, ledger: Store) -> None:
        await begun(ledger, "a", 600)
        smaller = replace(DAY, limit_nanos=700)
        with pytest.raises(BudgetExceeded, match="allows 700"):
            await begun(ledger, "b", 101, smaller)
        await begun(ledger, "b", 100, smaller)
        assert (await balance(ledger)).limit_nanos == 700

    async def test_balances_come_by_prefix_in_order_and_in_pages(self, ledger: Store) -> None:
        for agent in ("b", "a", "c"):
            await begun(ledger, agent, 1, DAY, EACH_AGENT, agent_id=agent)
        prefix = "agents|2025-11|"
        first = await ledger.balances(prefix, "", 2)
        assert [one.subject for one in first] == ["agent:a", "agent:b"]
        (last,) = await ledger.balances(prefix, first[-1].account, 2)
        assert (last.budget, last.window, last.subject) == ("agents", "2025-11", "agent:c")

    async def test_a_budget_that_comes_later_counts_what_was_spent_in_its_window(
        self, ledger: Store
    ) -> None:
        for call_id, agent, nanos in (("a", "x", 5), ("b", "x", 6), ("c", "y", 7), ("d", "", 8)):
            await ledger.begin(replace(intent(call_id), agent_id=agent))
            await ledger.settle(costs(call_id, nanos))
        yesterday = intent("e", started_at=START - DAY_S)
        await ledger.begin(yesterday)
        await ledger.settle(costs("e", 100))
        one = replace(EACH_AGENT, name="one", scope=Scope("agent", "x"))
        await ledger.adopt((DAY, EACH_AGENT, one), START)
        found = {
            each.account: (each.spent_nanos, each.opening_nanos)
            for each in await ledger.balances("", "", 10)
        }
        assert found == {
            "agents|2025-11|agent:x": (11, 11),
            "agents|2025-11|agent:y": (7, 7),
            "daily|2025-11-21|global": (26, 26),
            "one|2025-11|agent:x": (11, 11),
        }
        with pytest.raises(BudgetExceeded):
            await begun(ledger, "f", 975)

    async def test_a_budget_of_a_label_counts_as_well(self, ledger: Store) -> None:
        for call_id, team in (("a", "search"), ("b", "ads")):
            await ledger.begin(replace(intent(call_id), labels={"team": team, "x": "y"}))
            await ledger.settle(costs(call_id, 5))
        await ledger.begin(intent("c"))
        await ledger.settle(costs("c", 5))
        teams = replace(EACH_AGENT, scope=Scope("label:team"))
        await ledger.adopt((teams,), START)
        subjects = [one.subject for one in await ledger.balances("", "", 10)]
        assert subjects == ["label:team=ads", "label:team=search"]

    async def test_a_budget_of_a_session_counts_as_well(self, ledger: Store) -> None:
        for call_id, session in (("a", "s1"), ("b", "s1"), ("c", "")):
            await ledger.begin(replace(intent(call_id), session_id=session))
            await ledger.settle(costs(call_id, 5))
        await ledger.adopt((replace(EACH_AGENT, scope=Scope("session")),), START)
        found = await balance(ledger)
        assert (found.subject, found.spent_nanos) == ("session:s1", 10)

    async def test_adopting_what_is_known_changes_nothing(self, ledger: Store) -> None:
        await begun(ledger, "a", 600)
        await ledger.settle(costs("a", 5))
        await begun(ledger, "b", 10)
        before = await balance(ledger)
        await ledger.adopt((DAY,), START)
        assert await balance(ledger) == before

    async def test_what_was_spent_while_a_budget_was_away_counts_when_it_is_back(
        self, ledger: Store
    ) -> None:
        await begun(ledger, "a", 600)
        await ledger.settle(costs("a", 5))
        await ledger.begin(intent("b"))
        await ledger.settle(costs("b", 6))
        await ledger.adopt((DAY,), START)
        found = await balance(ledger)
        assert (found.spent_nanos, found.opening_nanos) == (11, 6)

    async def test_pruning_takes_accounts_of_windows_that_are_over(self, ledger: Store) -> None:
        await begun(ledger, "a", 600, DAY, EACH_AGENT, agent_id="x")
        await ledger.settle(costs("a", 5))
        forever = replace(DAY, name="forever", window=Window.TOTAL)
        await begun(ledger, "b", 1, forever)
        await ledger.prune(START + DAY_S)
        left = [one.account for one in await ledger.balances("", "", 10)]
        assert left == ["agents|2025-11|agent:x", "forever|total|global"]

    async def test_an_account_with_a_hold_is_not_pruned(self, ledger: Store) -> None:
        await begun(ledger, "a", 600)
        await ledger.prune(START + 40 * DAY_S)
        assert (await balance(ledger)).held_nanos == 600
        await ledger.settle(costs("a", 5))
        assert (await balance(ledger)).held_nanos == 0
