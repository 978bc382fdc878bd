"""What is said over gRPC: requests as messages, messages and errors as REST has them."""

from __future__ import annotations

import importlib
import json
import logging
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.errors import Unreachable, Unsupported
from tests.adapters.providers.transports.contract import CALM, KEY, drained
from tests.adapters.providers.transports.rpc_server import Fail, Wait
from tests.adapters.providers.transports.vertex_talk import (
    MANY,
    MODEL,
    ONE,
    RAW,
    SAY,
    T,
    answer,
    events,
    said,
    to,
    transport,
)

Code = grpc.StatusCode
CHECK = WireRequest("/v1beta1/publishers/google/models?pageSize=1", method="GET")


async def test_a_request_goes_out_as_a_message_with_its_headers_and_its_key() -> None:
    async with to(answer("hello")) as (made, server):
        response = await made.send(ONE, CALM)
    ((path, metadata, data),) = server.calls
    assert path == "/google.cloud.aiplatform.v1.PredictionService/GenerateContent"
    request = T.GenerateContentRequest.deserialize(data)
    assert (request.model, request.contents[0].parts[0].text) == (MODEL, "hi")
    assert (metadata["x-vertex-thing"], metadata["x-goog-api-key"]) == ("1", KEY)
    assert str(metadata["x-goog-request-params"]).startswith("model=projects")
    assert response.status == 200
    assert said(json.loads(response.body)) == "hello"


async def test_a_stream_arrives_message_by_message() -> None:
    async with to(answer("one"), Wait(), answer("two")) as (made, server):
        stream = await made.open(MANY, CALM)
        assert stream.status == 200
        assert [said(each) for each in events(await stream.read())] == ["one"]
        server.go.set()
        assert [said(each) for each in events(await drained(stream))] == ["two"]
        assert await stream.read() == b""
        await stream.aclose()


async def test_an_answer_in_one_piece_may_be_opened_too() -> None:
    async with to(answer("one")) as (made, _):
        stream = await made.open(ONE, CALM)
        assert said(json.loads(await drained(stream))) == "one"
        await stream.aclose()


async def test_integers_come_back_as_integers_and_strange_reasons_with_their_number() -> None:
    parts = [{"function_call": {"name": "f", "args": {"n": 3, "x": 2.5, "l": [1, {"m": 2}]}}}]
    message = T.GenerateContentResponse(candidates=[{"content": {"parts": parts}}])
    bare = T.GenerateContentResponse.pb(message)
    bare.candidates[0].finish_reason = 77
    async with to(bare.SerializeToString()) as (made, _):
        body = json.loads((await made.send(ONE, CALM)).body)
    args = body["candidates"][0]["content"]["parts"][0]["functionCall"]["args"]
    assert json.dumps(args, sort_keys=True) == '{"l": [1, {"m": 2}], "n": 3, "x": 2.5}'
    assert body["candidates"][0]["finishReason"] == "UNKNOWN_77"


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"frobnicate": 1}, "frobnicate"),
        ({"generationConfig": {"thinkingConfig": {"mood": 1}}}, "generationConfig.thinkingConfig"),
        ({"generationConfig": {"mediaResolution": "secret"}}, "generationConfig.mediaResolution"),
        ({"generationConfig": {"topP": "secret"}}, "generationConfig.topP"),
        ({"contents": [{"parts": [{"functionCall": {"id": "1"}}]}]}, "contents[0].parts[0]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_the_api_has_no_words_for_is_refused_by_name(payload: Any, field: str) -> None:
    async with to(answer("never")) as (made, server):
        with pytest.raises(Unsupported) as raised:
            await made.send(WireRequest(ONE.path, payload), CALM)
    assert raised.value.violations[0].field.startswith(field)
    assert "secret" not in repr(raised.value) + repr(vars(raised.value))
    assert raised.value.__cause__ is None
    assert not server.calls


@pytest.mark.parametrize("path", [f"/v1/{MODEL}:fly", "/v1/other", f"/v2/{MODEL}:predict"])
async def test_a_method_that_the_client_lacks_is_refused(path: str) -> None:
    async with transport("http://127.0.0.1:1") as made:
        with pytest.raises(Unsupported, match="set transport to http"):
            await made.send(WireRequest(path), CALM)


def rich(*details: Any) -> Fail:
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    packed.append(any_pb2.Any(type_url="type.googleapis.com/strange.Thing", value=b"\xff"))
    status = status_pb2.Status(code=8, message="slow down", details=packed)
    trailers = (("grpc-status-details-bin", status.SerializeToString()), ("retry-after", "7"))
    return Fail(Code.RESOURCE_EXHAUSTED, "slow down", trailers)


RETRY = error_details_pb2.RetryInfo()
RETRY.retry_delay.FromSeconds(34)
INFO = error_details_pb2.ErrorInfo(reason="RATE", domain="googleapis.com")


async def test_an_error_is_answered_as_rest_has_it_with_its_details() -> None:
    async with to(rich(RETRY, INFO)) as (made, _):
        response = await made.send(ONE, CALM)
        stream = await made.open(MANY, CALM)
        assert (stream.status, await drained(stream)) == (429, response.body)
    assert (response.status, response.headers["retry-after"]) == (429, "7")
    error = json.loads(response.body)["error"]
    kind = "type.googleapis.com/google.rpc."
    assert error == {
        "code": 429,
        "message": "slow down",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": kind + "RetryInfo", "retryDelay": "34s"},
            {"@type": kind + "ErrorInfo", "reason": "RATE", "domain": "googleapis.com"},
            {"@type": "type.googleapis.com/strange.Thing"},
        ],
    }


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.INVALID_ARGUMENT, 400),
        (Code.UNAUTHENTICATED, 401),
        (Code.PERMISSION_DENIED, 403),
        (Code.NOT_FOUND, 404),
        (Code.ABORTED, 409),
        (Code.INTERNAL, 500),
        (Code.UNKNOWN, 500),
        (Code.UNIMPLEMENTED, 501),
        (Code.UNAVAILABLE, 503),
        (Code.DEADLINE_EXCEEDED, 504),
    ],
)
async def test_a_status_has_the_number_that_rest_gives_it(code: Any, status: int) -> None:
    garbage = (("grpc-status-details-bin", b"\xff"),)
    async with to(Fail(code, "no", garbage)) as (made, _):
        response = await made.send(ONE, CALM)
        stream = await made.open(MANY, CALM)
        assert stream.status == response.status == status
        await stream.aclose()
    assert json.loads(response.body)["error"]["status"] == code.name


