"""What good calls answer, whole and streamed."""

from __future__ import annotations

import asyncio

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from hexgate.domain.errors import (
    BadResponse,
)
from hexgate.domain.ledger import CallState
from hexgate.v1 import completion_service_pb2 as pb
from tests.entrypoints.grpc.calls import (
    collected,
    events,
)
from tests.entrypoints.grpc.conftest import Serve, streamed, whole
from tests.fakes import FakeProvider, Script, script


async def test_a_unary_call_answers_with_tokens_cost_route_and_timing(served: Serve) -> None:
    async with served(FakeProvider("one two")) as server:
        call = server.stub.Complete(whole(), timeout=10, metadata=(("x-request-id", "r-7"),))
        answer = await call
        trailers = dict(await call.trailing_metadata() or ())
        entry = await server.ledger.get(answer.response_id)
    assert answer.message.parts[0].text.text == "one two"
    assert answer.finish_reason == pb.FINISH_REASON_STOP
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (10, 2)
    assert answer.cost.price_unknown
    assert (answer.route.provider, answer.route.provider_model) == ("fake", "m")
    assert [attempt.provider_request_id for attempt in answer.route.attempts] == ["fake-1"]
    assert answer.timing.total.ToNanoseconds() > 0
    assert trailers == {"x-request-id": "r-7"}
    assert entry is not None
    assert entry.state is CallState.SETTLED


async def test_a_stream_starts_counts_and_finishes(served: Serve) -> None:
    async with served(FakeProvider("one two")) as server:
        got = await events(server, streamed())
    assert [event.sequence for event in got] == list(range(1, len(got) + 1))
    kinds = [event.WhichOneof("event") for event in got]
    assert kinds == ["started", "text", "text", "part_finished", "finished"]
    assert "".join(event.text.text for event in got) == "one two"
    assert got[0].started.route.provider == "fake"
    assert got[-1].finished.usage.output_tokens == 2


async def test_the_final_message_is_repeated_on_request(served: Serve) -> None:
    request = streamed()
    request.stream.include_final_message = True
    async with served(FakeProvider("one two")) as server:
        *_, last = await events(server, request)
    assert last.finished.message.parts[0].text.text == "one two"


async def test_a_raw_response_that_a_stream_cannot_have_is_a_warning(served: Serve) -> None:
    request = streamed()
    request.options.include_raw_response = True
    async with served(FakeProvider("one two")) as server:
        got = await events(server, request)
    assert [event.warning.field for event in got if event.HasField("warning")] == [
        "options.include_raw_response"
    ]


async def test_a_silent_provider_is_bridged_by_heartbeats(served: Serve) -> None:
    between = asyncio.Event()
    request = streamed()
    request.stream.heartbeat_interval.CopyFrom(Duration(nanos=50_000_000))
    async with served(FakeProvider("one two", between=between)) as server:
        kinds = []
        async for event in server.stub.StreamComplete(request, timeout=10):
            kinds.append(event.WhichOneof("event"))
            if kinds.count("heartbeat") == 2:
                between.set()
    assert kinds[:2] == ["started", "text"]
    assert kinds[2:4] == ["heartbeat", "heartbeat"]
    assert kinds[-1] == "finished"


async def test_text_is_merged_within_the_window_and_nothing_is_lost_when_it_breaks(
    served: Serve,
) -> None:
    request = streamed()
    request.stream.coalesce_window.CopyFrom(Duration(seconds=1))
    cut = Script(script("a b c d").chunks[:4], BadResponse("gone"))
    async with served(FakeProvider("a b c d", cut)) as server:
        got = await events(server, request)
        assert [e.text.text for e in got if e.HasField("text")] == ["a b c d"]
        seen: list[pb.StreamCompleteResponse] = []
        with pytest.raises(aio.AioRpcError):
            await collected(server.stub.StreamComplete(request, timeout=10), seen)
    assert [event.text.text for event in seen] == ["", "a b c d"]


async def test_nothing_is_sent_before_a_provider_accepts(served: Serve) -> None:
    gate = asyncio.Event()
    leaf = FakeProvider(gate=gate)
    async with served(leaf) as server:
        call = server.stub.StreamComplete(streamed(), timeout=10)
        headers = asyncio.ensure_future(call.initial_metadata())
        await leaf.entered.wait()
        # A round trip on the same connection would have carried headers that were sent.
        health = health_pb2_grpc.HealthStub(server.channel)
        await health.Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert not headers.done()
        gate.set()
        assert [event async for event in call]
        await headers
