"""The Ollama wire, field by field against its documentation."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import aiohttp
import ollama
import pytest

from hexgate.adapters.simulator import Simulator
from tests.adapters.simulator.asked import NAMES, SCHEMA

USER: Any = [{"role": "user", "content": "Tell me of the sea."}]
TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in NAMES
]
DURATIONS = {"total_duration", "load_duration", "prompt_eval_duration", "eval_duration"}
COUNTS = {"prompt_eval_count", "eval_count"}


async def chat(http: aiohttp.ClientSession, **body: Any) -> tuple[int, list[Any]]:
    async with http.post("/api/chat", json={"messages": USER, **body}) as response:
        text = await response.text()
        if response.status == 200 and body.get("stream", True):
            assert response.content_type == "application/x-ndjson"
        return response.status, [json.loads(line) for line in text.split("\n") if line]


async def test_it_streams_unless_told_not_to(http: aiohttp.ClientSession) -> None:
    _, lines = await chat(http, model="sim-echo")
    assert len(lines) == 6
    *pieces, last = lines
    for piece in pieces:
        assert set(piece) == {"model", "created_at", "message", "done"}
        assert set(piece["message"]) == {"role", "content"}
        assert piece["done"] is False
        assert datetime.fromisoformat(piece["created_at"]).tzinfo is not None
    assert set(last) == {
        *("model", "created_at", "message", "done", "done_reason"),
        *DURATIONS,
        *COUNTS,
    }
    assert last["message"]["content"] == ""
    assert last["done_reason"] == "stop"
    assert all(isinstance(last[name], int) for name in DURATIONS | COUNTS)


async def test_a_whole_answer_is_one_object(http: aiohttp.ClientSession) -> None:
    _, (answer,) = await chat(http, model="sim-echo:latest", stream=False)
    assert answer["done"]
    assert answer["model"] == "sim-echo:latest"
    assert answer["message"] == {"role": "assistant", "content": "Tell me of the sea."}


async def test_tool_calls_come_whole(http: aiohttp.ClientSession) -> None:
    _, lines = await chat(http, model="sim-tools", tools=TOOLS)
    (calls,) = [line["message"]["tool_calls"] for line in lines if "tool_calls" in line["message"]]
    assert [call["function"]["name"] for call in calls] == list(NAMES)
    assert [call["function"]["index"] for call in calls] == [0, 1]
    assert all(isinstance(call["function"]["arguments"], dict) for call in calls)
    assert lines[-1]["done_reason"] == "stop"
    results = [
        {"role": "tool", "tool_call_id": call["id"], "tool_name": name, "content": f"{name}: fine"}
        for call, name in zip(calls, NAMES, strict=True)
    ]
    turns = [*USER, {"role": "assistant", "tool_calls": calls}, *results]
    _, (told,) = await chat(http, model="sim-tools", tools=TOOLS, messages=turns, stream=False)
    said = "The tools returned: weather: fine; tides: fine"
    assert told["message"]["content"] == said


@pytest.mark.parametrize("stream", [False, True])
async def test_it_thinks_unless_told_not_to(http: aiohttp.ClientSession, stream: bool) -> None:
    _, loud = await chat(http, model="sim-think", stream=stream)
    _, still = await chat(http, model="sim-think", stream=stream, think=False)
    assert loud[0]["message"]["thinking"]
    assert not any("thinking" in line["message"] for line in still)
    said = ["".join(line["message"]["content"] for line in lines) for lines in (loud, still)]
    assert said[0] == said[1]


async def test_formats_are_kept(http: aiohttp.ClientSession) -> None:
    _, (answer,) = await chat(http, model="sim-json", stream=False, format=SCHEMA)
    assert set(json.loads(answer["message"]["content"])) == {"city", "unit", "days"}
    _, (answer,) = await chat(http, model="sim-echo", stream=False, format="json")
    assert isinstance(json.loads(answer["message"]["content"]), dict)


async def test_log_probabilities_cover_the_text(http: aiohttp.ClientSession) -> None:
    _, lines = await chat(http, model="sim-echo", logprobs=True, top_logprobs=2)
    found = [each for line in lines for each in line.get("logprobs", [])]
    assert "".join(each["token"] for each in found) == "Tell me of the sea."
    assert {len(each["top_logprobs"]) for each in found} == {2}


@pytest.mark.parametrize(
    ("path", "key"), [("/api/tags", "models"), ("/api/ps", "models"), ("/api/version", "version")]
)
async def test_listings_are_there(http: aiohttp.ClientSession, path: str, key: str) -> None:
    async with http.get(path) as response:
        assert (await response.json())[key]


async def test_a_model_is_shown_with_what_it_can_do(http: aiohttp.ClientSession) -> None:
    async with http.post("/api/show", json={"model": "sim-think"}) as response:
        shown = await response.json()
    assert "thinking" in shown["capabilities"]
    family = shown["model_info"]["general.architecture"]
    assert shown["model_info"][f"{family}.context_length"] == 131072
    async with http.post("/api/show", json={"model": "llama"}) as response:
        assert response.status == 404


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "model": ({"model": "llama"}, 404, "model 'llama' not found"),
    "unknown": ({"model": "sim-echo", "max_tokens": 1}, 400, 'unknown field "max_tokens"'),
    "option": ({"model": "sim-echo", "options": {"top": 1}}, 400, 'unknown field "options.top"'),
    "type": ({"model": "sim-echo", "messages": "x"}, 400, "cannot unmarshal str"),
    "role": (
        {"model": "sim-echo", "messages": [{"role": "developer", "content": "x"}]},
        400,
        "messages.0.role",
    ),
    "image": (
        {"model": "sim-echo", "messages": [{"role": "user", "images": ["AAAA"]}]},
        400,
        "invalid image data",
    ),
    "orphan": (
        {"model": "sim-echo", "messages": [{"role": "tool", "content": "x"}]},
        400,
        "without a tool call",
    ),
    "too long": (
        {"model": "sim-echo", "truncate": False, "options": {"num_ctx": 3}},
        400,
        "exceeds the context length",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_makes_no_sense_is_refused(http: aiohttp.ClientSession, case: str) -> None:
    body, status, words = REFUSED[case]
    got, (answer,) = await chat(http, **body)
    assert got == status
    assert words in answer["error"]


async def test_a_prompt_that_is_too_long_is_cut_in_silence(http: aiohttp.ClientSession) -> None:
    status, _ = await chat(http, model="sim-echo", options={"num_ctx": 3})
    assert status == 200


async def test_an_error_in_the_stream_is_a_line_of_its_own(http: aiohttp.ClientSession) -> None:
    _, lines = await chat(http, model="fault-error-after-output")
    assert len(lines) == 4
    assert set(lines[-1]) == {"error"}


@pytest.fixture
async def llama(sim: Simulator) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(host=sim.ollama_url, timeout=10)
    yield client
    await client._client.aclose()


async def test_the_official_client_reads_answers_streams_and_calls(
    llama: ollama.AsyncClient,
) -> None:
    whole = await llama.chat(model="sim-think", messages=USER, think=True)
    assert whole.message.thinking
    assert whole.done_reason == "stop"
    pieces = [
        piece async for piece in await llama.chat(model="sim-echo", messages=USER, stream=True)
    ]
    assert "".join(piece.message.content or "" for piece in pieces) == "Tell me of the sea."
    assert pieces[-1].done
    called = await llama.chat(model="sim-tools", messages=USER, tools=TOOLS)
    assert [call.function.name for call in called.message.tool_calls or ()] == list(NAMES)
    assert (await llama.list()).models
    assert (await llama.ps()).models
    assert (await llama.show("sim-think")).capabilities
    with pytest.raises(ollama.ResponseError) as raised:
        await llama.chat(model="llama", messages=USER)
    assert raised.value.status_code == 404


async def test_the_official_client_reads_vectors(llama: ollama.AsyncClient) -> None:
    both = await llama.embed(model="sim-echo", input=["a", "bcdef"], dimensions=8, truncate=False)
    assert [len(vector) for vector in both.embeddings] == [8, 8]
    assert both.prompt_eval_count == 3
    one = await llama.embed(model="sim-echo:latest", input="a", dimensions=8)
    assert one.embeddings == both.embeddings[:1]


EMBED_REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "model": ({"model": "llama"}, 404, "model 'llama' not found"),
    "unknown": ({"purpose": "query"}, 400, 'unknown field "purpose"'),
    "missing": ({"input": None}, 400, "input"),
    "too long": ({"truncate": False, "options": {"num_ctx": 1}}, 400, "exceeds the context length"),
}


@pytest.mark.parametrize("case", EMBED_REFUSED)
async def test_embedding_what_makes_no_sense_is_refused(
    http: aiohttp.ClientSession, case: str
) -> None:
    change, status, words = EMBED_REFUSED[case]
    body = {"model": "sim-echo", "input": ["Tell me of the sea."], **change}
    async with http.post("/api/embed", json=body) as response:
        assert response.status == status
        assert words in (await response.json())["error"]


async def test_an_input_that_is_too_long_is_cut_in_silence(http: aiohttp.ClientSession) -> None:
    body = {"model": "sim-echo", "input": "Tell me of the sea.", "options": {"num_ctx": 1}}
    async with http.post("/api/embed", json=body) as response:
        assert (await response.json())["prompt_eval_count"] == 1
