"""Every setting of a call in the words of the Messages API."""

from __future__ import annotations

from typing import Any

import pytest

from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.domain.call import Options
from hexgate.domain.chat import (
    Inline,
    Media,
    Message,
    Role,
    Text,
)
from hexgate.domain.spec import (
    AnyJson,
    Effort,
    OnUnsupported,
    Params,
    SchemaJson,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
)
from tests import fakes
from tests.adapters.providers.dialects.anthropic_messages.asking import (
    NEW,
    NOW,
    OLD,
    WEATHER,
    ask,
    body,
    model,
    refused,
    said,
    user,
    warned,
)

REJECT = Params(on_unsupported=OnUnsupported.REJECT)


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
    ("name", "takes"),
    [
        ("claude-opus-5-5", False),
        ("claude-sonnet-5-5", False),
        ("claude-fable-5-1", False),
        ("claude-haiku-5-5", True),
        ("claude-opus-5", True),
        ("claude-sonnet-4-5@20250929", True),
        ("tiny", True),
    ],
)
def test_newer_models_cannot_be_made_to_call_a_tool(name: str, takes: bool) -> None:
    for choice, field in (
        (ToolChoice(ToolMode.REQUIRED), "spec.tool_choice.mode"),
        (ToolChoice(name="now"), "spec.tool_choice.tool_name"),
    ):
        call = ask(name, tools=(NOW,), tool_choice=choice)
        if takes:
            assert "tool_choice" in body(call)
        else:
            assert refused(call) == [field]


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("claude-sonnet-4-5-20250929", True),
        ("claude-3-5-sonnet-v2@20241022", True),
        ("claude-opus-4-6", False),
        ("claude-sonnet-5", False),
        ("claude-mythos-preview", False),
        ("tiny", True),
    ],
)
def test_newer_models_do_not_go_on_with_an_answer(name: str, takes: bool) -> None:
    brief = Message(Role.SYSTEM, (Text("Be brief."),))
    call = ask(name, messages=(user(Text("Hi")), model(Text("Well,")), brief))
    if takes:
        assert body(call)["messages"][-1]["role"] == "assistant"
    else:
        assert refused(call) == ["spec.messages[1]"]


def test_every_violation_is_named_at_once() -> None:
    call = ask(
        messages=(user(Media("audio/wav", Inline(b""))),),
        output=AnyJson(),
        provider_options={"anthropic": {"model": "x"}},
    )
    assert refused(call) == [
        "spec.messages[0].parts[0].media",
        "spec.output",
        "spec.provider_options.anthropic.model",
    ]
