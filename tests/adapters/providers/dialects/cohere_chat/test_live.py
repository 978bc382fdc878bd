"""The dialect, end to end against the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import aiohttp
import pytest

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.open import open_provider
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.adapters.simulator import Simulator
from hexgate.domain.answer import Chunk, Finish, Finished
from hexgate.domain.assemble import Assembler
from hexgate.domain.attempts import Attempts
from hexgate.domain.call import ChatCall, EmbedCall, Options, Timeouts
from hexgate.domain.chat import Inline, Media, Message, Reasoning, Role, Text, ToolCall, ToolResult
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.errors import CredentialRejected, GatewayError
from hexgate.domain.spec import SchemaJson, Thinking, ToolChoice
from tests.adapters.providers.dialects.cohere_chat.asking import NOW, WEATHER, ask


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(seed=7) as simulator:
        yield simulator


@pytest.fixture
async def cohere(sim: Simulator) -> AsyncIterator[WiredProvider]:
    account = Account(kind="cohere", name="cohere", base_url=sim.cohere_url, api_key="key")
    async with aiohttp.ClientSession() as session:
        provider, close = open_provider(account, session)
        yield provider
        await close()


async def streamed(provider: WiredProvider, call: ChatCall) -> list[Chunk]:
    async with aclosing(await provider.open(call)) as stream:
        return [chunk async for chunk in stream]


QUESTIONS = {
    "text": ask("sim-story"),
    "thinking": ask("sim-think", thinking=Thinking(budget_tokens=40)),
    "tools": ask("sim-tools", tools=(WEATHER, NOW)),
    "forced": ask("sim-echo", tools=(WEATHER, NOW), tool_choice=ToolChoice(name="now")),
    "schema": ask("sim-json", output=SchemaJson("n", WEATHER.schema_json)),
}


@pytest.mark.parametrize("name", QUESTIONS)
async def test_a_whole_answer_and_a_stream_say_the_same(cohere: WiredProvider, name: str) -> None:
    whole = await cohere.complete(QUESTIONS[name])
    *chunks, end = await streamed(cohere, QUESTIONS[name])
    assembler = Assembler()
    for chunk in chunks:
        assembler.add(chunk)
    assert whole.parts
    assert assembler.parts() == whole.parts
    assert isinstance(end, Finished)
    assert (end.finish, end.usage) == (whole.finish, whole.usage)
    assert len(whole.request_id) == 32


async def test_thinking_comes_before_text(cohere: WiredProvider) -> None:
    answer = await cohere.complete(replace(ask("sim-think"), max_output_tokens=400))
    assert [type(part) for part in answer.parts] == [Reasoning, Text]
    off = await cohere.complete(ask("sim-think", thinking=Thinking(budget_tokens=0)))
    assert [type(part) for part in off.parts] == [Text]


async def test_tools_are_called_and_their_results_heard(cohere: WiredProvider) -> None:
    question = ask("sim-tools", tools=(WEATHER, NOW))
    answer = await cohere.complete(question)
    assert answer.finish is Finish.TOOL_CALLS
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert [call.name for call in calls] == ["weather", "now"]
    results = tuple(
        Message(Role.TOOL, (ToolResult(call.call_id, (Text(f"{call.name}: fine"),)),))
        for call in calls
    )
    said = Message(Role.ASSISTANT, answer.parts)
    talk = (*question.spec.messages, said, *results)
    told = await cohere.complete(ask("sim-tools", tools=(WEATHER, NOW), messages=talk))
    assert told.parts == (Text("The tools returned: weather: fine; now: fine"),)


async def test_images_and_documents_are_seen(cohere: WiredProvider) -> None:
    png, notes = Media("image/png", Inline(b"\x89PNG")), Media("text/plain", Inline(b"Notes."))
    talk = (Message(Role.USER, (Text("Look."), png, notes)),)
    answer = await cohere.complete(ask("sim-vision", messages=talk))
    (said,) = answer.parts
    assert isinstance(said, Text)
    assert "image/png, 4 bytes" in said.text
    assert "text/plain, 6 bytes" in said.text


async def test_vectors_are_of_all_inputs_in_their_order(cohere: WiredProvider) -> None:
    words = [str(i % 150) for i in range(200)]
    call = EmbedCall(
        call_id="c",
        tenant="acme",
        model="sim-echo",
        spec=EmbedSpec(
            model="sim-echo", inputs=tuple((Text(word),) for word in words), dimensions=8
        ),
        options=Options(),
        deadline=1e9,
        attempts=Attempts(1),
    )
    answer = await cohere.embed(call)
    assert len(answer.vectors) == 200
    assert answer.vectors[0] == answer.vectors[150] != answer.vectors[1]
    assert {len(vector) for vector in answer.vectors} == {8}
    assert answer.usage is not None
    assert answer.usage.uncached_input == 200


async def test_a_bad_key_is_found_by_the_check(sim: Simulator, cohere: WiredProvider) -> None:
    await cohere.check(Timeouts())
    account = Account(kind="cohere", name="cohere", base_url=sim.cohere_url, api_key="invalid")
    async with aiohttp.ClientSession() as session:
        provider, _ = open_provider(account, session)
        with pytest.raises(CredentialRejected):
            await provider.check(Timeouts())


REASONS = {
    "limited-seconds": "PROVIDER_RATE_LIMITED",
    "error-500": "PROVIDER_ERROR",
    "error-503": "PROVIDER_OVERLOADED",
    "error-504": "PROVIDER_TIMEOUT",
    "unauthorized": "PROVIDER_AUTH_FAILED",
    "forbidden": "PROVIDER_AUTH_FAILED",
    "quota": "PROVIDER_QUOTA_EXHAUSTED",
    "spend-limit": "PROVIDER_QUOTA_EXHAUSTED",
    "model-gone": "MODEL_NOT_FOUND",
    "context-too-long": "CONTEXT_WINDOW_EXCEEDED",
    "filter-prompt": "CONTENT_FILTERED",
    "bad-json": "PROVIDER_BAD_RESPONSE",
    "close-mid-stream": "PROVIDER_BAD_RESPONSE",
    "error-before-output": "PROVIDER_ERROR",
    "error-after-output": "PROVIDER_ERROR",
}


@pytest.mark.parametrize("fault", REASONS)
async def test_every_fault_of_a_stream_is_an_error_of_its_kind(
    cohere: WiredProvider, fault: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        await streamed(cohere, ask(f"fault-{fault}"))
    assert caught.value.reason == REASONS[fault]


@pytest.mark.parametrize("fault", ["split-bytes", "duplicate-end", "no-usage", "filter-at-end"])
async def test_a_stream_that_is_merely_odd_is_read(cohere: WiredProvider, fault: str) -> None:
    chunks = await streamed(cohere, ask(f"fault-{fault}"))
    finish = Finish.CONTENT_FILTER if fault == "filter-at-end" else Finish.STOP
    assert getattr(chunks[-1], "finish", None) is finish
