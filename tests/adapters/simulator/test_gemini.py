"""The two wires of Gemini: Google's own client reads everything, and what is wrong is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
import pytest
from google import genai
from google.auth.credentials import Credentials
from google.genai import errors, types

from hexgate.adapters.simulator import Simulator
from hexgate.adapters.simulator.gemini.vertex import Vertex
from hexgate.adapters.simulator.models import answer
from hexgate.adapters.simulator.wire import Origin, Refused
from tests.adapters.simulator.asked import NAMES, PNG, SCHEMA

SEA = "Tell me of the sea."
TOOLS = [
    types.Tool(
        function_declarations=[
            types.FunctionDeclaration(
                name=name, description="It is.", parameters_json_schema=SCHEMA
            )
            for name in NAMES
        ]
    )
]
DEVELOPER, VERTEX = "/gemini/v1beta/models/", "/vertex/v1/projects/p/locations/l/"


class Always(Credentials):
    """A token that is good for ever."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # google-auth is untyped
        self.token = "token"

    def refresh(self, request: object) -> None:
        """There is nothing to do."""


def client(sim: Simulator, kind: str) -> genai.Client:
    # Over httpx: what the client makes of aiohttp's session is warned of.
    rest: dict[str, Any] = {
        "retry_options": types.HttpRetryOptions(attempts=1),
        "async_client_args": {"transport": httpx.AsyncHTTPTransport()},
    }
    if kind == "gemini":
        options = types.HttpOptions(base_url=sim.gemini_url, api_version="v1beta", **rest)
        return genai.Client(api_key="key", http_options=options)
    options = types.HttpOptions(base_url=sim.vertex_url, api_version="v1", **rest)
    return genai.Client(
        vertexai=True, project="p", location="l", credentials=Always(), http_options=options
    )


@pytest.fixture(params=["gemini", "vertex"])
async def google(sim: Simulator, request: Any) -> AsyncIterator[Any]:
    made = client(sim, request.param)
    yield made.aio
    await made.aio.aclose()
    made.close()


def config(**fields: Any) -> types.GenerateContentConfig:
    off = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(
        automatic_function_calling=off, system_instruction="Be brief.", **fields
    )


async def whole(google: Any, model: str, contents: Any = SEA, **fields: Any) -> Any:
    return await google.models.generate_content(
        model=model, contents=contents, config=config(**fields)
    )


async def streamed(google: Any, model: str, contents: Any = SEA, **fields: Any) -> list[Any]:
    stream = await google.models.generate_content_stream(
        model=model, contents=contents, config=config(**fields)
    )
    return [chunk async for chunk in stream]


async def test_a_stream_says_what_the_whole_answer_says(google: Any) -> None:
    said = await whole(google, "sim-story")
    chunks = await streamed(google, "sim-story")
    assert "".join(chunk.text or "" for chunk in chunks) == said.text
    assert len(chunks) > 10
    assert chunks[-1].usage_metadata == said.usage_metadata
    assert said.usage_metadata.candidates_token_count > 0
    assert said.candidates[0].finish_reason is types.FinishReason.STOP
    assert [chunk.candidates[0].finish_reason for chunk in chunks[:-1]] == [None] * (
        len(chunks) - 1
    )
    assert said.model_version == "sim-story"
    assert said.response_id


async def test_tools_are_called_and_their_results_understood(google: Any) -> None:
    said = await whole(google, "sim-tools", tools=TOOLS)
    assert [call.name for call in said.function_calls] == list(NAMES)
    chunks = await streamed(google, "sim-tools", tools=TOOLS)
    calls = [call for chunk in chunks for call in chunk.function_calls or ()]
    assert [call.args for call in calls] == [call.args for call in said.function_calls]
    results = [
        types.Part(
            function_response=types.FunctionResponse(
                id=call.id, name=call.name, response={"output": f"{call.name}: fine"}
            )
        )
        for call in said.function_calls
    ]
    turns = [
        types.Content(role="user", parts=[types.Part(text=SEA)]),
        said.candidates[0].content,
        types.Content(role="user", parts=results),
    ]
    told = await whole(google, "sim-tools", turns, tools=TOOLS)
    assert told.text == "The tools returned: weather: fine; tides: fine"


async def test_thoughts_are_told_when_asked_for_and_their_signature_comes_back(google: Any) -> None:
    told = types.ThinkingConfig(include_thoughts=True)
    said = await whole(google, "sim-think", thinking_config=told)
    thought, text = said.candidates[0].content.parts
    assert thought.thought
    assert (signature := text.thought_signature)
    assert said.usage_metadata.thoughts_token_count > 0
    turns = [
        types.Content(role="user", parts=[types.Part(text=SEA)]),
        said.candidates[0].content,
        types.Content(role="user", parts=[types.Part(text="And then?")]),
    ]
    assert (await whole(google, "sim-think", turns)).text
    text.thought_signature = b"forged" * 8
    with pytest.raises(errors.ClientError, match="Thought signature is not valid"):
        await whole(google, "sim-think", turns)
    chunks = await streamed(google, "sim-think", thinking_config=told)
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or ()]
    assert "".join(part.text for part in parts if part.thought) == thought.text
    assert (parts[-1].text, parts[-1].thought_signature) == ("", signature)


