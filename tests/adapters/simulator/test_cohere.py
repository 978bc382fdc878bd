"""The official SDK of Cohere is content with everything the simulator says."""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import cohere
import msgspec
import pytest
from cohere.core.api_error import ApiError
from cohere.v2.client import AsyncV2Client

from hexgate.adapters.simulator import Simulator
from hexgate.adapters.simulator.cohere import requests as wire
from tests.adapters.simulator.asked import NAMES, PNG, SCHEMA

USER: Any = [{"role": "user", "content": "Tell me of the sea."}]
TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in NAMES
]
URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


@pytest.fixture
async def co(sim: Simulator) -> AsyncIterator[cohere.AsyncClientV2]:
    async with cohere.AsyncClientV2(
        api_key="key", base_url=sim.cohere_url, max_retries=0, timeout=10
    ) as client:
        yield client


async def streamed(co: cohere.AsyncClientV2, **asked: Any) -> list[Any]:
    """The events, none of which the SDK skips: it would log that."""
    return [event async for event in co.chat_stream(messages=USER, **asked)]


async def whole(co: cohere.AsyncClientV2, **asked: Any) -> Any:
    """The answer in one piece."""
    return await co.chat(messages=USER, **asked)


def kinds(events: list[Any]) -> list[str]:
    """The types of the events in order, repeated ones once."""
    found: list[str] = []
    for event in events:
        if not found or found[-1] != event.type:
            found.append(event.type)
    return found


def known(value: Any) -> None:
    """Every field is one that the SDK has a name for."""
    if hasattr(value, "model_fields_set"):
        assert value.model_extra in (None, {})
        for name in type(value).model_fields:
            known(getattr(value, name))
    elif isinstance(value, list):
        for each in value:
            known(each)


async def test_a_whole_answer_has_every_field_the_sdk_knows(co: cohere.AsyncClientV2) -> None:
    answer = await co.chat(model="sim-think", messages=USER, logprobs=True)
    known(answer)
    assert answer.finish_reason == "COMPLETE"
    content = answer.message.content or []
    assert [part.type for part in content] == ["thinking", "text"]
    assert answer.logprobs
    usage = answer.usage
    assert usage is not None
    assert usage.billed_units is not None
    assert usage.tokens is not None
    assert 0 < (usage.billed_units.input_tokens or 0) < (usage.tokens.input_tokens or 0)
    assert usage.cached_tokens == 0


async def test_answers_and_errors_carry_a_trace(co: cohere.AsyncClientV2) -> None:
    raw = await co.with_raw_response.chat(model="sim-echo", messages=USER)
    assert len(raw.headers["x-debug-trace-id"]) == 32
    with pytest.raises(cohere.NotFoundError) as caught:
        await co.chat(model="command-z", messages=USER)
    assert len((caught.value.headers or {})["x-debug-trace-id"]) == 32
    assert set(caught.value.body) == {"id", "message"}


async def test_a_stream_has_start_blocks_and_end_in_this_order(
    co: cohere.AsyncClientV2, caplog: pytest.LogCaptureFixture
) -> None:
    events = await streamed(co, model="sim-think", logprobs=True)
    assert kinds(events) == [
        "message-start",
        *("content-start", "content-delta", "content-end"),
        *("content-start", "content-delta", "content-end"),
        "message-end",
    ]
    told = await co.chat(model="sim-think", messages=USER)
    said = [event.delta.message.content for event in events if event.type == "content-delta"]
    content: Any = told.message.content
    assert "".join(each.thinking or "" for each in said) == content[0].thinking
    assert "".join(each.text or "" for each in said) == content[1].text
    assert events[-1].delta.finish_reason == "COMPLETE"
    assert events[-1].delta.usage == told.usage
    assert not caplog.records


async def test_tools_are_planned_called_and_their_results_heard(co: cohere.AsyncClientV2) -> None:
    answer = await co.chat(model="sim-tools", messages=USER, tools=TOOLS)
    known(answer)
    calls = answer.message.tool_calls or []
    assert answer.message.tool_plan == "I will use weather and tides."
    assert [call.function and call.function.name for call in calls] == list(NAMES)
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"{name}: fine"}
        for call, name in zip(calls, NAMES, strict=True)
    ]
    turns: Any = [*USER, answer.message, *results]
    told = await co.chat(model="sim-tools", messages=turns, tools=TOOLS)
    (said,) = told.message.content or []
    assert said.type == "text"
    assert said.text == "The tools returned: weather: fine; tides: fine"


