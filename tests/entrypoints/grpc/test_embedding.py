"""Embed over a real socket: what good calls answer, and how bad ones are refused."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from grpc import aio

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.simulator import Simulator
from hexgate.client import Problem, dial, explain
from hexgate.domain.answer import Warned
from hexgate.domain.call import EmbedCall
from hexgate.domain.chat import Inline, Media, Text
from hexgate.domain.embed import Embedded, Purpose
from hexgate.domain.errors import Overloaded
from hexgate.domain.ledger import CallState
from hexgate.domain.usage import Usage
from hexgate.entrypoints.resources import open_leaves
from hexgate.entrypoints.server import serving
from hexgate.entrypoints.settings import Settings
from hexgate.v1 import content_pb2, generation_pb2
from hexgate.v1 import embedding_service_pb2 as pb
from hexgate.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from tests.contracts.ledger import newest
from tests.entrypoints.grpc.conftest import Serve, Served
from tests.fakes import FakeProvider, Script


def part(text: str) -> content_pb2.ContentPart:
    """A piece of plain text."""
    return content_pb2.ContentPart(text=content_pb2.TextPart(text=text))


def request(*texts: str, **fields: Any) -> pb.EmbedRequest:
    """A request that embeds these texts by `fake/m`."""
    inputs = [pb.EmbedInput(parts=[part(text)]) for text in texts or ("Hello there",)]
    return pb.EmbedRequest(**{"model": "fake/m", "inputs": inputs, **fields})


async def embed(server: Served, asked: pb.EmbedRequest) -> pb.EmbedResponse:
    """One call."""
    return await EmbeddingServiceStub(server.channel).Embed(asked, timeout=10)


async def refused(server: Served, asked: pb.EmbedRequest) -> Problem:
    """What a call that must fail says."""
    with pytest.raises(aio.AioRpcError) as caught:
        await embed(server, asked)
    return explain(caught.value)


async def test_each_input_gets_its_vector_with_tokens_cost_and_route(served: Serve) -> None:
    async with served(FakeProvider()) as server:
        call = EmbeddingServiceStub(server.channel).Embed(
            request("one", "three"), timeout=10, metadata=(("x-request-id", "r-7"),)
        )
        answer = await call
        trailers = dict(await call.trailing_metadata() or ())
        entry = await server.ledger.get(answer.response_id)
    assert [list(one.values) for one in answer.embeddings] == [[3.0], [5.0]]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2, 0)
    assert answer.cost.price_unknown
    assert (answer.route.provider, answer.route.provider_model) == ("fake", "m")
    assert [attempt.provider_request_id for attempt in answer.route.attempts] == ["fake-1"]
    assert trailers == {"x-request-id": "r-7"}
    assert entry is not None
    assert (entry.state, entry.intent.streamed) == (CallState.SETTLED, False)


async def test_everything_asked_reaches_the_provider(served: Serve) -> None:
    leaf = FakeProvider()
    image = content_pb2.ContentPart(
        media=content_pb2.MediaPart(media_type="image/png", data=b"PNG")
    )
    both = pb.EmbedInput(parts=[part(" a cat "), image])
    asked = request(inputs=[both], dimensions=256, purpose=pb.EMBED_PURPOSE_CLUSTERING)
    asked.options.attribution.end_user_id = "u-1"
    async with served(leaf) as server:
        await embed(server, asked)
        await embed(server, request())
    calls = [call for call in leaf.calls if isinstance(call, EmbedCall)]
    (said, shown), spec = calls[0].spec.inputs[0], calls[0].spec
    assert said == Text(" a cat ")
    assert shown == Media("image/png", Inline(b"PNG"))
    assert (spec.dimensions, spec.purpose) == (256, Purpose.CLUSTERING)
    assert calls[0].options.end_user_id == "u-1"
    assert (calls[1].spec.dimensions, calls[1].spec.purpose) == (None, None)


@pytest.mark.parametrize(
    "vector",
    [
        [0.25, -1.5, 3.0],
        (0.25, -1.5, 3.0),
        array("f", [0.25, -1.5, 3.0]),
        array("d", [0.25, -1.5, 3.0]),
        array("f"),
        array("f", [0.5] * 40),  # a length of two bytes on the wire
        array("f", [0.5] * 5_000),  # and of three
    ],
    ids=str,
)
async def test_vectors_of_every_shape_arrive_as_they_are(served: Serve, vector: Any) -> None:
    class Giving(FakeProvider):
        async def embed(self, call: EmbedCall) -> Embedded:
            return Embedded(vectors=[vector, [1.0]], usage=Usage(uncached_input=1), model="m")

    async with served(Giving()) as server:
        answer = await embed(server, request("a", "b"))
    assert [list(one.values) for one in answer.embeddings] == [list(vector), [1.0]]


async def test_what_was_dropped_is_a_warning(served: Serve) -> None:
    warned = Warned("PARAM_DROPPED", "m does not support dimensions; dropped", "dimensions")
    async with served(FakeProvider(Script((warned,)))) as server:
        answer = await embed(server, request())
    assert [(one.code, one.field) for one in answer.warnings] == [("PARAM_DROPPED", "dimensions")]


async def test_a_failed_provider_is_told_with_what_was_tried(served: Serve) -> None:
    async with served(FakeProvider(Overloaded("busy", http_status=503))) as server:
        problem = await refused(server, request())
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAVAILABLE, "PROVIDER_OVERLOADED")
    assert problem.failure is not None
    assert [attempt.http_status for attempt in problem.failure.attempts] == [503]


async def test_a_callers_deadline_ends_the_provider_and_settles_the_call(served: Serve) -> None:
    leaf = FakeProvider(gate=asyncio.Event())
    async with served(leaf) as server:
        with pytest.raises(aio.AioRpcError) as caught:
            await EmbeddingServiceStub(server.channel).Embed(request(), timeout=0.2)
        assert await server.gateway.calls.drained(10)
        (entry,) = await newest(server.ledger, "default", 10)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert entry.state is CallState.CANCELLED


def change(path: str, value: object) -> Callable[[pb.EmbedRequest], object]:
    """Set one field of a request."""

    def apply(asked: pb.EmbedRequest) -> None:
        owner: Any = asked
        *way, last = path.split(".")
        for name in way:
            owner = getattr(owner, name)
        setattr(owner, last, value)

    return apply


CALL = content_pb2.ContentPart(tool_call=content_pb2.ToolCall(call_id="c", name="n"))
REFUSAL = content_pb2.ContentPart(refusal=content_pb2.RefusalPart(text="no"))


@pytest.mark.parametrize(
    ("spoil", "fields"),
    [
        (change("model", ""), ["model"]),
        (lambda r: r.ClearField("inputs"), ["inputs"]),
        (change("dimensions", 0), ["dimensions"]),
        (change("purpose", 99), ["purpose"]),
        (lambda r: r.inputs.add(), ["inputs[1].parts"]),
        (lambda r: r.inputs.add().parts.add(), ["inputs[1].parts[0]"]),
        (lambda r: r.inputs.add().parts.append(part("")), ["inputs[1].parts[0].text"]),
        (
            lambda r: r.inputs.add().parts.extend([part("a"), CALL, REFUSAL]),
            ["inputs[1].parts[1].tool_call", "inputs[1].parts[2].refusal"],
        ),
        (
            lambda r: r.inputs[0].parts[0].prompt_cache.SetInParent(),
            ["inputs[0].parts[0].prompt_cache"],
        ),
        (change("options.include_raw_response", True), ["options.include_raw_response"]),
        (
            change("options.cache.mode", generation_pb2.CACHE_MODE_READ_WRITE),
            ["options.cache.mode"],
        ),
        (change("options.cache.partition", "p"), ["options.cache.partition"]),
        (lambda r: r.options.cache.ttl.FromSeconds(5), ["options.cache.ttl"]),
        (change("options.routing.max_attempts", 0), ["options.routing.max_attempts"]),
    ],
)
async def test_bad_requests_are_refused_by_the_path_of_the_field(
    served: Serve, spoil: Callable[[pb.EmbedRequest], object], fields: list[str]
) -> None:
    leaf = FakeProvider()
    asked = request()
    spoil(asked)
    async with served(leaf) as server:
        problem = await refused(server, asked)
    assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert [violation.field for violation in problem.violations] == fields
    assert leaf.calls == []


async def test_what_a_later_release_honours_is_refused_as_for_completions(served: Serve) -> None:
    asked = request()
    asked.options.idempotency_key = "k"
    async with served(FakeProvider()) as server:
        problem = await refused(server, asked)
    assert (problem.reason, problem.metadata["feature"]) == (
        "UNIMPLEMENTED",
        "options.idempotency_key",
    )


async def test_saying_that_the_cache_is_not_to_be_used_is_fine(served: Serve) -> None:
    asked = request()
    asked.options.cache.mode = generation_pb2.CACHE_MODE_BYPASS
    async with served(FakeProvider()) as server:
        assert await embed(server, asked)


async def test_an_unknown_model_is_not_found(served: Serve) -> None:
    async with served(FakeProvider()) as server:
        problem = await refused(server, request(model="nobody/x"))
    assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")


async def test_several_requests_to_a_provider_are_one_call_and_one_row() -> None:
    # More text than one request to this wire takes.
    texts = [f"{number:0400}" for number in range(2_000)]
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator())
        provider = {"kind": "openai_compatible", "base_url": simulator.openai_url, "api_key": "k"}
        ports = {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0"}
        settings = Settings.model_validate({"server": ports, "providers": {"fake": provider}})
        leaves, ledger = await open_leaves(settings, stack), MemoryLedger()
        gateway = await stack.enter_async_context(serving(settings, leaves, ledger))
        channel = await stack.enter_async_context(dial(gateway.address))
        asked = request(*texts, model="fake/sim-echo")
        answer = await EmbeddingServiceStub(channel).Embed(asked, timeout=30)
        rows = await newest(ledger, "default", 10)
    assert len(simulator.requests) == 2
    assert len({tuple(one.values) for one in answer.embeddings}) == 2_000
    assert [row.intent.call_id for row in rows] == [answer.response_id]
    # Four bytes are a token of the simulator.
    assert answer.usage.input_tokens == 2_000 * 100
    assert len(answer.route.attempts) == 1
