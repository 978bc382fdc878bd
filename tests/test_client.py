"""The Python client against real servers on the loopback, and its agreement with the others."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from hexgate.client import DOMAIN, SERVICE_CONFIG, Violation, dial, explain
from hexgate.v1.completion_service_pb2 import (
    CompleteRequest,
    CompleteResponse,
    CompletionFailure,
    StreamCompleteRequest,
    StreamCompleteResponse,
)
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub

CLIENTS = Path(__file__).parents[1] / "clients"
Trailers = tuple[tuple[str, str | bytes], ...]
Context = grpc.aio.ServicerContext[Message, Message]


@dataclass
class Gateway:
    """Fails each unary call with the next of its script, then answers; streams without end."""

    script: list[tuple[grpc.StatusCode, Trailers]] = field(default_factory=list)
    tokens: list[object] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    address: str = ""

    async def complete(self, request: CompleteRequest, context: Context) -> CompleteResponse:
        self._note(context)
        if self.script:
            code, trailers = self.script.pop(0)
            await context.abort(code, "no", trailers)
        return CompleteResponse(response_id="r-1")

    async def stream(self, request: StreamCompleteRequest, context: Context) -> None:
        self._note(context)
        try:
            while True:
                await context.write(StreamCompleteResponse(sequence=1))
                await asyncio.sleep(0)
        finally:
            self.left.set()

    def _note(self, context: Context) -> None:
        metadata = context.invocation_metadata() or ()
        self.tokens += [value for key, value in metadata if key == "authorization"]

    def handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            "hexgate.v1.CompletionService",
            {
                "Complete": grpc.unary_unary_rpc_method_handler(
                    self.complete, CompleteRequest.FromString, CompleteResponse.SerializeToString
                ),
                "StreamComplete": grpc.unary_stream_rpc_method_handler(
                    self.stream,
                    StreamCompleteRequest.FromString,
                    StreamCompleteResponse.SerializeToString,
                ),
            },
        )


@asynccontextmanager
async def serving(
    *script: tuple[grpc.StatusCode, Trailers], tls: grpc.ServerCredentials | None = None
) -> AsyncIterator[Gateway]:
    """A scripted gateway on a port of its own."""
    gateway = Gateway(list(script))
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers((gateway.handlers(),))
    place = "127.0.0.1:0"
    port = server.add_secure_port(place, tls) if tls else server.add_insecure_port(place)
    gateway.address = f"localhost:{port}" if tls else f"127.0.0.1:{port}"
    await server.start()
    try:
        yield gateway
    finally:
        await server.stop(None)


def failed(*details: Message, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> Trailers:
    """The trailers of a failure with these details."""
    number: int = code.value[0]
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    status = status_pb2.Status(code=number, message="no", details=packed)
    return (("grpc-status-details-bin", status.SerializeToString()),)


def pushback(text: str) -> tuple[grpc.StatusCode, Trailers]:
    """An UNAVAILABLE that says when to come back."""
    return grpc.StatusCode.UNAVAILABLE, (("grpc-retry-pushback-ms", text),)


async def failure(gateway: Gateway) -> grpc.aio.AioRpcError:
    """How one call to the gateway fails."""
    async with dial(gateway.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await CompletionServiceStub(channel).Complete(CompleteRequest(), timeout=20)
    return caught.value


async def test_explain_reads_every_detail() -> None:
    code = grpc.StatusCode.INVALID_ARGUMENT
    violation = error_details_pb2.BadRequest.FieldViolation(
        field="spec.model", description="must be set", reason="REQUIRED"
    )
    trailers = failed(
        error_details_pb2.ErrorInfo(reason="INVALID_REQUEST", domain=DOMAIN, metadata={"k": "v"}),
        error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)),
        error_details_pb2.BadRequest(field_violations=[violation]),
        CompletionFailure(response_id="r-1", last_sequence=7),
        code=code,
    )
    async with serving((code, trailers)) as gateway:
        problem = explain(await failure(gateway))
    assert (problem.code, problem.reason, problem.message) == (code, "INVALID_REQUEST", "no")
    assert problem.metadata == {"k": "v"}
    assert problem.retry_after_s == 1.5
    assert problem.violations == (Violation("spec.model", "must be set", "REQUIRED"),)
    assert problem.failure == CompletionFailure(response_id="r-1", last_sequence=7)
    assert str(problem) == "INVALID_ARGUMENT: INVALID_REQUEST: no"


async def test_explain_takes_no_reason_from_another_domain() -> None:
    mesh = error_details_pb2.ErrorInfo(reason="MESH_DOWN", domain="mesh", metadata={"k": "v"})
    code = grpc.StatusCode.INTERNAL
    async with serving((code, failed(mesh, code=code))) as gateway:
        problem = explain(await failure(gateway))
    assert (problem.reason, dict(problem.metadata), problem.failure) == ("", {}, None)
    assert problem.retry_after_s is None


def test_explain_treats_details_that_do_not_parse_as_absent() -> None:
    torn = any_pb2.Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff\xff")
    whole = any_pb2.Any()
    whole.Pack(CompletionFailure(response_id="r-1"))
    status = status_pb2.Status(code=14, message="no", details=[torn, whole])
    for value, found in ((b"\xff\xff", None), (status.SerializeToString(), "r-1")):
        trailers = grpc.aio.Metadata(("grpc-status-details-bin", value))
        error = grpc.aio.AioRpcError(
            grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), trailers, "no"
        )
        problem = explain(error)
        assert (problem.reason, problem.message) == ("", "no")
        assert (problem.failure.response_id if problem.failure else None) == found


async def test_a_gateway_that_cannot_be_reached_is_a_transport_problem() -> None:
    async with serving() as gateway:
        address = gateway.address
    problem = explain(await failure(Gateway(address=address)))
    assert problem.code is grpc.StatusCode.UNAVAILABLE
    assert problem.reason == ""


async def test_an_unavailable_gateway_is_asked_again_until_it_serves() -> None:
    async with serving(pushback("1"), pushback("1")) as gateway, dial(gateway.address) as channel:
        answer = await CompletionServiceStub(channel).Complete(CompleteRequest(), timeout=20)
    assert answer.response_id == "r-1"
    assert gateway.script == []


@pytest.mark.parametrize(
    ("script", "attempts"),
    [
        ([pushback("1")] * 4, 3),
        ([pushback("-1")] * 2, 1),
        ([(grpc.StatusCode.RESOURCE_EXHAUSTED, ())] * 2, 1),
    ],
    ids=["at most 3 attempts", "none against the pushback", "only UNAVAILABLE"],
)
async def test_retries_are_bounded(
    script: list[tuple[grpc.StatusCode, Trailers]], attempts: int
) -> None:
    async with serving(*script) as gateway:
        error = await failure(gateway)
    assert error.code() is script[0][0]
    assert len(script) - len(gateway.script) == attempts


async def test_a_token_is_refused_in_plaintext_unless_allowed() -> None:
    with pytest.raises(ValueError, match="plaintext_token") as caught:
        dial("127.0.0.1:1", token="secret")
    assert "secret" not in str(caught.value)


async def test_a_token_goes_with_every_call_and_a_stream_is_still_cancelled() -> None:
    async with serving() as gateway:
        async with dial(gateway.address, token="secret", plaintext_token=True) as channel:
            client = CompletionServiceStub(channel)
            await client.Complete(CompleteRequest(), timeout=20)
            call = client.StreamComplete(StreamCompleteRequest(), timeout=20)
            async for _ in call:
                break
            assert call.cancel()
            assert await call.code() is grpc.StatusCode.CANCELLED
        await asyncio.wait_for(gateway.left.wait(), 20)
    assert gateway.tokens == ["Bearer secret", "Bearer secret"]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[bytes, bytes]:
    """A private key and a certificate of `localhost`, valid for a day."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing: it makes the certificate of this test")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    # fmt: off
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-keyout", key, "-out", certificate,
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True, timeout=30,
    )
    # fmt: on
    return key.read_bytes(), certificate.read_bytes()


