"""What a call holds beforehand, and who answers for what when an answer broke off."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.application.books import Account, Books
from hexgate.application.stream import Ending
from hexgate.domain.answer import Chunk, Completion, RouteChanged, TextDelta, UsageUpdate
from hexgate.domain.attempts import Attempt
from hexgate.domain.call import CacheMode, ChatCall, FallbackMode, Hop
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import (
    AllTargetsFailed,
    BadResponse,
    DeadlineExceeded,
    GatewayError,
    Interrupted,
    ModelGone,
    Overloaded,
    TimedOut,
)
from hexgate.domain.ledger import CallState
from hexgate.domain.price import Cost, Price, Rates
from hexgate.domain.usage import Usage
from tests.application.desk import Desk, read
from tests.application.paths import along, rule
from tests.contracts.ledger import newest
from tests.fakes import FakeClock, FakeProvider, RecordingObserver, Script

LATE = TimedOut("silence")
CUT = Script((TextDelta(0, "one two "),), LATE)  # 8 characters are 2 tokens
TOLD = Script((TextDelta(0, "one two "), UsageUpdate(Usage(uncached_input=9, output=1))), LATE)
CONNECTING = TimedOut("no connection")
CONNECTING.billed = Usage()
RESTART: dict[str, Any] = {
    "fallback_mode": FallbackMode.RESTART_STREAM,
    "fallback_models": ("fake/n",),
}


def price(rate: int) -> Price:
    """So many nano-USD a token, in and out."""
    return Price(rates=Rates(input=rate * 10**6, output=rate * 10**6), version=f"v{rate}")


def hop(name: str, rate: int | None = 1, on: Condition | None = None) -> Hop:
    """A target that may write ten tokens at so many nano-USD each."""
    return Hop(
        provider=name,
        model="m",
        max_output_tokens=10,
        price=None if rate is None else price(rate),
        rule=None if on is None else rule(on),
    )


class SlowCache:
    """Has nothing, and takes for ever to keep something."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()

    async def get(self, key: str) -> None:
        """See CompletionCache."""

    async def set(self, key: str, completion: Completion, ttl_s: float) -> None:
        """See CompletionCache."""
        self.entered.set()
        await asyncio.Event().wait()

    async def purge(self, prefix: str) -> int:
        """See CompletionCache."""
        return 0


async def account_of(
    *path: Hop, done: tuple[Attempt, ...] = (), clock: FakeClock | None = None
) -> Account[ChatCall]:
    """An open account of a call of ten tokens along this path, which tried so much."""
    clock = clock or FakeClock()
    call = along(path, started=clock.monotonic())
    books = Books(MemoryLedger(), clock, RecordingObserver())
    account = await books.open(call, streamed=True)
    call.attempts.done.extend(done)
    return account


@pytest.mark.parametrize(
    ("path", "alone", "beside"),
    [
        ((hop("a"),), 20, 40),
        # Both may run at the dearest, wherever that is.
        ((hop("a", 3), hop("b", 2), hop("c", 5)), 100, 200),
        ((hop("a", 5), hop("b", 1, Condition.CONTEXT_LENGTH)), 100, 200),
    ],
)
async def test_two_that_may_run_side_by_side_are_held_for_together(
    path: tuple[Hop, ...], alone: int, beside: int
) -> None:
    for hedge_after_s, held in ((0.0, alone), (2.0, beside)):
        ledger = MemoryLedger()
        books = Books(ledger, FakeClock(), RecordingObserver())
        # What is likely is not what is held.
        call = along(path, input_tokens=3, hedge_after_s=hedge_after_s)
        await books.open(call, streamed=False)
        (entry,) = await newest(ledger, "acme", 10)
        assert entry.intent.hold_nanos == held


def attempt(provider: str, failure: str = "", **fields: object) -> Attempt:
    """One at the hop of that name: `a` is the first."""
    return Attempt(
        provider=provider,
        model="m",
        failure=failure,
        hop="abc".index(provider),
        **fields,  # type: ignore[arg-type]  # a test names what it sets
    )


IN, OUT = Usage(uncached_input=10), Usage(output=5)