async def test_a_stream_of_calls_is_that_of_the_whole_answer(co: cohere.AsyncClientV2) -> None:
    events = await streamed(co, model="sim-tools", tools=TOOLS)
    one_call = ["tool-call-start", "tool-call-delta", "tool-call-end"]
    start, end = "message-start", "message-end"
    assert kinds(events) == [start, "tool-plan-delta", *one_call, *one_call, end]
    plan = [event.delta.message.tool_plan for event in events if event.type == "tool-plan-delta"]
    calls: dict[int, list[str]] = {}
    for event in events:
        if event.type in ("tool-call-start", "tool-call-delta"):
            function = event.delta.message.tool_calls.function
            calls.setdefault(event.index, []).append(function.arguments)
    told = await co.chat(model="sim-tools", messages=USER, tools=TOOLS)
    assert "".join(plan) == told.message.tool_plan
    made = [call.function and call.function.arguments for call in told.message.tool_calls or []]
    assert ["".join(pieces) for pieces in calls.values()] == made
    assert events[-1].delta.finish_reason == "TOOL_CALL"


@pytest.mark.parametrize(
    ("choice", "names"), [(None, []), ("NONE", []), ("REQUIRED", ["weather", "tides"])]
)
async def test_the_tool_choice_is_obeyed(
    co: cohere.AsyncClientV2, choice: str | None, names: list[str]
) -> None:
    extra = {"tool_choice": choice} if choice else {}
    answer = await whole(co, model="sim-echo", tools=TOOLS, **extra)
    calls = answer.message.tool_calls or []
    assert [call.function and call.function.name for call in calls] == names


async def test_forms_and_limits_are_kept(co: cohere.AsyncClientV2) -> None:
    form: Any = {"type": "json_object", "json_schema": SCHEMA}
    answer: Any = await co.chat(model="sim-json", messages=USER, response_format=form)
    assert set(json.loads(answer.message.content[0].text)) == {"city", "unit", "days"}
    answer = await co.chat(model="sim-echo", messages=USER, max_tokens=2)
    assert (answer.finish_reason, answer.message.content[0].text) == ("MAX_TOKENS", "Tell me ")
    answer = await co.chat(model="sim-echo", messages=USER, stop_sequences=["of"])
    assert answer.finish_reason == "STOP_SEQUENCE"
    answer = await co.chat(
        model="sim-think", messages=USER, thinking=cohere.Thinking(type="disabled")
    )
    assert [part.type for part in answer.message.content] == ["text"]


async def test_images_and_documents_are_seen(co: cohere.AsyncClientV2) -> None:
    parts: Any = [
        {"type": "text", "text": "Look."},
        {"type": "image_url", "image_url": {"url": URL, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}},
    ]
    documents: Any = ["Plain.", {"id": "d", "data": {"text": "Notes.", "title": "n"}}]
    answer = await co.chat(
        model="sim-vision",
        messages=[cohere.UserChatMessageV2(content=parts)],
        documents=documents,
    )
    (told,) = answer.message.content or []
    assert told.type == "text"
    for seen in ("image/png, 48 bytes", "https://e.org/a.png", "text/plain, 6 bytes"):
        assert seen in told.text


async def test_long_prompts_are_cached(co: cohere.AsyncClientV2) -> None:
    long: Any = [{"role": "user", "content": "word " * 2000}]
    for cached in (0, 2432):
        answer = await co.chat(model="sim-echo", messages=long, max_tokens=1)
        assert answer.usage is not None
        assert answer.usage.cached_tokens == cached


async def test_vectors_are_the_same_for_equal_inputs(co: cohere.AsyncClientV2) -> None:
    common: Any = {"model": "sim-echo", "embedding_types": ["float"]}
    answer = await co.embed(
        texts=["a", "b", "a"], input_type="search_query", output_dimension=9, **common
    )
    known(answer)
    first, second, third = answer.embeddings.float_ or []
    assert first == third != second
    assert len(first) == 9
    text, image = {"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": URL}}
    inputs: Any = [{"content": [text]}, {"content": [text, image]}]
    mixed = await co.embed(
        inputs=inputs, input_type="search_document", output_dimension=9, **common
    )
    known(mixed)
    same, other = mixed.embeddings.float_ or []
    assert same == first != other
    shown = await co.embed(images=[URL], input_type="image", **common)
    known(shown)
    assert len((shown.embeddings.float_ or [])[0]) == 64
    assert len(shown.images or []) == 1


