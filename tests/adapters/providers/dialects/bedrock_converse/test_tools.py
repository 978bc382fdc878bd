"""Tools, choices and reasoning, by family."""

from __future__ import annotations

from typing import Any

import pytest

from hexgate.domain.chat import Reasoning, Text, ToolCall, ToolResult
from hexgate.domain.spec import (
    Effort,
    OnUnsupported,
    Params,
    SchemaJson,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
)
from tests.adapters.providers.dialects.bedrock_converse.asking import (
    CLAUDE,
    GPT_OSS,
    HELLO,
    LLAMA,
    MISTRAL,
    NEW_CLAUDE,
    NOVA,
    NOVA2,
    NOW,
    OLD_CLAUDE,
    TITAN,
    WEATHER,
    ask,
    body,
    model,
    refused,
    sent,
    tool,
    warned,
)

NATIVE = "additionalModelRequestFields"
TOOLS = (WEATHER, NOW)
REQUIRED = ToolChoice(ToolMode.REQUIRED)
HISTORY = (
    *HELLO,
    model(ToolCall("c1", "weather", "{}"), ToolCall("c2", "tides", "{}")),
    tool(ToolResult("c1", (Text("a"),)), ToolResult("c2", (Text("b"),))),
)


def names(made: Any) -> list[str]:
    return [each["toolSpec"]["name"] for each in made["toolConfig"]["tools"]]


def test_tools_are_described_and_their_schemas_are_objects() -> None:
    made = body(ask(tools=(WEATHER, NOW, Tool("s", "", "", strict=True))))
    city = {"type": "object", "properties": {"city": {"type": "string"}}}
    anything = {"json": {"type": "object"}}
    assert made["toolConfig"] == {
        "tools": [
            {
                "toolSpec": {
                    "name": "weather",
                    "description": "Looks up.",
                    "inputSchema": {"json": city},
                }
            },
            {"toolSpec": {"name": "now", "inputSchema": anything}},
            {"toolSpec": {"name": "s", "inputSchema": anything, "strict": True}},
        ]
    }
    assert warned(ask(NOVA, tools=(Tool("s", "", "", strict=True),))) == [
        ("PARAM_DROPPED", "spec.tools[0].strict")
    ]
    broken = Tool("s", "", "[]")
    assert refused(ask(tools=(broken,))) == ["spec.tools[0].parameters_schema_json"]


@pytest.mark.parametrize(
    ("name", "choice", "rule"),
    [
        (CLAUDE, ToolChoice(), None),
        (CLAUDE, REQUIRED, {"any": {}}),
        (CLAUDE, ToolChoice(name="now"), {"tool": {"name": "now"}}),
        (NOVA, ToolChoice(name="now"), {"tool": {"name": "now"}}),
        (MISTRAL, REQUIRED, {"any": {}}),
        (LLAMA, ToolChoice(), None),
    ],
)
def test_choices_are_said_where_the_family_has_them(
    name: str, choice: ToolChoice, rule: object
) -> None:
    config = body(ask(name, tools=TOOLS, tool_choice=choice))["toolConfig"]
    assert config.get("toolChoice") == rule
    assert len(config["tools"]) == 2


def test_one_tool_that_must_be_called_is_the_only_one_on_offer() -> None:
    made = body(ask(MISTRAL, tools=TOOLS, tool_choice=ToolChoice(name="now")))
    assert names(made) == ["now"]
    assert made["toolConfig"]["toolChoice"] == {"any": {}}


def test_a_restriction_is_said_by_what_is_on_offer() -> None:
    made = body(ask(tools=TOOLS, tool_choice=ToolChoice(allowed=("now",))))
    assert names(made) == ["now"]


def test_what_cannot_be_demanded_is_refused() -> None:
    for choice, field in ((REQUIRED, "mode"), (ToolChoice(name="now"), "tool_name")):
        call = ask(LLAMA, tools=TOOLS, tool_choice=choice)
        assert refused(call) == [f"spec.tool_choice.{field}"]
    assert refused(ask(tools=TOOLS, tool_choice=ToolChoice(ToolMode.REQUIRED, allowed=("x",)))) == [
        "spec.tool_choice"
    ]
    assert refused(ask(TITAN, tools=TOOLS)) == ["spec.tools"]


def test_a_family_may_have_tools_in_whole_answers_alone() -> None:
    call = ask("cohere.command-r-v1:0", tools=TOOLS)
    assert names(body(call)) == ["weather", "now"]
    assert refused(call, stream=True) == ["spec.tools"]


