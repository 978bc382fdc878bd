"""A stream that begins again, as its caller sees it."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import aio

from hexgate.client import explain
from hexgate.domain.answer import ReasoningDelta, TextDelta
from hexgate.domain.errors import ModelGone, TimedOut
from hexgate.v1 import accounting_pb2, error_pb2, generation_pb2
from hexgate.v1 import completion_service_pb2 as pb
from tests.entrypoints.grpc.calls import events, rest
from tests.entrypoints.grpc.conftest import Serve, streamed
from tests.fakes import FakeProvider, Script

LATE = TimedOut("silence")
CUT = Script((ReasoningDelta(0, "hm"), TextDelta(1, "one "), TextDelta(1, "two")), LATE)
TIMEOUT = error_pb2.ERROR_REASON_PROVIDER_TIMEOUT


def restarted(then: str = "fake/n") -> pb.StreamCompleteRequest:
    """A streaming request that wants to go on elsewhere."""
    request = streamed()
    routing = request.options.routing
    routing.fallback_mode = generation_pb2.FALLBACK_MODE_RESTART_STREAM
    routing.fallback_models.append(then)
    return request


async def test_a_restart_is_announced_and_the_events_go_on(served: Serve) -> None:
    request = restarted()
    request.stream.include_final_message = True
    async with served(FakeProvider(CUT, "three four")) as server:
        got = await events(server, request)
    kinds = [event.WhichOneof("event") for event in got]
    assert kinds == [
        "started",
        "reasoning",
        "text",
        "text",
        "route_changed",
        "text",
        "text",
        "part_finished",
        "finished",
    ]
    assert [event.sequence for event in got] == list(range(1, len(got) + 1))
    changed, done = got[4].route_changed, got[-1].finished
    assert changed.output_reset
    assert (changed.failed.provider, changed.failed.provider_model) == ("fake", "m")
    assert changed.failed.failure == TIMEOUT
    assert (changed.next_provider, changed.next_provider_model) == ("fake", "n")
    assert got[5].text.part_index == 0
    # Nothing of what broke off is in the message.
    assert [part.text.text for part in done.message.parts] == ["three four"]
    assert [_said(one) for one in done.route.attempts] == [("m", TIMEOUT), ("n", 0)]
    assert (done.route.provider_model, done.usage.output_tokens) == ("n", 2)


async def test_text_is_never_merged_across_a_restart(served: Serve) -> None:
    cut = Script((TextDelta(0, "one "), TextDelta(0, "two")), LATE)
    request = restarted()
    request.stream.coalesce_window.CopyFrom(Duration(seconds=1))
    async with served(FakeProvider(cut, "three four")) as server:
        got = await events(server, request)
    texts = [event.text.text for event in got if event.HasField("text")]
    assert texts == ["one two", "three four"]


async def test_a_stream_that_stays_broken_tells_each_attempt_and_what_was_delivered(
    served: Serve,
) -> None:
    async with served(FakeProvider(CUT, ModelGone("gone"))) as server:
        with pytest.raises(aio.AioRpcError) as caught:
            await rest(server.stub.StreamComplete(restarted(), timeout=10))
    problem = explain(caught.value)
    assert (problem.code, problem.reason) == (grpc.StatusCode.ABORTED, "STREAM_INTERRUPTED")
    assert problem.failure is not None
    assert problem.failure.delivered_text_chars == len("hmone two")
    assert [_said(one) for one in problem.failure.attempts] == [
        ("m", TIMEOUT),
        ("n", error_pb2.ERROR_REASON_MODEL_NOT_FOUND),
    ]


async def test_a_stream_that_was_not_to_begin_again_tells_what_broke_it(served: Serve) -> None:
    async with served(FakeProvider(CUT, "three")) as server:
        with pytest.raises(aio.AioRpcError) as caught:
            await rest(server.stub.StreamComplete(streamed(), timeout=10))
    problem = explain(caught.value)
    assert problem.reason == "STREAM_INTERRUPTED"
    assert problem.failure is not None
    assert [_said(one) for one in problem.failure.attempts] == [("m", TIMEOUT)]


def _said(attempt: accounting_pb2.Attempt) -> tuple[str, int]:
    return attempt.provider_model, attempt.failure
