"""What the models answer, on every wire, whole and streamed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import aiohttp
import pytest

from hexgate.adapters.simulator import Simulator
from tests.adapters.simulator.asked import NAMES, PNG, Heard, Question, said

WIRES = ("openai", "anthropic", "ollama")
LENGTH = {"openai": "length", "anthropic": "max_tokens", "ollama": "length"}
STOPPED = {"openai": "stop", "anthropic": "stop_sequence", "ollama": "stop"}
CALLS = {"openai": "tool_calls", "anthropic": "tool_use", "ollama": "stop"}

QUESTIONS = (
    Question(),
    Question("sim-echo", "Grüße, 世界 🌍"),
    Question("sim-echo", "first  second\n\n third "),
    Question("sim-tools", tools=NAMES),
    Question("sim-tools", tools=NAMES[:1]),
    Question("sim-json"),
    Question("sim-think"),
    Question("sim-vision", "What is this?", image=PNG),
    Question(max_tokens=20),
    Question("slow-0"),
)


def name_of(ask: Question) -> str:
    return f"{ask.model}-{len(ask.tools)}-{ask.max_tokens}"


def essence(heard: Heard) -> tuple[object, ...]:
    return heard.text, heard.calls, heard.tokens


@pytest.mark.parametrize("ask", QUESTIONS, ids=name_of)
async def test_every_wire_says_the_same_whole_and_streamed(
    http: aiohttp.ClientSession, ask: Question
) -> None:
    if ask.model == "sim-think":  # where reasoning is not asked for, it costs nothing
        wires: tuple[str, ...] = ("openai", "ollama")
    else:
        wires = WIRES
    answers = [
        await said(http, wire, replace(ask, stream=stream))
        for wire in wires
        for stream in (False, True)
    ]
    assert len({json.dumps(essence(each)) for each in answers}) == 1
    assert answers[0].text or answers[0].calls


async def test_another_seed_is_another_story(http: aiohttp.ClientSession, sim: Simulator) -> None:
    mine = await said(http, "openai", Question())
    async with Simulator(seed=8) as other, aiohttp.ClientSession(other.url) as session:
        session.headers["Authorization"] = "Bearer key"
        theirs = await said(session, "openai", Question())
    assert mine.text != theirs.text
    assert mine.text == (await said(http, "openai", Question())).text


async def test_the_seed_of_a_request_goes_before_the_simulators(
    http: aiohttp.ClientSession,
) -> None:
    texts = []
    for seed in (1, 2, 1):
        body = {"model": "sim-story", "messages": [{"role": "user", "content": "x"}], "seed": seed}
        async with http.post("/v1/chat/completions", json=body) as response:
            texts.append((await response.json())["choices"][0]["message"]["content"])
    assert texts[0] == texts[2] != texts[1]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("limit", [1, 2, 7, 30])
async def test_the_token_limit_holds_and_no_character_is_split(
    http: aiohttp.ClientSession, wire: str, limit: int
) -> None:
    whole = await said(http, wire, Question())
    short = await said(http, wire, Question(max_tokens=limit))
    assert short.finish == LENGTH[wire]
    assert short.tokens[1] <= limit
    assert whole.text.startswith(short.text)
    assert len(whole.text[: len(short.text) + 1].encode()) > 4 * limit
    assert "\ufffd" not in short.text


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_stop_sequence_ends_the_answer_before_itself(
    http: aiohttp.ClientSession, wire: str, stream: bool
) -> None:
    ask = Question("sim-echo", "one two three two", stop=("three", "two"), stream=stream)
    heard = await said(http, wire, ask)
    assert heard.text == "one "
    assert heard.finish == STOPPED[wire]


@pytest.mark.parametrize("wire", WIRES)
async def test_tools_are_called_with_arguments_that_fit(
    http: aiohttp.ClientSession, wire: str
) -> None:
    heard = await said(http, wire, Question("sim-tools", tools=NAMES, stream=True))
    assert [name for name, _ in heard.calls] == list(NAMES)
    assert heard.finish == CALLS[wire]
    for _, arguments in heard.calls:
        assert set(arguments) == {"city", "unit", "days"}
        assert arguments["unit"] in ("c", "f")
        assert 1 <= arguments["days"] <= 5


@pytest.mark.parametrize("wire", WIRES)
async def test_calls_that_do_not_fit_the_limit_are_not_made(
    http: aiohttp.ClientSession, wire: str
) -> None:
    heard = await said(http, wire, Question("sim-tools", tools=NAMES, max_tokens=20))
    assert len(heard.calls) < 2
    assert heard.finish == LENGTH[wire]


@pytest.mark.parametrize("wire", WIRES)
async def test_pictures_are_described_by_type_size_and_digest(
    http: aiohttp.ClientSession, wire: str
) -> None:
    heard = await said(http, wire, Question("sim-vision", image=PNG))
    digest = hashlib.sha256(PNG).hexdigest()[:16]
    assert heard.text == f"I see image/png, {len(PNG)} bytes, sha256 {digest}."


async def test_stories_have_many_scripts_and_emoji(http: aiohttp.ClientSession) -> None:
    text = (await said(http, "openai", Question())).text
    assert text.count("\n\n") == 2
    assert max(map(ord, text)) > 0xFFFF
