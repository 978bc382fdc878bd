"""Calls as requests of the Messages API."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import pydantic
import pytest

from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import Call, Options
from hexgate.domain.chat import (
    CacheMark,
    FileId,
    Inline,
    Link,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.errors import Unsupported
from hexgate.domain.spec import (
    AnyJson,
    Effort,
    OnUnsupported,
    Params,
    SchemaJson,
    Spec,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
)
from tests import fakes

NEW, OLD = "claude-sonnet-5", "claude-sonnet-4-5-20250929"
HELLO = (Message(Role.USER, (Text("Hi"),)),)
WEATHER = Tool("weather", "Looks up the weather.", '{"type":"object","properties":{"at":{}}}')
NOW = Tool("now", "", "{}")


def ask(model: str = NEW, max_output_tokens: int = 100, **spec: Any) -> Call:
    """A call with these fields of Spec."""
    return fakes.call(
        model=model,
        max_output_tokens=max_output_tokens,
        spec=Spec(model=model, **{"messages": HELLO, **spec}),
    )


def said(call: Call) -> WireRequest:
    """The request of a call, after the SDK's own types have accepted it."""
    request = AnthropicMessages("anthropic").request(call, stream=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

        adapter = pydantic.TypeAdapter(MessageCreateParamsNonStreaming)
    for value in adapter.validate_python(request.payload).values():
        force(value)
    return request


def force(value: object) -> None:
    """Walk lazily validated lists, which is what validates them."""
    if isinstance(value, Mapping):
        for inner in value.values():
            force(inner)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for inner in value:
            force(inner)


def body(call: Call) -> dict[str, Any]:
    """The payload as any other JSON library reads it."""
    payload: dict[str, Any] = json.loads(json.dumps(said(call).payload))
    return payload


def turns(*messages: Message) -> Any:
    """How these messages are said."""
    return body(ask(messages=messages))["messages"]


def refused(call: Call) -> list[str]:
    """The fields that are refused."""
    with pytest.raises(Unsupported) as raised:
        AnthropicMessages("anthropic").request(call, stream=False)
    return [violation.field for violation in raised.value.violations]


def warned(call: Call) -> list[tuple[str, str]]:
    """Code and field of every warning."""
    return [(warning.code, warning.field) for warning in said(call).warnings]


def user(*parts: Part) -> Message:
    """What the user says."""
    return Message(Role.USER, parts)


def model(*parts: Part) -> Message:
    """What the model said."""
    return Message(Role.ASSISTANT, parts)


def tool(*parts: Part) -> Message:
    """What a tool said."""
    return Message(Role.TOOL, parts)


def test_the_least_that_can_be_asked() -> None:
    request = said(ask())
    assert request.path == "/v1/messages"
    assert request.payload == {
        "model": NEW,
        "max_tokens": 100,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }
    assert request.warnings == ()


def test_a_stream_is_asked_for() -> None:
    payload = AnthropicMessages("anthropic").request(ask(), stream=True).payload
    assert payload["stream"] is True


def test_the_end_user_is_named() -> None:
    call = fakes.call(model=NEW, options=Options(end_user_id="u-1"))
    assert body(call)["metadata"] == {"user_id": "u-1"}


@pytest.mark.parametrize(
    ("name", "temperature", "version"),
    [
        ("claude-sonnet-5", None, "2026-10-21"),
        ("claude-opus-4-7", None, "2026-10-21"),
        ("claude-opus-4-6", None, "2023-06-01"),
        ("claude-opus-4-20250514", None, "2023-06-01"),
        ("claude-3-5-haiku-20241022", None, "2023-06-01"),
        ("claude-3-7-sonnet-latest", None, "2023-06-01"),
        ("claude-2.1", None, "2023-06-01"),
        ("claude-instant-1.2", None, "2023-06-01"),
        ("claude-haiku-5-5", None, "2026-10-21"),
        ("tiny", None, "2026-10-21"),
        ("tiny", 0.5, "2023-06-01"),
    ],
)
def test_the_version_header_follows_model_and_sampling(
    name: str, temperature: float | None, version: str
) -> None:
    request = said(ask(name, params=Params(temperature=temperature)))
    assert request.headers == {"anthropic-version": version}


def test_sampling_passed_as_provider_options_asks_for_the_old_version_too() -> None:
    request = said(ask(provider_options={"anthropic": {"top_k": 3}}))
    assert request.headers == {"anthropic-version": "2023-06-01"}


def test_system_messages_lead_and_keep_their_marks() -> None:
    call = ask(
        messages=(
            Message(Role.SYSTEM, (Text("Be brief.", CacheMark(3600)),)),
            *HELLO,
            Message(Role.SYSTEM, (Text("Be kind."),)),
        )
    )
    made = body(call)
    assert made["system"] == [
        {
            "type": "text",
            "text": "Be brief.",
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        },
        {"type": "text", "text": "Be kind."},
    ]
    assert [turn["role"] for turn in made["messages"]] == ["user"]
    assert warned(call) == [("SYSTEM_MOVED", "spec.messages[2]")]


def test_results_come_first_in_one_turn_after_their_calls() -> None:
    made = turns(
        user(Text("Weather?")),
        model(Text("Looking."), ToolCall("a", "weather", '{"at":1}')),
        model(ToolCall("b.1", "now", "")),
        user(Text("Hurry.")),
        tool(ToolResult("a", (Text("sunny"),))),
        tool(ToolResult("b.1", (), is_error=True)),
    )
    assert made == [
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Looking."},
                {"type": "tool_use", "id": "a", "name": "weather", "input": {"at": 1}},
                {"type": "tool_use", "id": "b_1", "name": "now", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "a",
                    "content": [{"type": "text", "text": "sunny"}],
                },
                {"type": "tool_result", "tool_use_id": "b_1", "is_error": True},
                {"type": "text", "text": "Hurry."},
            ],
        },
    ]


