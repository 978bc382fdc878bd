"""The two ports of a running gateway."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from hexgate.client import dial
from hexgate.entrypoints.resources import CannotStart
from hexgate.v1 import admin_service_pb2
from hexgate.v1.admin_service_pb2_grpc import AdminServiceStub
from tests.entrypoints.grpc.conftest import Serve, whole
from tests.fakes import FakeProvider


async def test_a_second_server_on_the_same_port_does_not_start(served: Serve) -> None:
    async with served(FakeProvider()) as server:
        with pytest.raises(CannotStart, match=r"server\.listen: cannot listen on"):
            async with served(FakeProvider(), listen=server.gateway.address):
                pass


async def test_health_is_told_for_each_service_on_both_ports(served: Serve) -> None:
    async with served(FakeProvider()) as server:
        for address in (server.gateway.address, server.gateway.admin_address):
            async with aio.insecure_channel(address) as channel:
                health = health_pb2_grpc.HealthStub(channel)
                for name in ("", "hexgate.v1.CompletionService"):
                    request = health_pb2.HealthCheckRequest(service=name)
                    state = await health.Check(request, timeout=10)
                    assert state.status == health_pb2.HealthCheckResponse.SERVING


async def test_the_admin_port_tells_about_the_process_and_the_public_one_does_not(
    served: Serve,
) -> None:
    gate = asyncio.Event()
    leaf = FakeProvider(gate=gate)
    async with served(leaf) as server:
        running = asyncio.ensure_future(server.stub.Complete(whole(), timeout=10))
        await leaf.entered.wait()
        request = admin_service_pb2.GetServerInfoRequest()
        async with dial(server.gateway.admin_address) as channel:
            info = await AdminServiceStub(channel).GetServerInfo(request, timeout=10)
        with pytest.raises(aio.AioRpcError) as caught:
            await AdminServiceStub(server.channel).GetServerInfo(request, timeout=10)
        gate.set()
        await running
    assert info.active_call_count == 2
    assert info.config_revision
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