@pytest.mark.parametrize(
    ("done", "wasted"),
    [
        ((attempt("a", "PROVIDER_OVERLOADED"), attempt("b")), 0),
        ((attempt("a", "CANCELLED", billed=IN), attempt("b", hedged=True)), 10),
        ((attempt("b", "CANCELLED", billed=IN, hedged=True), attempt("a")), 20),
        (
            (
                attempt("a", "CONTENT_FILTERED", billed=OUT),
                attempt("b", "PROVIDER_ERROR", billed=IN),
                attempt("b", "PROVIDER_ERROR"),
                attempt("c"),
            ),
            5 + 20,
        ),
    ],
)
async def test_what_others_were_billed_for_is_wasted_at_their_own_prices(
    done: tuple[Attempt, ...], wasted: int
) -> None:
    account = await account_of(hop("a", 1), hop("b", 2), hop("c", 3), done=done)
    account.accepted()
    account.usage = Usage(uncached_input=10, output=1)
    cost = (await account.settle(CallState.SETTLED)).cost
    rate = "abc".index(done[-1].provider) + 1
    assert (cost.input_nanos, cost.output_nanos) == (10 * rate, rate)
    assert (cost.wasted_nanos, cost.estimated) == (wasted, wasted > 0)


@pytest.mark.parametrize(
    ("rates", "cost"),
    [
        # What is known of a cost is told, unless it is nothing at all.
        ((None, 2), Cost(input_nanos=20, price_version="v2", estimated=True)),
        ((2, None), Cost(estimated=True, unknown=True)),
    ],
)
async def test_waste_at_an_unknown_price_makes_a_cost_an_estimate(
    rates: tuple[int | None, int | None], cost: Cost
) -> None:
    path = (hop("a", rates[0]), hop("b", rates[1]))
    done = (attempt("a", "CANCELLED", billed=IN), attempt("b"))
    account = await account_of(*path, done=done)
    account.accepted()
    account.usage = IN
    assert (await account.settle(CallState.SETTLED)).cost == cost


@pytest.mark.parametrize(
    ("failure", "wasted"),
    [(TimedOut("late"), 7_000), (Overloaded("busy"), 0), (CONNECTING, 0)],
    ids=["at work", "refused", "never asked"],
)
async def test_what_a_slow_target_was_asked_is_wasted_when_another_answers(
    failure: GatewayError, wasted: int
) -> None:
    desk = Desk(FakeProvider(failure, "one two"))
    receipt = (await desk.complete(desk.request(fallback_models=("fake/n",)))).receipt
    assert (receipt.cost.total_nanos, receipt.cost.wasted_nanos) == (14_000 + wasted, wasted)
    assert receipt.cost.estimated is (wasted > 0)
    assert receipt.usage == Usage(uncached_input=10, output=2)


async def test_each_target_that_was_too_slow_is_paid_for_when_none_answers() -> None:
    desk = Desk(FakeProvider(TimedOut("late")))
    with pytest.raises(AllTargetsFailed):
        await desk.complete(desk.request(fallback_models=("fake/n", "fake/o")))
    row = await desk.settlement()
    assert row.usage == Usage(uncached_input=7, estimated=True)
    assert (row.cost.input_nanos, row.cost.wasted_nanos) == (7_000, 14_000)


async def test_what_a_provider_says_of_an_answer_without_sense_is_what_the_call_used() -> None:
    odd = BadResponse("nonsense")
    odd.billed = Usage(uncached_input=9, output=3)
    desk = Desk(FakeProvider(odd))
    with pytest.raises(BadResponse):
        await desk.complete(desk.request())
    row = await desk.settlement()
    assert row.usage == Usage(uncached_input=9, output=3, estimated=True)
    assert (row.cost.total_nanos, row.cost.wasted_nanos) == (15_000, 0)


async def test_an_answer_that_is_lost_on_its_way_is_paid_for() -> None:
    cache = SlowCache()
    desk = Desk(FakeProvider("one two"), mode=CacheMode.READ_WRITE)
    desk.complete._provider._cache = cache
    asking = asyncio.create_task(desk.complete(desk.request()))
    await cache.entered.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    row = await desk.settlement()
    assert (row.state, row.usage) == (CallState.CANCELLED, Usage(uncached_input=7, estimated=True))


