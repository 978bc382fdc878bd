"""What is left of a budget decides before a provider is asked; a call gives back its hold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.domain.answer import TextDelta
from hexgate.domain.budget import MILLION, AtLimit, Budget, Charge, Scope, Window
from hexgate.domain.call import CacheMode
from hexgate.domain.catalog import Target
from hexgate.domain.errors import (
    BudgetExceeded,
    DeadlineExceeded,
    Interrupted,
    Overloaded,
    PriceUnknown,
    TimedOut,
)
from hexgate.domain.ledger import Intent
from tests.application.desk import Desk, SlowLedger, ask
from tests.fakes import FakeProvider, Script

# A short text has eleven bytes, a message 16 tokens beside them, and the answer 50 at the most, at
# 1,000 and 2,000 nano-USD. FakeProvider tells of ten in and two out, or of one embedded.
HOLDS = {"complete": 127_000, "stream": 127_000, "embed": 11_000}
COSTS = {"complete": 14_000, "stream": 14_000, "embed": 1_000}
WAYS = pytest.mark.parametrize("way", list(HOLDS))


class Rush(MemoryLedger):
    """Is `over` when so many calls have come."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.over = asyncio.Event()
        self._coming = count

    async def begin(self, intent: Intent, charges: Sequence[Charge] = ()) -> None:
        self._coming -= 1
        if not self._coming:
            self.over.set()
        await super().begin(intent, charges)


def daily(limit_nanos: int, **fields: Any) -> Budget:
    """So much a day, for everybody unless these fields say otherwise."""
    return Budget(name="daily", limit_nanos=limit_nanos, window=Window.DAY, **fields)


def asked(desk: Desk) -> list[str]:
    """The models that were asked, in order."""
    return [call.model for call in desk.leaf.calls]


async def left(desk: Desk) -> tuple[int, int]:
    """What is held and what is spent on the only account."""
    found = await desk.balance()
    return found.held_nanos, found.spent_nanos


# Admission


@WAYS
async def test_a_budget_with_too_little_left_refuses_before_a_provider_is_asked(way: str) -> None:
    desk = Desk(FakeProvider("one two"), budgets=(daily(HOLDS[way] + COSTS[way] - 1),))
    await ask(desk, way)
    with pytest.raises(BudgetExceeded) as caught:
        await ask(desk, way, call_id="c2")
    assert caught.value.metadata["budget"] == "daily"
    assert caught.value.metadata["spentNanos"] == str(COSTS[way])
    assert caught.value.metadata["neededNanos"] == str(HOLDS[way])
    assert (len(desk.leaf.calls), await left(desk)) == (1, (0, COSTS[way]))
    assert await desk.ledger.get("c2") is None


@WAYS
async def test_a_call_may_take_a_budget_to_its_last_nano_usd(way: str) -> None:
    desk = Desk(FakeProvider("one two"), budgets=(daily(HOLDS[way] + COSTS[way]),))
    await ask(desk, way)
    await ask(desk, way, call_id="c2")
    assert await left(desk) == (0, 2 * COSTS[way])


@WAYS
async def test_of_a_hundred_calls_at_once_a_budget_for_ten_admits_ten(way: str) -> None:
    rush = Rush(100)
    leaf = FakeProvider("one two", gate=rush.over)
    desk = Desk(leaf, rush, budgets=(daily(10 * HOLDS[way]),))
    calls = (ask(desk, way, call_id=f"c{number}") for number in range(100))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, BudgetExceeded) for one in outcomes) == 90
    assert sum(not isinstance(one, BaseException) for one in outcomes) == 10
    assert (len(leaf.calls), await left(desk)) == (10, (0, 10 * COSTS[way]))


async def test_every_budget_of_a_call_has_a_say() -> None:
    small = daily(1_000_000), Budget(name="ever", limit_nanos=126_999, window=Window.TOTAL)
    desk = Desk(FakeProvider("one two"), budgets=small)
    with pytest.raises(BudgetExceeded, match="ever"):
        await ask(desk, "complete")
    assert await desk.ledger.balances("", "", 10) == ()
    assert desk.leaf.calls == []


async def test_a_new_day_has_money_again() -> None:
    desk = Desk(FakeProvider("one two"), budgets=(daily(HOLDS["complete"]),))
    await ask(desk, "complete")
    with pytest.raises(BudgetExceeded):
        await ask(desk, "complete", call_id="c2")
    desk.clock.advance(86_400)
    await ask(desk, "complete", call_id="c2")
    assert len(desk.leaf.calls) == 2


async def test_an_answer_from_the_cache_needs_no_money() -> None:
    budgets = (daily(HOLDS["complete"]),)
    desk = Desk(FakeProvider("one two"), mode=CacheMode.READ_WRITE, budgets=budgets)
    await ask(desk, "complete")
    await ask(desk, "complete", call_id="c2")
    await ask(desk, "stream", call_id="c3")
    assert (len(desk.leaf.calls), await left(desk)) == (1, (0, 14_000))


# Prices that are not known


@WAYS
async def test_what_cannot_be_counted_is_refused_unless_the_budget_lets_it_through(
    way: str,
) -> None:
    desk = Desk(FakeProvider("one two"), budgets=(daily(10**9),))
    with pytest.raises(PriceUnknown, match="a budget applies"):
        await ask(desk, way, model="fake/free")
    assert desk.leaf.calls == []
    desk = Desk(FakeProvider("one two"), budgets=(daily(10**9, unpriced=True),))
    await ask(desk, way, model="fake/free")
    assert (asked(desk), await left(desk)) == (["free"], (0, 0))


