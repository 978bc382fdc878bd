"""The official SDK of OpenAI is content with everything the simulator says."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from hexgate.adapters.simulator import Simulator
from tests.adapters.simulator.asked import NAMES, PNG, SCHEMA

USER: Any = [{"role": "user", "content": "Tell me of the sea, in JSON."}]
TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in NAMES
]


async def test_a_whole_answer_has_every_documented_field(gpt: openai.AsyncOpenAI) -> None:
    raw = await gpt.chat.completions.with_raw_response.create(model="sim-think", messages=USER)
    body, parsed = json.loads(raw.text), raw.parse()
    assert set(body) == {
        *("id", "object", "created", "model", "choices", "usage"),
        *("service_tier", "system_fingerprint"),
    }
    assert set(body["choices"][0]) == {"index", "message", "logprobs", "finish_reason"}
    assert set(body["choices"][0]["message"]) == {"role", "content", "refusal", "annotations"}
    assert parsed.usage is not None
    assert parsed.usage.completion_tokens_details is not None
    reasoning = parsed.usage.completion_tokens_details.reasoning_tokens or 0
    assert 0 < reasoning < parsed.usage.completion_tokens
    assert parsed.usage.total_tokens == parsed.usage.prompt_tokens + parsed.usage.completion_tokens
    for header in ("x-request-id", "openai-processing-ms", "x-ratelimit-remaining-tokens"):
        assert raw.headers[header]


async def test_identifiers_never_repeat(gpt: openai.AsyncOpenAI) -> None:
    seen = [await gpt.chat.completions.create(model="sim-echo", messages=USER) for _ in range(3)]
    assert len({each.id for each in seen}) == 3
    assert len({each._request_id for each in seen}) == 3


async def test_a_stream_has_role_text_finish_usage_and_done_in_this_order(
    gpt: openai.AsyncOpenAI,
) -> None:
    stream = await gpt.chat.completions.create(
        model="sim-story", messages=USER, stream=True, stream_options={"include_usage": True}
    )
    chunks: list[ChatCompletionChunk] = [chunk async for chunk in stream]
    first, *middle, last, counted = chunks
    assert first.choices[0].delta.role == "assistant"
    assert first.choices[0].delta.content == ""
    assert all(each.choices[0].delta.content for each in middle)
    assert all(each.usage is None and "usage" in each.model_fields_set for each in chunks[:-1])
    assert last.choices[0].finish_reason == "stop"
    assert last.choices[0].delta.content is None
    assert counted.choices == []
    assert counted.usage is not None
    assert len({each.id for each in chunks}) == 1


async def test_a_stream_without_include_usage_has_none(gpt: openai.AsyncOpenAI) -> None:
    stream = await gpt.chat.completions.create(model="sim-echo", messages=USER, stream=True)
    assert [chunk.usage async for chunk in stream] == [None] * 9


async def test_the_sdk_assembles_parallel_tool_calls_and_hears_of_their_results(
    gpt: openai.AsyncOpenAI,
) -> None:
    async with gpt.chat.completions.stream(model="sim-tools", messages=USER, tools=TOOLS) as stream:
        answer = (await stream.get_final_completion()).choices[0].message
    calls = answer.tool_calls or []
    assert [call.function.name for call in calls] == list(NAMES)
    results: Any = [
        {"role": "tool", "tool_call_id": call.id, "content": f"{call.function.name}: fine"}
        for call in calls
    ]
    turn: Any = answer.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
    for call in turn["tool_calls"]:
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    told = await gpt.chat.completions.create(
        model="sim-tools", messages=[*USER, turn, *results], tools=TOOLS
    )
    assert told.choices[0].message.content == "The tools returned: weather: fine; tides: fine"


@pytest.mark.parametrize(
    ("choice", "parallel", "names"),
    [
        ("none", True, []),
        ("auto", False, ["weather"]),
        ("required", True, ["weather", "tides"]),
        ({"type": "function", "function": {"name": "tides"}}, True, ["tides"]),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "tides"}}],
                },
            },
            True,
            ["tides"],
        ),
    ],
)
async def test_the_tool_choice_is_obeyed(
    gpt: openai.AsyncOpenAI, choice: Any, parallel: bool, names: list[str]
) -> None:
    answer = await gpt.chat.completions.create(
        model="sim-tools",
        messages=USER,
        tools=TOOLS,
        tool_choice=choice,
        parallel_tool_calls=parallel,
    )
    calls = answer.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls if call.type == "function"] == names


async def test_json_is_json_and_fits_the_schema(gpt: openai.AsyncOpenAI) -> None:
    shape: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    for model in ("sim-json", "sim-echo"):
        answer = await gpt.chat.completions.create(
            model=model, messages=USER, response_format=shape
        )
        assert set(json.loads(answer.choices[0].message.content or "")) == {"city", "unit", "days"}
    answer = await gpt.chat.completions.create(
        model="sim-json", messages=USER, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


@pytest.mark.parametrize("stream", [False, True])
async def test_log_probabilities_cover_the_text(gpt: openai.AsyncOpenAI, stream: bool) -> None:
    found: list[Any] = []
    asked: Any = {"model": "sim-echo", "messages": USER, "logprobs": True, "top_logprobs": 2}
    if stream:
        async for chunk in await gpt.chat.completions.create(**asked, stream=True):
            found += (chunk.choices[0].logprobs and chunk.choices[0].logprobs.content) or []
    else:
        answer = await gpt.chat.completions.create(**asked)
        assert answer.choices[0].logprobs is not None
        found += answer.choices[0].logprobs.content or []
    assert "".join(each.token for each in found) == USER[0]["content"]
    assert all(each.logprob <= 0 and len(each.top_logprobs) == 2 for each in found)
    assert b"".join(bytes(each.bytes) for each in found).decode() == USER[0]["content"]


async def test_a_long_prompt_is_cached_the_second_time(gpt: openai.AsyncOpenAI) -> None:
    long: Any = [{"role": "system", "content": "word " * 2000}]
    cached = []
    for question in ("a", "b", "b"):
        answer = await gpt.chat.completions.create(
            model="sim-echo", messages=[*long, {"role": "user", "content": question}]
        )
        assert answer.usage is not None
        assert answer.usage.prompt_tokens_details is not None
        cached.append(answer.usage.prompt_tokens_details.cached_tokens)
    assert cached == [0, 2432, 2432]  # 2,500 tokens, in steps of 128


async def test_documents_are_read(gpt: openai.AsyncOpenAI) -> None:
    data = "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.7").decode()
    parts: Any = [{"type": "file", "file": {"file_data": data, "filename": "a.pdf"}}]
    answer = await gpt.chat.completions.create(
        model="sim-vision", messages=[{"role": "user", "content": parts}]
    )
    assert "application/pdf, 8 bytes" in (answer.choices[0].message.content or "")


async def test_models_are_listed_and_found(gpt: openai.AsyncOpenAI) -> None:
    listed = [model.id async for model in gpt.models.list()]
    assert "sim-story" in listed
    assert (await gpt.models.retrieve("sim-story")).object == "model"
    with pytest.raises(openai.NotFoundError) as caught:
        await gpt.models.retrieve("gpt-0")
    assert caught.value.code == "model_not_found"


def user(**more: Any) -> dict[str, Any]:
    return {"model": "sim-echo", "messages": [{"role": "user", "content": "x"}], **more}


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
REFUSED: dict[str, tuple[dict[str, Any], str | None, str | None]] = {
    "unknown": (user(top_k=3), "unknown_parameter", "top_k"),
    "missing": ({"model": "sim-echo"}, "missing_required_parameter", "messages"),
    "type": (user(max_tokens="7"), "invalid_type", "max_tokens"),
    "range": (user(temperature=3), "invalid_value", "temperature"),
    "role": (
        {"model": "sim-echo", "messages": [{"role": "boss", "content": "x"}]},
        "invalid_value",
        "messages[0].role",
    ),
    "empty": ({"model": "sim-echo", "messages": []}, "invalid_value", "messages"),
    "inner": (
        {"model": "sim-echo", "messages": [{"role": "user", "content": "x", "cache": 1}]},
        "unknown_parameter",
        "messages[0].cache",
    ),
    "both limits": (
        user(max_tokens=1, max_completion_tokens=1),
        "invalid_parameter_combination",
        "max_tokens",
    ),
    "options": (user(stream_options={"include_usage": True}), None, "stream_options"),
    "choice": (user(tool_choice="auto"), None, "tool_choice"),
    "stops": (user(stop=list("abcde")), "invalid_value", "stop"),
    "orphan": (
        user(messages=[{"role": "tool", "tool_call_id": "c1", "content": "x"}]),
        None,
        "messages.[0].role",
    ),
    "unanswered": (
        user(messages=[{"role": "assistant", "tool_calls": [CALL]}]),
        None,
        "messages.[1].role",
    ),
    "arguments": (
        user(
            messages=[
                {
                    "role": "assistant",
                    "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{"}}],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "x"},
            ]
        ),
        None,
        "messages[0].tool_calls",
    ),
    "no json": (user(response_format={"type": "json_object"}), None, "messages"),
    "loose": (
        user(
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}},
            }
        ),
        None,
        "response_format",
    ),
    "image": (
        user(
            messages=[
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "data:nonsense"}}],
                }
            ]
        ),
        "invalid_value",
        "messages[0].content[0].image_url.url",
    ),
    **{
        f"file {kind}": (
            user(messages=[{"role": "user", "content": [{"type": "file", "file": file}]}]),
            "invalid_value",
            "messages[0].content[0].file.file_data",
        )
        for kind, file in {
            "of text": {"file_data": "data:text/plain;base64,SGk=", "filename": "a.txt"},
            "by link": {"file_data": "https://example.org/a.pdf", "filename": "a.pdf"},
        }.items()
    },
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_the_api_would_refuse_is_refused(gpt: openai.AsyncOpenAI, case: str) -> None:
    body, code, param = REFUSED[case]
    with pytest.raises(openai.BadRequestError) as caught:
        await gpt.post("/chat/completions", cast_to=object, body=body)
    error = caught.value
    assert (error.type, error.code, error.param) == ("invalid_request_error", code, param)


async def test_a_prompt_beyond_the_window_is_refused(gpt: openai.AsyncOpenAI) -> None:
    text = "word" * 140_000
    with pytest.raises(openai.BadRequestError) as caught:
        await gpt.chat.completions.create(
            model="sim-echo", messages=[{"role": "user", "content": text}]
        )
    assert caught.value.code == "context_length_exceeded"


async def test_a_wrong_key_is_refused(sim: Simulator) -> None:
    async with openai.AsyncOpenAI(
        api_key="invalid", base_url=sim.openai_url, max_retries=0
    ) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.chat.completions.create(model="sim-echo", messages=USER)
    assert caught.value.code == "invalid_api_key"


FAULTS: dict[str, tuple[type[openai.APIStatusError], str | None]] = {
    "unauthorized": (openai.AuthenticationError, "invalid_api_key"),
    "forbidden": (openai.PermissionDeniedError, "access_denied"),
    "model-gone": (openai.NotFoundError, "model_not_found"),
    "context-too-long": (openai.BadRequestError, "context_length_exceeded"),
    "filter-prompt": (openai.BadRequestError, "content_policy_violation"),
    "limited": (openai.RateLimitError, "rate_limit_exceeded"),
    "quota": (openai.RateLimitError, "insufficient_quota"),
    "error-500": (openai.InternalServerError, None),
    "error-503": (openai.InternalServerError, None),
    "error-529": (openai.InternalServerError, None),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_errors_are_of_the_class_the_sdk_has_for_them(
    gpt: openai.AsyncOpenAI, fault: str
) -> None:
    kind, code = FAULTS[fault]
    with pytest.raises(kind) as caught:
        await gpt.chat.completions.create(model=f"fault-{fault}", messages=USER)
    assert caught.value.code == code
    assert caught.value.request_id


async def test_an_error_in_the_stream_reaches_the_sdk(gpt: openai.AsyncOpenAI) -> None:
    stream = await gpt.chat.completions.create(
        model="fault-error-after-output", messages=USER, stream=True
    )
    heard = [await anext(stream) for _ in range(4)]
    assert len("".join(chunk.choices[0].delta.content or "" for chunk in heard).split()) == 3
    with pytest.raises(openai.APIError) as caught:
        await anext(stream)
    assert caught.value.code == "server_error"


async def test_a_filtered_answer_says_so(gpt: openai.AsyncOpenAI) -> None:
    for fault, words in (("filter-before-output", 0), ("filter-at-end", 3)):
        answer = await gpt.chat.completions.create(model=f"fault-{fault}", messages=USER)
        assert answer.choices[0].finish_reason == "content_filter"
        assert len((answer.choices[0].message.content or "").split()) == words


async def test_pictures_reach_the_model(gpt: openai.AsyncOpenAI) -> None:
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    parts: Any = [{"type": "image_url", "image_url": {"url": url}}]
    answer = await gpt.chat.completions.create(
        model="sim-vision", messages=[{"role": "user", "content": parts}]
    )
    assert "image/png" in (answer.choices[0].message.content or "")


@pytest.mark.parametrize("given", ["word", ["word"], [1, 2], [[1, 2]]])
async def test_texts_and_tokens_become_vectors(gpt: openai.AsyncOpenAI, given: Any) -> None:
    packed = await gpt.embeddings.create(model="sim-echo", input=given, encoding_format="base64")
    floats = await gpt.embeddings.create(model="sim-echo", input=given, encoding_format="float")
    plain = await gpt.embeddings.create(model="sim-echo", input=given)  # which asks for base64
    assert len(floats.data[0].embedding) == 64
    assert isinstance(packed.data[0].embedding, str)
    assert plain.data[0].embedding == pytest.approx(floats.data[0].embedding, abs=1e-6)
    assert sum(x * x for x in floats.data[0].embedding) == pytest.approx(1.0)
    assert plain.usage.prompt_tokens == plain.usage.total_tokens > 0


async def test_vectors_are_in_order_and_as_long_as_asked(gpt: openai.AsyncOpenAI) -> None:
    answer = await gpt.embeddings.create(model="sim-echo", input=["a", "b", "a"], dimensions=7)
    assert [each.index for each in answer.data] == [0, 1, 2]
    first, second, third = (each.embedding for each in answer.data)
    assert (len(first), first == third, first == second) == (7, True, False)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": "x"}, "model"),
        ({"model": "sim-echo", "input": ""}, "input"),
        ({"model": "sim-echo", "input": []}, "input"),
        ({"model": "sim-echo", "input": ["x"] * 2049}, "input"),
        ({"model": "sim-echo", "input": "x", "dimensions": 0}, "dimensions"),
        ({"model": "sim-echo", "input": "x", "input_type": "query"}, "input_type"),
        ({"model": "sim-echo", "input": ["word" * 40_000]}, None),
    ],
)
async def test_what_cannot_be_embedded_is_refused(
    gpt: openai.AsyncOpenAI, body: Any, param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await gpt.post("/embeddings", cast_to=object, body=body)
    assert caught.value.param == param