async def test_a_token_goes_over_tls(pair: tuple[bytes, bytes]) -> None:
    async with (
        serving(tls=grpc.ssl_server_credentials([pair])) as gateway,
        dial(gateway.address, token="secret", tls=grpc.ssl_channel_credentials(pair[1])) as channel,
    ):
        await CompletionServiceStub(channel).Complete(CompleteRequest(), timeout=20)
    assert gateway.tokens == ["Bearer secret"]


def test_a_client_needs_nothing_of_the_server() -> None:
    listing = "import sys, hexgate.client; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", listing], check=True, capture_output=True, text=True, timeout=30
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("hexgate.")} >= {"hexgate.v1"}
    inner = ("adapters", "application", "domain", "entrypoints", "ports")
    assert not loaded & {"aiohttp", "msgspec", "pydantic", *(f"hexgate.{name}" for name in inner)}


@pytest.mark.parametrize("language", ["go", "typescript"])
def test_every_client_ships_the_same_service_config(language: str) -> None:
    shipped = (CLIENTS / language / "service_config.json").read_text()
    assert json.loads(shipped) == json.loads(SERVICE_CONFIG)


def test_only_unavailable_is_ever_repeated() -> None:
    methods = json.loads(SERVICE_CONFIG)["methodConfig"]
    codes = [m["retryPolicy"]["retryableStatusCodes"] for m in methods if "retryPolicy" in m]
    assert codes
    assert all(each == ["UNAVAILABLE"] for each in codes)