async def test_one_budget_that_has_to_count_is_enough() -> None:
    lenient = Budget(name="ever", limit_nanos=10**9, window=Window.TOTAL, unpriced=True)
    desk = Desk(FakeProvider(), budgets=(lenient, daily(10**9)))
    with pytest.raises(PriceUnknown):
        await ask(desk, "complete", model="fake/free")


async def test_a_budget_of_others_does_not_ask_for_a_price() -> None:
    desk = Desk(FakeProvider(), budgets=(daily(10**9, scope=Scope("agent", "indexer")),))
    await ask(desk, "complete", model="fake/free", agent_id="writer")
    with pytest.raises(PriceUnknown):
        await ask(desk, "complete", call_id="c2", model="fake/free", agent_id="indexer")


@WAYS
@pytest.mark.parametrize(("unpriced", "tried"), [(False, ["m", "n"]), (True, ["m", "free"])])
async def test_a_target_without_a_price_is_left_out_while_others_take_over(
    way: str, unpriced: bool, tried: list[str]
) -> None:
    desk = Desk(
        FakeProvider(Overloaded("busy"), "one two"), budgets=(daily(10**9, unpriced=unpriced),)
    )
    await ask(desk, way, fallback_models=("fake/free", "fake/n"))
    assert asked(desk) == tried


# Whose spending counts


@pytest.mark.parametrize(
    ("dimension", "who"),
    [
        ("session", lambda value: {"session_id": value}),
        ("agent", lambda value: {"agent_id": value}),
        ("end_user", lambda value: {"end_user_id": value}),
        ("label:team", lambda value: {"labels": {"team": value}}),
    ],
)
async def test_each_value_has_a_limit_of_its_own(dimension: str, who: Any) -> None:
    desk = Desk(
        FakeProvider("one two"), budgets=(daily(HOLDS["complete"], scope=Scope(dimension)),)
    )
    await ask(desk, "complete", call_id="c1", **who("a"))
    with pytest.raises(BudgetExceeded) as caught:
        await ask(desk, "complete", call_id="c2", **who("a"))
    await ask(desk, "complete", call_id="c3", **who("b"))
    await ask(desk, "complete", call_id="c4")  # for nobody that is known
    subjects = [one.subject for one in await desk.ledger.balances("", "", 10)]
    joint = "=" if dimension.startswith("label:") else ":"
    assert subjects == [f"{dimension}{joint}a", f"{dimension}{joint}b"]
    assert caught.value.metadata["scope"] == subjects[0]
    assert len(desk.leaf.calls) == 3


# From held to spent


@WAYS
async def test_a_hold_stands_while_the_provider_works_and_the_cost_takes_its_place(
    way: str,
) -> None:
    gate = asyncio.Event()
    desk = Desk(FakeProvider("one two", gate=gate), budgets=(daily(10**9),))
    task = asyncio.ensure_future(ask(desk, way))
    await desk.leaf.entered.wait()
    assert await left(desk) == (HOLDS[way], 0)
    gate.set()
    await task
    assert await left(desk) == (0, COSTS[way])


# Of a call whose outcome is not told, what is likely: three tokens of text, four of the message.
@pytest.mark.parametrize(
    ("failure", "spent"),
    [(Overloaded("busy"), 0), (TimedOut("late"), 7_000), (DeadlineExceeded("late"), 7_000)],
)
@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_a_failure_leaves_what_it_may_have_cost(
    way: str, failure: Exception, spent: int
) -> None:
    desk = Desk(FakeProvider(failure), budgets=(daily(10**9),))
    with pytest.raises(type(failure)):
        await ask(desk, way)
    assert await left(desk) == (0, spent)


@WAYS
async def test_whoever_leaves_pays_for_what_was_asked(way: str) -> None:
    desk = Desk(FakeProvider(gate=asyncio.Event()), budgets=(daily(10**9),))
    task = asyncio.ensure_future(ask(desk, way))
    await desk.leaf.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await left(desk) == (0, 3_000 if way == "embed" else 7_000)


async def test_whoever_leaves_while_the_hold_is_written_leaves_none() -> None:
    ledger = SlowLedger()
    desk = Desk(FakeProvider(), ledger, budgets=(daily(10**9),))
    task = asyncio.ensure_future(ask(desk, "complete"))
    await ledger.wrote.wait()
    assert await left(desk) == (HOLDS["complete"], 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await left(desk) == (0, 0)


BROKEN = Script((TextDelta(0, "one two "),), TimedOut("silence"))  # 8 characters are 2 tokens


async def test_a_broken_stream_leaves_what_was_delivered() -> None:
    desk = Desk(FakeProvider(BROKEN), budgets=(daily(10**9),))
    with pytest.raises(Interrupted):
        await ask(desk, "stream")
    assert await left(desk) == (0, 7_000 + 2 * 2_000)


async def test_a_stream_that_is_left_early_leaves_what_was_delivered() -> None:
    desk = Desk(FakeProvider("one two"), budgets=(daily(10**9),))
    async with aclosing(await desk.stream(desk.request())) as delivery:
        await anext(delivery)  # four characters, a token
        assert await left(desk) == (HOLDS["stream"], 0)
    assert await left(desk) == (0, 7_000 + 2_000)


# Who goes to cheaper models is in test_downgrade.py; who does not is refused.


async def test_a_budget_that_refuses_is_not_got_round_by_one_that_downgrades() -> None:
    cheaper = (Target("fake", "cheap"),)
    soft = Budget(
        name="ever",
        limit_nanos=10**9,
        window=Window.TOTAL,
        at_limit=AtLimit.DOWNGRADE,
        cheaper=cheaper,
        downgrade_share=MILLION // 2,
    )
    desk = Desk(FakeProvider(), budgets=(soft, daily(126_999)))
    with pytest.raises(BudgetExceeded, match="daily"):
        await ask(desk, "complete")
    assert desk.leaf.calls == []
