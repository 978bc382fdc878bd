"""The simulator's gRPC API for Vertex AI, as the vendor's own client reads it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from hexgate.adapters.simulator import Simulator

pytest.importorskip("google.cloud.aiplatform_v1")
V1: Any = importlib.import_module("google.cloud.aiplatform_v1")
BETA: Any = importlib.import_module("google.cloud.aiplatform_v1beta1.services.model_garden_service")
ERRORS: Any = importlib.import_module("google.api_core.exceptions")
PLACE = "projects/p/locations/us-central1/publishers/google/models/"
KEY = (("authorization", "Bearer key"),)
KW: Any = {"retry": None, "timeout": 10, "metadata": KEY}


def transport(name: str, channel: grpc.aio.Channel, version: str = "v1") -> Any:
    """The official transport of a service over a channel."""
    snake = "".join("_" + c.lower() if c.isupper() else c for c in name).strip("_")
    module: Any = importlib.import_module(
        f"google.cloud.aiplatform_{version}.services.{snake}.transports"
    )
    return getattr(module, f"{name}GrpcAsyncIOTransport")(channel=channel)


@pytest.fixture
async def channel(sim: Simulator) -> AsyncIterator[grpc.aio.Channel]:
    from hexgate.adapters.simulator.vertex_grpc import VertexGrpc

    async with VertexGrpc(sim) as server:
        target = server.url.removeprefix("http://")
        async with grpc.aio.insecure_channel(target) as made:
            yield made


@pytest.fixture
def client(channel: grpc.aio.Channel) -> Any:
    return V1.PredictionServiceAsyncClient(transport=transport("PredictionService", channel))


def ask(model: str = "sim-echo", text: str = "Hello there", **more: Any) -> Any:
    contents = [{"role": "user", "parts": [{"text": text}]}]
    return V1.GenerateContentRequest(model=PLACE + model, contents=contents, **more)


async def streamed(client: Any, request: Any, said: list[str]) -> None:
    """Add the words of a streamed answer, as they come."""
    async for answer in await client.stream_generate_content(request, **KW):
        said += [part.text for part in answer.candidates[0].content.parts]


TOOL = {
    "function_declarations": [
        {
            "name": "get_weather",
            "parameters": {
                "type_": "OBJECT",
                "properties": {"city": {"type_": "STRING"}, "days": {"type_": "INTEGER"}},
                "required": ["city", "days"],
            },
        }
    ]
}


async def test_a_whole_answer(client: Any, sim: Simulator) -> None:
    answer = await client.generate_content(ask(), **KW)
    (candidate,) = answer.candidates
    assert candidate.content.parts[0].text == "Hello there"
    assert candidate.finish_reason == V1.Candidate.FinishReason.STOP
    usage = answer.usage_metadata
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count > 0
    assert answer.response_id
    assert sim.requests[-1].path == f"/vertex/v1/{PLACE}sim-echo:generateContent"


async def test_a_streamed_answer(client: Any) -> None:
    stream = await client.stream_generate_content(ask(text="one two three"), **KW)
    answers = [answer async for answer in stream]
    said = [part.text for each in answers for part in each.candidates[0].content.parts]
    assert "".join(said) == "one two three"
    assert len(said) > 1
    assert answers[-1].candidates[0].finish_reason == V1.Candidate.FinishReason.STOP
    assert answers[-1].usage_metadata.candidates_token_count > 0


async def test_calls_and_their_results(client: Any, sim: Simulator) -> None:
    request = ask("sim-tools", "weather?", tools=[TOOL])
    answer = await client.generate_content(request, **KW)
    call = next(
        part.function_call for part in answer.candidates[0].content.parts if part.function_call
    )
    assert call.name == "get_weather"
    assert {"city", "days"} == set(call.args)
    request.contents.append(answer.candidates[0].content)
    result = {"function_response": {"name": call.name, "response": {"output": "sunny"}}}
    request.contents.append({"role": "user", "parts": [result]})
    answer = await client.generate_content(request, **KW)
    assert answer.candidates[0].content.parts[0].text
    body: Any = sim.requests[-1].body
    said = body["contents"][1]["parts"][-1]["functionCall"]
    assert isinstance(said["args"]["days"], int)


async def test_tokens_are_counted(channel: grpc.aio.Channel) -> None:
    made = transport("LlmUtilityService", channel)
    client = V1.LlmUtilityServiceAsyncClient(transport=made)
    contents = [{"role": "user", "parts": [{"text": "Hello there"}]}]
    request = V1.CountTokensRequest(endpoint=PLACE + "sim-echo", contents=contents)
    answer = await client.count_tokens(request, **KW)
    assert answer.total_tokens > 0
    assert answer.total_billable_characters == len("Hello there")


async def test_vectors_are_predicted(client: Any) -> None:
    said = {"instances": [{"content": "words"}] * 2, "parameters": {"outputDimensionality": 8}}
    request = V1.PredictRequest.wrap(
        json_format.ParseDict(said, V1.PredictRequest.pb(V1.PredictRequest()))
    )
    request.endpoint = PLACE + "sim-echo"
    answer = await client.predict(request, **KW)
    assert [len(each["embeddings"]["values"]) for each in answer.predictions] == [8, 8]
    assert answer.predictions[0]["embeddings"]["statistics"]["token_count"] > 0


async def test_content_is_embedded(client: Any) -> None:
    request = V1.EmbedContentRequest(
        model=PLACE + "sim-echo",
        content={"parts": [{"text": "some words"}]},
        embed_content_config={"output_dimensionality": 8},
    )
    answer = await client.embed_content(request, **KW)
    assert len(answer.embedding.values) == 8
    assert answer.usage_metadata.prompt_token_count > 0


async def test_models_are_listed_page_by_page(channel: grpc.aio.Channel) -> None:
    made = transport("ModelGardenService", channel, "v1beta1")
    client = BETA.ModelGardenServiceAsyncClient(transport=made)
    request = {"parent": "publishers/google", "page_size": 3}
    pages = await client.list_publisher_models(request, **KW)
    names = [model.name async for model in pages]
    assert "publishers/google/models/sim-echo" in names
    assert len(names) > 3


async def test_a_raw_request_is_answered_raw(client: Any) -> None:
    body = (
        b'{"anthropic_version":"vertex-2023-10-16","max_tokens":99,'
        b'"messages":[{"role":"user","content":"Hello there"}]'
    )
    place = "projects/p/locations/l/publishers/anthropic/models/sim-echo"
    http: Any = importlib.import_module("google.api.httpbody_pb2")
    request = V1.RawPredictRequest(endpoint=place, http_body=http.HttpBody(data=body + b"}"))
    answer = await client.raw_predict(request, **KW)
    assert b"Hello there" in answer.data
    assert answer.content_type == "application/json"
    said = http.HttpBody(data=body + b',"stream":true}')
    request = V1.StreamRawPredictRequest(endpoint=place, http_body=said)
    pieces = [piece async for piece in await client.stream_raw_predict(request, **KW)]
    assert b"event: message_stop" in b"".join(piece.data for piece in pieces)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("unauthorized", "Unauthenticated"),
        ("forbidden", "PermissionDenied"),
        ("model-gone", "NotFound"),
        ("context-too-long", "InvalidArgument"),
        ("limited", "ResourceExhausted"),
        ("error-500", "InternalServerError"),
        ("error-503", "ServiceUnavailable"),
        ("error-504", "DeadlineExceeded"),
        ("error-529", "ServiceUnavailable"),
        ("html-502", "ServiceUnavailable"),
        ("reset-before-headers", "ServiceUnavailable"),
        ("cut-mid-stream", "ServiceUnavailable"),
    ],
)
async def test_errors_are_statuses(client: Any, fault: str, error: str) -> None:
    with pytest.raises(getattr(ERRORS, error)):
        await client.generate_content(ask("fault-" + fault), **KW)
    with pytest.raises(getattr(ERRORS, error)):
        await streamed(client, ask("fault-" + fault), [])


async def test_errors_have_their_details(client: Any, sim: Simulator) -> None:
    sim.script(["limited-body"])
    with pytest.raises(ERRORS.ResourceExhausted) as raised:
        await client.generate_content(ask(), **KW)
    kinds = {type(detail).__name__: detail for detail in raised.value.details}
    assert kinds["RetryInfo"].retry_delay.seconds > 0
    assert kinds["QuotaFailure"].violations[0].quota_id


async def test_when_to_ask_again_is_in_the_trailers(client: Any) -> None:
    with pytest.raises(ERRORS.ResourceExhausted) as raised:
        await client.generate_content(ask("fault-limited-seconds"), **KW)
    assert int(dict(raised.value.response.trailing_metadata())["retry-after"]) > 0


async def test_a_stream_that_breaks_off_gives_what_came_before(client: Any) -> None:
    said: list[str] = []
    with pytest.raises(ERRORS.ServiceUnavailable, match="overloaded"):
        await streamed(client, ask("fault-error-after-output"), said)
    assert "".join(said)


async def test_a_client_that_leaves_is_seen_to_leave(client: Any, sim: Simulator) -> None:
    going = asyncio.ensure_future(
        client.generate_content(ask("fault-hang-before-headers"), retry=None, metadata=KEY)
    )
    await sim.next_request()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    left = await asyncio.wait_for(sim.next_disconnect(), 10)
    assert left.path.endswith(":generateContent")


async def test_a_reader_that_leaves_is_seen_to_leave(client: Any, sim: Simulator) -> None:
    stream = await client.stream_generate_content(ask("fault-hang-mid-stream"), **KW)
    await stream.read()
    stream.cancel()
    left = await asyncio.wait_for(sim.next_disconnect(), 10)
    assert left.path.endswith(":streamGenerateContent")


async def test_a_caller_without_a_key_is_refused(client: Any) -> None:
    with pytest.raises(ERRORS.PermissionDenied):
        await client.generate_content(ask(), retry=None, timeout=10)


async def test_what_is_not_offered_is_unimplemented(client: Any) -> None:
    with pytest.raises(ERRORS.MethodNotImplemented):
        await client.explain(V1.ExplainRequest(endpoint=PLACE), retry=None, timeout=10)
