"""What every transport must do, over gRPC: against servers that behave and servers that do not."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports import vertex_sdk
from hexgate.adapters.providers.wire import Transport, WireRequest, WireResponse, WireStream
from hexgate.domain.errors import BadResponse, TimedOut, Unreachable, Unserved, Unsupported
from tests.adapters.providers.transports.contract import CALM, KEY, drained, hasty, soon
from tests.adapters.providers.transports.rpc_server import Fail, Hang, RpcServer, Step, Wait
from tests.adapters.providers.transports.servers import Do, RawServer

pytest.importorskip("google.cloud.aiplatform_v1")
T: Any = importlib.import_module("google.cloud.aiplatform_v1.types")
MODEL = "projects/p/locations/l/publishers/google/models/m"
SAY: Any = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
ONE = WireRequest(f"/v1/{MODEL}:generateContent", SAY, headers={"X-Vertex-Thing": "1"})
MANY = WireRequest(f"/v1/{MODEL}:streamGenerateContent?alt=sse", SAY)
CHECK = WireRequest("/v1beta1/publishers/google/models?pageSize=1", method="GET")
RAW = WireRequest("/v1/projects/p/publishers/anthropic/models/m:rawPredict", SAY)
MAX_BODY = 100_000
Code = grpc.StatusCode


def answer(text: str, **candidate: Any) -> bytes:
    made = {"content": {"role": "model", "parts": [{"text": text}]}, **candidate}
    message = T.GenerateContentResponse(candidates=[made])
    return bytes(T.GenerateContentResponse.serialize(message))


@asynccontextmanager
async def transport(url: str, max_body_bytes: int = MAX_BODY) -> AsyncIterator[Transport]:
    account = Account(kind="vertex", name="v", api_key=KEY, max_body_bytes=max_body_bytes)
    made = vertex_sdk.build(account, url)
    yield made
    await made.aclose()


@asynccontextmanager
async def to(*steps: Step) -> AsyncIterator[tuple[Transport, RpcServer]]:
    async with RpcServer(steps) as server, transport(server.url) as made:
        yield made, server


def events(body: bytes) -> list[Any]:
    assert body.endswith(b"\n\n")
    return [json.loads(event.removeprefix(b"data: ")) for event in body[:-2].split(b"\n\n")]


def said(body: Any) -> str:
    return str(body["candidates"][0]["content"]["parts"][0]["text"])


async def both(made: Transport, kind: type[Unserved]) -> None:
    with pytest.raises(Unserved) as raised:
        await soon(made.send(ONE, CALM))
    assert type(raised.value) is kind, raised.value
    with pytest.raises(Unserved) as raised:
        await soon(drained(await made.open(MANY, CALM)))
    assert type(raised.value) is kind, raised.value


async def late(going: Awaitable[WireResponse | WireStream | bytes], phase: str) -> None:
    with pytest.raises(TimedOut) as raised:
        await soon(going)
    assert raised.value.metadata["phase"] == phase


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


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with transport(f"http://127.0.0.1:{unused.getsockname()[1]}") as made:
            await both(made, Unreachable)


async def test_a_server_that_comes_back_is_found_again() -> None:
    async with RpcServer([answer("one")]) as server, transport(server.url) as made:
        await made.send(ONE, CALM)
        await server.server.stop(None)
        with pytest.raises(Unreachable):
            await made.send(ONE, CALM)
        again = grpc.aio.server()
        again.add_generic_rpc_handlers(())
        assert again.add_insecure_port(f"127.0.0.1:{server.port}") == server.port
        await again.start()
        status = 0
        while status != 501:  # it knows no method
            try:
                status = (await made.send(ONE, CALM)).status
            except Unreachable:
                await asyncio.sleep(0.05)
        await again.stop(None)


async def test_a_plain_server_has_no_tls() -> None:
    async with (
        RpcServer([answer("one")]) as server,
        transport(f"https://127.0.0.1:{server.port}") as made,
    ):
        await both(made, Unreachable)


@pytest.mark.parametrize("steps", [(b"SMTP ready\r\n\r\n",), (), (Do.RESET,)], ids=str)
async def test_a_server_that_speaks_no_grpc_is_unreachable(steps: Any) -> None:
    async with RawServer(*steps) as server, transport(server.url) as made:
        await both(made, Unreachable)


async def test_a_connection_that_never_stands_times_out_in_connect() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        queue = [socket.socket() for _ in range(4)]
        for waiting in queue:  # fill the backlog, so that the next one is not answered
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with transport(f"http://127.0.0.1:{full.getsockname()[1]}") as made:
            await late(made.send(ONE, hasty(connect_s=0.05)), "connect")
            await late(made.open(MANY, hasty(connect_s=0.05)), "connect")
        for waiting in queue:
            waiting.close()


@pytest.mark.parametrize("request_", [ONE, MANY], ids=["one", "many"])
async def test_silence_before_the_first_message_times_out(request_: WireRequest) -> None:
    async with to(Hang()) as (made, server):
        await late(made.open(request_, hasty(first_token_s=0.05)), "first_token")
        await soon(server.gone.wait())
        await late(made.open(request_, hasty(attempt_s=0.05)), "attempt")


async def test_silence_in_the_body_times_out_between_tokens() -> None:
    async with to(answer("one"), Hang()) as (made, server):
        stream = await made.open(MANY, hasty(between_tokens_s=0.05))
        await stream.read()
        await late(stream.read(), "between_tokens")
        await soon(server.gone.wait())
        await stream.aclose()


async def test_one_read_may_have_less_time_than_the_others() -> None:
    async with to(answer("one"), Hang()) as (made, server):
        stream = await made.open(MANY, CALM)
        await stream.read(20)
        await late(stream.read(0.05), "between_tokens")
        await soon(server.gone.wait())
        assert await stream.read() == b""


async def test_an_attempt_as_a_whole_is_bounded() -> None:
    async with to(answer("one"), Hang()) as (made, _):
        stream = await made.open(MANY, hasty(attempt_s=0.2))
        await stream.read()
        await late(stream.read(), "attempt")
        await stream.aclose()


async def test_a_connection_that_breaks_is_never_an_end() -> None:
    async with to(answer("one"), Hang()) as (made, server):
        stream = await made.open(MANY, CALM)
        await stream.read()
        reading = asyncio.ensure_future(stream.read())
        async with cut(server.port) as (url, sever), transport(url) as through:
            going = asyncio.ensure_future(through.open(MANY, CALM))
            broken = await going
            await broken.read()
            sever()
            with pytest.raises(Unreachable):
                await drained(broken)
            await broken.aclose()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await stream.aclose()


@asynccontextmanager
async def cut(port: int) -> AsyncIterator[tuple[str, Any]]:
    """A way to the server that can be severed."""
    writers: list[asyncio.StreamWriter] = []
    pumps: list[asyncio.Task[None]] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)

    async def on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, forth))
        pumps.append(asyncio.ensure_future(pump(reader, forth)))
        pumps.append(asyncio.ensure_future(pump(back, writer)))

    def sever() -> None:
        for each in pumps:
            each.cancel()
        for writer in writers:
            writer.transport.abort()

    async with await asyncio.start_server(on, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", sever
        sever()
        await asyncio.gather(*pumps, return_exceptions=True)


@pytest.mark.parametrize("message", [b"\xff\xff\xff", b"\xff" + b"<html>"], ids=str)
async def test_nonsense_is_a_bad_response(message: bytes) -> None:
    async with to(message) as (made, _):
        await both(made, BadResponse)


async def test_nonsense_after_output_is_a_bad_response() -> None:
    async with to(answer("one"), b"\xff\xff", Hang()) as (made, server):
        stream = await made.open(MANY, CALM)
        await stream.read()
        with pytest.raises(BadResponse):
            await stream.read()
        await soon(server.gone.wait())
        await stream.aclose()


async def test_a_message_that_is_too_large_is_a_bad_response() -> None:
    async with to(answer("a" * 2 * MAX_BODY)) as (made, _):
        await both(made, BadResponse)


async def test_a_flood_of_messages_is_cut_off() -> None:
    async with to(*([answer("a" * 1000)] * 1000), Hang()) as (made, server):
        stream = await made.open(MANY, CALM)
        with pytest.raises(BadResponse):
            await drained(stream)
        await soon(server.gone.wait())
        await stream.aclose()


async def test_a_large_request_is_sent_whole() -> None:
    payload: Any = {"contents": [{"parts": [{"text": "a" * 3_000_000}]}]}
    async with to(answer("one")) as (made, server):
        await made.send(WireRequest(ONE.path, payload), CALM)
    assert len(server.calls[0][2]) > 3_000_000


@pytest.mark.parametrize("request_", [ONE, MANY], ids=["one", "many"])
async def test_cancelling_ends_the_call_at_once(request_: WireRequest) -> None:
    async with to(Hang()) as (made, server):
        going = asyncio.ensure_future(made.open(request_, CALM))
        await soon(server.asked.wait())
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        await soon(server.gone.wait())


async def test_cancelling_a_read_ends_the_call_at_once() -> None:
    async with to(answer("one"), Hang()) as (made, server):
        stream = await made.open(MANY, CALM)
        await stream.read()
        going = asyncio.ensure_future(stream.read())
        await asyncio.sleep(0)  # let it reach its wait
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        await soon(server.gone.wait())


@pytest.mark.parametrize("reads", [0, 1])
async def test_closing_an_unfinished_stream_ends_the_call(reads: int) -> None:
    async with to(answer("one"), Hang()) as (made, server):
        stream = await made.open(MANY, CALM)
        for _ in range(reads):
            await stream.read()
        await stream.aclose()
        await stream.aclose()
        await soon(server.gone.wait())


async def test_more_calls_than_a_connection_takes_open_another() -> None:
    async with RpcServer([answer("one"), Hang()]) as server:
        account = Account(kind="vertex", name="v", api_key=KEY)
        made = vertex_sdk.build(account, server.url)
        streams = [await made.open(MANY, CALM) for _ in range(91)]
        assert made.connections == 2
        for stream in streams:
            await stream.aclose()
        streams = [await made.open(MANY, CALM) for _ in range(90)]
        assert made.connections == 2
        for stream in streams:
            await stream.aclose()
        await made.aclose()


async def test_prompts_are_not_logged_even_when_debugging(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with to(answer("one")) as (made, _):
            await made.send(ONE, CALM)
    assert KEY not in caplog.text
    assert "contents" not in caplog.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/vertex", "https://x.test/?a=b"])
def test_a_base_url_with_a_path_is_refused(url: str) -> None:
    account = Account(kind="vertex", name="v", api_key=KEY)
    with pytest.raises(ValueError, match=r"providers\.v\.base_url"):
        vertex_sdk.build(account, url)


def test_no_sdk_is_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys, hexgate.adapters.providers.transports.vertex_sdk,"
        "hexgate.adapters.simulator;"
        "sys.exit(bool({'google.cloud.aiplatform_v1', 'google.auth', 'requests'}"
        " & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