async def test_models_are_listed_page_by_page(co: cohere.AsyncClientV2) -> None:
    names: list[str | None] = []
    page = await co.models.list(page_size=4, endpoint="chat")
    while True:
        known(page)
        names += [model.name for model in page.models]
        if page.next_page_token is None:
            break
        page = await co.models.list(page_size=4, endpoint="chat", page_token=page.next_page_token)
    assert len(names) == len(set(names)) == 6
    assert (await co.models.list(endpoint="rerank")).models == []
    shown = await co.models.get("sim-think")
    known(shown)
    assert "thinking" in (shown.features or [])
    assert shown.context_length == 131072


async def test_tokens_are_counted(co: cohere.AsyncClientV2) -> None:
    counted = await co.tokenize(text="Tell me of the sea.", model="sim-echo", offline=False)
    known(counted)
    assert len(counted.tokens) == len(counted.token_strings) == 5
    answer = await co.chat(model="sim-echo", messages=USER)
    assert answer.usage is not None
    assert answer.usage.billed_units is not None
    assert answer.usage.billed_units.input_tokens == 5


ERRORS: dict[str, type[ApiError]] = {
    "unauthorized": cohere.UnauthorizedError,
    "forbidden": cohere.ForbiddenError,
    "model-gone": cohere.NotFoundError,
    "context-too-long": cohere.BadRequestError,
    "filter-prompt": cohere.InvalidTokenError,
    "limited": cohere.TooManyRequestsError,
    "spend-limit": cohere.TooManyRequestsError,
    "error-500": cohere.InternalServerError,
    "error-503": cohere.ServiceUnavailableError,
    "error-504": cohere.GatewayTimeoutError,
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ERRORS)
async def test_errors_are_those_the_sdk_has_a_class_for(
    co: cohere.AsyncClientV2, fault: str, stream: bool
) -> None:
    ask = streamed if stream else whole
    with pytest.raises(ERRORS[fault]):
        await ask(co, model=f"fault-{fault}")


async def test_an_error_in_the_stream_is_told_by_its_end(co: cohere.AsyncClientV2) -> None:
    *events, end = await streamed(co, model="fault-error-after-output")
    assert [event.type for event in events].count("content-delta") == 3
    assert (end.type, end.delta.finish_reason) == ("message-end", "ERROR")
    assert end.delta.error


async def test_without_a_key_nothing_is_answered(sim: Simulator) -> None:
    async with aiohttp.ClientSession() as http, http.get(sim.cohere_url + "/v1/models") as answer:
        assert answer.status == 401
        assert (await answer.json())["message"] == "no api key supplied"


def said(*turns: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "sim-echo", "messages": [*turns], **fields}