async def test_the_signature_of_a_call_is_good_for_that_call_alone(google: Any) -> None:
    forced = types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(
            mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["tides"]
        )
    )
    said = await whole(google, "sim-think", tools=TOOLS, tool_config=forced)
    content = said.candidates[0].content
    (call,) = content.parts
    assert (call.function_call.name, bool(call.thought_signature)) == ("tides", True)
    response = types.FunctionResponse(id=call.function_call.id, name="tides", response={})
    turns = [
        types.Content(role="user", parts=[types.Part(text=SEA)]),
        content,
        types.Content(role="user", parts=[types.Part(function_response=response)]),
    ]
    assert (await whole(google, "sim-think", turns)).text
    call.function_call.args = {"city": "elsewhere"}
    with pytest.raises(errors.ClientError, match="Thought signature is not valid"):
        await whole(google, "sim-think", turns)


async def test_shapes_pictures_and_limits_are_understood(google: Any) -> None:
    shaped = await whole(
        google, "sim-json", response_mime_type="application/json", response_json_schema=SCHEMA
    )
    assert set(json.loads(shaped.text)) == {"city", "unit", "days"}
    picture = types.Part.from_bytes(data=PNG, mime_type="image/png")
    seen = await whole(google, "sim-vision", [picture])
    assert f"image/png, {len(PNG)} bytes" in seen.text
    cut = await whole(google, "sim-story", max_output_tokens=3)
    assert cut.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS


async def test_log_probabilities_cover_the_text(google: Any) -> None:
    said = await whole(google, "sim-echo", response_logprobs=True, logprobs=2)
    found = said.candidates[0].logprobs_result
    assert "".join(each.token for each in found.chosen_candidates) == SEA
    assert {len(each.candidates) for each in found.top_candidates} == {2}


async def test_tokens_are_counted_models_listed_and_texts_embedded(google: Any) -> None:
    counted = await google.models.count_tokens(model="sim-echo", contents=SEA)
    assert counted.total_tokens == -(-len(SEA) // 4)
    pager = await google.models.list(config={"page_size": 4})
    names = [model.name async for model in pager]
    assert [name.rpartition("/")[2] for name in names][:2] == ["sim-echo", "sim-story"]
    assert len(names) == 6
    vectors = await google.models.embed_content(
        model="sim-echo",
        contents=["a", "b", "a"],
        config=types.EmbedContentConfig(output_dimensionality=8, task_type="CLUSTERING"),
    )
    first, second, third = (each.values for each in vectors.embeddings)
    assert first == third != second
    assert len(first) == 8


@pytest.mark.parametrize("stream", [False, True])
async def test_a_blocked_prompt_has_no_candidates(google: Any, stream: bool) -> None:
    if stream:
        (said,) = await streamed(google, "fault-filter-prompt")
    else:
        said = await whole(google, "fault-filter-prompt")
    assert said.prompt_feedback.block_reason is types.BlockedReason.PROHIBITED_CONTENT
    assert not said.candidates


@pytest.mark.parametrize("fault", ["filter-before-output", "filter-at-end"])
async def test_a_blocked_answer_says_safety(google: Any, fault: str) -> None:
    said = await whole(google, f"fault-{fault}")
    assert said.candidates[0].finish_reason is types.FinishReason.SAFETY
    assert said.candidates[0].safety_ratings[0].blocked


async def test_an_error_in_the_stream_is_the_clients_error(google: Any) -> None:
    with pytest.raises(errors.ServerError) as caught:
        await streamed(google, "fault-error-after-output")
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")


@pytest.mark.parametrize(
    ("model", "code", "detail"),
    [
        ("fault-limited-body", 429, {"retryDelay": "2s"}),
        ("fault-quota", 429, {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}),
        ("nobody", 404, {}),
    ],
)
async def test_errors_say_how_long_and_which_quota(
    google: Any, model: str, code: int, detail: dict[str, str]
) -> None:
    with pytest.raises(errors.ClientError) as caught:
        await whole(google, model)
    assert caught.value.code == code
    said = json.dumps(caught.value.details)
    assert all(f'"{key}": "{value}"' in said for key, value in detail.items())


def user(**part: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [part or {"text": "Hi"}]}]}


async def post(http: aiohttp.ClientSession, path: str, body: Any) -> tuple[int, Any]:
    async with http.post(path, json=body) as response:
        return response.status, await response.json()


