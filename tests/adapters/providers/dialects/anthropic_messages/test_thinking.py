"""Reasoning in the words of the Messages API, by family."""

from __future__ import annotations

import pytest

from hexgate.domain.chat import Message, Reasoning, Text, ToolCall, ToolResult
from hexgate.domain.spec import Effort, OnUnsupported, Params, SchemaJson, Thinking
from tests.adapters.providers.dialects.anthropic_messages.asking import (
    HELLO,
    NEW,
    OLD,
    ask,
    body,
    model,
    refused,
    tool,
    user,
    warned,
)

REJECT = Params(on_unsupported=OnUnsupported.REJECT)
HM = Reasoning("hm", b"sig", "anthropic")


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


@pytest.mark.parametrize(
    ("name", "thinking", "effort"),
    [
        ("claude-sonnet-5-5", {"type": "between_tools"}, None),
        ("claude-haiku-5-5", {"type": "disabled"}, None),
        ("claude-opus-5", {"type": "disabled"}, None),
        ("claude-opus-4-8", {"type": "disabled"}, None),
        ("claude-opus-5-5", None, "low"),
        ("claude-fable-5", None, "low"),
        ("claude-fable-5-2", None, "low"),
        ("claude-mythos-5", None, "low"),
        ("claude-mythos-preview", None, "low"),
    ],
)
def test_reasoning_is_switched_off_as_the_model_lets_it(
    name: str, thinking: object, effort: str | None
) -> None:
    call = ask(name, thinking=Thinking(Effort.NONE))
    made = body(call)
    assert made.get("thinking") == thinking
    assert made.get("output_config") == (effort and {"effort": effort})
    assert warned(call) == ([("PARAM_CLAMPED", "spec.reasoning")] if effort else [])
    strict = ask(name, thinking=Thinking(Effort.NONE), params=REJECT)
    if effort:
        assert refused(strict) == ["spec.reasoning"]
    else:
        assert warned(strict) == []


def test_a_schema_and_an_effort_share_their_object() -> None:
    made = body(ask(output=SchemaJson("a", "{}"), thinking=Thinking(Effort.LOW)))
    assert set(made["output_config"]) == {"effort", "format"}


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        (Params(temperature=1), {"temperature": 1}),
        (Params(top_p=0.95), {"top_p": 0.95}),
        (Params(temperature=0.99), {}),
        (Params(top_p=0.94), {}),
        (Params(top_k=1), {}),
    ],
)
def test_what_does_not_change_reasoning_is_sent_beside_it(
    params: Params, kept: dict[str, float]
) -> None:
    call = ask(OLD, max_output_tokens=10_000, params=params, thinking=Thinking(Effort.LOW))
    made = body(call)
    assert {name: made[name] for name in ("temperature", "top_p", "top_k") if name in made} == kept
    assert len(warned(call)) == 1 - len(kept)


def amid(*said: Reasoning | Text) -> tuple[Message, ...]:
    """A conversation in the middle of two rounds of calls, the first after these words."""
    return (
        *HELLO,
        model(*said, ToolCall("a", "f", "{}")),
        tool(ToolResult("a", (Text("1"),))),
        model(ToolCall("b", "f", "{}")),
        tool(ToolResult("b", (Text("2"),))),
    )


@pytest.mark.parametrize(
    ("messages", "reasons"),
    [
        (amid(HM), True),
        (amid(Reasoning("", b"blob", "anthropic", redacted=True)), True),
        (amid(Text("On it.")), False),
        (amid(Reasoning("hm", b"sig", "other")), False),
        ((*amid(Text("On it.")), model(Text("So.")), user(Text("And?"))), True),
        ((*HELLO, model(Text("So."))), False),
        ((*HELLO, model(Text("So.")), *HELLO), True),
    ],
    ids=["signed", "redacted", "without", "another's", "done", "going on", "answered"],
)
def test_a_budget_needs_signed_reasoning_before_calls_that_go_on(
    messages: tuple[Message, ...], reasons: bool
) -> None:
    wish = Thinking(budget_tokens=2000)
    call = ask(OLD, max_output_tokens=10_000, messages=messages, thinking=wish)
    assert ("thinking" in body(call)) is reasons
    assert (("PARAM_DROPPED", "spec.reasoning") in warned(call)) is not reasons


def test_newer_models_reason_amid_calls_whoever_made_them() -> None:
    call = ask(NEW, messages=amid(Text("On it.")), thinking=Thinking(Effort.LOW))
    assert body(call)["thinking"]["type"] == "adaptive"
    assert warned(call) == []
