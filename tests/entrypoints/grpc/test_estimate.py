"""EstimateCost: what a request would cost, and nothing is sent."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from grpc import aio

from hexgate.client import Problem, explain
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1 import content_pb2, generation_pb2
from tests.entrypoints.grpc.budgeted import DEAR, LONG, asking, budget, budgeted, spending
from tests.entrypoints.grpc.conftest import Serve, Served, spec
from tests.fakes import FakeProvider

IMAGE = content_pb2.ContentPart(media=content_pb2.MediaPart(media_type="image/png", data=b"png"))


def about(text: str = "Hello there", model: str = "fake/m") -> pb.EstimateCostRequest:
    """The estimate of one user message."""
    return pb.EstimateCostRequest(spec=spec(text, model))


async def estimated(served: Served, request: pb.EstimateCostRequest) -> pb.EstimateCostResponse:
    """The answer."""
    answer: pb.EstimateCostResponse = await served.stub.EstimateCost(request, timeout=10)
    return answer


async def problem(served: Served, request: pb.EstimateCostRequest) -> Problem:
    """The error."""
    with pytest.raises(aio.AioRpcError) as caught:
        await served.stub.EstimateCost(request, timeout=10)
    return explain(caught.value)


async def test_an_estimate_says_tokens_and_cost_and_asks_nobody() -> None:
    leaf = spending()
    async with budgeted(leaf, {"all": budget(10 * DEAR)}) as served:
        found = await estimated(served, about())
        accounts = await served.ledger.balances("", "", 9)
    assert (found.input_tokens, found.low_output_tokens, found.high_output_tokens) == (7, 1, 50)
    # A dollar per million tokens in, two out; at the most 27 tokens in and 50 out.
    assert (found.low.total_nanos, found.high.total_nanos) == (9_000, 127_000)
    assert (found.high.input_nanos, found.high.output_nanos) == (27_000, 100_000)
    assert found.low.estimated
    assert not found.low.price_unknown
    assert found.low.price_version.startswith("config ")
    assert found.confidence == pytest.approx(0.8)
    assert (found.provider, found.provider_model) == ("fake", "m")
    assert leaf.calls == []
    assert accounts == ()


async def test_an_unknown_price_is_told_with_no_confidence(served: Serve) -> None:
    async with served(FakeProvider()) as server:
        found = await estimated(server, about())
    assert found.low.price_unknown
    assert found.high.price_unknown
    assert found.confidence == 0
    assert found.input_tokens == 7
    assert found.provider_model == "m"


async def test_an_unknown_price_is_told_although_a_budget_would_refuse_it() -> None:
    async with budgeted(spending(), {"all": budget(DEAR)}) as served:
        found = await estimated(served, about(model="fake/strange"))
    assert found.high.price_unknown


async def test_of_an_alias_the_first_target_is_told_and_the_dearest_held() -> None:
    aliases = {"fast": ["fake/cheap", "fake/m"]}
    async with budgeted(spending(), {}, aliases=aliases) as served:
        found = await estimated(served, about(LONG, "fast"))
    assert found.provider_model == "cheap"
    assert found.high.total_nanos == DEAR


async def test_a_bound_or_a_budget_that_is_exceeded_does_not_keep_the_cost_from_being_told() -> (
    None
):
    request = about(LONG)
    request.options.spend.max_cost_nanos = 1
    async with budgeted(spending(), {"all": budget(0)}) as served:
        found = await estimated(served, request)
    assert found.high.total_nanos == DEAR


async def test_media_make_it_less_sure() -> None:
    request = about("")
    request.spec.messages[0].parts.append(IMAGE)
    async with budgeted(spending(), {}) as served:
        found = await estimated(served, request)
    assert found.confidence == pytest.approx(0.4, abs=0.01)


async def test_what_is_told_is_what_a_budget_holds_while_the_call_runs() -> None:
    gate = asyncio.Event()
    leaf = FakeProvider(gate=gate)
    async with budgeted(leaf, {"all": budget(10 * DEAR)}) as served:
        request = asking()
        found = await estimated(
            served, pb.EstimateCostRequest(spec=request.spec, options=request.options)
        )
        running = asyncio.ensure_future(served.stub.Complete(request, timeout=10))
        await leaf.entered.wait()
        (account,) = await served.ledger.balances("", "", 9)
        gate.set()
        answer = await running
    assert account.held_nanos == found.high.total_nanos == DEAR
    assert answer.cost.total_nanos <= found.high.total_nanos


@pytest.mark.parametrize(
    ("asked", "code", "reason", "field"),
    [
        (
            pb.EstimateCostRequest(spec=generation_pb2.CompletionSpec(model="fake/m")),
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_REQUEST",
            "spec.messages",
        ),
        (
            pb.EstimateCostRequest(),
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_REQUEST",
            "spec.messages",
        ),
        (about(model="nobody/m"), grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", None),
    ],
)
async def test_what_no_call_could_be_made_of_is_refused_in_the_same_way(
    served: Serve,
    asked: pb.EstimateCostRequest,
    code: grpc.StatusCode,
    reason: str,
    field: str | None,
) -> None:
    async with served(FakeProvider()) as server:
        told = await problem(server, asked)
    assert (told.code, told.reason) == (code, reason)
    assert field is None or field in [one.field for one in told.violations]


async def test_a_bad_option_is_refused_by_its_path(served: Serve) -> None:
    request = about()
    request.options.spend.max_cost_nanos = -1
    async with served(FakeProvider()) as server:
        told = await problem(server, request)
    assert told.reason == "INVALID_REQUEST"
    assert [one.field for one in told.violations] == ["options.spend.max_cost_nanos"]


async def test_where_no_target_may_be_used_it_says_why(served: Serve) -> None:
    request = about()
    request.options.routing.denied_providers.append("fake")
    async with served(FakeProvider()) as server:
        told = await problem(server, request)
    assert told.code is grpc.StatusCode.FAILED_PRECONDITION
    assert "denied_providers" in told.message
