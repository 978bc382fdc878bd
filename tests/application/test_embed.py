"""One call, one vector for each input: recorded, embedded, settled, whatever happens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from hexgate.application.defaults import Defaults
from hexgate.domain.answer import PRICE_UNCERTAIN, Finish, Finished, Warned
from hexgate.domain.balance import Group, Member
from hexgate.domain.call import CacheMode
from hexgate.domain.catalog import Target
from hexgate.domain.chat import Text
from hexgate.domain.errors import (
    AllTargetsFailed,
    DeadlineExceeded,
    GatewayError,
    InvalidRequest,
    Overloaded,
    PriceUnknown,
    ProviderLimited,
    SpendLimitExceeded,
    StoreUnavailable,
    TimedOut,
    UnknownModel,
    Unreachable,
)
from hexgate.domain.ledger import CallState
from hexgate.domain.price import Cost
from hexgate.domain.routing import Routes
from hexgate.domain.usage import Usage
from tests.application.desk import BrokenLedger, Desk, FullLedger, preparing
from tests.contracts.ledger import newest
from tests.fakes import FakeClock, FakeProvider, Script

SILENT = Finished(finish=Finish.STOP, usage=None, model="m")


async def test_vectors_are_priced_and_settled_as_one_row_before_they_are_handed_out() -> None:
    desk = Desk(FakeProvider())
    done = await desk.embed(desk.embed_request("one", "three", "x"))
    assert done.embedded.vectors == [[3.0], [5.0], [1.0]]
    # FakeProvider reports a token for each text: 3 * 1,000.
    assert done.receipt.cost.total_nanos == done.receipt.cost.input_nanos == 3_000
    assert not done.receipt.cost.estimated
    row = await desk.settlement()
    assert (row.state, row.finish, row.cost) == (CallState.SETTLED, "", done.receipt.cost)
    assert row.usage == Usage(uncached_input=3)
    assert [one.request_id for one in row.attempts] == ["fake-1"]
    assert [entry.intent.call_id for entry in await newest(desk.ledger, "acme", 10)] == ["c1"]


async def test_the_hold_is_the_input_alone_and_stands_before_the_provider_is_called() -> None:
    gate = asyncio.Event()
    desk = Desk(FakeProvider(gate=gate))
    task = asyncio.create_task(desk.embed(desk.embed_request("Hello there", "four")))
    await desk.leaf.entered.wait()
    entry = await desk.entry()
    # At the most a token for each of eleven bytes and of four; no answer is written.
    assert (entry.state, entry.intent.hold_nanos) == (CallState.PENDING, 15 * 1_000)
    assert not entry.intent.streamed
    assert desk.leaf.calls[0].worst_tokens == 4  # limits reckon with what is likely: 3 and 1
    gate.set()
    await task


async def test_without_a_ledger_no_provider_is_called() -> None:
    desk = Desk(FakeProvider(), BrokenLedger())
    with pytest.raises(StoreUnavailable):
        await desk.embed(desk.embed_request())
    assert desk.leaf.calls == []


async def test_vectors_whose_outcome_cannot_be_written_are_not_handed_out() -> None:
    desk = Desk(FakeProvider(), FullLedger())
    with pytest.raises(StoreUnavailable) as caught:
        await desk.embed(desk.embed_request())
    assert caught.value.receipt is not None
    assert caught.value.receipt.cost.total_nanos == 1_000


@pytest.mark.parametrize(
    ("failure", "state", "tokens"),
    [
        (Overloaded("busy", http_status=503), CallState.FAILED, 0),
        (Unreachable("refused"), CallState.FAILED, 0),
        (TimedOut("late"), CallState.FAILED, 3),
        (DeadlineExceeded("late"), CallState.CANCELLED, 3),
    ],
)
async def test_a_failure_is_settled_and_its_error_carries_the_receipt(
    failure: GatewayError, state: CallState, tokens: int
) -> None:
    desk = Desk(FakeProvider(failure))
    with pytest.raises(type(failure)) as caught:
        await desk.embed(desk.embed_request())
    row = await desk.settlement()
    assert (row.state, row.failure, row.usage.input) == (state, failure.reason, tokens)
    assert caught.value.receipt is not None
    assert caught.value.receipt.cost == row.cost


def limited(billed: int) -> ProviderLimited:
    """A failure of which some was billed all the same."""
    failure = ProviderLimited("slower", http_status=429)
    failure.billed = Usage(uncached_input=billed)
    return failure


async def test_what_a_failed_call_was_billed_for_is_on_record() -> None:
    desk = Desk(FakeProvider(limited(2)))
    with pytest.raises(ProviderLimited) as caught:
        await desk.embed(desk.embed_request())
    row = await desk.settlement()
    # Nobody knows whether that is all.
    assert (row.state, row.usage) == (CallState.FAILED, Usage(uncached_input=2, estimated=True))
    assert row.cost == Cost(input_nanos=2_000, price_version="test", estimated=True)
    assert caught.value.receipt is not None
    assert caught.value.receipt.cost == row.cost


async def test_what_earlier_attempts_were_billed_for_is_part_of_the_cost() -> None:
    desk = Desk(FakeProvider(limited(2), limited(3), "vectors"))
    request = desk.embed_request("one", "three", fallback_models=("fake/n", "fake/o"))
    cost = (await desk.embed(request)).receipt.cost
    assert (cost.input_nanos, cost.wasted_nanos, cost.total_nanos) == (2_000, 5_000, 7_000)
    assert cost.estimated  # nobody knows whether that is all
    assert (await desk.settlement()).cost == cost


async def test_a_part_is_not_charged_again_where_the_whole_was_estimated() -> None:
    late = TimedOut("late")
    late.billed = Usage(uncached_input=2)
    desk = Desk(FakeProvider(limited(1), late))
    with pytest.raises(AllTargetsFailed):
        await desk.embed(desk.embed_request(fallback_models=("fake/n",)))
    cost = (await desk.settlement()).cost
    assert (cost.input_nanos, cost.wasted_nanos) == (3_000, 1_000)


async def test_waste_at_an_unknown_price_is_not_said_to_be_free() -> None:
    desk = Desk(FakeProvider(limited(2)))
    with pytest.raises(ProviderLimited):
        await desk.embed(desk.embed_request(model="fake/free"))
    assert (await desk.settlement()).cost == Cost(estimated=True, unknown=True)


async def test_a_bug_in_an_adapter_still_settles_the_call() -> None:
    desk = Desk(FakeProvider(RuntimeError("secret")))
    with pytest.raises(RuntimeError):
        await desk.embed(desk.embed_request())
    assert (await desk.settlement()).failure == "INTERNAL"


async def test_a_cancelled_call_is_charged_for_its_input_as_an_estimate() -> None:
    desk = Desk(FakeProvider(gate=asyncio.Event()))
    task = asyncio.create_task(desk.embed(desk.embed_request()))
    await desk.leaf.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    row = await desk.settlement()
    assert row.state is CallState.CANCELLED
    assert row.usage == Usage(uncached_input=3, estimated=True)


async def test_missing_usage_is_estimated_and_said_to_be() -> None:
    desk = Desk(FakeProvider(Script((SILENT,))))
    receipt = (await desk.embed(desk.embed_request())).receipt
    assert receipt.usage == Usage(uncached_input=3, estimated=True)
    assert receipt.cost.estimated


async def test_a_warning_about_the_price_makes_the_cost_an_estimate() -> None:
    warned = Warned(PRICE_UNCERTAIN, "something else was asked for")
    desk = Desk(FakeProvider(Script((warned,))))
    done = await desk.embed(desk.embed_request())
    assert done.warnings == (warned,)
    assert (await desk.settlement()).cost == done.receipt.cost
    assert (done.receipt.usage.estimated, done.receipt.cost.estimated) == (False, True)


async def test_vectors_are_not_kept() -> None:
    desk = Desk(FakeProvider(), mode=CacheMode.READ_WRITE)
    for _ in range(2):
        done = await desk.embed(desk.embed_request())
        assert not done.receipt.cache_hit
    assert len(desk.leaf.calls) == 2


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"model": "nobody/x"}, UnknownModel),
        ({"model": ""}, InvalidRequest),  # the default model writes
        ({"max_cost_nanos": 10_999}, SpendLimitExceeded),
        ({"max_cost_nanos": 1, "model": "fake/free"}, PriceUnknown),
    ],
)
async def test_a_refused_request_reaches_neither_provider_nor_ledger(
    fields: dict[str, Any], error: type[Exception]
) -> None:
    desk = Desk(FakeProvider(), defaults=Defaults(model="fake/house"))
    with pytest.raises(error):
        await desk.embed(desk.embed_request(**fields))
    assert desk.leaf.calls == []
    assert await desk.ledger.get("c1") is None


async def test_a_bound_that_just_fits_lets_the_call_pass() -> None:
    desk = Desk(FakeProvider())
    assert await desk.embed(desk.embed_request(max_cost_nanos=11_000))


@pytest.mark.parametrize(
    ("model", "options", "tried"),
    [
        ("fake/m", {}, ["fake/m"]),
        ("fake/m", {"fallback_models": ("other/n",)}, ["fake/m", "other/n"]),
        ("house", {}, ["fake/a", "other/b"]),
    ],
)
def test_only_targets_that_were_named_may_take_over(
    model: str, options: dict[str, Any], tried: list[str]
) -> None:
    routes = Routes(
        providers={"fake": "fake", "other": "fake"},
        aliases={
            "house": Group(members=(Member(Target("fake", "a")), Member(Target("other", "b"))))
        },
        fallbacks=(Target("other", "anything"),),
    )
    clock = FakeClock()
    prepare = preparing(routes, clock)
    request = Desk(FakeProvider()).embed_request(model=model, **options)
    call = prepare.embed(request)
    assert [f"{hop.provider}/{hop.model}" for hop in call.hops] == tried


async def test_attempts_are_counted_against_the_callers_budget() -> None:
    desk = Desk(FakeProvider())
    await desk.embed(desk.embed_request(max_attempts=1))
    assert desk.leaf.calls[0].attempts.left == 0


async def test_what_is_asked_reaches_the_provider_as_it_is() -> None:
    desk = Desk(FakeProvider())
    request = desk.embed_request("  as it is ")
    request = replace(request, spec=replace(request.spec, dimensions=8))
    await desk.embed(request)
    assert desk.leaf.calls[0].spec == request.spec
    assert request.spec.inputs == ((Text("  as it is "),),)
