"""The official SDK of Anthropic is content with Vertex AI as the simulator has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import anthropic
import pytest

from hexgate.adapters.simulator import Simulator
from tests.adapters.simulator.asked import SCHEMA

USER: Any = [{"role": "user", "content": "Tell me of the sea."}]
PLACE = "/vertex/v1/projects/p-1/locations/global/publishers/anthropic/models/"
BODY: Any = {"anthropic_version": "vertex-2023-10-16", "messages": USER, "max_tokens": 50}


@pytest.fixture
async def vertex(sim: Simulator) -> AsyncIterator[anthropic.AsyncAnthropicVertex]:
    async with anthropic.AsyncAnthropicVertex(
        project_id="p-1",
        region="europe-west1",
        access_token="token",
        base_url=sim.vertex_url + "/v1",
        max_retries=0,
        timeout=10,
    ) as client:
        yield client


async def test_the_sdk_reads_whole_answers_streams_and_counts(
    vertex: anthropic.AsyncAnthropicVertex, sim: Simulator
) -> None:
    asked: Any = {"model": "sim-echo", "max_tokens": 50, "messages": USER}
    whole = await vertex.messages.create(**asked)
    assert [getattr(block, "text", "") for block in whole.content] == ["Tell me of the sea."]
    async with vertex.messages.stream(**asked) as stream:
        assert await stream.get_final_text() == "Tell me of the sea."
    counted = await vertex.messages.count_tokens(model="sim-echo", messages=USER)
    assert counted.input_tokens == whole.usage.input_tokens
    assert [request.path.rpartition("/")[2] for request in sim.requests] == [
        "sim-echo:rawPredict",
        "sim-echo:streamRawPredict",
        "count-tokens:rawPredict",
    ]


async def test_the_sdk_assembles_tool_calls_and_thinking(
    vertex: anthropic.AsyncAnthropicVertex,
) -> None:
    tools: Any = [{"name": "weather", "input_schema": SCHEMA}]
    async with vertex.messages.stream(
        model="sim-tools", max_tokens=500, messages=USER, tools=tools
    ) as stream:
        message = await stream.get_final_message()
    assert message.stop_reason == "tool_use"
    thought = await vertex.messages.create(
        model="sim-think", max_tokens=4000, messages=USER, thinking={"type": "adaptive"}
    )
    assert [block.type for block in thought.content] == ["thinking", "text"]


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("gpt", anthropic.NotFoundError),
        ("fault-unauthorized", anthropic.AuthenticationError),
        ("fault-limited", anthropic.RateLimitError),
        ("fault-error-500", anthropic.InternalServerError),
    ],
)
async def test_the_sdk_reads_refusals_of_google(
    vertex: anthropic.AsyncAnthropicVertex, model: str, kind: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(kind) as raised:
        await vertex.messages.create(model=model, max_tokens=50, messages=USER)
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["error"]["code"] == raised.value.status_code


REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "version": ("rawPredict", {"anthropic_version": None}, 400, "anthropic_version"),
    "model": ("rawPredict", {"model": "sim-echo"}, 400, "model: Extra inputs"),
    "stream": ("rawPredict", {"stream": True}, 400, "stream"),
    "no stream": ("streamRawPredict", {}, 400, "stream"),
    "verb": ("predict", {}, 404, "Not found"),
    "link": (
        "rawPredict",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": {"type": "url", "url": "https://a.test/a.png"}}
                    ],
                }
            ]
        },
        400,
        "base64",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_vertex_does_not_take_is_refused(http: aiohttp.ClientSession, case: str) -> None:
    verb, change, status, words = REFUSED[case]
    async with http.post(f"{PLACE}sim-echo:{verb}", json={**BODY, **change}) as response:
        assert response.status == status
        assert words in await response.text()


async def test_only_a_bearer_token_is_let_in(sim: Simulator) -> None:
    async with aiohttp.ClientSession(sim.url) as http:
        for headers in ({}, {"x-api-key": "key"}, {"Authorization": "Bearer invalid"}):
            url = f"{PLACE}sim-echo:rawPredict"
            async with http.post(url, json=BODY, headers=headers) as response:
                assert response.status == 401
                assert (await response.json())["error"]["status"] == "UNAUTHENTICATED"
