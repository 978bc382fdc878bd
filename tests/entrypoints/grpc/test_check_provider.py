"""CheckProvider on the admin port."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc import aio
from grpc_status import rpc_status

from hexgate.client import dial, explain
from hexgate.domain.errors import CredentialRejected, GatewayError, TimedOut, Unreachable
from hexgate.v1 import admin_service_pb2 as pb
from hexgate.v1 import error_pb2
from hexgate.v1.admin_service_pb2_grpc import AdminServiceStub
from tests.contracts.ledger import newest
from tests.entrypoints.grpc.calls import SECRET
from tests.entrypoints.grpc.conftest import Serve, Served
from tests.fakes import FakeProvider


async def check(
    server: Served, provider: str = "fake", timeout: float = 10
) -> pb.CheckProviderResponse:
    """One call to the admin port."""
    async with dial(server.gateway.admin_address) as channel:
        request = pb.CheckProviderRequest(provider=provider)
        return await AdminServiceStub(channel).CheckProvider(request, timeout=timeout)


async def test_a_provider_that_accepts_the_key_is_ok(served: Serve) -> None:
    leaf = FakeProvider()
    async with served(leaf) as server:
        found = await check(server)
        assert await newest(server.ledger, "default", 10) == ()
    assert found.ok
    assert (found.failure, found.message) == (error_pb2.ERROR_REASON_UNSPECIFIED, "")
    assert found.HasField("duration")
    # The settings' own: five seconds to connect, and no longer than the first output of others.
    assert [(limits.connect_s, limits.attempt_s) for limits in leaf.checks] == [(5, 60)]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (CredentialRejected("fake rejected the key"), error_pb2.ERROR_REASON_PROVIDER_AUTH_FAILED),
        (Unreachable("fake refused the connection"), error_pb2.ERROR_REASON_PROVIDER_ERROR),
        (TimedOut("fake did not answer"), error_pb2.ERROR_REASON_PROVIDER_TIMEOUT),
    ],
)
async def test_why_a_provider_is_not_ok_is_told_without_an_error(
    served: Serve, failure: GatewayError, reason: error_pb2.ErrorReason.ValueType
) -> None:
    async with served(FakeProvider(failure)) as server:
        found = await check(server)
    assert (found.ok, found.failure, found.message) == (False, reason, failure.message)


async def test_it_asks_again_each_time_whatever_the_breaker_thinks(served: Serve) -> None:
    leaf = FakeProvider(Unreachable("fake refused the connection"))
    async with served(leaf) as server:
        for _ in range(30):
            assert not (await check(server)).ok
    assert len(leaf.checks) == 30


async def test_a_name_that_is_not_configured_is_not_found(served: Serve) -> None:
    async with served(FakeProvider()) as server:
        with pytest.raises(aio.AioRpcError) as caught:
            await check(server, "fkae")
    problem = explain(caught.value)
    assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "PROVIDER_NOT_FOUND")
    assert problem.metadata == {"provider": "fkae", "suggestions": "fake"}
    details = rpc_status.from_call(caught.value)
    assert details is not None
    resource = error_details_pb2.ResourceInfo()
    assert any(detail.Unpack(resource) for detail in details.details)
    assert (resource.resource_type, resource.resource_name) == ("provider", "fkae")


async def test_the_callers_deadline_bounds_it(served: Serve) -> None:
    leaf = FakeProvider(gate=asyncio.Event())
    async with served(leaf) as server:
        with pytest.raises(aio.AioRpcError) as caught:
            await check(server, timeout=0.2)
        assert await server.gateway.calls.drained(10)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_bug_is_answered_in_general_words(served: Serve) -> None:
    async with served(FakeProvider(RuntimeError(SECRET))) as server:
        with pytest.raises(aio.AioRpcError) as caught:
            await check(server)
    assert explain(caught.value).reason == "INTERNAL"
    assert SECRET not in str(caught.value)


async def test_the_public_port_does_not_have_it(served: Serve) -> None:
    async with served(FakeProvider()) as server:
        with pytest.raises(aio.AioRpcError) as caught:
            await AdminServiceStub(server.channel).CheckProvider(
                pb.CheckProviderRequest(provider="fake"), timeout=10
            )
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_the_server_says_what_it_can_do(served: Serve) -> None:
    async with served(FakeProvider()) as server, dial(server.gateway.admin_address) as channel:
        info = await AdminServiceStub(channel).GetServerInfo(pb.GetServerInfoRequest(), timeout=10)
    assert {"check-provider", "embeddings"} <= set(info.features)