def test_none_offers_no_tools() -> None:
    call = ask(tools=TOOLS, tool_choice=ToolChoice(ToolMode.NONE))
    assert "toolConfig" not in body(call)
    assert warned(call) == []
    assert warned(ask(TITAN, tools=TOOLS, tool_choice=ToolChoice(ToolMode.NONE))) == []


def test_none_after_calls_keeps_the_tools_and_says_so() -> None:
    none = ToolChoice(ToolMode.NONE)
    call = ask(messages=HISTORY, tools=TOOLS, tool_choice=none)
    assert names(body(call)) == ["weather", "now"]
    assert "toolChoice" not in body(call)["toolConfig"]
    assert warned(call) == [("PARAM_CLAMPED", "spec.tool_choice.mode")]
    assert names(body(ask(messages=HISTORY, tool_choice=none))) == ["weather", "tides"]
    strict = Params(on_unsupported=OnUnsupported.REJECT)
    assert refused(ask(messages=HISTORY, tools=TOOLS, tool_choice=none, params=strict)) == [
        "spec.tool_choice.mode"
    ]


def test_tools_that_were_called_are_on_offer_where_none_are_given() -> None:
    call = ask(messages=HISTORY)
    assert names(body(call)) == ["weather", "tides"]
    assert warned(call) == [("TOOLS_ADDED", "spec.tools")]


@pytest.mark.parametrize(
    ("choice", "native"),
    [
        (ToolChoice(parallel=False), {"type": "auto"}),
        (ToolChoice(ToolMode.REQUIRED, parallel=False), {"type": "any"}),
        (ToolChoice(name="now", parallel=False), {"type": "tool", "name": "now"}),
    ],
)
def test_one_call_at_a_time_is_said_in_the_familys_words(choice: ToolChoice, native: Any) -> None:
    made = body(ask(tools=TOOLS, tool_choice=choice))
    assert made[NATIVE] == {"tool_choice": {**native, "disable_parallel_tool_use": True}}
    assert "toolChoice" not in made["toolConfig"]


def test_a_family_that_cannot_be_told_is_not() -> None:
    call = ask(NOVA, tools=TOOLS, tool_choice=ToolChoice(ToolMode.REQUIRED, parallel=False))
    assert body(call)["toolConfig"]["toolChoice"] == {"any": {}}
    assert warned(call) == [("PARAM_DROPPED", "spec.tool_choice.parallel_calls")]


@pytest.mark.parametrize(
    ("name", "wish", "native", "codes"),
    [
        (CLAUDE, Thinking(Effort.MEDIUM), {"type": "enabled", "budget_tokens": 2500}, []),
        (CLAUDE, Thinking(Effort.MINIMAL), {"type": "enabled", "budget_tokens": 1024}, []),
        (
            CLAUDE,
            Thinking(budget_tokens=9000),
            {"type": "enabled", "budget_tokens": 4999},
            ["VALUE_CLAMPED"],
        ),
        (CLAUDE, Thinking(Effort.NONE), {"type": "disabled"}, []),
        (CLAUDE, Thinking(budget_tokens=0), {"type": "disabled"}, []),
        (CLAUDE, Thinking(include=True), None, []),
        (NEW_CLAUDE, Thinking(Effort.XHIGH), {"type": "adaptive", "display": "omitted"}, []),
        (NEW_CLAUDE, Thinking(include=True), {"type": "adaptive", "display": "summarized"}, []),
        (OLD_CLAUDE, Thinking(Effort.LOW), None, ["PARAM_DROPPED"]),
        (OLD_CLAUDE, Thinking(Effort.NONE), None, []),
    ],
)
def test_claude_reasons_as_its_version_does(
    name: str, wish: Thinking, native: object, codes: list[str]
) -> None:
    call = ask(name, thinking=wish)
    assert body(call).get(NATIVE, {}).get("thinking") == native
    assert [code for code, _ in warned(call)] == codes


def test_effort_is_the_apis_own_word_beside_the_schema() -> None:
    made = body(ask(NEW_CLAUDE, thinking=Thinking(Effort.XHIGH), output=SchemaJson("a", "{}")))
    assert made["outputConfig"]["effort"] == "xhigh"
    assert made["outputConfig"]["textFormat"]["type"] == "json_schema"
    older = ask("anthropic.claude-opus-4-6-v1", thinking=Thinking(Effort.XHIGH))
    assert body(older)["outputConfig"] == {"effort": "high"}
    assert warned(older) == [("VALUE_CLAMPED", "spec.reasoning")]
    assert body(ask(NEW_CLAUDE, thinking=Thinking(budget_tokens=9000)))["outputConfig"] == {
        "effort": "medium"
    }


