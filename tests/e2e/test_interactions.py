"""The interaction log of a real gateway: what callers said and were told, without their secrets."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc import aio

from hexgate.client import dial
from hexgate.entrypoints.resources import CannotStart
from hexgate.entrypoints.server import Gateway, running
from hexgate.entrypoints.settings import Settings
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1 import content_pb2
from hexgate.v1 import embedding_service_pb2 as embedding
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from hexgate.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from tests.entrypoints.grpc.conftest import streamed, whole

if TYPE_CHECKING:
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub

ECHO = "sim/sim-echo"
TIMEOUT_S = 30.0
SAID = "Write to kim@example.com with sk-abcdefghijklmnop1234"
WRITTEN = "Write to [email] with [api key]"


def settings(log: dict[str, Any] | None, pace_ms: float = 0.0) -> Settings:
    """A gateway over the simulator that writes such a log."""
    return Settings.model_validate(
        {
            "server": {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0"},
            "providers": {"sim": {"kind": "simulator", "pace_ms": pace_ms}},
            "ledger": {"backend": "memory"},
            "log": {"interactions": log},
        }
    )


@asynccontextmanager
async def serving(
    log: dict[str, Any] | None, pace_ms: float = 0.0
) -> AsyncIterator[tuple[Gateway, CompletionServiceAsyncStub, aio.Channel]]:
    """Such a gateway, and a client of it."""
    async with running(settings(log, pace_ms)) as gateway, dial(gateway.address) as channel:
        yield gateway, CompletionServiceStub(channel), channel


def lines(path: Path) -> list[dict[str, Any]]:
    """What was written."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def words(line: dict[str, Any]) -> tuple[Any, Any]:
    """What was asked in the first message, and answered in the first part."""
    asked = line["asked"]["messages"][0]["parts"][0]["text"]
    return asked, line["answered"]["parts"][0]["text"]


async def test_whole_streamed_and_embedded_are_a_line_each_without_their_secrets(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log.jsonl"
    async with serving({"path": str(path)}) as (_, stub, channel):
        request = whole(SAID, ECHO)
        request.options.attribution.session_id = "session of kim@example.com"
        answer = await stub.Complete(request, timeout=TIMEOUT_S)
        events = [
            event async for event in stub.StreamComplete(streamed(SAID, ECHO), timeout=TIMEOUT_S)
        ]
        part = content_pb2.ContentPart(text=content_pb2.TextPart(text=SAID))
        inputs = [embedding.EmbedInput(parts=[part])]
        asked = embedding.EmbedRequest(model=ECHO, inputs=inputs)
        vectors = await EmbeddingServiceStub(channel).Embed(asked, timeout=TIMEOUT_S)
    assert "interactions" not in [thread.name for thread in threading.enumerate()]
    one, two, three = lines(path)
    assert [line["call_id"] for line in (one, two, three)] == [
        answer.response_id,
        events[0].started.response_id,
        vectors.response_id,
    ]
    assert words(one) == words(two) == (WRITTEN, WRITTEN)
    assert (one["session_id"], two["streamed"]) == ("session of [email]", True)
    assert one["answered"]["finish"] == two["answered"]["finish"] == "stop"
    assert one["cost_nanos"] == two["cost_nanos"] == answer.cost.total_nanos
    assert three["asked"]["inputs"] == [[{"type": "text", "text": WRITTEN}]]
    assert set(three["answered"]) == {"provider", "model"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_stream_that_is_left_is_written_as_far_as_it_was_delivered(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    async with serving({"path": str(path)}, pace_ms=100) as (gateway, stub, _):
        call = stub.StreamComplete(streamed("one two three four five six", ECHO), timeout=TIMEOUT_S)
        while not (await _event(call)).text.text:
            pass
        call.cancel()
        assert await gateway.calls.drained(TIMEOUT_S)
    (line,) = lines(path)
    asked, delivered = words(line)
    assert asked.startswith(delivered)
    assert 0 < len(delivered) < len(asked)
    assert (line["failure"], "finish" in line["answered"]) == ("CANCELLED", False)
    assert line["estimated"]


async def _event(
    call: aio.UnaryStreamCall[pb.StreamCompleteRequest, pb.StreamCompleteResponse],
) -> pb.StreamCompleteResponse:
    event = await call.read()
    assert isinstance(event, pb.StreamCompleteResponse)
    return event


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failure_is_written_with_its_reason_and_what_was_asked(
    tmp_path: Path, stream: bool
) -> None:
    path = tmp_path / "log.jsonl"
    async with serving({"path": str(path)}) as (_, stub, _channel):
        asking: Awaitable[object]
        if stream:
            asking = stub.StreamComplete(streamed(SAID, "sim/none"), timeout=TIMEOUT_S).read()
        else:
            asking = stub.Complete(whole(SAID, "sim/none"), timeout=TIMEOUT_S)
        with pytest.raises(aio.AioRpcError) as caught:
            await asking
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    (line,) = lines(path)
    assert (line["failure"], line["asked"]["model"]) == ("MODEL_NOT_FOUND", "sim/none")
    assert line["asked"]["messages"][0]["parts"][0]["text"] == WRITTEN
    assert line["answered"] == {"provider": "sim", "model": "none"}


async def test_without_contents_no_word_is_written(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    async with serving({"path": str(path), "contents": False}) as (_, stub, _channel):
        await stub.Complete(whole("Nobody reads this", ECHO), timeout=TIMEOUT_S)
    assert "reads" not in path.read_text(encoding="utf-8")
    assert words(lines(path)[0]) == ({"chars": 17}, {"chars": 17})


async def test_it_is_off_by_default_and_by_a_share_of_nothing_empty(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    async with serving(None) as (_, stub, _channel):
        await stub.Complete(whole(SAID, ECHO), timeout=TIMEOUT_S)
    assert os.listdir(tmp_path) == []
    async with serving({"path": str(path), "sample": 0}) as (_, stub, _channel):
        await stub.Complete(whole(SAID, ECHO), timeout=TIMEOUT_S)
    assert path.read_text(encoding="utf-8") == ""


async def test_a_file_that_cannot_be_written_stops_the_start_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"log\.interactions\.path: cannot write .*none.*No such"):
        async with running(settings({"path": str(tmp_path / "none" / "log.jsonl")})):
            pass
