"""Alerts are carried until they have arrived, by one process at a time, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.application.alerting import CLAIM_S, GIVE_UP_S, GROUP, POLL_S, Alerting
from hexgate.domain.budget import MILLION, Alert, Budget, Scope, Window
from hexgate.domain.errors import StoreUnavailable
from hexgate.ports.herald import TRY_S, Herald
from tests.contracts.accounts import asks, costs
from tests.contracts.ledger import intent
from tests.fakes import FakeClock, FakeHerald, RecordingWitness

NOW = 1_800_000_000.0
HALVES = (500_000, MILLION)
DAILY = Budget(name="daily", limit_nanos=1000, window=Window.DAY, alert_shares=HALVES)
AGENTS = replace(DAILY, name="agents", limit_nanos=400, scope=Scope("agent"))


class Away(MemoryLedger):
    """Cannot be read while it is `away`, nor written while it is `full`."""

    def __init__(self) -> None:
        super().__init__()
        self.away = self.full = False

    async def claim(self, now: float, until: float, limit: int) -> tuple[Alert, ...]:
        """See Alerts."""
        if self.away:
            raise StoreUnavailable("the ledger cannot be read", metadata={"store": "ledger"})
        return await super().claim(now, until, limit)

    async def delivered(self, alert: Alert) -> None:
        """See Alerts."""
        if self.full:
            raise StoreUnavailable("the ledger cannot be written", metadata={"store": "ledger"})
        await super().delivered(alert)


class Slow(FakeHerald):
    """Takes so long for each."""

    def __init__(self, clock: FakeClock, each_s: float, *outcomes: str) -> None:
        super().__init__(*outcomes)
        self._clock = clock
        self._each_s = each_s

    async def deliver(self, alert: Alert) -> str:
        """See Herald."""
        self._clock.advance(self._each_s)
        return await super().deliver(alert)


class Office:
    """One process: a store, a herald and a witness."""

    def __init__(
        self,
        *outcomes: str,
        store: MemoryLedger | None = None,
        clock: FakeClock | None = None,
        herald: Herald | None = None,
    ) -> None:
        self.store = store or MemoryLedger()
        self.clock = clock or FakeClock(now=NOW)
        self.fake = FakeHerald(*outcomes)
        self.witness = RecordingWitness()
        self.alerting = Alerting(self.store, (self.witness,), herald or self.fake, self.clock)

    async def spend(self, nanos: int, *budgets: Budget, name: str = "c1", agent: str = "") -> None:
        """A call of this cost, now."""
        call = replace(intent(name, started_at=self.clock.now()), hold_nanos=nanos, agent_id=agent)
        await self.store.begin(call, asks(call, *(budgets or (DAILY,))))
        await self.store.settle(replace(costs(name, nanos), ended_at=self.clock.now()))

    @property
    def carried(self) -> list[int]:
        """The amounts of alerts that were tried, in order."""
        return amounts(self.fake.told)


def amounts(alerts: Sequence[Alert]) -> list[int]:
    """At which each was raised."""
    return [alert.threshold_nanos for alert in alerts]


async def test_an_alert_is_carried_once() -> None:
    office = Office()
    await office.spend(600)
    for _ in range(3):
        await office.alerting.once()
        office.clock.advance(CLAIM_S)
    assert office.carried == [500]
    assert amounts(office.witness.heard) == [500]
    assert office.witness.missed == []


async def test_nothing_is_carried_before_an_amount_is_reached() -> None:
    office = Office()
    await office.spend(499)
    await office.alerting.once()
    assert (office.carried, office.witness.heard) == ([], [])


async def test_an_alert_says_whose_spending_reached_what() -> None:
    office = Office()
    await office.spend(600)
    await office.alerting.once()
    assert office.fake.told == [
        Alert(
            account="daily|2027-01-15|global",
            threshold_nanos=500,
            limit_nanos=1000,
            spent_nanos=600,
            raised_at=NOW,
        )
    ]


async def test_each_amount_of_each_account_is_an_alert_of_its_own() -> None:
    office = Office()
    await office.spend(250, DAILY, AGENTS, name="b", agent="x")
    await office.spend(400, DAILY, AGENTS, name="c", agent="y")
    await office.spend(350, DAILY, name="d")
    await office.alerting.once()
    found = {(one.account.split("|")[2], one.threshold_nanos) for one in office.fake.told}
    assert found == {
        ("agent:x", 200),
        ("agent:y", 200),
        ("agent:y", 400),
        ("global", 500),
        ("global", 1000),
    }
    assert len(office.fake.told) == 5


async def test_an_undelivered_alert_is_carried_again_when_its_claim_has_run_out() -> None:
    office = Office("HTTP 500", "")
    await office.spend(600)
    await office.alerting.once()
    office.clock.advance(CLAIM_S - 1)
    await office.alerting.once()
    assert office.carried == [500]
    office.clock.advance(1)
    await office.alerting.once()
    office.clock.advance(CLAIM_S)
    await office.alerting.once()
    assert office.carried == [500, 500]


async def test_an_undelivered_alert_may_be_carried_by_another_process() -> None:
    one = Office("HTTP 500")
    two = Office(store=one.store, clock=one.clock)
    await one.spend(600)
    await one.alerting.once()
    await two.alerting.once()
    assert (one.carried, two.carried) == ([500], [])
    one.clock.advance(CLAIM_S)
    await two.alerting.once()
    await one.alerting.once()
    assert (one.carried, two.carried) == ([500], [500])


async def test_a_witness_is_told_once_however_often_an_alert_is_carried() -> None:
    one = Office("HTTP 500")
    two = Office("HTTP 500", store=one.store, clock=one.clock)
    await one.spend(600)
    for _ in range(3):
        await one.alerting.once()
        one.clock.advance(CLAIM_S)
        await two.alerting.once()
        one.clock.advance(CLAIM_S)
    assert amounts(one.witness.heard) == [500]
    assert two.witness.heard == []
    assert one.carried == two.carried == [500] * 3


async def test_witnesses_hear_of_each_try_that_failed_and_why() -> None:
    office = Office("HTTP 500", "TimeoutError", "")
    await office.spend(600)
    for _ in range(3):
        await office.alerting.once()
        office.clock.advance(CLAIM_S)
    told = [(alert.claims, why, for_good) for alert, why, for_good in office.witness.missed]
    assert told == [(0, "HTTP 500", False), (1, "TimeoutError", False)]


async def test_an_alert_is_given_up_after_three_days_and_that_is_said() -> None:
    office = Office("HTTP 500")
    await office.spend(600)
    office.clock.advance(GIVE_UP_S)
    await office.alerting.once()
    office.clock.advance(CLAIM_S)
    await office.alerting.once()
    office.clock.advance(CLAIM_S)
    await office.alerting.once()
    assert [for_good for _, _, for_good in office.witness.missed] == [False, True]
    assert office.carried == [500, 500]
    assert GIVE_UP_S == 3 * 24 * 3600


async def test_two_processes_over_one_store_share_the_work() -> None:
    store, clock = MemoryLedger(), FakeClock(now=NOW)
    offices = [Office(store=store, clock=clock) for _ in range(2)]
    many = tuple(replace(DAILY, name=f"b{number}") for number in range(GROUP))
    await offices[0].spend(1000, *many)
    for office in offices:
        await office.alerting.once()
    assert [len(office.carried) for office in offices] == [GROUP, GROUP]
    told = [(one.account, one.threshold_nanos) for office in offices for one in office.fake.told]
    assert len(set(told)) == 2 * GROUP
    heard = [one for office in offices for one in office.witness.heard]
    assert len(heard) == 2 * GROUP


async def test_two_processes_at_the_same_time_tell_of_an_alert_once() -> None:
    store, clock = MemoryLedger(), FakeClock(now=NOW)
    offices = [Office(store=store, clock=clock) for _ in range(2)]
    await offices[0].spend(1000)
    await asyncio.gather(*(office.alerting.once() for office in offices))
    assert sorted(offices[0].carried + offices[1].carried) == [500, 1000]


async def test_what_cannot_be_carried_within_a_claim_is_left_to_the_next() -> None:
    """Else two processes would be at work on one alert."""
    clock = FakeClock(now=NOW)
    slow = Slow(clock, TRY_S, "TimeoutError")
    one = Office(clock=clock, herald=slow)
    two = Office(store=one.store, clock=clock)
    many = tuple(replace(DAILY, name=f"b{number}") for number in range(3))
    await one.spend(1000, *many)
    await one.alerting.once()
    assert len(slow.told) == 2  # the claim is of two tries
    assert len(one.witness.heard) == 6
    await two.alerting.once()
    assert len(two.carried) == 6
    assert two.witness.heard == []


async def test_witnesses_hear_of_all_alerts_even_when_the_store_is_lost_on_the_way() -> None:
    store = Away()
    office = Office(store=store)
    await office.spend(1000)
    store.full = True
    with pytest.raises(StoreUnavailable):
        await office.alerting.once()
    store.full = False
    office.clock.advance(CLAIM_S)
    await office.alerting.once()
    assert amounts(office.witness.heard) == [500, 1000]
    assert office.carried == [500, 500, 1000]  # at least once


async def test_a_store_that_cannot_be_read_does_not_end_it() -> None:
    store = Away()
    office = Office(store=store)
    store.away = True
    running = asyncio.create_task(office.alerting.run())
    await office.clock.until_sleeping(1)
    await office.spend(600)
    office.clock.advance(POLL_S)
    await office.clock.until_sleeping(1)
    assert office.carried == []
    store.away = False
    office.clock.advance(POLL_S)
    await office.clock.until_sleeping(1)
    assert office.carried == [500]
    running.cancel()
    await asyncio.wait([running])


async def test_it_looks_every_so_often_until_it_is_cancelled() -> None:
    office = Office()
    running = asyncio.create_task(office.alerting.run())
    for _ in range(3):
        await office.clock.until_sleeping(1)
        office.clock.advance(POLL_S)
    await office.clock.until_sleeping(1)
    assert office.clock.naps == [POLL_S] * 4
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


async def test_it_can_be_cancelled_while_an_alert_is_on_its_way_which_comes_again() -> None:
    gate = asyncio.Event()
    held = FakeHerald(gate=gate)
    office = Office(herald=held)
    await office.spend(600)
    running = asyncio.create_task(office.alerting.run())
    await held.entered.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    later = Office(store=office.store, clock=office.clock)
    office.clock.advance(CLAIM_S)
    await later.alerting.once()
    assert later.carried == [500]
    assert later.witness.heard == []
