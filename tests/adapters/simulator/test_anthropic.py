"""The official SDK of Anthropic is content with everything the simulator says."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

import anthropic
import pytest

from hexgate.adapters.simulator import Simulator
from tests.adapters.simulator.asked import NAMES, PNG, SCHEMA

USER: Any = [{"role": "user", "content": "Tell me of the sea."}]
TOOLS: Any = [{"name": name, "input_schema": SCHEMA} for name in NAMES]
OLD = {"anthropic-version": "2023-06-01"}


async def test_a_whole_answer_has_every_documented_field(claude: anthropic.AsyncAnthropic) -> None:
    raw = await claude.messages.with_raw_response.create(
        model="sim-story", messages=USER, max_tokens=500
    )
    body = json.loads(await raw.text())
    assert set(body) == {
        *("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"),
    }
    assert raw.headers["request-id"]
    reset = raw.headers["anthropic-ratelimit-input-tokens-reset"]
    assert datetime.fromisoformat(reset).tzinfo is not None
    parsed = await raw.parse()
    assert parsed._request_id == raw.headers["request-id"]


async def test_a_stream_has_its_events_in_order(claude: anthropic.AsyncAnthropic) -> None:
    stream = await claude.messages.create(
        model="sim-echo", messages=USER, max_tokens=500, stream=True
    )
    kinds = [event.type async for event in stream]
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 5,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


async def test_thinking_comes_first_and_its_signature_is_checked_when_it_returns(
    claude: anthropic.AsyncAnthropic,
) -> None:
    asked: Any = {
        "model": "sim-think",
        "max_tokens": 4000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    async with claude.messages.stream(messages=USER, **asked) as stream:
        streamed = await stream.get_final_message()
    whole = await claude.messages.create(messages=USER, **asked)
    thought, text = whole.content
    assert (thought.type, text.type) == ("thinking", "text")
    assert [each.type for each in streamed.content] == ["thinking", "text"]
    assert thought == streamed.content[0]
    assert whole.usage.output_tokens_details is not None
    assert 0 < whole.usage.output_tokens_details.thinking_tokens < whole.usage.output_tokens
    assert isinstance(thought, anthropic.types.ThinkingBlock)
    again: Any = [*USER, {"role": "assistant", "content": whole.content}, *USER]
    await claude.messages.create(messages=again, **asked)
    thought.signature = base64.b64encode(b"forged").decode()
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        await claude.messages.create(messages=again, **asked)


async def test_omitted_thinking_keeps_its_signature(claude: anthropic.AsyncAnthropic) -> None:
    asked: Any = {
        "model": "sim-think",
        "max_tokens": 4000,
        "thinking": {"type": "adaptive", "display": "omitted"},
    }
    whole = await claude.messages.create(messages=USER, **asked)
    thought = whole.content[0]
    assert isinstance(thought, anthropic.types.ThinkingBlock)
    assert thought.thinking == ""
    again: Any = [*USER, {"role": "assistant", "content": whole.content}, *USER]
    assert await claude.messages.create(messages=again, **asked)


async def test_the_sdk_assembles_parallel_tool_calls_and_hears_of_their_results(
    claude: anthropic.AsyncAnthropic,
) -> None:
    asked: Any = {"model": "sim-tools", "max_tokens": 4000, "tools": TOOLS}
    async with claude.messages.stream(messages=USER, **asked) as stream:
        message = await stream.get_final_message()
    assert message.stop_reason == "tool_use"
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [call.name for call in calls] == list(NAMES)
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"{call.name}: fine"}
        for call in calls
    ]
    blocks = [
        block.model_dump(include={"type", "id", "name", "input", "text"})
        for block in message.content
    ]
    turns: Any = [
        *USER,
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": results},
    ]
    told = await claude.messages.create(messages=turns, **asked)
    assert [getattr(block, "text", "") for block in told.content] == [
        "The tools returned: weather: fine; tides: fine"
    ]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"type": "none"}, []),
        ({"type": "auto", "disable_parallel_tool_use": True}, ["weather"]),
        ({"type": "any"}, ["weather", "tides"]),
        ({"type": "tool", "name": "tides"}, ["tides"]),
    ],
)
async def test_the_tool_choice_is_obeyed(
    claude: anthropic.AsyncAnthropic, choice: Any, names: list[str]
) -> None:
    message = await claude.messages.create(
        model="sim-tools", messages=USER, max_tokens=500, tools=TOOLS, tool_choice=choice
    )
    assert [block.name for block in message.content if block.type == "tool_use"] == names


async def test_json_fits_the_schema(claude: anthropic.AsyncAnthropic) -> None:
    message = await claude.messages.create(
        model="sim-json",
        messages=USER,
        max_tokens=500,
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
    )
    (block,) = message.content
    assert isinstance(block, anthropic.types.TextBlock)
    assert set(json.loads(block.text)) == {"city", "unit", "days"}


async def test_marked_prompts_are_written_to_the_cache_then_read_from_it(
    claude: anthropic.AsyncAnthropic,
) -> None:
    def system(text: str, ttl: str) -> dict[str, Any]:
        mark = {"type": "ephemeral", "ttl": ttl}
        return {"type": "text", "text": text, "cache_control": mark}

    used = []
    for more in ([], [], [system("c" * 40, "1h")]):
        blocks: Any = [system("a" * 400, "5m"), *more]
        message = await claude.messages.create(
            model="sim-echo", system=blocks, messages=USER, max_tokens=500
        )
        usage = message.usage
        assert usage.cache_creation is not None
        used.append(
            (
                usage.cache_read_input_tokens,
                usage.cache_creation.ephemeral_5m_input_tokens,
                usage.cache_creation.ephemeral_1h_input_tokens,
                usage.cache_creation_input_tokens,
            )
        )
        total = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        count = await claude.messages.count_tokens(model="sim-echo", system=blocks, messages=USER)
        assert usage.input_tokens + total == count.input_tokens
    assert used == [(0, 100, 0, 100), (100, 0, 0, 0), (100, 0, 10, 10)]


async def test_a_known_prefix_is_not_written_again_for_a_mark_inside_it(
    claude: anthropic.AsyncAnthropic,
) -> None:
    plain: Any = {"type": "text", "text": "a" * 400}
    marked: Any = {"type": "text", "text": "b" * 400, "cache_control": {"type": "ephemeral"}}
    asked: Any = {"model": "sim-echo", "messages": USER, "max_tokens": 500}
    await claude.messages.create(system=[plain, marked], **asked)
    inner: Any = {**plain, "cache_control": {"type": "ephemeral"}}
    usage = (await claude.messages.create(system=[inner, marked], **asked)).usage
    assert usage.cache_read_input_tokens == 200
    assert usage.cache_creation_input_tokens == 0


async def test_stream_and_whole_answer_count_the_same(claude: anthropic.AsyncAnthropic) -> None:
    asked: Any = {"model": "sim-story", "messages": USER, "max_tokens": 500}
    whole = (await claude.messages.create(**asked)).usage
    async with claude.messages.stream(**asked) as stream:
        streamed = (await stream.get_final_message()).usage
    assert (whole.input_tokens, whole.output_tokens) == (
        streamed.input_tokens,
        streamed.output_tokens,
    )


async def test_documents_and_pictures_are_seen(claude: anthropic.AsyncAnthropic) -> None:
    def block(kind: str, media_type: str, data: bytes) -> dict[str, Any]:
        encoded = base64.b64encode(data).decode()
        source = {"type": "base64", "media_type": media_type, "data": encoded}
        return {"type": kind, "source": source}

    content: Any = [
        block("image", "image/png", PNG),
        block("document", "application/pdf", b"%PDF-1.7"),
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
    ]
    message = await claude.messages.create(
        model="sim-vision", messages=[{"role": "user", "content": content}], max_tokens=500
    )
    (said,) = message.content
    assert isinstance(said, anthropic.types.TextBlock)
    assert f"image/png, {len(PNG)} bytes" in said.text
    assert "application/pdf, 8 bytes" in said.text
    assert "a reference to https://example.org/a.png" in said.text


async def test_models_come_in_pages(claude: anthropic.AsyncAnthropic) -> None:
    page = await claude.models.list(limit=4)
    assert page.has_more
    names = [model.id async for model in page]
    assert len(names) == 6
    assert (await claude.models.retrieve("sim-think")).capabilities is not None
    with pytest.raises(anthropic.NotFoundError):
        await claude.models.retrieve("claude-0")


@pytest.mark.parametrize("field", ["temperature", "top_p", "top_k"])
async def test_sampling_is_refused_by_the_new_version_alone(
    claude: anthropic.AsyncAnthropic, field: str
) -> None:
    asked: Any = {"model": "sim-echo", "messages": USER, "max_tokens": 9, "extra_body": {field: 1}}
    with pytest.raises(anthropic.BadRequestError, match=field):
        await claude.messages.create(**asked)
    assert await claude.messages.create(**asked, extra_headers=OLD)


def body(**more: Any) -> dict[str, Any]:
    return {"model": "sim-echo", "messages": USER, "max_tokens": 100, **more}


USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}
PDF = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
MARKED = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"model": "sim-echo", "messages": USER}, "max_tokens: Field required"),
    "unknown": (body(n=1), "n: Extra inputs are not permitted"),
    "type": (body(max_tokens="7"), "max_tokens: Input should be a valid integer"),
    "zero": (body(max_tokens=0), "max_tokens: "),
    "role": (body(messages=[{"role": "tool", "content": "x"}]), "messages.0.role: "),
    "empty": (body(messages=[{"role": "user", "content": ""}]), "non-empty content"),
    "empty text": (
        body(messages=[{"role": "user", "content": [{"type": "text", "text": ""}]}]),
        "text content blocks must be non-empty",
    ),
    "unanswered": (
        body(messages=[*USER, {"role": "assistant", "content": [USE]}, *USER]),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1",
    ),
    "orphan": (
        body(messages=[{"role": "user", "content": [RESULT]}]),
        "unexpected `tool_use_id` found in `tool_result` blocks: t1",
    ),
    "late result": (
        body(
            messages=[
                {"role": "assistant", "content": [USE]},
                {"role": "user", "content": [{"type": "text", "text": "x"}, RESULT]},
            ]
        ),
        "must come first",
    ),
    "side": (
        body(messages=[{"role": "user", "content": [USE]}]),
        "`tool_use` blocks are not allowed in user messages",
    ),
    "document": (
        body(messages=[*USER, {"role": "assistant", "content": [PDF]}, *USER]),
        "`document` blocks are not allowed in assistant messages",
    ),
    "citations": (
        body(
            messages=[
                {"role": "user", "content": [{"type": "text", "text": "x", "citations": [{}]}]}
            ]
        ),
        "citations are not allowed",
    ),
    "marks": (body(system=[MARKED] * 5), "A maximum of 4 blocks with cache_control"),
    "schema": (body(tools=[{"name": "f", "input_schema": {}}]), "input_schema.type"),
    "choice": (body(tool_choice={"type": "any"}), "tool_choice may only be specified"),
    "budget": (body(thinking={"type": "enabled", "budget_tokens": 1024}), "must be greater"),
    "no budget": (body(thinking={"type": "enabled"}), "budget_tokens: Field required"),
    "forced": (
        body(thinking={"type": "adaptive"}, tools=TOOLS, tool_choice={"type": "any"}),
        "Thinking may not be enabled",
    ),
    "blank stop": (body(stop_sequences=[" "]), "non-whitespace"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_the_api_would_refuse_is_refused(
    claude: anthropic.AsyncAnthropic, case: str
) -> None:
    sent, words = REFUSED[case]
    with pytest.raises(anthropic.BadRequestError) as caught:
        await claude.post("/v1/messages", cast_to=object, body=sent)
    assert caught.value.type == "invalid_request_error"
    assert words in (caught.value.api_message or "")


async def test_a_system_turn_is_refused_by_the_old_version_alone(
    claude: anthropic.AsyncAnthropic,
) -> None:
    sent = body(messages=[*USER, {"role": "system", "content": "Be brief."}])
    assert await claude.post("/v1/messages", cast_to=object, body=sent)
    with pytest.raises(anthropic.BadRequestError, match="Unexpected role"):
        await claude.post("/v1/messages", cast_to=object, body=sent, options={"headers": OLD})


async def test_keys_and_versions_are_wanted(sim: Simulator) -> None:
    async with anthropic.AsyncAnthropic(
        api_key="invalid", base_url=sim.anthropic_url, max_retries=0
    ) as client:
        with pytest.raises(anthropic.AuthenticationError):
            await client.messages.create(model="sim-echo", messages=USER, max_tokens=9)
        for headers in ({"anthropic-version": "2020-01-01"}, {"anthropic-version": ""}):
            with pytest.raises(anthropic.BadRequestError, match="anthropic-version"):
                await client.messages.create(
                    model="sim-echo",
                    messages=USER,
                    max_tokens=9,
                    extra_headers={**headers, "x-api-key": "key"},
                )


FAULTS: dict[str, tuple[type[anthropic.APIStatusError], str]] = {
    "unauthorized": (anthropic.AuthenticationError, "authentication_error"),
    "forbidden": (anthropic.PermissionDeniedError, "permission_error"),
    "model-gone": (anthropic.NotFoundError, "not_found_error"),
    "context-too-long": (anthropic.BadRequestError, "invalid_request_error"),
    "limited": (anthropic.RateLimitError, "rate_limit_error"),
    "quota": (anthropic.APIStatusError, "billing_error"),
    "spend-limit": (anthropic.RateLimitError, "rate_limit_error"),
    "error-500": (anthropic.InternalServerError, "api_error"),
    "error-504": (anthropic.InternalServerError, "timeout_error"),
    "error-529": (anthropic.InternalServerError, "overloaded_error"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_errors_are_of_the_class_the_sdk_has_for_them(
    claude: anthropic.AsyncAnthropic, fault: str
) -> None:
    kind, name = FAULTS[fault]
    with pytest.raises(kind) as caught:
        await claude.messages.create(model=f"fault-{fault}", messages=USER, max_tokens=500)
    assert caught.value.type == name
    assert caught.value.request_id
    wanted = "enforced_spend_limit_reached" if fault == "spend-limit" else None
    assert caught.value.error_code == wanted


async def test_an_error_in_the_stream_reaches_the_sdk(claude: anthropic.AsyncAnthropic) -> None:
    stream = await claude.messages.create(
        model="fault-error-before-output", messages=USER, max_tokens=500, stream=True
    )
    with pytest.raises(anthropic.APIStatusError) as caught:
        _ = [event async for event in stream]
    assert caught.value.type == "overloaded_error"


async def test_a_refusal_says_so(claude: anthropic.AsyncAnthropic) -> None:
    message = await claude.messages.create(
        model="fault-filter-at-end", messages=USER, max_tokens=500
    )
    assert message.stop_reason == "refusal"
    assert message.stop_details is not None
