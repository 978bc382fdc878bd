"""Requests are checked whole, and every fault is named by its path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hexgate.domain.call import Options
from hexgate.domain.chat import (
    CacheMark,
    Inline,
    Link,
    Media,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.embed import EmbedInput, EmbedSpec
from hexgate.domain.errors import InvalidRequest
from hexgate.domain.spec import (
    Params,
    SchemaJson,
    Spec,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
)
from hexgate.domain.validation import validate

HELLO = Message(Role.USER, (Text("hello"),))
GOOD = Spec(model="sim/echo", messages=(HELLO,))
SUM = Tool("sum", "Adds.", '{"type": "object"}')


def fields(spec: Spec | EmbedSpec, options: Options | None = None) -> list[str]:
    """The paths of all violations."""
    try:
        validate(spec, options or Options())
    except InvalidRequest as error:
        return [violation.field for violation in error.violations]
    return []


def said(role: Role, *parts: Part) -> Spec:
    """A spec whose second message is this one."""
    return replace(GOOD, messages=(HELLO, Message(role, parts)))


def test_a_good_request_passes() -> None:
    assert fields(GOOD) == []


def test_a_whole_tool_conversation_passes() -> None:
    call = ToolCall("c1", "sum", "{}")
    result = ToolResult("c1", (Text("3"), Media("image/png", Inline(b"x"))))
    spec = replace(
        GOOD,
        messages=(
            Message(Role.SYSTEM, (Text("Be brief."),)),
            HELLO,
            Message(Role.ASSISTANT, (Reasoning("hm"), Text("one moment"), call)),
            Message(Role.TOOL, (result,)),
        ),
        tools=(SUM,),
        tool_choice=ToolChoice(name="sum", allowed=("sum",)),
    )
    assert fields(spec) == []


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (replace(GOOD, model=""), "spec.model"),
        (replace(GOOD, messages=()), "spec.messages"),
        (replace(GOOD, messages=(Message(Role.USER, ()),)), "spec.messages[0].parts"),
        (said(Role.USER, ToolCall("a", "b", "{}")), "spec.messages[1].parts[0].tool_call"),
        (said(Role.USER, Reasoning("hm")), "spec.messages[1].parts[0].reasoning"),
        (
            said(Role.SYSTEM, Media("image/png", Inline(b"x"))),
            "spec.messages[1].parts[0].media",
        ),
        (said(Role.TOOL, Text("3")), "spec.messages[1].parts[0].text"),
        (
            said(Role.TOOL, ToolResult("nobody", ())),
            "spec.messages[1].parts[0].tool_result.call_id",
        ),
        (
            said(Role.ASSISTANT, ToolCall("", "sum", "")),
            "spec.messages[1].parts[0].tool_call.call_id",
        ),
        (
            said(Role.ASSISTANT, ToolCall("a", "x", ""), ToolCall("a", "x", "")),
            "spec.messages[1].parts[1].tool_call.call_id",
        ),
        (
            said(Role.ASSISTANT, ToolCall("a", "", "")),
            "spec.messages[1].parts[0].tool_call.name",
        ),
        (
            said(Role.USER, Media("", Inline(b"x"))),
            "spec.messages[1].parts[0].media.media_type",
        ),
        (
            said(Role.USER, Media("image/png", Inline(b""))),
            "spec.messages[1].parts[0].media.data",
        ),
        (
            said(Role.USER, Media("image/png", Link("file:///etc/passwd"))),
            "spec.messages[1].parts[0].media.url",
        ),
        (
            said(Role.USER, Media("image/png", Link("http://[bad"))),
            "spec.messages[1].parts[0].media.url",
        ),
        (replace(GOOD, params=Params(max_output_tokens=0)), "spec.params.max_output_tokens"),
        (replace(GOOD, params=Params(max_output_tokens=-5)), "spec.params.max_output_tokens"),
        (replace(GOOD, params=Params(temperature=2.1)), "spec.params.temperature"),
        (replace(GOOD, params=Params(temperature=float("nan"))), "spec.params.temperature"),
        (replace(GOOD, params=Params(top_p=0)), "spec.params.top_p"),
        (replace(GOOD, params=Params(top_p=float("nan"))), "spec.params.top_p"),
        (replace(GOOD, params=Params(top_k=0)), "spec.params.top_k"),
        (replace(GOOD, params=Params(presence_penalty=-3)), "spec.params.presence_penalty"),
        (replace(GOOD, params=Params(frequency_penalty=3)), "spec.params.frequency_penalty"),
        (replace(GOOD, params=Params(top_logprobs=21)), "spec.params.top_logprobs"),
        (replace(GOOD, params=Params(stop=("",))), "spec.params.stop_sequences[0]"),
        (replace(GOOD, params=Params(stop=("a",) * 17)), "spec.params.stop_sequences"),
        (replace(GOOD, tools=(Tool("no spaces", "", ""),)), "spec.tools[0].name"),
        (replace(GOOD, tools=(SUM, SUM)), "spec.tools[1].name"),
        (replace(GOOD, tools=(Tool("a", "", "{"),)), "spec.tools[0].parameters_schema_json"),
        (replace(GOOD, tools=(Tool("a", "", "[]"),)), "spec.tools[0].parameters_schema_json"),
        (
            replace(GOOD, tools=(Tool("a", "", "[" * 100_000),)),
            "spec.tools[0].parameters_schema_json",
        ),
        (replace(GOOD, tool_choice=ToolChoice(name="x")), "spec.tool_choice.tool_name"),
        (
            replace(GOOD, tools=(SUM,), tool_choice=ToolChoice(allowed=("x",))),
            "spec.tool_choice.allowed_tool_names[0]",
        ),
        (
            replace(GOOD, tool_choice=ToolChoice(mode=ToolMode.REQUIRED)),
            "spec.tool_choice.mode",
        ),
        (replace(GOOD, output=SchemaJson("s", "nope")), "spec.output.json_schema.schema_json"),
        (replace(GOOD, thinking=Thinking(budget_tokens=-1)), "spec.reasoning.budget_tokens"),
    ],
)
def test_each_fault_is_named_by_its_path(spec: Spec, field: str) -> None:
    assert fields(spec) == [field]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (Options(session_id="x" * 257), "options.attribution.session_id"),
        (Options(labels={"Bad": "x"}), "options.attribution.labels"),
        (Options(labels={"good": "x" * 257}), "options.attribution.labels"),
        (Options(labels={f"k{i}": "" for i in range(33)}), "options.attribution.labels"),
        (Options(max_attempts=0), "options.routing.max_attempts"),
        (Options(max_cost_nanos=-1), "options.spend.max_cost_nanos"),
        (Options(max_output_price=-1), "options.spend.max_output_price_nanos_per_mtok"),
    ],
)
def test_options_are_checked_too(options: Options, field: str) -> None:
    assert fields(GOOD, options) == [field]


def test_all_faults_are_told_at_once() -> None:
    spec = replace(GOOD, model="", params=Params(max_output_tokens=-1), messages=())
    with pytest.raises(InvalidRequest, match=r"spec\.model.*and 2 more"):
        validate(spec, Options())


def test_a_bad_schema_says_where_and_never_what() -> None:
    spec = replace(GOOD, tools=(Tool("a", "", '{"type": secret}'),))
    with pytest.raises(InvalidRequest) as caught:
        validate(spec, Options())
    assert "line 1 column 10" in caught.value.violations[0].description
    assert "secret" not in str(caught.value)


IMAGE = Media("image/png", Inline(b"x"))


def embed(
    *inputs: EmbedInput, model: str = "sim/embed", dimensions: int | None = None
) -> EmbedSpec:
    """What is to be embedded."""
    return EmbedSpec(model=model, inputs=inputs, dimensions=dimensions)


def test_good_embeddings_pass() -> None:
    mixed = (Text("a caption"), IMAGE)
    assert fields(embed((Text("a"),), mixed, dimensions=65_536)) == []
    assert fields(embed(*[(Text("a"),)] * 2_000, dimensions=4_096)) == []


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (embed((Text("a"),), model=""), "model"),
        (embed(), "inputs"),
        (embed(*[(Text("a"),)] * 2_001), "inputs"),
        (embed(*[(Text("a"),)] * 2_000, dimensions=4_097), "inputs"),
        (embed((Text("a"),), dimensions=0), "dimensions"),
        (embed((Text("a"),), dimensions=65_537), "dimensions"),
        (embed((Text("a"),), ()), "inputs[1].parts"),
        (embed((Text("a"), Text(""))), "inputs[0].parts[1].text"),
        (embed((Text("a", CacheMark()),)), "inputs[0].parts[0].prompt_cache"),
        (embed((Media("", Inline(b"x")),)), "inputs[0].parts[0].media.media_type"),
        (embed((Media("image/png", Inline(b"")),)), "inputs[0].parts[0].media.data"),
        (embed((Media("", Link("ftp://x/y")),)), "inputs[0].parts[0].media.url"),
    ],
)
def test_each_fault_of_embeddings_is_named_by_its_path(spec: EmbedSpec, field: str) -> None:
    assert fields(spec) == [field]


def test_all_faults_of_embeddings_are_named_at_once() -> None:
    spec = embed((Text(""),), (), model="", dimensions=-1)
    assert fields(spec, Options(max_attempts=0)) == [
        "model",
        "inputs[0].parts[0].text",
        "inputs[1].parts",
        "dimensions",
        "options.routing.max_attempts",
    ]
