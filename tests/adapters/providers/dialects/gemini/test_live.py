"""The dialect and the simulator over real sockets, whole and streamed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from hexgate.adapters.clock import SystemClock
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.dialects.gemini import VertexEmbeddings
from hexgate.adapters.providers.open import open_provider
from hexgate.adapters.providers.transports.http import HttpTransport, open_session
from hexgate.adapters.providers.vertex import Vertex
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.adapters.simulator import Simulator
from hexgate.domain.answer import Chunk, Completion, Finish, Finished
from hexgate.domain.call import ChatCall, Timeouts
from hexgate.domain.chat import (
    Inline,
    Media,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.errors import (
    BadResponse,
    ContentFiltered,
    ContextTooLong,
    CredentialRejected,
    GatewayError,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    QuotaExhausted,
    TimedOut,
)
from hexgate.domain.spec import Effort, SchemaJson, Thinking, Tool, ToolChoice, ToolMode
from tests.adapters.providers.dialects.gemini.asking import HELLO
from tests.adapters.providers.dialects.gemini.asking import ask as asking
from tests.adapters.providers.dialects.gemini.test_embed import embed
from tests.fakes import whole

SCHEMA = '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}'
TOOLS = (Tool("weather", "", SCHEMA), Tool("tides", "", SCHEMA))


def ask(model: str, most: int = 4000, **spec: Any) -> ChatCall:
    return dataclasses.replace(asking(model, **spec), max_output_tokens=most)


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(seed=7) as simulator:
        yield simulator


@pytest.fixture(params=["gemini", "vertex"])
async def provider(sim: Simulator, request: Any) -> AsyncIterator[WiredProvider]:
    async with open_session() as session:
        if request.param == "gemini":
            account = Account(kind="gemini", name="gemini", base_url=sim.gemini_url, api_key="key")
            made, close = open_provider(account, session)
            yield made
            await close()
            return
        headers = {"Authorization": "Bearer token"}
        yield WiredProvider(
            Vertex("gemini", "p", "l"),
            HttpTransport(session, sim.vertex_url, headers, provider="gemini"),
            monotonic=SystemClock.monotonic,
            provider="gemini",
            embeddings=VertexEmbeddings("gemini", "p", "l"),
        )


async def streamed(provider: WiredProvider, call: Any) -> Completion:
    async with aclosing(await provider.open(call)) as stream:
        chunks: list[Chunk] = [chunk async for chunk in stream]
        assert stream.request_id
    assert isinstance(chunks[-1], Finished)
    return whole(chunks)


async def both(provider: WiredProvider, **spec: Any) -> Completion:
    """The whole answer, which its stream agrees with."""
    call = ask(**spec)
    answer, stream = await provider.complete(call), await streamed(provider, call)
    assert (stream.finish, stream.usage) == (answer.finish, answer.usage)
    assert _told(stream.parts) == _told(answer.parts)
    assert answer.request_id
    return answer


def _told(parts: tuple[Part, ...]) -> list[Any]:
    """Ids and the places of signatures differ."""
    return [
        (part.name, json.loads(part.arguments_json)) if isinstance(part, ToolCall) else part
        for part in parts
        if not (isinstance(part, Reasoning) and part.signature)
    ]


async def test_text_arrives_whole_and_streamed(provider: WiredProvider) -> None:
    answer = await both(provider, model="sim-story")
    assert answer.finish is Finish.STOP
    assert answer.usage is not None
    assert answer.usage.output > 10
    assert answer.model == "sim-story"


async def test_tools_are_called_side_by_side_and_hear_back(provider: WiredProvider) -> None:
    answer = await both(provider, model="sim-tools", tools=TOOLS)
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert [call.name for call in calls] == ["weather", "tides"]
    assert answer.finish is Finish.TOOL_CALLS
    results = [ToolResult(call.call_id, (Text(f"{call.name}: fine"),)) for call in calls]
    messages = (
        *HELLO,
        Message(Role.ASSISTANT, answer.parts),
        Message(Role.TOOL, (results[1],)),
        Message(Role.TOOL, (results[0],)),
    )
    told = await both(provider, model="sim-tools", tools=TOOLS, messages=messages)
    assert told.parts == (Text("The tools returned: weather: fine; tides: fine"),)


async def test_signatures_go_back_to_where_they_came_from(
    provider: WiredProvider, sim: Simulator
) -> None:
    thinking = Thinking(Effort.LOW, include=True)
    wish: dict[str, Any] = {"model": "sim-think", "tools": TOOLS, "thinking": thinking}
    forced = ToolChoice(ToolMode.REQUIRED, name="tides")
    for answer in (
        await provider.complete(ask(**wish, tool_choice=forced)),
        await streamed(provider, ask(**wish, tool_choice=forced)),
    ):
        thought, signature, call = answer.parts
        assert isinstance(thought, Reasoning)
        assert isinstance(signature, Reasoning)
        assert isinstance(call, ToolCall)
        assert (bool(thought.text), signature.text, bool(signature.signature)) == (True, "", True)
        messages = (
            *HELLO,
            Message(Role.ASSISTANT, answer.parts),
            Message(Role.TOOL, (ToolResult(call.call_id, (Text("high"),)),)),
        )
        # The simulator refuses a signature that is not at the call it was made for.
        after = await provider.complete(ask(**wish, messages=messages))
        body: Any = sim.requests[-1].body
        assert body["contents"][1]["parts"][1]["thoughtSignature"] == signature.signature.decode()
        again = (*messages, Message(Role.ASSISTANT, after.parts), *HELLO)
        assert (await provider.complete(ask(**wish, messages=again))).finish is Finish.STOP


async def test_shapes_pictures_and_limits_work(provider: WiredProvider) -> None:
    (shaped,) = (await both(provider, model="sim-json", output=SchemaJson("n", SCHEMA))).parts
    assert isinstance(shaped, Text)
    assert set(json.loads(shaped.text)) == {"city"}
    shown = (Message(Role.USER, (Media("image/png", Inline(b"\x89PNG")), Text("What is it?"))),)
    (seen,) = (await both(provider, model="sim-vision", messages=shown)).parts
    assert isinstance(seen, Text)
    assert "image/png, 4 bytes" in seen.text
    long = (Message(Role.USER, (Text("word " * 200),)),)
    cut = await both(provider, model="sim-echo", messages=long, most=50)
    assert cut.finish is Finish.LENGTH


async def test_vectors_arrive_in_order(provider: WiredProvider) -> None:
    answer = await provider.embed(embed("sim-echo", Text("a"), Text("b"), Text("a"), dimensions=4))
    first, second, third = answer.vectors
    assert (first == third, first == second, len(first)) == (True, False, 4)
    assert answer.usage is not None


async def test_a_check_passes_with_a_good_key(provider: WiredProvider) -> None:
    await provider.check(Timeouts())


async def test_a_bad_key_is_told_apart(sim: Simulator) -> None:
    async with open_session() as session:
        account = Account(kind="gemini", name="g", base_url=sim.gemini_url, api_key="invalid")
        provider, _ = open_provider(account, session)
        with pytest.raises(CredentialRejected):
            await provider.check(Timeouts())


FAULTS: dict[str, type[GatewayError]] = {
    "limited": ProviderLimited,
    "limited-body": ProviderLimited,
    "limited-seconds": ProviderLimited,
    "quota": QuotaExhausted,
    "spend-limit": QuotaExhausted,
    "unauthorized": CredentialRejected,
    "forbidden": CredentialRejected,
    "model-gone": ModelGone,
    "context-too-long": ContextTooLong,
    "filter-prompt": ContentFiltered,
    "error-500": ProviderFailed,
    "error-502": ProviderFailed,
    "error-503": Overloaded,
    "error-504": TimedOut,
    "error-529": Overloaded,
    "html": BadResponse,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_faults_before_the_answer_have_their_class(
    provider: WiredProvider, fault: str
) -> None:
    call = ask(f"fault-{fault}")
    for asked in (provider.complete, provider.open):
        with pytest.raises(GatewayError) as caught:
            await asked(call)
        assert type(caught.value) is FAULTS[fault]
        wait = {"limited-body": 2.0, "limited-seconds": 2.0}.get(fault)
        assert caught.value.retry_after_s == wait


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("error-before-output", Overloaded),
        ("error-after-output", Overloaded),
        ("close-mid-stream", BadResponse),
        ("bad-json", BadResponse),
        ("out-of-order", BadResponse),
    ],
)
async def test_faults_of_streams_end_them(
    provider: WiredProvider, fault: str, kind: type[GatewayError]
) -> None:
    with pytest.raises(GatewayError) as caught:
        await streamed(provider, ask(f"fault-{fault}"))
    assert type(caught.value) is kind


@pytest.mark.parametrize("fault", ["duplicate-end", "split-bytes", "no-usage", "empty"])
async def test_harmless_faults_are_survived(provider: WiredProvider, fault: str) -> None:
    answer = await streamed(provider, ask(f"fault-{fault}"))
    assert answer.finish is Finish.STOP
    assert (answer.usage is None) == (fault == "no-usage")


@pytest.mark.parametrize("fault", ["filter-before-output", "filter-at-end"])
async def test_filtered_answers_say_so(provider: WiredProvider, fault: str) -> None:
    answer = await both(provider, model=f"fault-{fault}")
    assert answer.finish is Finish.CONTENT_FILTER
