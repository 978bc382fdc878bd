"""What failed and refused calls say, and what they never say."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import aio

from hexgate.client import explain
from hexgate.domain.answer import TextDelta
from hexgate.domain.errors import (
    BadResponse,
    CredentialRejected,
    GatewayError,
    ModelGone,
    Overloaded,
    ProviderLimited,
)
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1 import content_pb2, prompt_service_pb2
from hexgate.v1.prompt_service_pb2_grpc import PromptServiceStub
from tests.entrypoints.grpc.calls import (
    SECRET,
    FullLedger,
    collected,
    events,
    refused,
)
from tests.entrypoints.grpc.conftest import Serve, streamed, whole
from tests.fakes import FakeProvider, Script


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
        stub = PromptServiceStub(server.channel)
        with pytest.raises(aio.AioRpcError) as unary:
            await stub.ListPrompts(prompt_service_pb2.ListPromptsRequest(), timeout=10)
        batch = server.stub.BatchComplete(pb.BatchCompleteRequest(), timeout=10)
        with pytest.raises(aio.AioRpcError) as stream:
            await batch.read()
    for one in (unary.value, stream.value):
        assert one.code() is grpc.StatusCode.UNIMPLEMENTED
        assert explain(one).reason == "UNIMPLEMENTED"


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