@pytest.mark.parametrize("path", [DEVELOPER, VERTEX + "publishers/google/models/"])
async def test_keys_are_taken_in_either_spelling(http: aiohttp.ClientSession, path: str) -> None:
    body = {
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "iVBORw=="}}]}],
        "generation_config": {"max_output_tokens": 50, "thinking_config": {"thinking_budget": 0}},
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": SCHEMA}]}],
        "safetySettings": [{"category": "HARM", "threshold": "OFF"}],
    }
    status, said = await post(http, path + "sim-vision:generateContent", body)
    assert status == 200, said
    assert "image/png, 4 bytes" in said["candidates"][0]["content"]["parts"][0]["text"]


async def test_endpoints_of_vertex_answer_too(http: aiohttp.ClientSession) -> None:
    status, said = await post(http, VERTEX + "endpoints/sim-echo:generateContent", user())
    assert (status, said["candidates"][0]["content"]["parts"]) == (200, [{"text": "Hi"}])


CALL = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"contents": []}, "contents is not specified"),
    "empty turn": ({"contents": [{"role": "user", "parts": []}]}, "parts must not be empty"),
    "empty text": (user(text=""), "empty text parameter"),
    "two kinds": (user(text="a", fileData={"fileUri": "gs://a/b"}), "oneof field 'data'"),
    "unknown": ({**user(), "max_tokens": 1}, 'Unknown name "maxTokens"'),
    "role": ({"contents": [{"role": "assistant", "parts": [{"text": "a"}]}]}, "role"),
    "stops": ({**user(), "generationConfig": {"stopSequences": ["a"] * 6}}, "length <= 5"),
    "unanswered": ({"contents": [*user()["contents"], CALL]}, "function response turn"),
    "too few": (
        {"contents": [*user()["contents"], CALL, *user()["contents"]]},
        "number of function response parts",
    ),
    "first": ({"contents": [CALL]}, "function call turn comes immediately after a user turn"),
    "in a row": (
        {"contents": [*user()["contents"], {"role": "model", "parts": [{"text": "a"}]}, CALL]},
        "function call turn comes immediately after a user turn",
    ),
    "seed": ({**user(), "generationConfig": {"seed": 1 << 31}}, "seed"),
    "both thoughts": (
        {
            **user(),
            "generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}},
        },
        "only set only one",
    ),
    "schema alone": ({**user(), "generationConfig": {"responseJsonSchema": {}}}, "mime_type"),
    "allowed": (
        {**user(), "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["f"]}}},
        "only when function calling mode is ANY",
    ),
    "base64": (user(inlineData={"mimeType": "image/png", "data": "?"}), "Base64"),
    "cache": ({**user(), "cachedContent": "cachedContents/a"}, "CachedContent not found"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("path", [DEVELOPER, VERTEX + "publishers/google/models/"])
async def test_what_is_wrong_is_refused(http: aiohttp.ClientSession, path: str, name: str) -> None:
    body, words = REFUSED[name]
    status, said = await post(http, path + "sim-echo:generateContent", body)
    assert status == (403 if name == "cache" else 400)
    assert words in said["error"]["message"]


async def test_ids_of_calls_are_unknown_to_v1_of_vertex(http: aiohttp.ClientSession) -> None:
    call = {"name": "f", "args": {}, "id": "a"}
    result = {"name": "f", "response": {"output": "x"}, "id": "a"}
    body = {
        "contents": [
            *user()["contents"],
            {"role": "model", "parts": [{"functionCall": call}]},
            {"role": "user", "parts": [{"functionResponse": result}]},
        ]
    }
    model = "publishers/google/models/sim-echo:generateContent"
    status, said = await post(http, VERTEX + model, body)
    assert (status, 'Unknown name "id"' in said["error"]["message"]) == (400, True)
    beta = VERTEX.replace("v1", "v1beta1")
    assert (await post(http, beta + model, body))[0] == 200
    assert (await post(http, DEVELOPER + "sim-echo:generateContent", body))[0] == 200


async def test_keys_are_wanted_and_looked_at(sim: Simulator) -> None:
    async with aiohttp.ClientSession(sim.url) as http:
        status, said = await post(http, DEVELOPER + "sim-echo:generateContent", user())
        assert (status, said["error"]["status"]) == (403, "PERMISSION_DENIED")
        for path, status, word in (
            (DEVELOPER, 400, "API_KEY_INVALID"),
            (VERTEX + "publishers/google/models/", 401, "UNAUTHENTICATED"),
        ):
            headers = {"x-goog-api-key": "invalid"}
            async with http.post(
                path + "sim-echo:generateContent", json=user(), headers=headers
            ) as response:
                assert (response.status, word in await response.text()) == (status, True)


def test_vertex_answers_json_without_http() -> None:
    origin = Origin(1, "t" * 24, 0.0)
    body = json.dumps(user()).encode()
    chat = Vertex().asked(body, "sim-echo", origin, stream=True)
    said = answer(chat.ask, 7)
    assert chat.response(said)["responseId"] == origin.token
    assert [mark.name for _, mark in chat.pieces(said)] == ["PIECE", "END"]
    with pytest.raises(Refused):
        Vertex().asked(b"{}", "sim-echo", origin, stream=False)
