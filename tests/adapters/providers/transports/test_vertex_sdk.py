"""A provider of Gemini and Claude over gRPC, beside the same provider over HTTP."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.open import open_provider
from hexgate.adapters.providers.transports.http import open_session
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.adapters.simulator import Fault, Simulator
from hexgate.domain.answer import Chunk, Completion
from hexgate.domain.call import Timeouts
from hexgate.domain.chat import Inline, Media, Message, Role, Text, ToolCall, ToolResult
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import (
    GatewayError,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    Unreachable,
)
from hexgate.domain.spec import SchemaJson, Spec, Thinking, Tool
from tests import fakes
from tests.adapters.providers.transports.google_tokens import (
    TokenServer,
    key_file,
    service_account,
)

pytest.importorskip("google.cloud.aiplatform_v1")
WAYS: tuple[Literal["http", "sdk"], ...] = ("http", "sdk")


@dataclasses.dataclass
class Both:
    """The same provider over both transports, and the simulator behind them."""

    http: WiredProvider
    sdk: WiredProvider
    sim: Simulator


async def opened(
    way: Literal["http", "sdk"], url: str, file: str, session: aiohttp.ClientSession
) -> Any:
    account = Account(
        kind="vertex",
        name="v",
        transport=way,
        base_url=url,
        project="p",
        location="us-central1",
        credentials_file=file,
        max_body_bytes=1 << 20,
    )
    return open_provider(account, session)


@pytest.fixture
async def ways(tmp_path: Path) -> AsyncIterator[Both]:
    from hexgate.adapters.simulator.vertex_grpc import VertexGrpc

    async with (
        Simulator(seed=3, hang_s=30, giant_bytes=4 << 20) as sim,
        VertexGrpc(sim) as grpc,
        TokenServer() as tokens,
        open_session() as session,
    ):
        file = key_file(tmp_path, service_account(tokens.url))
        http, close = await opened("http", sim.vertex_url, file, session)
        sdk, close_too = await opened("sdk", grpc.url, file, session)
        yield Both(http, sdk, sim)
        await close()
        await close_too()


def spec(model: str, text: str = "Tell me of rain", **more: Any) -> Spec:
    return Spec(model=model, messages=(Message(Role.USER, (Text(text),)),), **more)


PNG = Media(
    "image/png",
    Inline(
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde\0\0\0\0IEND\xaeB`\x82"
    ),
)
SCHEMA = '{"type":"object","properties":{"days":{"type":"integer"}},"required":["days"]}'
TOOL = Tool("get_weather", "weather of days to come", SCHEMA)
SPECS = {
    "echo": spec("sim-echo"),
    "story": spec("sim-story"),
    "tools": spec("sim-tools", tools=(TOOL,)),
    "json": spec("sim-json", output=SchemaJson("days", SCHEMA)),
    "think": spec("sim-think", thinking=Thinking(include=True)),
    "image": Spec(model="sim-vision", messages=(Message(Role.USER, (Text("see"), PNG)),)),
    "no-usage": spec("fault-no-usage"),
}


def alike(answer: Completion) -> Completion:
    """Without what differs between any two answers."""
    parts = tuple(
        dataclasses.replace(part, call_id="") if isinstance(part, ToolCall) else part
        for part in answer.parts
    )
    return dataclasses.replace(answer, parts=parts, request_id="", metadata_json="")


def ask(wish: Spec, **more: Any) -> Any:
    return fakes.call(spec=wish, model=wish.model, timeouts=Timeouts(), **more)


async def chunks(provider: WiredProvider, wish: Spec, said: list[Chunk]) -> None:
    """All chunks of a stream, added as they come; words that came together are one text."""
    async with aclosing(await provider.open(ask(wish))) as stream:
        async for chunk in stream:
            said += [chunk]


@pytest.mark.parametrize("name", SPECS)
async def test_both_transports_give_the_same_answer(ways: Both, name: str) -> None:
    one = await ways.http.complete(ask(SPECS[name]))
    other = await ways.sdk.complete(ask(SPECS[name]))
    assert one.parts
    assert alike(other) == alike(one)


@pytest.mark.parametrize("name", SPECS)
async def test_both_transports_stream_the_same_answer(ways: Both, name: str) -> None:
    assembled = []
    for provider in (ways.http, ways.sdk):
        said: list[Chunk] = []
        await chunks(provider, SPECS[name], said)
        assembled.append(alike(fakes.whole(said, "")))
    assert assembled[0].parts
    assert assembled[1] == assembled[0]


async def test_a_conversation_with_calls_goes_on(ways: Both) -> None:
    wish = SPECS["tools"]
    answer = await ways.sdk.complete(ask(wish))
    (call,) = (part for part in answer.parts if isinstance(part, ToolCall))
    result = ToolResult(call.call_id, (Text("sunny"),))
    messages = (
        *wish.messages,
        Message(Role.ASSISTANT, answer.parts),
        Message(Role.TOOL, (result,)),
    )
    after = await ways.sdk.complete(ask(dataclasses.replace(wish, messages=messages)))
    assert "sunny" in "".join(part.text for part in after.parts if isinstance(part, Text))
    assert isinstance(json.loads(call.arguments_json)["days"], int)


@pytest.mark.parametrize("model", ["sim-echo", "gemini-embedding-001", "gemini-embedding-2"])
async def test_both_transports_give_the_same_vectors(ways: Both, model: str) -> None:
    call = fakes.embed_call("one", "two", model=model)
    call = dataclasses.replace(call, spec=dataclasses.replace(call.spec, model=model, dimensions=8))
    found: list[Embedded | None] = []
    for provider in (ways.http, ways.sdk):
        try:
            found.append(dataclasses.replace(await provider.embed(call), request_id=""))
        except ModelGone:
            found.append(None)
    one, other = found
    assert (one is None) == (other is None) == (model != "sim-echo")
    if one is not None and other is not None:
        for left, right in zip(one.vectors, other.vectors, strict=True):
            assert left == pytest.approx(right)
        assert other.usage == one.usage


async def test_the_credential_is_checked_without_cost(ways: Both) -> None:
    await ways.sdk.check(Timeouts())
    assert ways.sim.requests[-1].path == "/vertex/v1beta1/publishers/google/models"


FAULTS = [fault.value for fault in Fault if not fault.value.startswith(("hang", "slow"))]
# A status of HTTP alone has no code of its own. A bridge that loses the connection to its model
# says so, and the connection to it stands.
OTHERWISE = {
    "html-502": {ProviderFailed, Overloaded},
    "cut-mid-stream": {Unreachable, Overloaded},
    "reset-mid-stream": {Unreachable, Overloaded},
    "reset-before-headers": {Unreachable, Overloaded},
    "close-before-headers": {Unreachable, Overloaded},
    "wrong-length": {Unreachable, Overloaded},
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_both_transports_fail_alike(ways: Both, fault: str) -> None:
    wish = spec("fault-" + fault)
    for going in (whole, streamed):
        kinds = {await going(provider, wish) for provider in (ways.http, ways.sdk)}
        assert len(kinds) == 1 or kinds <= OTHERWISE.get(fault, set()), (going, kinds)


async def whole(provider: WiredProvider, wish: Spec) -> type[GatewayError] | None:
    """How an answer in one piece fails."""
    try:
        await provider.complete(ask(wish))
    except GatewayError as failure:
        return type(failure)
    return None


async def streamed(provider: WiredProvider, wish: Spec) -> type[GatewayError] | None:
    """How a streamed answer fails."""
    try:
        await chunks(provider, wish, [])
    except GatewayError as failure:
        return type(failure)
    return None


async def test_a_limit_says_when_to_ask_again(ways: Both) -> None:
    waits = []
    for provider in (ways.http, ways.sdk):
        for name in ("limited-seconds", "limited-body"):
            with pytest.raises(ProviderLimited) as raised:
                await provider.complete(ask(spec("fault-" + name)))
            waits.append(raised.value.retry_after_s)
    assert waits[:2] == waits[2:]
    assert None not in waits
