"""ExplainRoute on the admin port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc import aio
from grpc_status import rpc_status

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.client import dial, explain
from hexgate.domain.errors import Unsupported
from hexgate.entrypoints.leaves import Leaves
from hexgate.entrypoints.server import serving
from hexgate.entrypoints.settings import Settings
from hexgate.v1 import admin_service_pb2 as pb
from hexgate.v1 import completion_service_pb2, error_pb2, generation_pb2
from hexgate.v1.admin_service_pb2_grpc import AdminServiceStub
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.entrypoints.grpc.conftest import spec
from tests.fakes import FakeProvider

if TYPE_CHECKING:
    from hexgate.v1.admin_service_pb2_grpc import AdminServiceAsyncStub
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub


def priced(usd: float) -> dict[str, Any]:
    """A card with this price."""
    return {"price": {"input_usd_per_mtok": usd, "output_usd_per_mtok": usd}}


SETTINGS: Mapping[str, Any] = {
    "server": {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "drain_s": 0.2},
    "providers": {
        "near": {"kind": "vllm", "limits": {"requests_per_minute": 60}},
        "far": {"kind": "vllm"},
    },
    "models": {
        "aliases": {"fast": {"targets": ["near/m", "far/m"], "strategy": "cost"}},
        "cards": {"near/m": priced(2), "far/m": priced(1)},
    },
    "retry": {"attempts": 1},
}


@dataclass(frozen=True, slots=True)
class Two:
    """A gateway over two providers, and what was asked of them."""

    admin: AdminServiceAsyncStub
    public: CompletionServiceAsyncStub
    near: FakeProvider
    far: FakeProvider

    async def route(
        self, model: str = "fast", tenant: str = "", **options: Any
    ) -> pb.ExplainRouteResponse:
        """What is explained of a short text to this model."""
        request = pb.ExplainRouteRequest(
            spec=spec(model=model),
            options=generation_pb2.CallOptions(**options),
            tenant=tenant,
        )
        return await self.admin.ExplainRoute(request, timeout=10)


@asynccontextmanager
async def two(near: FakeProvider | None = None) -> AsyncIterator[Two]:
    """Serve them."""
    leaves = {"near": near or FakeProvider(), "far": FakeProvider()}
    settings = Settings.model_validate(SETTINGS)
    async with (
        serving(settings, Leaves(leaves), MemoryLedger()) as gateway,
        dial(gateway.admin_address) as admin,
        dial(gateway.address) as public,
    ):
        yield Two(
            AdminServiceStub(admin),
            CompletionServiceStub(public),
            leaves["near"],
            leaves["far"],
        )


async def refused(served: Two, **fields: Any) -> aio.AioRpcError:
    """The error of asking."""
    with pytest.raises(aio.AioRpcError) as caught:
        await served.route(**fields)
    return caught.value


async def test_candidates_say_where_a_call_would_go_and_nothing_is_sent() -> None:
    async with two() as served:
        found = await served.route(tenant="default")
        assert (served.near.calls, served.far.calls) == ([], [])
        request = completion_service_pb2.CompleteRequest(spec=spec(model="fast"))
        await served.public.Complete(request, timeout=10)
        assert (len(served.near.calls), len(served.far.calls)) == (0, 1)
    assert [one.target for one in found.candidates] == ["far/m", "near/m"]
    first, second = found.candidates
    assert first.score > second.score
    assert first.estimated_cost_nanos * 2 == second.estimated_cost_nanos > 0
    assert not first.price_unknown
    assert "cost: at most" in first.explanation
    assert first.breaker == pb.BREAKER_STATE_CLOSED
    assert first.rejection == error_pb2.ERROR_REASON_UNSPECIFIED
    assert list(first.limits) == []
    assert list(second.limits) == [pb.LimitStatus(dimension="requests", limit=60, remaining=60)]
    assert list(found.rejected) == []


async def test_what_is_ruled_out_says_why_for_machines_and_people() -> None:
    async with two() as served:
        found = await served.route(
            routing=generation_pb2.RoutingPolicy(denied_providers=["near"]),
            spend=generation_pb2.SpendLimits(max_cost_nanos=1),
        )
    assert list(found.candidates) == []
    assert [(one.target, one.rejection) for one in found.rejected] == [
        ("near/m", error_pb2.ERROR_REASON_NO_ELIGIBLE_TARGET),
        ("far/m", error_pb2.ERROR_REASON_SPEND_LIMIT_EXCEEDED),
    ]
    assert "options.routing.denied_providers" in found.rejected[0].explanation


async def test_what_a_target_lacks_is_told() -> None:
    async with two(FakeProvider(Unsupported("m has no ears"))) as served:
        found = await served.route()
    assert [one.target for one in found.candidates] == ["far/m"]
    (lacking,) = found.rejected
    assert (lacking.target, lacking.explanation) == ("near/m", "m has no ears")
    assert lacking.rejection == error_pb2.ERROR_REASON_UNSUPPORTED_CAPABILITY


async def test_an_unknown_price_is_said() -> None:
    async with two() as served:
        (found,) = (await served.route("near/other")).candidates
    assert (found.price_unknown, found.estimated_cost_nanos) == (True, 0)


async def test_a_name_that_stands_for_nothing_is_an_error_as_in_the_call() -> None:
    async with two() as served:
        error = await refused(served, model="nobody/m")
    assert (error.code(), explain(error).reason) == (
        grpc.StatusCode.NOT_FOUND,
        "MODEL_NOT_FOUND",
    )


async def test_another_tenant_is_refused_by_its_field() -> None:
    async with two() as served:
        error = await refused(served, tenant="acme")
    problem = explain(error)
    assert (problem.code, problem.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
    )
    assert problem.metadata == {"field": "tenant"}
    assert "'acme'" in problem.message


async def test_options_are_read_as_those_of_a_call() -> None:
    async with two() as served:
        error = await refused(
            served, routing=generation_pb2.RoutingPolicy(preferred_models=["far/m", "m"])
        )
        assert explain(error).metadata == {"field": "options.routing.preferred_models[1]"}
        wish = generation_pb2.RoutingPolicy(preferred_models=["near/m"])
        found = await served.route(routing=wish)
    assert found.candidates[0].target == "near/m"


async def test_a_call_that_may_go_nowhere_is_told_of_each_target() -> None:
    async with two() as served:
        request = completion_service_pb2.CompleteRequest(
            spec=spec(model="fast"),
            options=generation_pb2.CallOptions(
                routing=generation_pb2.RoutingPolicy(denied_providers=["near", "far"])
            ),
        )
        with pytest.raises(aio.AioRpcError) as caught:
            await served.public.Complete(request, timeout=10)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    status = rpc_status.from_call(caught.value)
    assert status is not None
    failure = error_details_pb2.PreconditionFailure()
    assert any(detail.Unpack(failure) for detail in status.details)
    assert [(one.type, one.subject) for one in failure.violations] == [
        ("NO_ELIGIBLE_TARGET", "near/m"),
        ("NO_ELIGIBLE_TARGET", "far/m"),
    ]
