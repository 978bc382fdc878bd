"""How calls end that are not answered to their end: cancel, deadline, stall, drain."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from hexgate.client import explain
from hexgate.domain.answer import Finish, Finished, TextDelta, ToolCallDelta, ToolCallStarted
from hexgate.domain.errors import (
    ShuttingDown,
)
from hexgate.domain.ledger import CallState
from hexgate.domain.usage import Usage
from hexgate.entrypoints.grpc.pace import Paced
from hexgate.entrypoints.grpc.running import Running
from hexgate.v1 import completion_service_pb2 as pb
from tests.contracts.ledger import newest
from tests.entrypoints.grpc.calls import (
    PAGES,
    PROMPTLY_S,
    rest,
)
from tests.entrypoints.grpc.conftest import Serve, streamed, whole
from tests.fakes import FakeProvider, Script


async def test_a_callers_cancel_reaches_the_provider_and_is_recorded(served: Serve) -> None:
    between = asyncio.Event()
    leaf = FakeProvider("one two three", between=between)
    async with served(leaf) as server:
        call = server.stub.StreamComplete(streamed(), timeout=10)
        started = await call.read()
        assert isinstance(started, pb.StreamCompleteResponse)
        await call.read()
        call.cancel()
        await server.gateway.calls.drained(PROMPTLY_S)
        entry = await server.ledger.get(started.started.response_id)
    assert leaf.closed == 1
    assert entry is not None
    assert entry.state is CallState.CANCELLED
    assert entry.settlement is not None
    assert entry.settlement.usage.output == 1


async def test_a_callers_deadline_ends_the_provider_call(served: Serve) -> None:
    leaf = FakeProvider(gate=asyncio.Event())
    async with served(leaf) as server:
        with pytest.raises(aio.AioRpcError) as caught:
            await server.stub.Complete(whole(), timeout=0.2)
        assert await server.gateway.calls.drained(PROMPTLY_S)
        (entry,) = await newest(server.ledger, "default", 10)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert entry.settlement is not None
    assert entry.state in (CallState.CANCELLED, CallState.FAILED)


@pytest.mark.parametrize("streaming", [False, True])
async def test_without_a_deadline_the_gateways_own_ends_the_call(
    served: Serve, streaming: bool
) -> None:
    leaf = FakeProvider("a b", gate=None if streaming else asyncio.Event(), between=asyncio.Event())
    async with (
        served(leaf, max_deadline_s=0.3) as server,
        aio.insecure_channel(server.gateway.address) as channel,
    ):
        stub = type(server.stub)(channel)
        going = rest(stub.StreamComplete(streamed())) if streaming else stub.Complete(whole())
        with pytest.raises(aio.AioRpcError) as caught:
            await going
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert explain(caught.value).reason == "DEADLINE_EXCEEDED"


async def test_a_reader_that_stands_still_is_cut_off_and_frees_the_provider(served: Serve) -> None:
    page = TextDelta(0, "x" * 100_000)
    end = Finished(finish=Finish.STOP, usage=Usage(), model="m")
    leaf = FakeProvider(Script((*[page] * 500, end)))
    async with served(leaf, write_timeout_s=0.2) as server:
        call = server.stub.StreamComplete(streamed(), timeout=60)
        await call.read()
        # Nothing more is read: the windows fill, and the write waits.
        assert await server.gateway.calls.drained(30)
        assert leaf.closed == 1
        with pytest.raises(aio.AioRpcError) as caught:
            await rest(call)
    problem = explain(caught.value)
    assert (problem.code, problem.reason) == (grpc.StatusCode.ABORTED, "SLOW_READER")
    assert problem.failure is not None
    assert 0 < problem.failure.delivered_text_chars < 500 * 100_000


async def test_one_call_too_many_is_refused_with_a_time_to_come_back(served: Serve) -> None:
    gate = asyncio.Event()
    leaf = FakeProvider(gate=gate)
    async with served(leaf, max_calls=1) as server:
        first = asyncio.ensure_future(server.stub.Complete(whole(), timeout=10))
        await leaf.entered.wait()
        async with aio.insecure_channel(
            server.gateway.address, options=(("grpc.enable_retries", 0),)
        ) as channel:
            with pytest.raises(aio.AioRpcError) as caught:
                await type(server.stub)(channel).Complete(whole(), timeout=10)
        gate.set()
        await first
    problem = explain(caught.value)
    assert (problem.code, problem.reason) == (
        grpc.StatusCode.UNAVAILABLE,
        "GATEWAY_OVERLOADED",
    )
    assert problem.retry_after_s == 1.0


async def test_a_client_comes_back_by_itself_when_the_gateway_was_full(served: Serve) -> None:
    gate = asyncio.Event()
    leaf = FakeProvider(gate=gate)
    async with served(leaf, max_calls=1) as server:
        first = asyncio.ensure_future(server.stub.Complete(whole(), timeout=20))
        await leaf.entered.wait()
        second = asyncio.ensure_future(server.stub.Complete(whole(), timeout=20))
        gate.set()
        assert (await first).response_id != (await second).response_id


async def test_draining_lets_calls_finish_refuses_new_ones_and_cuts_off_the_rest(
    served: Serve,
) -> None:
    quick, never = asyncio.Event(), asyncio.Event()
    leaf = FakeProvider("one two", between=quick)
    async with served(leaf, drain_s=1.0) as server:
        finishing = server.stub.StreamComplete(streamed(), timeout=10)
        await finishing.read()
        draining = asyncio.ensure_future(server.gateway.drain())
        health = health_pb2_grpc.HealthStub(server.channel)
        async for state in health.Watch(health_pb2.HealthCheckRequest(), timeout=10):
            if state.status == health_pb2.HealthCheckResponse.NOT_SERVING:
                break
        # A channel that asks for health would not even try.
        async with aio.insecure_channel(server.gateway.address) as channel:
            with pytest.raises(aio.AioRpcError) as late:
                await type(server.stub)(channel).Complete(whole(), timeout=10)
        quick.set()
        assert (await rest(finishing))[-1].HasField("finished")
        await draining
    assert explain(late.value).reason == "SHUTTING_DOWN"
    leaf = FakeProvider("one two", between=never)
    async with served(leaf, drain_s=0.1) as server:
        cut_off = server.stub.StreamComplete(streamed(), timeout=10)
        await cut_off.read()
        await cut_off.read()
        await server.gateway.drain()
        with pytest.raises(aio.AioRpcError) as caught:
            await rest(cut_off)
    problem = explain(caught.value)
    assert (problem.code, problem.reason) == (grpc.StatusCode.ABORTED, "SHUTTING_DOWN")
    assert problem.failure is not None
    assert problem.failure.delivered_text_chars == 4
    assert leaf.closed == 1


@pytest.mark.parametrize("heartbeat", [False, True])
async def test_a_reader_that_stands_still_past_the_deadline_is_cut_off_too(
    served: Serve, heartbeat: bool
) -> None:
    leaf = FakeProvider(PAGES)
    request = streamed()
    if heartbeat:
        request.stream.heartbeat_interval.CopyFrom(Duration(nanos=50_000_000))
    async with (
        served(leaf, max_deadline_s=0.3, write_timeout_s=0.6) as server,
        aio.insecure_channel(server.gateway.address) as channel,
    ):
        call = type(server.stub)(channel).StreamComplete(request)
        started = await call.read()
        assert isinstance(started, pb.StreamCompleteResponse)
        assert await server.gateway.calls.drained(30)
        await server.gateway.calls.released()
        entry = await server.ledger.get(started.started.response_id)
        assert leaf.closed == 1
        assert entry is not None
        assert entry.state is CallState.CANCELLED
        call.cancel()


async def test_a_stream_that_began_is_never_repeated_even_without_text(served: Serve) -> None:
    calling = Script((ToolCallStarted(0, "c", "sum"), ToolCallDelta(0, "{}")))
    leaf = FakeProvider(calling, between=asyncio.Event())
    async with served(leaf, drain_s=0.05) as server:
        call = server.stub.StreamComplete(streamed(), timeout=10)
        await call.read()
        await call.read()
        await server.gateway.drain()
        with pytest.raises(aio.AioRpcError) as caught:
            await rest(call)
    assert caught.value.code() is grpc.StatusCode.ABORTED


async def test_an_ended_call_cannot_be_interrupted_any_more() -> None:
    task = asyncio.current_task()
    assert task is not None
    running = Running(task, streamed=True, ended=True)
    running.interrupt(ShuttingDown("too late"))
    assert running.cause is None
    assert task.cancelling() == 0


async def test_a_paced_delivery_is_closed_even_when_the_closing_is_cancelled() -> None:
    class Stuck:
        """Takes its time to give up a read."""

        closed = False

        async def __anext__(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.05)

        async def aclose(self) -> None:
            self.closed = True

    stuck = Stuck()
    paced = Paced(stuck)  # type: ignore[arg-type]  # as much of a delivery as is needed
    assert await paced.next(0.001) is None
    closing = asyncio.ensure_future(paced.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert stuck.closed
