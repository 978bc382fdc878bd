"""Talking to a scripted gRPC server through the official client of Vertex AI."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports import vertex_sdk
from hexgate.adapters.providers.wire import Transport, WireRequest, WireResponse, WireStream
from hexgate.domain.errors import TimedOut, Unserved
from tests.adapters.providers.transports.contract import CALM, KEY, drained, soon
from tests.adapters.providers.transports.rpc_server import RpcServer, Step

pytest.importorskip("google.cloud.aiplatform_v1")
T: Any = importlib.import_module("google.cloud.aiplatform_v1.types")
MODEL = "projects/p/locations/l/publishers/google/models/m"
SAY: Any = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
ONE = WireRequest(f"/v1/{MODEL}:generateContent", SAY, headers={"X-Vertex-Thing": "1"})
MANY = WireRequest(f"/v1/{MODEL}:streamGenerateContent?alt=sse", SAY)
RAW = WireRequest("/v1/projects/p/publishers/anthropic/models/m:rawPredict", SAY)
MAX_BODY = 100_000


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


@asynccontextmanager
async def cut(port: int) -> AsyncIterator[tuple[str, Callable[[], None]]]:
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