def test_arguments_keep_their_numbers_and_the_order_of_their_keys() -> None:
    text = '{"z":9007199254740993,"a":[1.0,0.1,12345678901234567890123]}'
    call = ask(messages=(*HELLO, model(ToolCall("c", "n", text))))
    blocks: Any = said(call).payload["messages"]
    assert json.dumps(blocks[1]["content"][0]["input"], separators=(",", ":")) == text


@pytest.mark.parametrize("text", ["[1]", "{", "null", '"a"', "{'a': 1}", "{} {}", "[" * 9999])
def test_arguments_that_are_no_object_are_refused_by_their_path(text: str) -> None:
    call = ask(messages=(*HELLO, model(Text("x"), ToolCall("c", "n", text))))
    assert refused(call) == ["spec.messages[1].parts[1].tool_call.arguments_json"]


def test_own_reasoning_goes_back_unchanged_and_foreign_reasoning_stays_out() -> None:
    call = ask(
        messages=(
            *HELLO,
            model(
                Reasoning("hm", b"sig", "anthropic"),
                Reasoning("", b"blob", "anthropic", redacted=True),
                Reasoning("hm", b"sig", "other"),
                Reasoning("hm", b"", "anthropic"),
                Refusal("No."),
            ),
        )
    )
    assert body(call)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "blob"},
        {"type": "text", "text": "No."},
    ]
    assert warned(call) == [
        ("SIGNATURE_DROPPED", "spec.messages[1].parts[2].reasoning"),
        ("SIGNATURE_DROPPED", "spec.messages[1].parts[3].reasoning"),
    ]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            Media("image/PNG", Inline(b"\x89PNG")),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="},
            },
        ),
        (
            Media("", Link("https://a.test/cat")),
            {"type": "image", "source": {"type": "url", "url": "https://a.test/cat"}},
        ),
        (
            Media("", Link("https://a.test/a.PDF?x=1")),
            {"type": "document", "source": {"type": "url", "url": "https://a.test/a.PDF?x=1"}},
        ),
        (
            Media("application/pdf", Inline(b"%PDF"), "a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
                "title": "a.pdf",
            },
        ),
        (
            Media("text/markdown", Inline("# Tschüß".encode())),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "# Tschüß"},
            },
        ),
        (
            Media("application/pdf", FileId("anthropic", "file_1")),
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ),
    ],
)
def test_media_is_sent_in_the_form_of_its_kind(part: Media, block: object) -> None:
    assert turns(user(part))[0]["content"] == [block]
    result = turns(tool(ToolResult("c", (part,))))[0]["content"][0]
    assert result["content"] == [block]


@pytest.mark.parametrize(
    "part",
    [
        Media("image/tiff", Inline(b"II*")),
        Media("audio/wav", Inline(b"RIFF")),
        Media("text/plain", Inline(b"\xff")),
        Media("video/mp4", Link("https://a.test/a.mp4")),
        Media("image/png", FileId("openai", "file_1")),
    ],
)
def test_media_that_cannot_be_sent_is_refused(part: Media) -> None:
    assert refused(ask(messages=(user(Text("x"), part),))) == ["spec.messages[0].parts[1].media"]


