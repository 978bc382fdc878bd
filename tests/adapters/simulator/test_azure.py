"""The official SDK is content with everything the simulator says in Azure's words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from hexgate.adapters.simulator import Simulator

USER: Any = [{"role": "user", "content": "Tell me of the sea."}]
VERSION = "2024-10-21"


@pytest.fixture
async def dated(sim: Simulator) -> AsyncIterator[openai.AsyncAzureOpenAI]:
    async with openai.AsyncAzureOpenAI(
        api_key="key", azure_endpoint=sim.azure_url, api_version=VERSION, max_retries=0, timeout=10
    ) as client:
        yield client


@pytest.fixture
async def v1(sim: Simulator) -> AsyncIterator[openai.AsyncOpenAI]:
    url = f"{sim.azure_url}/openai/v1/"
    async with openai.AsyncOpenAI(api_key="key", base_url=url, max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture(params=["dated", "v1"])
async def azure(
    request: pytest.FixtureRequest, dated: openai.AsyncAzureOpenAI, v1: openai.AsyncOpenAI
) -> openai.AsyncOpenAI:
    return dated if request.param == "dated" else v1


async def test_a_whole_answer_is_judged_with_its_prompt(azure: openai.AsyncOpenAI) -> None:
    raw = await azure.chat.completions.with_raw_response.create(model="sim-echo", messages=USER)
    answer = raw.parse()
    said: Any = answer.to_dict()
    assert answer.choices[0].message.content == "Tell me of the sea."
    assert said["choices"][0]["content_filter_results"]["hate"]["severity"] == "safe"
    assert said["prompt_filter_results"][0]["content_filter_results"]["jailbreak"]
    assert raw.headers["apim-request-id"]
    assert raw.headers["x-ratelimit-remaining-requests"]
    assert "openai-organization" not in raw.headers


async def test_a_stream_begins_with_what_is_found_in_the_prompt(azure: openai.AsyncOpenAI) -> None:
    stream = await azure.chat.completions.create(
        model="sim-story", messages=USER, stream=True, stream_options={"include_usage": True}
    )
    chunks: list[Any] = [chunk async for chunk in stream]
    first, *answered, counted = chunks
    assert first.choices == []
    assert first.to_dict()["prompt_filter_results"]
    assert all(chunk.choices[0].to_dict()["content_filter_results"] for chunk in answered)
    assert answered[-1].choices[0].finish_reason == "stop"
    assert counted.usage.total_tokens > 0


async def test_both_apis_and_openai_answer_alike(
    dated: openai.AsyncOpenAI, v1: openai.AsyncOpenAI, gpt: openai.AsyncOpenAI
) -> None:
    texts = [
        (await client.chat.completions.create(model="sim-story", messages=USER)).choices[0].message
        for client in (dated, v1, gpt)
    ]
    assert len({message.content for message in texts}) == 1


async def test_texts_become_vectors(azure: openai.AsyncOpenAI, gpt: openai.AsyncOpenAI) -> None:
    answer = await azure.embeddings.create(model="sim-echo", input=["a", "b"], dimensions=8)
    theirs = await gpt.embeddings.create(model="sim-echo", input=["a", "b"], dimensions=8)
    assert [each.embedding for each in answer.data] == [each.embedding for each in theirs.data]


async def test_models_are_listed(azure: openai.AsyncOpenAI) -> None:
    assert "sim-story" in [model.id async for model in azure.models.list()]


async def test_a_bearer_token_is_as_good_as_a_key(sim: Simulator) -> None:
    async with openai.AsyncAzureOpenAI(
        azure_ad_token="token",
        azure_endpoint=sim.azure_url,
        api_version=VERSION,
        max_retries=0,
    ) as client:
        assert await client.chat.completions.create(model="sim-echo", messages=USER)


@pytest.mark.parametrize("header", ["api-key", "Authorization"])
async def test_a_wrong_key_is_refused(sim: Simulator, header: str) -> None:
    key: dict[str, Any] = {"api_key": "invalid"}
    if header == "Authorization":
        key = {"azure_ad_token": "invalid"}
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=sim.azure_url, api_version=VERSION, max_retries=0, **key
    ) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.chat.completions.create(model="sim-echo", messages=USER)
    assert caught.value.code == "401"


async def test_without_a_version_there_is_nothing_at_a_dated_path(
    http: Any, sim: Simulator
) -> None:
    for path in ("/openai/deployments/sim-echo/chat/completions", "/openai/models"):
        method = "get" if path.endswith("models") else "post"
        async with getattr(http, method)(f"/azure{path}", json={"messages": USER}) as response:
            assert response.status == 404
            assert (await response.json())["error"]["code"] == "404"


@pytest.mark.parametrize(
    ("version", "field", "value"),
    [
        ("2024-08-01-preview", "max_completion_tokens", 5),
        ("2024-06-01", "stream_options", {"include_usage": True}),
        ("2024-06-01", "parallel_tool_calls", False),
        ("2024-10-21", "reasoning_effort", "low"),
    ],
)
async def test_a_version_refuses_fields_that_came_later(
    sim: Simulator, version: str, field: str, value: Any
) -> None:
    async with openai.AsyncAzureOpenAI(
        api_key="key", azure_endpoint=sim.azure_url, api_version=version, max_retries=0
    ) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(
                model="sim-echo", messages=USER, extra_body={field: value}
            )
    assert f"Unrecognized request argument supplied: {field}" in caught.value.message


FAULTS: dict[str, tuple[type[openai.APIStatusError], str | None]] = {
    "unauthorized": (openai.AuthenticationError, "401"),
    "forbidden": (openai.PermissionDeniedError, "403"),
    "model-gone": (openai.NotFoundError, "DeploymentNotFound"),
    "context-too-long": (openai.BadRequestError, "context_length_exceeded"),
    "filter-prompt": (openai.BadRequestError, "content_filter"),
    "limited": (openai.RateLimitError, "429"),
    "quota": (openai.RateLimitError, "insufficient_quota"),
    "error-500": (openai.InternalServerError, "InternalServerError"),
    "error-503": (openai.InternalServerError, "ServiceUnavailable"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_errors_are_of_the_class_the_sdk_has_for_them(
    azure: openai.AsyncOpenAI, fault: str
) -> None:
    kind, code = FAULTS[fault]
    with pytest.raises(kind) as caught:
        await azure.chat.completions.create(model=f"fault-{fault}", messages=USER)
    assert caught.value.code == code
    assert caught.value.request_id


async def test_an_unknown_deployment_is_none(azure: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await azure.chat.completions.create(model="gpt-0", messages=USER)
    assert caught.value.code == "DeploymentNotFound"


async def test_a_filtered_prompt_tells_why(azure: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await azure.chat.completions.create(model="fault-filter-prompt", messages=USER)
    body: Any = caught.value.body
    assert body["innererror"]["code"] == "ResponsibleAIPolicyViolation"
    assert body["innererror"]["content_filter_result"]["violence"]["filtered"] is True


async def test_a_filtered_answer_tells_why(azure: openai.AsyncOpenAI) -> None:
    answer: Any = await azure.chat.completions.create(model="fault-filter-at-end", messages=USER)
    assert answer.choices[0].finish_reason == "content_filter"
    assert answer.choices[0].content_filter_results["violence"]["filtered"] is True