async def test_an_error_after_output_is_an_event() -> None:
    async with to(answer("one"), rich(RETRY)) as (made, _):
        stream = await made.open(MANY, CALM)
        first, last = events(await drained(stream))
        await stream.aclose()
    assert said(first) == "one"
    assert last["error"]["code"] == 429
    assert last["error"]["details"][0]["retryDelay"] == "34s"


async def test_models_are_listed_without_the_package_that_lists_them() -> None:
    beta: Any = importlib.import_module("google.cloud.aiplatform_v1beta1.types")
    listed = beta.ListPublisherModelsResponse(
        publisher_models=[{"name": "publishers/google/models/g", "launch_stage": "GA"}],
        next_page_token="2",
    )
    async with to(beta.ListPublisherModelsResponse.serialize(listed)) as (made, server):
        response = await made.send(CHECK, CALM)
    ((path, _, data),) = server.calls
    assert path.endswith("v1beta1.ModelGardenService/ListPublisherModels")
    request = beta.ListPublisherModelsRequest.deserialize(data)
    assert (request.parent, request.page_size) == ("publishers/google", 1)
    assert json.loads(response.body) == {
        "publisherModels": [{"name": "publishers/google/models/g", "launchStage": "GA"}],
        "nextPageToken": "2",
    }


async def test_a_raw_body_goes_out_and_comes_in_as_it_is() -> None:
    http: Any = importlib.import_module("google.api.httpbody_pb2")
    bodies = [http.HttpBody(data=data).SerializeToString() for data in (b"a: 1\n", b"", b"b")]
    async with to(*bodies) as (made, server):
        assert (await made.send(RAW, CALM)).body == b"a: 1\n"
        path = RAW.path.replace("rawPredict", "streamRawPredict")
        stream = await made.open(WireRequest(path, RAW.payload), CALM)
        assert await stream.read() == b"a: 1\n"
        assert await stream.read() == b"b"
        assert await stream.read() == b""
        await stream.aclose()
    request = T.RawPredictRequest.deserialize(server.calls[0][2])
    assert request.endpoint == "projects/p/publishers/anthropic/models/m"
    assert json.loads(request.http_body.data) == SAY


async def test_a_raw_stream_that_is_broken_off_is_never_an_end() -> None:
    http: Any = importlib.import_module("google.api.httpbody_pb2")
    async with to(http.HttpBody(data=b"a").SerializeToString(), Fail(Code.INTERNAL)) as (made, _):
        path = RAW.path.replace("rawPredict", "streamRawPredict")
        stream = await made.open(WireRequest(path, RAW.payload), CALM)
        with pytest.raises(Unreachable):
            await drained(stream)
        await stream.aclose()


async def test_prompts_are_not_logged_even_when_debugging(
    caplog: pytest.LogCaptureFixture,
) -> None:
    google = logging.getLogger("google")  # it keeps to itself what is logged below it
    google.addHandler(caplog.handler)
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "google"):
        async with to(answer("one")) as (made, _):
            await made.send(ONE, CALM)
    google.removeHandler(caplog.handler)
    said = [str(vars(record)) for record in caplog.records]
    assert not [each for each in said if KEY in each or "contents" in each]