async def test_two_that_were_cut_off_are_charged_for_once_each() -> None:
    done = (
        attempt("a", "CANCELLED", billed=IN),
        attempt("b", "CANCELLED", billed=IN, hedged=True),
    )
    account = await account_of(hop("a", 1), hop("b", 2), done=done)
    await account.abandon()
    assert account.receipt is not None
    cost = account.receipt.cost
    assert (cost.input_nanos, cost.wasted_nanos) == (20, 10)


async def test_attempts_side_by_side_take_no_longer_than_the_time_that_passed() -> None:
    done = (attempt("a", "CANCELLED", duration_s=5.0), attempt("b", duration_s=3.0, hedged=True))
    clock = FakeClock()
    account = await account_of(hop("a"), hop("b"), done=done, clock=clock)
    clock.advance(5.5)
    account.accepted()
    clock.advance(2.0)
    assert (await account.settle(CallState.SETTLED)).provider_s == 7.5


async def test_waits_between_attempts_are_none_of_the_providers_time() -> None:
    clock = FakeClock()
    account = await account_of(hop("a"), done=(attempt("a", duration_s=1.0),), clock=clock)
    clock.advance(5)
    account.accepted()
    account.call.attempts.done.append(attempt("a", duration_s=3.0))
    account.restarted()
    clock.advance(4)
    assert (await account.settle(CallState.SETTLED)).provider_s == 1 + 4


@pytest.mark.parametrize(
    ("broken", "wasted"), [(CUT, 7 * 1_000 + 2 * 2_000), (TOLD, 9 * 1_000 + 2 * 2_000)]
)
async def test_what_was_shown_before_a_restart_is_wasted(broken: Script, wasted: int) -> None:
    desk = Desk(FakeProvider(broken, "four five"))
    *_, ending = await read(desk, desk.request(**RESTART))
    assert isinstance(ending, Ending)
    cost, receipt = ending.receipt.cost, ending.receipt
    assert (cost.input_nanos, cost.output_nanos, cost.wasted_nanos) == (10_000, 4_000, wasted)
    assert cost.estimated
    assert (receipt.usage, receipt.model) == (Usage(uncached_input=10, output=2), "n")
    assert receipt.delivered_chars == len("four five")
    row = await desk.settlement()
    assert (row.state, row.cost) == (CallState.SETTLED, cost)
    assert [(one.model, one.failure) for one in row.attempts] == [
        ("m", "PROVIDER_TIMEOUT"),
        ("n", ""),
    ]


async def test_each_restart_adds_to_the_waste() -> None:
    desk = Desk(FakeProvider(CUT, TOLD, CUT, "four five"))
    *_, ending = await read(desk, desk.request(**RESTART))
    assert isinstance(ending, Ending)
    assert ending.receipt.cost.wasted_nanos == 11_000 + 13_000 + 11_000


@pytest.mark.parametrize("mode", list(FallbackMode))
@pytest.mark.parametrize("then", [ModelGone("gone"), Overloaded("busy")])
async def test_an_answer_that_stays_broken_is_told_as_what_it_is(
    mode: FallbackMode, then: GatewayError
) -> None:
    desk = Desk(FakeProvider(TOLD, then))
    request = desk.request(**(RESTART | {"fallback_mode": mode}))
    with pytest.raises(Interrupted, match="after 8 characters") as caught:
        await read(desk, request)
    receipt = caught.value.receipt
    assert receipt is not None
    assert caught.value.metadata["cause"] == "PROVIDER_TIMEOUT"
    assert (receipt.model, receipt.delivered_chars) == ("m", 8)
    assert receipt.usage == Usage(uncached_input=9, output=2, estimated=True)
    assert (receipt.cost.total_nanos, receipt.cost.wasted_nanos) == (13_000, 0)
    tried = ["PROVIDER_TIMEOUT"] + [then.reason] * (mode is FallbackMode.RESTART_STREAM)
    row = await desk.settlement()
    assert [one.failure for one in row.attempts] == tried
    assert receipt.attempts == row.attempts


