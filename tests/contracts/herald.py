"""What every Herald and every Witness must do."""

from __future__ import annotations

import abc
import asyncio
from dataclasses import replace

import pytest

from hexgate.domain.budget import Alert
from hexgate.ports.herald import Herald, Witness

PROMPTLY_S = 5.0  # far above what it takes, far below what would hide a hang
LONGEST = 40  # characters of a reason

ALERT = Alert(
    account="daily|2026-11-30|global",
    threshold_nanos=800,
    limit_nanos=1000,
    spent_nanos=950,
    raised_at=1_796_000_000.25,
)
ODD = (
    replace(ALERT, threshold_nanos=0, limit_nanos=0, spent_nanos=0),
    replace(ALERT, account='teams|2026-11|label:team=a|b "c"\n\u00e9\U0001f600', claims=4000),
    replace(ALERT, account="all|total|agent:x", spent_nanos=9_007_199_254_740_993),
)
"""Alerts that a careless one would stumble over."""


class HeraldContract(abc.ABC):
    """Subclasses give a herald whose alerts arrive."""

    @abc.abstractmethod
    async def make(self) -> Herald:
        """A herald to somebody who hears."""

    async def test_says_nothing_when_an_alert_has_arrived_however_often(self) -> None:
        herald = await self.make()
        assert [await herald.deliver(ALERT) for _ in range(3)] == ["", "", ""]

    @pytest.mark.parametrize("alert", ODD)
    async def test_carries_any_alert(self, alert: Alert) -> None:
        assert await (await self.make()).deliver(alert) == ""


class FallibleHeraldContract(HeraldContract):
    """For heralds whose way may be long or broken."""

    @abc.abstractmethod
    async def failing(self) -> Herald:
        """A herald to somebody who is not there."""

    @abc.abstractmethod
    async def hanging(self) -> Herald:
        """A herald to somebody who never answers."""

    @abc.abstractmethod
    async def until_asked(self) -> None:
        """Return once an alert is on its way to whoever never answers."""

    async def test_says_in_a_word_or_two_that_an_alert_has_not_arrived(self) -> None:
        herald = await self.failing()
        for _ in range(2):
            why = await herald.deliver(ALERT)
            assert 0 < len(why) <= LONGEST
            assert why.isprintable()

    async def test_cancelling_ends_it_at_once(self) -> None:
        task = asyncio.ensure_future((await self.hanging()).deliver(ALERT))
        await asyncio.wait_for(self.until_asked(), PROMPTLY_S)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=PROMPTLY_S)
        assert done, "the herald held on to an alert that was called back"
        assert task.cancelled(), "the herald swallowed the cancellation"


class WitnessContract(abc.ABC):
    """Subclasses give a witness, and one that can tell nobody."""

    @abc.abstractmethod
    def make(self) -> Witness:
        """A witness that works."""

    @abc.abstractmethod
    def broken(self) -> Witness:
        """A witness whose outlet fails at every use, where it has one."""

    @pytest.mark.parametrize("alert", [ALERT, *ODD])
    def test_is_told_of_any_alert(self, alert: Alert) -> None:
        witness = self.make()
        witness.raised(alert)
        witness.undelivered(alert, "HTTP 500", for_good=False)
        witness.undelivered(alert, "TimeoutError", for_good=True)

    def test_never_raises_even_when_it_cannot_tell_anybody(self) -> None:
        witness = self.broken()
        witness.raised(ALERT)
        for for_good in (False, True):
            witness.undelivered(ALERT, "HTTP 500", for_good=for_good)
