"""What every store of alerts must do, beside its ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hexgate.domain.errors import BudgetExceeded
from hexgate.ports.store import Store
from tests.contracts.accounts import DAY, asks, begun, costs
from tests.contracts.ledger import START, intent


class AlertsContract:
    """For subclasses of LedgerContract whose `ledger` is a Store."""

    @pytest.fixture
    def ledger(self) -> Store | AsyncIterator[Store]:
        """The store under test."""
        raise NotImplementedError("subclasses have one")

    async def test_an_alert_is_raised_once_when_spending_reaches_it(self, ledger: Store) -> None:
        for number, nanos in enumerate((799, 1, 50)):
            await begun(ledger, str(number), nanos)
            assert await ledger.claim(START, START, 10) == ()
            outcome = replace(costs(str(number), nanos), ended_at=START + number)
            await ledger.settle(outcome)
            if nanos == 1:
                (alert,) = await ledger.claim(START, START, 10)
                assert alert.account == "daily|2025-11-21|global"
                assert (alert.threshold_nanos, alert.limit_nanos) == (800, 1000)
                assert (alert.spent_nanos, alert.raised_at) == (800, START + 1)
                await ledger.delivered(alert)
        assert await ledger.claim(START + 1000, START, 10) == ()

    async def test_one_cost_may_raise_several(self, ledger: Store) -> None:
        await begun(ledger, "a", 1000)
        await ledger.settle(costs("a", 1000))
        found = await ledger.claim(START, START, 10)
        assert [alert.threshold_nanos for alert in found] == [800, 1000]

    async def test_a_claimed_alert_is_nobody_elses_until_then(self, ledger: Store) -> None:
        await begun(ledger, "a", 800)
        await ledger.settle(costs("a", 800))
        (alert,) = await ledger.claim(START, START + 30, 10)
        assert await ledger.claim(START + 29, START + 60, 10) == ()
        again = replace(alert, claims=1)
        assert await ledger.claim(START + 30, START + 60, 10) == (again,)

    async def test_no_more_are_claimed_than_asked(self, ledger: Store) -> None:
        await begun(ledger, "a", 1000)
        await ledger.settle(costs("a", 1000))
        (first,) = await ledger.claim(START, START + 30, 1)
        (second,) = await ledger.claim(START, START + 30, 1)
        assert (first.threshold_nanos, second.threshold_nanos) == (800, 1000)

    async def test_a_swept_hold_and_an_adopted_sum_raise_alerts_as_well(
        self, ledger: Store
    ) -> None:
        call = await begun(ledger, "a", 900)
        await ledger.sweep(call.expires_at)
        (alert,) = await ledger.claim(call.expires_at, START, 10)
        assert alert.threshold_nanos == 800
        await ledger.delivered(alert)
        await ledger.adopt((replace(DAY, name="later"),), START)
        (alert,) = await ledger.claim(call.expires_at, START, 10)
        assert (alert.account, alert.spent_nanos) == ("later|2025-11-21|global", 900)

    async def test_the_first_call_that_is_refused_raises_the_alert_of_the_limit(
        self, ledger: Store
    ) -> None:
        await begun(ledger, "a", 900)
        await ledger.settle(costs("a", 700))
        for number in range(3):
            with pytest.raises(BudgetExceeded):
                await begun(ledger, f"refused-{number}", 301)
        first, last = await ledger.claim(START, START, 10)
        assert (first.threshold_nanos, last.threshold_nanos) == (800, 1000)
        assert (last.spent_nanos, last.raised_at) == (700, START)
        for alert in (first, last):
            await ledger.delivered(alert)
        with pytest.raises(BudgetExceeded):
            await begun(ledger, "again", 301)
        await begun(ledger, "b", 300)
        await ledger.settle(costs("b", 300))
        assert await ledger.claim(START + 9, START, 10) == ()

    async def test_a_call_that_is_sent_elsewhere_raises_none(self, ledger: Store) -> None:
        await begun(ledger, "a", 100)
        (charge,) = asks(intent("b"), DAY)
        with pytest.raises(BudgetExceeded):
            await ledger.begin(intent("b"), (replace(charge, ceiling_nanos=500),))
        assert await ledger.claim(START, START, 10) == ()

    async def test_delivering_twice_is_no_error(self, ledger: Store) -> None:
        await begun(ledger, "a", 800)
        await ledger.settle(costs("a", 800))
        (alert,) = await ledger.claim(START, START, 10)
        await ledger.delivered(alert)
        await ledger.delivered(alert)
        assert await ledger.claim(START, START, 10) == ()