@pytest.mark.parametrize(
    "message",
    [
        Message(Role.SYSTEM, (Media("image/png", Inline(b"")),)),
        model(Media("image/png", Inline(b""))),
        model(ToolResult("a", ())),
        user(ToolCall("a", "b", "{}")),
        user(Reasoning("hm")),
        tool(Text("sunny")),
    ],
)
def test_parts_where_they_do_not_belong_are_refused(message: Message) -> None:
    assert refused(ask(messages=(*HELLO, message))) == ["spec.messages[1].parts[0]"]


def test_marks_become_cache_controls_and_the_fifth_is_left_out() -> None:
    ttls = (None, 60, 300, 301, None)
    parts = [Text(str(i), CacheMark(ttl)) for i, ttl in enumerate(ttls)]
    call = ask(messages=(user(*parts),))
    controls = [block.get("cache_control") for block in body(call)["messages"][0]["content"]]
    assert controls == [
        {"type": "ephemeral"},
        {"type": "ephemeral", "ttl": "5m"},
        {"type": "ephemeral", "ttl": "5m"},
        {"type": "ephemeral", "ttl": "1h"},
        None,
    ]
    assert warned(call) == [("CACHE_MARK_DROPPED", "spec.messages[0].parts[4].prompt_cache")]


def test_marks_on_calls_results_and_media_count_too() -> None:
    mark = CacheMark()
    made = turns(
        user(Media("image/png", Inline(b""), mark=mark)),
        model(ToolCall("a", "b", "{}", mark)),
        tool(ToolResult("a", (Text("x", mark),), mark=mark)),
    )
    assert json.dumps(made).count('"cache_control": {"type": "ephemeral"}') == 4


def test_every_loss_of_a_message_is_warned_of() -> None:
    call = ask(
        messages=(
            Message(Role.USER, (Text("Hi"), Text("", CacheMark())), name="Ann"),
            model(Text("")),
            user(Media("image/png", Inline(b""), "cat.png"), Text("x", CacheMark(7200))),
        )
    )
    assert warned(call) == [
        ("PARAM_DROPPED", "spec.messages[0].name"),
        ("CACHE_MARK_DROPPED", "spec.messages[0].parts[1].prompt_cache"),
        ("EMPTY_DROPPED", "spec.messages[1]"),
        ("FIELD_DROPPED", "spec.messages[2].parts[0].media.filename"),
        ("VALUE_CLAMPED", "spec.messages[2].parts[1].prompt_cache.ttl"),
    ]


def test_tools_are_offered_with_their_schemas_in_order() -> None:
    made = body(ask(tools=(WEATHER, Tool("strict", "", '{"required":["a"]}', strict=True))))
    assert made["tools"] == [
        {
            "name": "weather",
            "input_schema": {"type": "object", "properties": {"at": {}}},
            "description": "Looks up the weather.",
        },
        {
            "name": "strict",
            "input_schema": {"type": "object", "required": ["a"]},
            "strict": True,
        },
    ]
    assert "tool_choice" not in made


