"""What attempts may have been billed is held for beside the next one, or there is no next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.breaker.pybreaker import Settings
from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.limiter.memory import Limits
from hexgate.application.books import Books
from hexgate.application.budgets import Budgets
from hexgate.application.policies.hold import Held
from hexgate.application.policies.retry import TABLE, RetryRules
from hexgate.domain.answer import TextDelta
from hexgate.domain.attempts import Attempt
from hexgate.domain.budget import Budget, Window
from hexgate.domain.call import FallbackMode, Hold
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import (
    AllTargetsFailed,
    BadResponse,
    BudgetExceeded,
    GatewayError,
    Interrupted,
    Overloaded,
    ProviderLimited,
    StoreUnavailable,
    TimedOut,
    Unreachable,
)
from hexgate.domain.price import Price, Rates
from hexgate.domain.usage import Usage
from hexgate.ports.provider import Provider
from tests.application.desk import PRICE, Desk, ask
from tests.application.draws import calls, worlds
from tests.application.paths import along
from tests.application.stacks import aimed, hardened, hops
from tests.application.worlds import LONGEST, MOST, Asked, Step, World, reckoned
from tests.contracts.ledger import intent
from tests.fakes import FakeProvider, RecordingObserver, Script
from tests.virtual import LoopClock, virtual

# A call holds a token for each of eleven bytes and 16 of its message, at 1,000 nano-USD, and 50 of
# the answer at 2,000. What it is presumed to have been billed for without an answer is seven
# tokens: what is likely.
HOLD, PRESUMED = 127_000, 7_000
LATE = TimedOut("late")
BROKEN = Script((TextDelta(0, "one two "),), TimedOut("silence"))


def billed(error: GatewayError, usage: Usage) -> GatewayError:
    """A failure of which it is known what the provider has billed."""
    error.billed = usage
    return error


class Growing(MemoryLedger):
    """Tells of each hold that was made larger, and how many attempts had been begun by then.

    With `told` it tells the caller only after that.
    """

    def __init__(self, leaf: FakeProvider) -> None:
        super().__init__()
        self._leaf = leaf
        self.grown: list[tuple[int, int]] = []
        self.wrote = asyncio.Event()
        self.told: asyncio.Event | None = None

    async def extend(self, call_id: str, hold_nanos: int) -> None:
        self.grown.append((len(self._leaf.calls), hold_nanos))
        await super().extend(call_id, hold_nanos)
        self.wrote.set()
        if self.told is not None:
            await self.told.wait()


def office(*outcomes: Any, limit: int = 10**9, **fields: Any) -> tuple[Desk, Growing]:
    """A desk with so much money, whose provider plays these outcomes."""
    leaf = FakeProvider(*outcomes, **fields)
    ledger = Growing(leaf)
    budget = Budget(name="ever", limit_nanos=limit, window=Window.TOTAL)
    return Desk(leaf, ledger, budgets=(budget,)), ledger


IN = Usage(uncached_input=10)


def told(hop: int, failure: str = "PROVIDER_TIMEOUT", **fields: Any) -> Attempt:
    """An attempt at the target of that place."""
    return Attempt(provider="ab"[hop], model="m", hop=hop, failure=failure, **fields)


def rate(nanos: int) -> Price:
    """So many nano-USD a token, in and out."""
    return Price(rates=Rates(input=nanos * 10**6, output=nanos * 10**6), version="test")


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
        (billed(BadResponse("nonsense"), Usage(uncached_input=9, output=3)), 15_000),
        (billed(TimedOut("no connection"), Usage()), 0),
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


def booked(
    leaf: FakeProvider, limit: int, limits: Limits | None = None
) -> tuple[Provider, Callable[[], Awaitable[object]]]:
    """A provider with every policy on, and how to make a call to it that is on the books.

    Such a call holds ten tokens in and a hundred out, and is presumed to have asked for ten.
    """
    clock, ledger = LoopClock(), MemoryLedger()
    budget = Budget(name="ever", limit_nanos=limit, window=Window.TOTAL)
    books = Books(ledger, clock, RecordingObserver(), Budgets((budget,)))
    provider = hardened(leaf, clock, limits=limits, ledger=ledger)
    path = tuple(replace(hop, price=PRICE) for hop in hops("fake/m"))

    return provider, lambda: books.ask(along(path), provider.complete)


@virtual
async def test_a_retry_without_money_tells_what_it_would_have_repeated() -> None:
    leaf = FakeProvider(LATE, "one two")
    _, ask = booked(leaf, 210_000 + 10_000 - 1)
    with pytest.raises(TimedOut) as caught:
        await ask()
    assert len(leaf.calls) == 1
    assert caught.value.receipt is not None
    assert caught.value.receipt.cost.total_nanos == 10_000
    richer = FakeProvider(LATE, "one two")
    _, ask = booked(richer, 210_000 + 10_000)
    await ask()
    assert len(richer.calls) == 2


@virtual
async def test_who_is_refused_on_the_way_gives_back_its_permit() -> None:
    provider, ask = booked(FakeProvider(LATE, "one two"), 210_000, Limits(concurrency=1))
    with pytest.raises(TimedOut):
        await ask()
    assert await provider.complete(aimed())


async def test_a_call_that_was_given_up_meanwhile_asks_nobody_again() -> None:
    gate = asyncio.Event()
    desk, ledger = office(LATE, "one two", gate=gate)
    task = asyncio.ensure_future(ask(desk, "complete", **TWO))
    await desk.leaf.entered.wait()
    assert await ledger.sweep(desk.clock.now() + 3600) == 1
    gate.set()
    with pytest.raises(StoreUnavailable, match="closed this call already"):
        await task
    assert len(desk.leaf.calls) == 1
    assert (await desk.balance()).spent_nanos == HOLD


async def test_who_leaves_while_more_is_held_asks_nobody_again() -> None:
    desk, ledger = office(LATE, "one two")
    ledger.told = asyncio.Event()
    task = asyncio.ensure_future(ask(desk, "complete", **TWO))
    await ledger.wrote.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    found = await desk.balance()
    assert (len(desk.leaf.calls), found.held_nanos, found.spent_nanos) == (1, 0, PRESUMED)


# What counts of the attempts before


@pytest.mark.parametrize(
    ("done", "held"),
    [
        # At 1 and at 2 nano-USD a token, of which ten are asked and a hundred answered.
        ((told(0, billed=IN),), 1_000 + 10),
        ((told(1, billed=IN),), 1_000 + 20),
        ((told(0, billed=IN), told(1, billed=IN), told(0)), 1_000 + 10 + 20),
        ((told(0, http_status=200),), 1_000 + 110),
        ((told(1, http_status=200, billed=IN),), 1_000 + 20),
        ((told(1, http_status=500),), 1_000),
        ((told(0, failure="", http_status=200),), 1_000),  # it answers yet
    ],
)
async def test_each_attempt_counts_at_the_price_of_its_own_target(
    done: tuple[Attempt, ...], held: int
) -> None:
    path = tuple(replace(hop, price=rate(n + 1)) for n, hop in enumerate(hops("a/m", "b/m")))
    made = along(path, hold=Hold(1_000, 1_000))
    ledger = MemoryLedger()
    await ledger.begin(replace(intent(made.call_id), hold_nanos=1_000))
    made.attempts.done.extend(done)
    await Held(FakeProvider(), ledger).complete(made)
    entry = await ledger.get(made.call_id)
    assert entry is not None
    assert (entry.intent.hold_nanos, made.hold.nanos) == (held, held)


async def test_what_is_held_already_is_not_asked_for_again() -> None:
    (path,) = hops("a/m")
    made = along((replace(path, price=rate(1)),), hold=Hold(1_000, 1_011))
    made.attempts.done.append(told(0, billed=IN))
    # The ledger knows no such call, so it would say so.
    assert await Held(FakeProvider(), MemoryLedger()).complete(made)
    assert made.hold == Hold(1_000, 1_011)


# Whatever happens

ANY = calls(modes=tuple(FallbackMode))


@given(world=worlds(ANY))
def test_no_call_is_charged_more_than_was_held_for_it(world: World) -> None:
    for one in reckoned(world)[0]:
        assert one.entry is not None
        assert one.entry.settlement is not None
        assert one.entry.settlement.cost.total_nanos <= one.entry.intent.hold_nanos


def test_two_legs_that_meet_at_the_dearest_target_were_held_for() -> None:
    """The first leg fails and waits to try again; the second begins elsewhere; the first follows
    it there, for nothing else is left, and both are answered at the same moment.
    """
    cheap, dear = (replace(hop, price=rate(n)) for n, hop in enumerate(hops("a/m", "b/m")))
    used = Usage(uncached_input=MOST, output=LONGEST)
    waits_s = TABLE[Condition.OVERLOADED].wait_s
    world = World(
        steps={
            "a": (Step(error=Overloaded),),
            "b": (Step(after_s=20.0, used=used), Step(after_s=22.0 - waits_s, used=used)),
        },
        rules=RetryRules(),
        breaker=Settings(),
        wait_s=0.0,
        concurrency=None,
        limit_nanos=10**9,
        chance=0.0,
        calls=(
            Asked(starts_s=0.0, hops=(cheap, dear), attempts=8, left_s=600.0, hedge_after_s=2.0),
        ),
    )
    ((one,), _) = reckoned(world)
    assert one.times == [0.0, 2.0, waits_s]
    assert one.entry is not None
    assert one.entry.settlement is not None
    assert one.entry.settlement.cost.total_nanos == one.entry.intent.hold_nanos == 2 * 140


@given(world=worlds(ANY, limits=st.integers(0, 2_000)))
def test_no_budget_is_overspent_and_nothing_stays_held(world: World) -> None:
    stories, accounts = reckoned(world)
    entries = [one.entry for one in stories if one.entry is not None]
    charged = sum(one.settlement.cost.total_nanos for one in entries if one.settlement)
    for account in accounts:
        assert (account.held_nanos, account.spent_nanos) == (0, charged)
        assert account.spent_nanos <= world.limit_nanos
    for one in stories:
        if one.entry is None:
            assert isinstance(one.error, BudgetExceeded)
            assert one.times == []
