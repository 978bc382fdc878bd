"""The server over real sockets: what it answers, and the ways in which grpc.aio bites."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.client import dial, explain
from hexgate.domain.answer import Finish, Finished, TextDelta, ToolCallDelta, ToolCallStarted
from hexgate.domain.errors import (
    BadResponse,
    CredentialRejected,
    GatewayError,
    ModelGone,
    Overloaded,
    ProviderLimited,
    ShuttingDown,
    StoreUnavailable,
)
from hexgate.domain.ledger import CallState, Settlement
from hexgate.domain.usage import Usage
from hexgate.entrypoints.grpc import listen
from hexgate.entrypoints.grpc.pace import Paced
from hexgate.entrypoints.grpc.running import Running
from hexgate.entrypoints.resources import CannotStart
from hexgate.v1 import admin_service_pb2, content_pb2, usage_service_pb2
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1.admin_service_pb2_grpc import AdminServiceStub
from hexgate.v1.usage_service_pb2_grpc import UsageServiceStub
from tests.entrypoints.grpc.conftest import Serve, Served, streamed, whole
from tests.fakes import FakeProvider, Script, script

PROMPTLY_S = 5.0
SECRET = "secret sk-123 of a prompt"


async def events(
    served: Served, request: pb.StreamCompleteRequest
) -> list[pb.StreamCompleteResponse]:
    """One stream, whole."""
    return [event async for event in served.stub.StreamComplete(request, timeout=10)]


Call: TypeAlias = "aio.UnaryStreamCall[pb.StreamCompleteRequest, pb.StreamCompleteResponse]"


async def collected(call: Call, into: list[pb.StreamCompleteResponse]) -> None:
    """Read what is left of a stream; what came before its error counts too."""
    while isinstance(event := await call.read(), pb.StreamCompleteResponse):
        into.append(event)


async def rest(call: Call) -> list[pb.StreamCompleteResponse]:
    """Read what is left of a stream; the error of a stream is raised."""
    got: list[pb.StreamCompleteResponse] = []
    await collected(call, got)
    return got


async def refused(served: Served, request: pb.CompleteRequest) -> aio.AioRpcError:
    """The error of a unary call."""
    with pytest.raises(aio.AioRpcError) as caught:
        await served.stub.Complete(request, timeout=10)
    return caught.value


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


async def test_an_internal_error_never_reaches_the_caller(served: Serve) -> None:
    async with served(FakeProvider(RuntimeError(SECRET))) as server:
        error = await refused(server, whole())
        with pytest.raises(aio.AioRpcError) as stream_error:
            await events(server, streamed())
    for one in (error, stream_error.value):
        assert one.code() is grpc.StatusCode.INTERNAL
        assert explain(one).reason == "INTERNAL"
        assert SECRET not in str(one.details()) + str(one.trailing_metadata())
        assert explain(one).metadata["incident"] in str(one.details())


async def test_a_stray_cancellation_is_an_error_and_not_a_hang(served: Serve) -> None:
    class Stray(FakeProvider):
        async def complete(self, call: object) -> object:  # type: ignore[override]  # it only raises
            raise asyncio.CancelledError

    async with served(Stray()) as server:
        error = await refused(server, whole())
    assert error.code() is grpc.StatusCode.INTERNAL


@pytest.mark.parametrize(
    ("failure", "code", "reason", "pushback"),
    [
        (
            ProviderLimited("slow", retry_after_s=2.5),
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "PROVIDER_RATE_LIMITED",
            "-1",
        ),
        (Overloaded("busy"), grpc.StatusCode.UNAVAILABLE, "PROVIDER_OVERLOADED", "-1"),
        (
            CredentialRejected("key"),
            grpc.StatusCode.FAILED_PRECONDITION,
            "PROVIDER_AUTH_FAILED",
            "-1",
        ),
        (BadResponse("html"), grpc.StatusCode.INTERNAL, "PROVIDER_BAD_RESPONSE", "-1"),
    ],
)
async def test_a_failed_provider_is_told_with_what_was_tried(
    served: Serve, failure: GatewayError, code: grpc.StatusCode, reason: str, pushback: str
) -> None:
    async with served(FakeProvider(failure)) as server:
        error = await refused(server, whole())
    problem = explain(error)
    assert (problem.code, problem.reason) == (code, reason)
    assert problem.retry_after_s == failure.retry_after_s
    assert problem.failure is not None
    assert [attempt.provider for attempt in problem.failure.attempts] == ["fake"]
    trailers = dict(error.trailing_metadata() or ())
    assert trailers["grpc-retry-pushback-ms"] == pushback


async def test_a_broken_stream_never_ends_ok_and_says_what_was_delivered(served: Serve) -> None:
    cut = Script((TextDelta(0, "one "), TextDelta(0, "two")), BadResponse("no terminal marker"))
    async with served(FakeProvider(cut)) as server:
        got: list[pb.StreamCompleteResponse] = []
        with pytest.raises(aio.AioRpcError) as caught:
            await collected(server.stub.StreamComplete(streamed(), timeout=10), got)
    problem = explain(caught.value)
    assert (problem.code, problem.reason) == (grpc.StatusCode.ABORTED, "STREAM_INTERRUPTED")
    assert problem.failure is not None
    assert problem.failure.last_sequence == got[-1].sequence == 3
    assert problem.failure.delivered_text_chars == 7
    assert problem.failure.usage.estimated


async def test_an_error_with_too_much_to_say_still_arrives(served: Serve) -> None:
    long = Overloaded("x" * 20_000, metadata={f"k{i}": "y" * 1_000 for i in range(50)})
    async with served(FakeProvider(long)) as server:
        error = await refused(server, whole())
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == "x" * 1024


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda r: r.spec.ClearField("messages"), "spec.messages"),
        (
            lambda r: setattr(r.spec.params, "max_output_tokens", -1),
            "spec.params.max_output_tokens",
        ),
        (
            lambda r: r.spec.tools.add(name="t", parameters_schema_json="{nope"),
            "spec.tools[0].parameters_schema_json",
        ),
        (lambda r: setattr(r.spec.messages[0], "role", 0), "spec.messages[0].role"),
        (lambda r: setattr(r.spec.messages[0], "role", 99), "spec.messages[0].role"),
        (lambda r: r.spec.messages[0].parts.add(), "spec.messages[0].parts[1]"),
        (
            lambda r: r.spec.messages[0].parts.add(media=content_pb2.MediaPart()),
            "spec.messages[0].parts[1].media.source",
        ),
        (
            lambda r: r.options.timeouts.connect.CopyFrom(Duration(seconds=-1)),
            "options.timeouts.connect",
        ),
    ],
)
async def test_a_bad_field_is_named_by_its_path(served: Serve, change: object, field: str) -> None:
    request = whole()
    change(request)  # type: ignore[operator]  # a lambda of the table above
    async with served(FakeProvider()) as server:
        error = await refused(server, request)
    problem = explain(error)
    assert (problem.code, problem.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
    )
    assert [violation.field for violation in problem.violations] == [field]


@pytest.mark.parametrize("model", ["nobody/m", "typo"])
async def test_an_unknown_model_is_not_found(served: Serve, model: str) -> None:
    gone = ModelGone("fake does not know the model", metadata={"provider": "fake", "model": model})
    async with served(FakeProvider(gone)) as server:
        error = await refused(server, whole(model=model))
    assert (error.code(), explain(error).reason) == (
        grpc.StatusCode.NOT_FOUND,
        "MODEL_NOT_FOUND",
    )


async def test_a_request_that_is_too_large_is_answered_by_us(served: Serve) -> None:
    async with served(FakeProvider(), max_request_bytes=100_000) as server:
        error = await refused(server, whole("x" * 120_000))
    problem = explain(error)
    assert (problem.code, problem.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
    )
    assert "at most 100000" in problem.message


async def test_bytes_that_are_no_message_are_refused(served: Serve) -> None:
    async with served(FakeProvider()) as server:
        raw: aio.UnaryUnaryMultiCallable[bytes, bytes] = server.channel.unary_unary(
            "/hexgate.v1.CompletionService/Complete"
        )
        with pytest.raises(aio.AioRpcError) as caught:
            await raw(b"\xff\xff\xff", timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("change", "feature"),
    [
        (lambda r: setattr(r.options, "idempotency_key", "k"), "options.idempotency_key"),
        (lambda r: setattr(r.options, "priority", 1), "options.priority"),
        (lambda r: setattr(r.spec.prompt, "name", "p"), "spec.prompt"),
        (lambda r: setattr(r.options.routing, "policy", "p"), "options.routing.policy"),
        (lambda r: r.options.routing.regions.append("eu"), "options.routing.regions"),
        (lambda r: setattr(r.options.cache, "min_similarity", 0.9), "options.cache.min_similarity"),
    ],
)
async def test_what_is_not_implemented_is_refused_and_never_ignored(
    served: Serve, change: object, feature: str
) -> None:
    request = whole()
    change(request)  # type: ignore[operator]  # a lambda of the table above
    async with served(FakeProvider()) as server:
        error = await refused(server, request)
    problem = explain(error)
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED")
    assert problem.metadata["feature"] == feature


async def test_methods_of_later_releases_say_so(served: Serve) -> None:
    async with served(FakeProvider()) as server:
        stub = UsageServiceStub(server.channel)
        with pytest.raises(aio.AioRpcError) as unary:
            await stub.SummarizeUsage(usage_service_pb2.SummarizeUsageRequest(), timeout=10)
        batch = server.stub.BatchComplete(pb.BatchCompleteRequest(), timeout=10)
        with pytest.raises(aio.AioRpcError) as stream:
            await batch.read()
    for one in (unary.value, stream.value):
        assert one.code() is grpc.StatusCode.UNIMPLEMENTED
        assert explain(one).reason == "UNIMPLEMENTED"


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
        (entry,) = await server.ledger.recent("default", 10)
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


async def test_every_option_is_one_that_grpc_knows(served: Serve) -> None:
    assert {name for name, _ in listen.options(1, 1)} == listen.KNOWN_OPTIONS


class FullLedger(MemoryLedger):
    """Has no room for outcomes."""

    async def settle(self, settlement: Settlement) -> bool:
        raise StoreUnavailable("the ledger cannot be written", metadata={"store": "ledger"})


async def test_a_call_that_was_made_and_not_recorded_is_never_repeated_by_the_client(
    served: Serve,
) -> None:
    leaf = FakeProvider("one two")
    async with served(leaf, ledger=FullLedger()) as server:
        error = await refused(server, whole())
    assert explain(error).reason == "STORE_UNAVAILABLE"
    assert dict(error.trailing_metadata() or ())["grpc-retry-pushback-ms"] == "-1"
    assert explain(error).failure is not None
    assert len(leaf.calls) == 1


PAGES = Script(
    (
        *[TextDelta(0, "x" * 100_000)] * 500,
        Finished(finish=Finish.STOP, usage=Usage(), model="m"),
    )
)


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


@pytest.mark.parametrize("wait_s", [float("inf"), 1e20])
async def test_an_endless_wait_is_told_as_a_day(served: Serve, wait_s: float) -> None:
    async with served(FakeProvider(ProviderLimited("slow", retry_after_s=wait_s))) as server:
        error = await refused(server, whole())
    assert explain(error).retry_after_s == 86_400


async def test_a_number_that_is_no_json_is_refused_by_its_path(served: Serve) -> None:
    request = whole()
    request.spec.provider_options["fake"].update({"weight": float("nan")})
    async with served(FakeProvider()) as server:
        error = await refused(server, request)
    assert [one.field for one in explain(error).violations] == ["spec.provider_options.fake"]


async def test_text_is_not_held_back_for_longer_than_a_second(served: Serve) -> None:
    request = streamed()
    request.stream.coalesce_window.CopyFrom(Duration(seconds=2))
    async with served(FakeProvider()) as server:
        with pytest.raises(aio.AioRpcError) as caught:
            await events(server, request)
    assert [one.field for one in explain(caught.value).violations] == ["stream.coalesce_window"]


async def test_an_internal_error_is_logged_by_its_place_and_not_by_its_message(
    served: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(FakeProvider(RuntimeError(SECRET))) as server:
        error = await refused(server, whole())
    logged = "".join(capsys.readouterr())
    assert explain(error).metadata["incident"] in logged
    assert "RuntimeError" in logged
    assert SECRET not in logged


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