@pytest.mark.parametrize(
    ("choice", "rule"),
    [
        (ToolChoice(), None),
        (ToolChoice(ToolMode.AUTO, parallel=True), None),
        (
            ToolChoice(ToolMode.AUTO, parallel=False),
            {"type": "auto", "disable_parallel_tool_use": True},
        ),
        (ToolChoice(ToolMode.NONE, parallel=False), {"type": "none"}),
        (ToolChoice(ToolMode.REQUIRED), {"type": "any"}),
        (
            ToolChoice(name="now", parallel=False),
            {"type": "tool", "name": "now", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_every_tool_choice_has_its_rule(choice: ToolChoice, rule: object) -> None:
    assert body(ask(tools=(WEATHER, NOW), tool_choice=choice)).get("tool_choice") == rule


def test_only_allowed_tools_are_sent() -> None:
    choice = ToolChoice(ToolMode.REQUIRED, allowed=("now",))
    made = body(ask(tools=(WEATHER, NOW), tool_choice=choice))
    assert [offered["name"] for offered in made["tools"]] == ["now"]
    assert made["tool_choice"] == {"type": "any"}


def test_a_choice_without_tools_is_nothing_or_refused() -> None:
    assert "tool_choice" not in body(ask(tool_choice=ToolChoice(ToolMode.NONE)))
    assert refused(ask(tool_choice=ToolChoice(ToolMode.REQUIRED))) == ["spec.tool_choice"]


def test_a_schema_shapes_the_answer() -> None:
    output = SchemaJson("answer", '{"type":"object","properties":{"z":{},"a":{}}}', strict=True)
    schema = body(ask(output=output))["output_config"]["format"]["schema"]
    assert list(schema["properties"]) == ["z", "a"]


@pytest.mark.parametrize(
    ("name", "spec", "field"),
    [
        (NEW, {"output": AnyJson()}, "spec.output"),
        (
            "claude-3-5-haiku-20241022",
            {"output": SchemaJson("a", "{}")},
            "spec.output",
        ),
        (NEW, {"output": SchemaJson("a", "[]")}, "spec.output.json_schema.schema_json"),
        (NEW, {"tools": (Tool("a", "", "7"),)}, "spec.tools[0].parameters_schema_json"),
    ],
)
def test_shapes_that_cannot_be_promised_are_refused(
    name: str, spec: dict[str, Any], field: str
) -> None:
    assert refused(ask(name, **spec)) == [field]


def test_sampling_is_sent_to_models_that_take_it() -> None:
    params = Params(temperature=0.0, top_k=5, stop=("END", " "), top_p=0.5)
    made = body(ask("claude-3-5-haiku-20241022", params=params))
    assert (made["temperature"], made["top_k"], made["top_p"]) == (0.0, 5, 0.5)
    assert made["stop_sequences"] == ["END"]


def test_a_temperature_above_one_is_clamped() -> None:
    call = ask(OLD, params=Params(temperature=1.7))
    assert body(call)["temperature"] == 1
    assert warned(call) == [("VALUE_CLAMPED", "spec.params.temperature")]


@pytest.mark.parametrize(
    ("name", "spec", "fields"),
    [
        (
            NEW,
            {"params": Params(temperature=1.0, top_p=0.9, top_k=3)},
            ["params.temperature", "params.top_p", "params.top_k"],
        ),
        ("claude-opus-4-7", {"params": Params(temperature=1.0)}, ["params.temperature"]),
        (OLD, {"params": Params(temperature=1.0, top_p=0.9)}, ["params.top_p"]),
        (
            OLD,
            {"params": Params(seed=1, presence_penalty=0.0, frequency_penalty=0.1, top_logprobs=0)},
            [
                "params.seed",
                "params.presence_penalty",
                "params.frequency_penalty",
                "params.top_logprobs",
            ],
        ),
        (OLD, {"params": Params(stop=("\n",))}, ["params.stop_sequences"]),
        (
            "claude-3-haiku-20240307",
            {"tools": (Tool("a", "", "{}", strict=True),)},
            ["tools[0].strict"],
        ),
        ("claude-3-haiku-20240307", {"thinking": Thinking(Effort.LOW)}, ["reasoning"]),
        (
            NEW,
            {
                "thinking": Thinking(Effort.LOW),
                "tools": (NOW,),
                "tool_choice": ToolChoice(ToolMode.REQUIRED),
            },
            ["reasoning"],
        ),
        (OLD, {"thinking": Thinking(budget_tokens=5000)}, ["reasoning"]),
    ],
)
def test_what_the_model_lacks_is_dropped_with_a_warning_or_refused(
    name: str, spec: dict[str, Any], fields: list[str]
) -> None:
    paths = [f"spec.{field}" for field in fields]
    assert warned(ask(name, **spec)) == [("PARAM_DROPPED", path) for path in paths]
    params = spec.get("params", Params())
    strict = Params(
        **{
            **{field: getattr(params, field) for field in Params.__dataclass_fields__},
            "on_unsupported": OnUnsupported.REJECT,
        }
    )
    assert refused(ask(name, **{**spec, "params": strict})) == paths


@pytest.mark.parametrize(
    ("name", "wish", "thinking", "effort"),
    [
        (NEW, Thinking(Effort.NONE), {"type": "disabled"}, None),
        (NEW, Thinking(budget_tokens=0), {"type": "disabled"}, None),
        (NEW, Thinking(Effort.MINIMAL), {"type": "adaptive", "display": "omitted"}, "low"),
        (NEW, Thinking(Effort.XHIGH), {"type": "adaptive", "display": "omitted"}, "xhigh"),
        (
            NEW,
            Thinking(Effort.MAX, include=True),
            {"type": "adaptive", "display": "summarized"},
            "max",
        ),
        (NEW, Thinking(include=True), {"type": "adaptive", "display": "summarized"}, None),
        (NEW, Thinking(budget_tokens=4096), {"type": "adaptive", "display": "omitted"}, "low"),
        (NEW, Thinking(budget_tokens=9000), {"type": "adaptive", "display": "omitted"}, "medium"),
        (NEW, Thinking(budget_tokens=50000), {"type": "adaptive", "display": "omitted"}, "high"),
        (OLD, Thinking(Effort.LOW), {"type": "enabled", "budget_tokens": 2000}, None),
        (OLD, Thinking(Effort.MINIMAL), {"type": "enabled", "budget_tokens": 1024}, None),
        (OLD, Thinking(Effort.HIGH), {"type": "enabled", "budget_tokens": 8000}, None),
        (OLD, Thinking(Effort.MAX), {"type": "enabled", "budget_tokens": 9500}, None),
        (OLD, Thinking(budget_tokens=3000), {"type": "enabled", "budget_tokens": 3000}, None),
        (OLD, Thinking(budget_tokens=0), {"type": "disabled"}, None),
        (OLD, Thinking(include=True), None, None),
        ("claude-3-haiku-20240307", Thinking(Effort.NONE), None, None),
    ],
)
def test_reasoning_is_asked_for_in_the_style_of_the_family(
    name: str, wish: Thinking, thinking: object, effort: str | None
) -> None:
    call = ask(name, max_output_tokens=10_000, thinking=wish)
    made = body(call)
    assert made.get("thinking") == thinking
    assert made.get("output_config") == (effort and {"effort": effort})
    assert warned(call) == []


@pytest.mark.parametrize(
    ("name", "wish", "budget"),
    [
        (OLD, Thinking(budget_tokens=20_000), 9_999),
        (OLD, Thinking(budget_tokens=5), 1_024),
        (OLD, Thinking(Effort.XHIGH), 8_000),
        ("claude-opus-4-6", Thinking(Effort.XHIGH), None),
    ],
)
def test_reasoning_beyond_the_range_is_clamped_with_a_warning(
    name: str, wish: Thinking, budget: int | None
) -> None:
    call = ask(name, max_output_tokens=10_000, thinking=wish)
    assert body(call)["thinking"].get("budget_tokens") == budget
    assert warned(call) == [("VALUE_CLAMPED", "spec.reasoning")]


def test_sampling_gives_way_to_reasoning() -> None:
    spec = {"params": Params(temperature=0.2), "thinking": Thinking(Effort.LOW)}
    call = ask(OLD, max_output_tokens=10_000, **spec)
    assert "temperature" not in body(call)
    assert warned(call) == [("PARAM_DROPPED", "spec.params.temperature")]


def test_a_schema_and_an_effort_share_their_object() -> None:
    made = body(ask(output=SchemaJson("a", "{}"), thinking=Thinking(Effort.LOW)))
    assert set(made["output_config"]) == {"effort", "format"}


def test_provider_options_come_last_and_only_those_of_this_provider() -> None:
    options = {
        "anthropic": {
            "service_tier": "auto",
            "output_config": {"effort": "max"},
            "metadata": {"user_id": "x"},
        },
        "openai": {"store": True},
    }
    made = body(ask(provider_options=options, output=SchemaJson("a", "{}")))
    assert made["service_tier"] == "auto"
    assert made["metadata"] == {"user_id": "x"}
    assert set(made["output_config"]) == {"effort", "format"}
    assert "store" not in made


@pytest.mark.parametrize(
    "name", ["model", "messages", "system", "max_tokens", "stream", "tools", "tool_choice"]
)
def test_options_that_the_gateway_owns_are_refused(name: str) -> None:
    call = ask(provider_options={"anthropic": {name: 1}})
    assert refused(call) == [f"spec.provider_options[anthropic].{name}"]


def test_every_violation_is_named_at_once() -> None:
    call = ask(
        messages=(user(Media("audio/wav", Inline(b""))),),
        output=AnyJson(),
        provider_options={"anthropic": {"model": "x"}},
    )
    assert refused(call) == [
        "spec.messages[0].parts[0].media",
        "spec.output",
        "spec.provider_options[anthropic].model",
    ]