HI = {"role": "user", "content": "Hi"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "tool_calls": [CALL]}
REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "model": (said(HI, model="command-z"), 404, "model 'command-z' not found"),
    "nothing": (said(), 400, "messages"),
    "unknown": (said(HI, top_p=1), 400, "parameter 'top_p' is not a valid field"),
    "deep": (said({**HI, "name": "x"}), 400, "parameter 'messages[0].name'"),
    "type": (said(HI, max_tokens="x"), 400, "max_tokens must be of type"),
    "hot": (said(HI, temperature=1.1), 400, "temperature"),
    "p": (said(HI, p=1.0), 400, "invalid request: p"),
    "k": (said(HI, k=501), 400, "invalid request: k"),
    "stops": (said(HI, stop_sequences=["a"] * 6), 400, "stop_sequences"),
    "system": (said(HI, {"role": "system", "content": "x"}), 400, "system turn must be the first"),
    "empty": (said({"role": "user", "content": ""}), 400, "must not be empty"),
    "orphan": (said(HI, {"role": "tool", "tool_call_id": "z", "content": "x"}), 400, "not found"),
    "twice": (said(HI, CALLED, CALLED), 400, "duplicate tool ids"),
    "no tools": (said(HI, tool_choice="REQUIRED"), 400, "need tools"),
    "auto": (said(HI, tools=TOOLS, tool_choice="AUTO"), 400, "tool_choice"),
    "json": (said(HI, tools=TOOLS, response_format={"type": "json_object"}), 400, "not supported"),
    "budget": (said(HI, thinking={"type": "enabled", "token_budget": 0}), 400, "token_budget"),
    "tool name": (
        said(HI, tools=[{"type": "function", "function": {"name": "a-b", "parameters": {}}}]),
        400,
        "tools[0].function.name",
    ),
    "image": (
        said({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}),
        400,
        "must be a link",
    ),
    "long": (said({"role": "user", "content": "x" * 600_000}), 400, "too many tokens"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_makes_no_sense_is_refused(http: aiohttp.ClientSession, case: str) -> None:
    body, status, words = REFUSED[case]
    async with http.post("/cohere/v2/chat", json=body) as response:
        answer = await response.json()
    assert response.status == status
    assert words in answer["message"]


EMBEDS: list[tuple[dict[str, Any], str]] = [
    ({"input_type": "search_query"}, "exactly one of"),
    ({"input_type": "search_query", "texts": ["a"], "images": [URL]}, "exactly one of"),
    ({"input_type": "search_query", "images": [URL]}, "input_type=image"),
    ({"input_type": "search_query", "texts": ["a"] * 97}, "texts"),
    ({"input_type": "search_query", "texts": ["a", ""]}, "empty string at 1"),
    ({"texts": ["a"]}, "input_type is required"),
    ({"input_type": "search_query", "texts": ["a"], "embedding_types": ["int8"]}, "float alone"),
]


@pytest.mark.parametrize(("body", "words"), EMBEDS)
async def test_what_cannot_be_embedded_is_refused(
    http: aiohttp.ClientSession, body: dict[str, Any], words: str
) -> None:
    async with http.post("/cohere/v2/embed", json={"model": "sim-echo", **body}) as response:
        assert response.status == 400
        assert words in (await response.json())["message"]


def keys(struct: type[msgspec.Struct]) -> set[str]:
    """The keys of a struct on the wire, its tag included."""
    tag = struct.__struct_config__.tag_field
    return {*struct.__struct_encode_fields__, *([tag] if tag else [])}


PAIRS: list[tuple[type[msgspec.Struct], Any]] = [
    (wire.System, cohere.SystemChatMessageV2),
    (wire.User, cohere.UserChatMessageV2),
    (wire.Assistant, cohere.AssistantChatMessageV2),
    (wire.ToolMessage, cohere.ToolChatMessageV2),
    (wire.TextPart, cohere.TextContent),
    (wire.ImagePart, cohere.ImageUrlContent),
    (wire.ImageUrl, cohere.ImageUrl),
    (wire.ThinkingPart, cohere.ThinkingAssistantMessageV2ContentOneItem),
    (wire.Document, cohere.Document),
    (wire.DocumentPart, cohere.DocumentToolContent),
    (wire.ToolCall, cohere.ToolCallV2),
    (wire.Function, cohere.ToolCallV2Function),
    (wire.Tool, cohere.ToolV2),
    (wire.FunctionSpec, cohere.ToolV2Function),
    (wire.JsonFormat, cohere.JsonObjectResponseFormatV2),
    (wire.Thinking, cohere.Thinking),
    (wire.CitationOptions, cohere.CitationOptions),
    (wire.EmbedInput, cohere.EmbedInput),
]


@pytest.mark.parametrize(("struct", "model"), PAIRS, ids=lambda x: getattr(x, "__name__", ""))
def test_keys_are_those_of_the_sdk(struct: type[msgspec.Struct], model: Any) -> None:
    assert keys(struct) == set(model.model_fields)


def test_the_settings_are_those_of_the_sdk() -> None:
    def taken(method: Any) -> set[str]:
        return set(inspect.signature(method).parameters) - {"self", "request_options"}

    assert keys(wire.Body) == taken(AsyncV2Client.chat) | {"stream"}
    assert keys(wire.Body) == taken(AsyncV2Client.chat_stream) | {"stream"}
    assert keys(wire.Embed) == taken(AsyncV2Client.embed)
