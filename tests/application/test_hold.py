"""What attempts may have been billed is held for beside the next one, or there is no next one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.breaker.pybreaker import Breakers
from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.limiter.memory import MemoryLimiter
from hexgate.application.pipeline import harden
from hexgate.application.policies.hold import Held
from hexgate.application.vitals import Vitals
from hexgate.domain.answer import TextDelta
from hexgate.domain.attempts import Attempt
from hexgate.domain.budget import Budget, Window
from hexgate.domain.call import Call, FallbackMode, Hold
from hexgate.domain.errors import (
    AllTargetsFailed,
    BadResponse,
    BudgetExceeded,
    ContentFiltered,
    GatewayError,
    Interrupted,
    Overloaded,
    ProviderLimited,
    StoreUnavailable,
    TimedOut,
    Unreachable,
)
from hexgate.domain.usage import Usage
from tests.application.desk import PRICE, Desk, read
from tests.application.draws import calls, worlds
from tests.application.stacks import RULES, hops
from tests.application.worlds import World, reckoned
from tests.fakes import FakeClock, FakeProvider, Script, call
from tests.virtual import LoopClock, virtual

# A call holds a token for each of eleven bytes and 16 of its message, at 1,000 nano-USD, and 50 of
# the answer at 2,000. What it is presumed to have been billed for without an answer is seven
# tokens: what is likely.
HOLD, PRESUMED = 127_000, 7_000
LATE = TimedOut("late")
BROKEN = Script((TextDelta(0, "one two "),), TimedOut("silence"))


def billed(error: GatewayError, **usage: int) -> GatewayError:
    """A failure of which the provider tells what it has billed."""
    error.billed = Usage(**usage)
    return error


class Growing(MemoryLedger):
    """Tells of each hold that was made larger, and how many attempts had been begun by then."""

    def __init__(self, leaf: FakeProvider) -> None:
        super().__init__()
        self._leaf = leaf
        self.grown: list[tuple[int, int]] = []

    async def extend(self, call_id: str, hold_nanos: int) -> None:
        self.grown.append((len(self._leaf.calls), hold_nanos))
        await super().extend(call_id, hold_nanos)


def office(*outcomes: Any, limit: int = 10**9) -> tuple[Desk, Growing]:
    """A desk with so much money, whose provider plays these outcomes."""
    leaf = FakeProvider(*outcomes)
    ledger = Growing(leaf)
    budget = Budget(name="ever", limit_nanos=limit, window=Window.TOTAL)
    return Desk(leaf, ledger, budgets=(budget,)), ledger


async def ask(desk: Desk, way: str, **fields: Any) -> object:
    """One call, in this way, to its end."""
    if way == "embed":
        return await desk.embed(desk.embed_request(**fields))
    request = desk.request(**fields)
    return await (read(desk, request) if way == "stream" else desk.complete(request))


WAYS = pytest.mark.parametrize("way", ["complete", "stream", "embed"])
TWO: dict[str, Any] = {"fallback_models": ("fake/n",)}
THREE: dict[str, Any] = {"fallback_models": ("fake/n", "fake/o")}
RESTART: dict[str, Any] = {"fallback_mode": FallbackMode.RESTART_STREAM}


@WAYS
async def test_the_first_attempt_asks_nothing_of_the_ledger(way: str) -> None:
    desk, ledger = office("one two")
    await ask(desk, way)
    assert (len(desk.leaf.calls), ledger.grown) == (1, [])


@WAYS
@pytest.mark.parametrize(
    "failure",
    [ProviderLimited("slower", http_status=429), Unreachable("refused"), Overloaded("busy")],
)
async def test_what_was_not_billed_leaves_the_hold_as_it_is(way: str, failure: Exception) -> None:
    desk, ledger = office(failure, "one two")
    await ask(desk, way, **TWO)
    assert (len(desk.leaf.calls), ledger.grown) == (2, [])


@pytest.mark.parametrize(
    ("failure", "more"),
    [
        (LATE, PRESUMED),
        (billed(BadResponse("nonsense"), uncached_input=9, output=3), 15_000),
        (billed(TimedOut("no connection")), 0),
        # It was answered, though nothing is known of the answer: it may have been the longest.
        (BadResponse("nonsense", http_status=200), HOLD),
    ],
)
@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_what_may_have_been_billed_is_held_for_before_the_next_attempt(
    way: str, failure: Exception, more: int
) -> None:
    desk, ledger = office(failure, "one two")
    await ask(desk, way, **TWO)
    assert ledger.grown == ([(1, HOLD + more)] if more else [])
    assert (await desk.entry()).intent.hold_nanos == HOLD + more


async def test_embeddings_are_held_for_in_the_same_way() -> None:
    desk, ledger = office(LATE, "vectors")
    await ask(desk, "embed", **TWO)
    assert ledger.grown == [(1, 11_000 + 3_000)]


async def test_what_was_shown_is_held_for_in_full_until_it_is_known_how_much_it_was() -> None:
    desk, ledger = office(BROKEN, BROKEN, "one two")
    await ask(desk, "stream", **RESTART)
    # By the second restart the first is known: seven tokens and, of eight characters, two.
    assert ledger.grown == [(1, 2 * HOLD), (2, 2 * HOLD + 11_000)]
    settlement = await desk.settlement()
    assert settlement.cost.wasted_nanos == 22_000


async def test_every_failure_adds_to_the_hold_and_none_is_held_for_twice() -> None:
    desk, ledger = office(LATE, Overloaded("busy"), LATE)
    with pytest.raises(AllTargetsFailed):
        await ask(desk, "complete", **THREE)
    # The second was not billed, so there is nothing to ask before the third.
    assert ledger.grown == [(1, HOLD + PRESUMED)]


# The budget refuses


@WAYS
async def test_where_there_is_no_money_for_another_nobody_is_asked_again(way: str) -> None:
    hold, more = (11_000, 3_000) if way == "embed" else (HOLD, PRESUMED)
    desk, _ = office(LATE, "one two", limit=hold + more - 1)
    with pytest.raises(BudgetExceeded) as caught:
        await ask(desk, way, **THREE)
    assert len(desk.leaf.calls) == 1
    assert caught.value.metadata["neededNanos"] == str(more)
    receipt = caught.value.receipt
    assert receipt is not None
    assert [one.failure for one in receipt.attempts] == ["PROVIDER_TIMEOUT"]
    assert receipt.cost.total_nanos == more
    found = await desk.balance()
    assert (found.held_nanos, found.spent_nanos) == (0, more)
    assert (await desk.settlement()).failure == "BUDGET_EXCEEDED"


async def test_what_broke_a_stream_is_told_when_there_is_no_money_to_begin_again() -> None:
    desk, _ = office(BROKEN, "one two", limit=2 * HOLD - 1)
    with pytest.raises(Interrupted) as caught:
        await ask(desk, "stream", **RESTART)
    assert caught.value.metadata["cause"] == "PROVIDER_TIMEOUT"
    assert len(desk.leaf.calls) == 1
    receipt = caught.value.receipt
    assert receipt is not None
    assert receipt.cost.total_nanos == 11_000
    assert (await desk.balance()).spent_nanos == 11_000


def priced(**fields: Any) -> Call:
    """A call to one target that has a price: 110 tokens at the most."""
    (target,) = hops("fake/m")
    from dataclasses import replace

    return call(hops=(replace(target, price=PRICE),), **fields)
