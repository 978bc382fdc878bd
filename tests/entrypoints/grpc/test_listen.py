"""How the server is set up: the settings of grpc that are silent when they are wrong."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from hexgate.adapters.clock import SystemClock
from hexgate.client import CHANNEL_OPTIONS
from hexgate.domain.errors import Overloaded
from hexgate.entrypoints.grpc import listen, services
from hexgate.entrypoints.grpc.boundary import Boundary
from hexgate.entrypoints.grpc.running import Calls
from hexgate.v1 import completion_service_pb2_grpc
from tests.entrypoints.grpc.conftest import Serve, whole
from tests.fakes import FakeProvider

PING = "grpc.http2.min_ping_interval_without_data_ms"
OURS = dict(listen.options(1 << 20, 600))


@asynccontextmanager
async def watched(**options: int) -> AsyncIterator[aio.UnaryStreamCall[object, object]]:
    """An idle stream to a server with these options, by a client that pings without pause."""
    server = aio.server(options=tuple(options.items()))
    listen.add_health(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    pings = (
        ("grpc.keepalive_time_ms", 100),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.max_pings_without_data", 0),
    )
    async with aio.insecure_channel(f"127.0.0.1:{port}", options=pings) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        call = stub.Watch(health_pb2.HealthCheckRequest())
        await call.read()
        yield call
        call.cancel()
    await server.stop(0)


async def test_a_client_that_pings_an_idle_stream_is_not_thrown_out() -> None:
    permit = "grpc.keepalive_permit_without_calls"
    # The interval is shortened, so that what kills the one stream would kill the other as well.
    async with (
        watched(**{PING: 50, permit: OURS[permit]}) as kept,
        watched() as thrown_out,
    ):
        with pytest.raises(aio.AioRpcError) as caught:
            await thrown_out.read()
        assert "Too many pings" in str(caught.value.details())
        assert not kept.done()


def test_clients_ping_less_often_than_the_server_allows() -> None:
    assert OURS[PING] < int(dict(CHANNEL_OPTIONS)["grpc.keepalive_time_ms"])


def test_no_connection_is_cut_for_its_age_while_a_call_may_run() -> None:
    assert OURS["grpc.max_connection_age_grace_ms"] >= 600_000


def test_the_library_accepts_more_than_we_do_so_that_we_answer() -> None:
    assert OURS["grpc.max_receive_message_length"] > 1 << 20


def test_two_servers_never_share_a_port() -> None:
    assert OURS["grpc.so_reuseport"] == 0


def test_every_option_is_one_that_grpc_knows() -> None:
    assert OURS.keys() == listen.KNOWN_OPTIONS


async def test_handlers_are_coroutines_and_never_generators() -> None:
    bounds = {"max_request_bytes": 1, "max_deadline_s": 1.0, "default_deadline_s": 1.0}
    edge = Boundary(Calls(1), SystemClock(), **bounds)  # type: ignore[arg-type]  # a short way
    for service in (*services.PUBLIC, services.ADMIN):
        for method in service.methods:
            handler = services.refusal(edge, method)
            made = handler.unary_stream if method.server_streaming else handler.unary_unary
            # grpc runs anything else in a thread, or finalizes it in another task.
            assert inspect.iscoroutinefunction(made)


def test_the_stubs_are_made_by_the_grpc_that_is_installed() -> None:
    assert grpc.__version__ == completion_service_pb2_grpc.GRPC_GENERATED_VERSION


async def test_health_is_not_serving_before_the_server_is() -> None:
    server = aio.server()
    servicer = listen.add_health(server)
    await listen.serving(servicer, services.PUBLIC, yes=False)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", services.COMPLETION.full_name):
            state = await health.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
            assert state.status == health_pb2.HealthCheckResponse.NOT_SERVING
    await server.stop(0)


async def test_an_error_has_its_details_and_the_identifiers_in_its_trailers(served: Serve) -> None:
    async with served(FakeProvider(Overloaded("busy"))) as server:
        call = server.stub.Complete(whole(), timeout=10, metadata=(("x-request-id", "r-7"),))
        with pytest.raises(aio.AioRpcError) as caught:
            await call
    trailers = dict(caught.value.trailing_metadata() or ())
    assert trailers["x-request-id"] == "r-7"
    assert trailers["hexgate-response-id"]
    info = error_details_pb2.ErrorInfo.DESCRIPTOR.full_name.encode()
    details = trailers["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    assert info in details


async def test_calls_that_end_leave_nothing_running(served: Serve) -> None:
    async with served(FakeProvider("one two")) as server:
        await asyncio.gather(*(server.stub.Complete(whole(), timeout=10) for _ in range(50)))
        # A caller may have its answer before the handler has left the registry.
        assert await server.gateway.calls.drained(10)
        assert server.gateway.calls.counts() == (0, 0)
