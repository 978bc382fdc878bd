"""One call, one answer: checked, recorded, answered, settled, whatever happens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from hexgate.application.defaults import Defaults
from hexgate.application.stream import Ending
from hexgate.domain.answer import Finish, Finished
from hexgate.domain.call import CacheMode
from hexgate.domain.chat import Text
from hexgate.domain.errors import (
    DeadlineExceeded,
    GatewayError,
    InvalidRequest,
    NoEligibleTarget,
    Overloaded,
    PriceUnknown,
    SpendLimitExceeded,
    StoreUnavailable,
    TimedOut,
    UnknownModel,
    Unreachable,
)
from hexgate.domain.ledger import CallState
from hexgate.domain.spec import Params
from hexgate.domain.usage import Usage
from tests.application.desk import BrokenLedger, Desk, FullLedger, SlowLedger, read
from tests.fakes import FakeProvider, Script, script


async def test_an_answer_is_priced_and_settled_before_it_is_handed_out() -> None:
    desk = Desk(FakeProvider("one two"))
    answer = await desk.complete(desk.request())
    assert answer.completion.parts == (Text("one two"),)
    # FakeProvider reports 10 tokens in and one per word out: 10 * 1,000 and 2 * 2,000.
    assert (answer.receipt.cost.input_nanos, answer.receipt.cost.output_nanos) == (10_000, 4_000)
    row = await desk.settlement()
    assert (row.state, row.finish, row.cost) == (CallState.SETTLED, "stop", answer.receipt.cost)
    assert [one.failure for one in row.attempts] == [""]


async def test_the_hold_is_the_worst_case_and_stands_before_the_provider_is_called() -> None:
    gate = asyncio.Event()
    desk = Desk(FakeProvider(gate=gate))
    task = asyncio.create_task(desk.complete(desk.request()))
    await desk.leaf.entered.wait()
    entry = await desk.entry()
    assert entry.state is CallState.PENDING
    # At the most 27 tokens in (11 for as many bytes of text, 16 for the message), and 50 out: the
    # model's own limit.
    assert entry.intent.hold_nanos == 27 * 1_000 + 50 * 2_000
    gate.set()
    await task


async def test_without_a_ledger_no_provider_is_called() -> None:
    desk = Desk(FakeProvider(), BrokenLedger())
    with pytest.raises(StoreUnavailable):
        await desk.complete(desk.request())
    with pytest.raises(StoreUnavailable):
        await desk.stream(desk.request())
    assert desk.leaf.calls == []


async def test_a_failed_call_is_settled_as_failed_and_its_error_carries_the_receipt() -> None:
    desk = Desk(FakeProvider(Overloaded("busy", http_status=503)))
    with pytest.raises(Overloaded) as caught:
        await desk.complete(desk.request())
    row = await desk.settlement()
    assert (row.state, row.failure) == (CallState.FAILED, "PROVIDER_OVERLOADED")
    assert row.cost.total_nanos == 0
    receipt = caught.value.receipt
    assert receipt is not None
    assert [one.http_status for one in receipt.attempts] == [503]


async def test_a_bug_in_an_adapter_still_settles_the_call() -> None:
    desk = Desk(FakeProvider(RuntimeError("secret")))
    with pytest.raises(RuntimeError):
        await desk.complete(desk.request())
    assert (await desk.settlement()).failure == "INTERNAL"


async def test_a_cancelled_call_is_charged_for_its_input_as_an_estimate() -> None:
    desk = Desk(FakeProvider(gate=asyncio.Event()))
    task = asyncio.create_task(desk.complete(desk.request()))
    await desk.leaf.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    row = await desk.settlement()
    assert row.state is CallState.CANCELLED
    assert row.usage == Usage(uncached_input=7, estimated=True)
    assert (row.cost.total_nanos, row.cost.estimated) == (7_000, True)


async def test_missing_usage_is_estimated_and_said_to_be() -> None:
    end = Finished(finish=Finish.STOP, usage=None, model="m")
    silent = Script((*script("twelve chars").chunks[:-1], end))
    desk = Desk(FakeProvider(silent))
    answer = await desk.complete(desk.request())
    assert answer.receipt.usage == Usage(uncached_input=7, output=3, estimated=True)
    assert answer.receipt.cost.estimated


async def test_a_hit_reaches_no_provider_costs_nothing_and_is_marked() -> None:
    desk = Desk(FakeProvider("one two"), mode=CacheMode.READ_WRITE)
    first = await desk.complete(desk.request())
    again = await desk.complete(desk.request())
    assert again.completion.parts == first.completion.parts
    assert (again.receipt.cache_hit, again.receipt.cost.total_nanos) == (True, 0)
    *_, ending = await read(desk, desk.request())
    assert isinstance(ending, Ending)
    assert ending.receipt.cache_hit
    assert len(desk.leaf.calls) == 1


async def test_the_output_is_bounded_by_wish_default_and_model() -> None:
    desk = Desk(FakeProvider(), defaults=Defaults(max_output_tokens=40))
    wishes: list[tuple[Params, int]] = [
        (Params(max_output_tokens=9), 9),
        (Params(), 40),
        (Params(max_output_tokens=9_000), 50),
    ]
    for params, _ in wishes:
        await desk.complete(desk.request(params=params))
    assert [call.max_output_tokens for call in desk.leaf.calls] == [most for _, most in wishes]


async def test_a_wish_above_the_models_limit_is_met_with_a_warning() -> None:
    desk = Desk(FakeProvider())
    answer = await desk.complete(desk.request(params=Params(max_output_tokens=51)))
    assert [warned.code for warned in answer.warnings] == ["PARAM_CLAMPED"]


async def test_the_configured_model_serves_a_request_that_names_none() -> None:
    desk = Desk(FakeProvider(), defaults=Defaults(model="fake/house"))
    await desk.complete(desk.request(model=""))
    assert desk.leaf.calls[0].model == "house"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"model": "nobody/x"}, UnknownModel),
        ({"model": ""}, InvalidRequest),
        ({"max_cost_nanos": 126_999}, SpendLimitExceeded),
        ({"max_cost_nanos": 1, "model": "fake/free"}, PriceUnknown),
        ({"max_output_price": 2 * 10**9 - 1}, NoEligibleTarget),
        ({"max_input_price": 10**9 - 1}, NoEligibleTarget),
    ],
)
async def test_a_refused_request_reaches_neither_provider_nor_ledger(
    fields: dict[str, Any], error: type[Exception]
) -> None:
    desk = Desk(FakeProvider())
    with pytest.raises(error):
        await desk.complete(desk.request(**fields))
    assert desk.leaf.calls == []
    assert await desk.ledger.get("c1") is None


async def test_a_bound_that_just_fits_lets_the_call_pass() -> None:
    desk = Desk(FakeProvider())
    assert await desk.complete(desk.request(max_cost_nanos=127_000, max_output_price=2 * 10**9))


async def test_the_gateways_own_bound_holds_for_every_call() -> None:
    desk = Desk(FakeProvider(), defaults=Defaults(max_cost_nanos=1_000))
    with pytest.raises(SpendLimitExceeded):
        await desk.complete(desk.request(max_cost_nanos=10**12))


async def test_times_are_the_clocks() -> None:
    gate = asyncio.Event()
    desk = Desk(FakeProvider(gate=gate))
    task = asyncio.create_task(desk.complete(desk.request()))
    await desk.leaf.entered.wait()
    desk.clock.advance(2.5)
    gate.set()
    receipt = (await task).receipt
    assert (receipt.total_s, receipt.provider_s) == (2.5, 2.5)
    assert replace(receipt.attempts[0]).duration_s == 2.5


@pytest.mark.parametrize("streamed", [False, True])
async def test_leaving_while_the_intent_is_written_costs_nothing(streamed: bool) -> None:
    ledger = SlowLedger()
    desk = Desk(FakeProvider(), ledger)
    going = desk.stream(desk.request()) if streamed else desk.complete(desk.request())
    task: asyncio.Task[object] = asyncio.ensure_future(going)
    await ledger.wrote.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    row = await desk.settlement()
    assert (row.state, row.cost.total_nanos) == (CallState.CANCELLED, 0)
    assert desk.leaf.calls == []


async def test_an_outcome_that_cannot_be_written_is_an_error_with_a_receipt() -> None:
    desk = Desk(FakeProvider("one two"), FullLedger())
    with pytest.raises(StoreUnavailable) as caught:
        await desk.complete(desk.request())
    assert caught.value.receipt is not None
    assert caught.value.receipt.cost.total_nanos == 14_000
    with pytest.raises(StoreUnavailable) as streamed:
        await read(desk, desk.request())
    assert streamed.value.receipt is not None
    assert streamed.value.receipt.delivered_chars == 7


async def test_a_failing_ledger_does_not_swallow_a_cancellation() -> None:
    desk = Desk(FakeProvider(gate=asyncio.Event()), FullLedger())
    task = asyncio.create_task(desk.complete(desk.request()))
    await desk.leaf.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("failure", "state", "tokens"),
    [
        (DeadlineExceeded("late"), CallState.CANCELLED, 7),
        (TimedOut("late"), CallState.FAILED, 7),
        (Unreachable("refused"), CallState.FAILED, 0),
    ],
)
async def test_input_is_charged_when_the_provider_may_have_been_at_work(
    failure: GatewayError, state: CallState, tokens: int
) -> None:
    desk = Desk(FakeProvider(failure))
    with pytest.raises(type(failure)):
        await desk.complete(desk.request())
    row = await desk.settlement()
    assert (row.state, row.usage.input) == (state, tokens)


async def test_a_caller_may_lower_the_attempt_budget_and_not_raise_it() -> None:
    desk = Desk(FakeProvider(), defaults=Defaults(max_attempts=2))
    for wish in (1, 100, None):
        await desk.complete(desk.request(max_attempts=wish))
    assert [call.attempts.left for call in desk.leaf.calls] == [0, 1, 1]


async def test_a_hit_warns_as_the_first_answer_did_and_of_what_it_lacks() -> None:
    desk = Desk(FakeProvider(), mode=CacheMode.READ_WRITE)
    for _ in range(2):
        params = Params(max_output_tokens=9_000)
        answer = await desk.complete(desk.request(params=params, include_raw=True))
    assert answer.receipt.cache_hit
    assert [warned.code for warned in answer.warnings] == ["PARAM_CLAMPED", "OPTION_IGNORED"]
    delivery = await desk.stream(desk.request(params=Params(max_output_tokens=9_000)))
    assert [warned.code for warned in delivery.warnings] == ["PARAM_CLAMPED"]


async def test_options_for_a_provider_that_does_not_exist_are_a_warning() -> None:
    desk = Desk(FakeProvider())
    request = desk.request()
    request = replace(request, spec=replace(request.spec, provider_options={"opnai": {"a": 1}}))
    answer = await desk.complete(request)
    assert [warned.code for warned in answer.warnings] == ["UNKNOWN_PROVIDER"]