async def test_each_attempt_keeps_the_failure_that_was_its_own() -> None:
    desk = Desk(FakeProvider(CUT, DeadlineExceeded("late")))
    with pytest.raises(DeadlineExceeded):
        await read(desk, desk.request(**RESTART))
    failures = [one.failure for one in (await desk.settlement()).attempts]
    assert failures == ["PROVIDER_TIMEOUT", "DEADLINE_EXCEEDED"]


async def test_a_bug_that_breaks_a_stream_is_in_its_attempt_too() -> None:
    desk = Desk(FakeProvider(Script(CUT.chunks, RuntimeError("secret"))))
    with pytest.raises(RuntimeError):
        await read(desk, desk.request())
    assert [one.failure for one in (await desk.settlement()).attempts] == ["INTERNAL"]


async def test_who_leaves_during_a_restart_pays_for_what_was_shown() -> None:
    gate = asyncio.Event()
    gate.set()
    desk = Desk(FakeProvider(TOLD, "four", gate=gate))
    async with aclosing(await desk.stream(desk.request(**RESTART))) as delivery:
        await anext(delivery)
        await anext(delivery)
        gate.clear()
        desk.leaf.entered.clear()
        reading = asyncio.ensure_future(anext(delivery))
        await desk.leaf.entered.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    row = await desk.settlement()
    assert (row.state, row.model) == (CallState.CANCELLED, "m")
    assert row.usage == Usage(uncached_input=9, output=2, estimated=True)
    assert [one.failure for one in row.attempts] == ["PROVIDER_TIMEOUT", "CANCELLED"]
    # And for the input of the attempt that was cut off.
    assert (row.cost.input_nanos + row.cost.output_nanos, row.cost.wasted_nanos) == (13_000, 7_000)


async def test_time_after_the_first_output_is_counted_once() -> None:
    gate = asyncio.Event()
    gate.set()
    desk = Desk(FakeProvider(CUT, "four", gate=gate))
    seen: list[Chunk | Ending] = []
    async with aclosing(await desk.stream(desk.request(**RESTART))) as delivery:
        await anext(delivery)
        desk.clock.advance(3)
        gate.clear()
        desk.leaf.entered.clear()
        reading = asyncio.ensure_future(anext(delivery))
        await desk.leaf.entered.wait()
        desk.clock.advance(4)
        gate.set()
        seen.append(await reading)
        while not isinstance(seen[-1], Ending):
            seen.append(await anext(delivery))
    assert isinstance(seen[0], RouteChanged)
    receipt = seen[-1].receipt
    assert [one.duration_s for one in receipt.attempts] == [0, 4]
    assert (receipt.total_s, receipt.provider_s, receipt.first_token_s) == (7, 7, 0)


@pytest.mark.parametrize("known", [None, Usage(uncached_input=10, output=9)])
async def test_no_answer_is_taken_for_longer_than_it_was_allowed_to_be(known: Usage | None) -> None:
    account = await account_of(hop("a"), done=(attempt("a"),))
    account.accepted()
    account.usage = known
    account.chars = 400  # a hundred tokens, if they were usual ones; ten were allowed
    usage = (await account.settle(CallState.CANCELLED)).usage
    assert usage == Usage(uncached_input=10, output=10, estimated=True)


@pytest.mark.parametrize(("answers", "read"), [("a", 4), ("b", 10)])
async def test_no_target_is_presumed_to_have_read_more_than_fits(answers: str, read: int) -> None:
    small = replace(hop("a"), context_tokens=4)
    account = await account_of(small, hop("b"), done=(attempt(answers),))
    account.accepted()
    usage = (await account.settle(CallState.CANCELLED)).usage
    assert usage == Usage(uncached_input=read, estimated=True)


@pytest.mark.parametrize(("chars", "written"), [(8, 1), (40, 5)])
async def test_running_totals_count_what_is_spoken_as_well(chars: int, written: int) -> None:
    account = await account_of(hop("a"), done=(attempt("a"),))
    account.accepted()
    # Six tokens so far; what was delivered beyond them, at four characters each, is text.
    account.usage = Usage(uncached_input=10, output=1, audio_output=5)
    account.chars = chars
    usage = (await account.settle(CallState.CANCELLED)).usage
    assert usage == replace(account.usage, output=written, estimated=True)