def test_reasoning_needs_room_and_freedom() -> None:
    small = ask(limit=1024, thinking=Thinking(Effort.LOW))
    assert warned(small) == [("PARAM_DROPPED", "spec.reasoning")]
    must = ask(tools=TOOLS, tool_choice=REQUIRED, thinking=Thinking(Effort.LOW))
    assert warned(must) == [("PARAM_DROPPED", "spec.reasoning")]
    by_name = ToolChoice(name="now", parallel=False)
    must = ask(tools=TOOLS, tool_choice=by_name, thinking=Thinking(Effort.LOW))
    assert warned(must) == [("PARAM_DROPPED", "spec.reasoning")]
    free = ask(tools=TOOLS, tool_choice=ToolChoice(parallel=False), thinking=Thinking(Effort.LOW))
    assert warned(free) == []


def test_newer_claudes_are_spared_what_they_refuse() -> None:
    name = "us.anthropic.claude-opus-5-5-v1:0"
    assert refused(ask(name, tools=TOOLS, tool_choice=REQUIRED)) == ["spec.tool_choice.mode"]
    off = ask(name, thinking=Thinking(Effort.NONE))
    assert NATIVE not in body(off)
    assert body(off)["outputConfig"] == {"effort": "low"}
    assert warned(off) == [("PARAM_CLAMPED", "spec.reasoning")]
    quiet = ask("anthropic.claude-sonnet-5-5-v1:0", thinking=Thinking(Effort.NONE))
    assert body(quiet)[NATIVE] == {"thinking": {"type": "between_tools"}}


def test_newer_claudes_do_not_go_on_with_an_answer() -> None:
    messages = (*HELLO, model(Text("Well,")))
    assert refused(ask(NEW_CLAUDE, messages=messages)) == ["spec.messages[1]"]
    assert body(ask(CLAUDE, messages=messages))["messages"][-1]["role"] == "assistant"


def test_a_budget_needs_signed_reasoning_before_calls_that_go_on() -> None:
    call = ask(messages=HISTORY, tools=TOOLS, thinking=Thinking(Effort.LOW))
    assert NATIVE not in body(call)
    assert warned(call) == [("PARAM_DROPPED", "spec.reasoning")]
    signed = model(Reasoning("hm", b"sig", "aws"), *HISTORY[1].parts)
    call = ask(messages=(*HELLO, signed, HISTORY[2]), tools=TOOLS, thinking=Thinking(Effort.LOW))
    assert body(call)[NATIVE]["thinking"]["type"] == "enabled"
    assert warned(call) == []


def test_sampling_is_dropped_while_it_reasons() -> None:
    params = Params(temperature=0.2, top_k=3)
    call = ask(thinking=Thinking(Effort.LOW), params=params)
    assert [field for _, field in warned(call)] == ["spec.params.temperature", "spec.params.top_k"]
    assert warned(ask(thinking=Thinking(Effort.NONE), params=params)) == []
    assert warned(ask(thinking=Thinking(Effort.LOW), params=Params(temperature=1))) == []


@pytest.mark.parametrize(
    ("name", "wish", "native", "codes"),
    [
        (NOVA2, Thinking(Effort.LOW), {"type": "enabled", "maxReasoningEffort": "low"}, []),
        (
            NOVA2,
            Thinking(Effort.HIGH),
            {"type": "enabled", "maxReasoningEffort": "medium"},
            ["PARAM_CLAMPED"],
        ),
        (NOVA2, Thinking(Effort.NONE), {"type": "disabled"}, []),
        (NOVA, Thinking(Effort.LOW), None, ["PARAM_DROPPED"]),
        ("deepseek.r1-v1:0", Thinking(Effort.LOW), None, ["PARAM_DROPPED"]),
        ("deepseek.r1-v1:0", Thinking(include=True), None, []),
        ("deepseek.r1-v1:0", Thinking(Effort.NONE), None, ["PARAM_DROPPED"]),
    ],
)
def test_other_families_reason_in_their_own_words(
    name: str, wish: Thinking, native: object, codes: list[str]
) -> None:
    call = ask(name, thinking=wish)
    assert body(call).get(NATIVE, {}).get("reasoningConfig") == native
    assert [code for code, _ in warned(call)] == codes


def test_gpt_oss_has_three_levels() -> None:
    made = body(ask(GPT_OSS, thinking=Thinking(Effort.MINIMAL)))
    assert made[NATIVE] == {"reasoning_effort": "low"}
    call = ask(GPT_OSS, thinking=Thinking(Effort.MAX))
    assert sent(call).payload[NATIVE] == {"reasoning_effort": "high"}
    assert warned(call) == [("VALUE_CLAMPED", "spec.reasoning")]
