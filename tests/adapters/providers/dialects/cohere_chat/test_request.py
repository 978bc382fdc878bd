"""What is sent to /v2/chat besides the messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hexgate.domain.chat import (
    Inline,
    Link,
    Media,
    Message,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
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
from tests.adapters.providers.dialects.cohere_chat.asking import (
    CHAT,
    DATA,
    NOW,
    WEATHER,
    ask,
    payload,
    refused,
    sent,
    warned,
)

R, A, REASONER = "command-r-08-2024", "command-a-03-2025", "command-a-reasoning-08-2025"


def test_everything_at_once_is_said_in_the_words_of_the_wire() -> None:
    image = Media("image/png", Inline(b"\x89PNG"))
    linked = Media("image/*", Link("https://example.org/a.png"))
    notes = Media("text/plain", Inline(b"Lighthouses are tall."), filename="notes.txt")
    call = ToolCall("lookup_1", "lookup", '{"of": 1.0}')
    schema = '{"type":"object","properties":{"b":{},"a":{}},"required":["b"]}'
    request = sent(
        ask(
            "command-a-plus-05-2026",
            messages=(
                Message(Role.SYSTEM, (Text("Be brief."),)),
                Message(Role.USER, (Text("What is this?"), image, linked, notes)),
                Message(
                    Role.ASSISTANT,
                    (
                        Reasoning("A lookup will tell.", provider="cohere"),
                        Text("I will look it up."),
                        call,
                    ),
                ),
                Message(Role.TOOL, (ToolResult("lookup_1", (Text("A lighthouse."),)),)),
                Message(Role.ASSISTANT, (Text("A lighthouse."),)),
                Message(Role.USER, (Text("Sure?"),)),
            ),
            params=Params(
                temperature=0.5,
                top_p=0.9,
                top_k=40,
                presence_penalty=0.25,
                frequency_penalty=0.5,
                seed=7,
                stop=("END",),
                top_logprobs=0,
            ),
            tools=(Tool("lookup", "Looks things up.", schema, strict=True),),
            tool_choice=ToolChoice(ToolMode.REQUIRED),
            thinking=Thinking(budget_tokens=20),
            provider_options={"cohere": {"safety_mode": "STRICT"}, "other": {"x": 1}},
        ),
        stream=True,
    )
    assert request.path == "/v2/chat"
    assert json.dumps(request.payload) == json.dumps(
        json.loads((DATA / "request.json").read_text())
    )
    # The model reads the notes beside the last turn, not beside the first.
    assert warned(request) == [("DOCUMENT_MOVED", "spec.messages[1]")]


def test_a_plain_call_says_no_more_than_it_must() -> None:
    assert payload(ask()) == {
        "model": A,
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 50,
        "stream": False,
    }


def test_the_check_asks_for_one_model() -> None:
    request = CHAT.check()
    assert (request.method, request.path) == ("GET", "/v1/models?page_size=1")


OUT_OF_RANGE: list[tuple[str, Any, str, Any]] = [
    ("temperature", 1.5, "temperature", 1),
    ("top_p", 1.0, "p", 0.99),
    ("top_p", 0.001, "p", 0.01),
    ("top_k", 501, "k", 500),
    ("presence_penalty", -0.5, "presence_penalty", 0),
    ("frequency_penalty", 1.5, "frequency_penalty", 1),
]


@pytest.mark.parametrize(("name", "value", "key", "used"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_met_in_part_or_refused(
    name: str, value: Any, key: str, used: Any
) -> None:
    request = sent(ask(params=Params(**{name: value})))
    assert request.payload[key] == used
    assert warned(request) == [("PARAM_CLAMPED", f"spec.params.{name}")]
    strict = Params(**{name: value}, on_unsupported=OnUnsupported.REJECT)
    assert refused(ask(params=strict)) == [f"spec.params.{name}"]


@pytest.mark.parametrize(
    "params",
    [
        Params(temperature=0, top_p=0.01, top_k=500),
        Params(temperature=1, top_p=0.99, presence_penalty=0, frequency_penalty=1),
        Params(stop=("a", "b", "c", "d", "e"), seed=0, top_logprobs=0),
    ],
)
def test_the_ends_of_the_ranges_pass_unchanged(params: Params) -> None:
    assert sent(ask(params=params)).warnings == ()


def test_the_first_five_stop_sequences_are_used() -> None:
    request = sent(ask(params=Params(stop=("a", "b", "c", "d", "e", "f"))))
    assert request.payload["stop_sequences"] == ["a", "b", "c", "d", "e"]
    assert warned(request) == [("PARAM_CLAMPED", "spec.params.stop_sequences")]


def test_a_seed_below_zero_is_dropped() -> None:
    request = sent(ask(params=Params(seed=-1)))
    assert "seed" not in request.payload
    assert warned(request) == [("PARAM_DROPPED", "spec.params.seed")]


def test_log_probabilities_of_other_tokens_are_not_to_be_had() -> None:
    request = sent(ask(params=Params(top_logprobs=3)))
    assert request.payload["logprobs"] is True
    assert warned(request) == [("PARAM_CLAMPED", "spec.params.top_logprobs")]


CHOICES: list[tuple[ToolChoice | None, list[str], str | None]] = [
    (None, ["weather", "now"], None),
    (ToolChoice(ToolMode.AUTO), ["weather", "now"], None),
    (ToolChoice(ToolMode.NONE), ["weather", "now"], "NONE"),
    (ToolChoice(ToolMode.REQUIRED), ["weather", "now"], "REQUIRED"),
    (ToolChoice(name="now"), ["now"], "REQUIRED"),
    (ToolChoice(allowed=("weather",)), ["weather"], None),
    (ToolChoice(ToolMode.REQUIRED, allowed=("now",)), ["now"], "REQUIRED"),
]


@pytest.mark.parametrize(("choice", "names", "word"), CHOICES)
def test_a_tool_choice_is_said_by_what_is_offered_and_by_a_word(
    choice: ToolChoice | None, names: list[str], word: str | None
) -> None:
    found: Any = payload(ask(tools=(WEATHER, NOW), tool_choice=choice))
    assert [tool["function"]["name"] for tool in found["tools"]] == names
    assert found.get("tool_choice") == word


def test_a_model_without_a_tool_choice_is_offered_nothing_or_refused() -> None:
    assert "tools" not in payload(ask(R, tools=(NOW,), tool_choice=ToolChoice(ToolMode.NONE)))
    for choice, field in (
        (ToolChoice(ToolMode.REQUIRED), "spec.tool_choice.mode"),
        (ToolChoice(name="now"), "spec.tool_choice.tool_name"),
    ):
        assert refused(ask(R, tools=(NOW,), tool_choice=choice)) == [field]


def test_a_tool_without_a_schema_takes_an_empty_object() -> None:
    found: Any = payload(ask(tools=(NOW,)))
    assert found["tools"] == [
        {
            "type": "function",
            "function": {"name": "now", "parameters": {"type": "object", "properties": {}}},
        }
    ]


def test_tools_are_strict_together_or_not_at_all() -> None:
    assert payload(ask(tools=(WEATHER,)))["strict_tools"] is True
    request = sent(ask(tools=(NOW, WEATHER)))
    assert "strict_tools" not in request.payload
    assert warned(request) == [("PARAM_DROPPED", "spec.tools[1].strict")]


@pytest.mark.parametrize("name", ["get-weather", "1st"])
def test_a_tool_name_that_the_api_refuses_is_refused_by_its_place(name: str) -> None:
    assert refused(ask(tools=(NOW, Tool(name, "", "")))) == ["spec.tools[1].name"]


def test_calling_one_tool_at_a_time_cannot_be_said() -> None:
    choice = ToolChoice(parallel=False)
    request = sent(ask(tools=(NOW,), tool_choice=choice))
    assert warned(request) == [("PARAM_DROPPED", "spec.tool_choice.parallel_calls")]
    assert sent(ask(tools=(NOW,), tool_choice=ToolChoice(parallel=True))).warnings == ()


@pytest.mark.parametrize(
    "model", ["command-a-vision-07-2025", "command-light", "c4ai-aya-vision-32b"]
)
def test_a_model_without_tools_is_not_given_any(model: str) -> None:
    assert refused(ask(model, tools=(NOW,))) == ["spec.tools"]
    none = ToolChoice(ToolMode.NONE)
    assert "tools" not in payload(ask(model, tools=(NOW,), tool_choice=none))


def test_json_is_asked_for_with_and_without_a_schema() -> None:
    assert payload(ask(output=AnyJson()))["response_format"] == {"type": "json_object"}
    schema = SchemaJson("n", '{"type":"object","properties":{"z":{},"a":{}}}', strict=True)
    found = payload(ask(output=schema))["response_format"]
    shape = {"type": "object", "properties": {"z": {}, "a": {}}}
    assert json.dumps(found) == json.dumps({"type": "json_object", "json_schema": shape})


def test_json_is_not_to_be_had_beside_tools_or_documents_or_from_old_models() -> None:
    notes = Message(Role.USER, (Text("Sum up."), Media("text/plain", Inline(b"Notes."))))
    field = ["spec.output.json"]
    assert refused(ask(output=AnyJson(), tools=(NOW,))) == field
    assert refused(ask(output=AnyJson(), messages=(notes,))) == field
    assert refused(ask("command", output=AnyJson())) == field
    assert refused(ask(output=SchemaJson("n", "{}"), tools=(NOW,))) == ["spec.output.json_schema"]


THOUGHTS: list[tuple[Thinking | None, Any]] = [
    (None, None),
    (Thinking(include=True), None),
    (Thinking(effort=Effort.NONE), {"type": "disabled"}),
    (Thinking(budget_tokens=0), {"type": "disabled"}),
    (Thinking(budget_tokens=9), {"type": "enabled", "token_budget": 9}),
    (Thinking(effort=Effort.MINIMAL), {"type": "enabled", "token_budget": 5}),
    (Thinking(effort=Effort.LOW), {"type": "enabled", "token_budget": 10}),
    (Thinking(effort=Effort.MEDIUM), {"type": "enabled", "token_budget": 25}),
    (Thinking(effort=Effort.HIGH), {"type": "enabled", "token_budget": 40}),
    (Thinking(effort=Effort.MAX), {"type": "enabled"}),
]


@pytest.mark.parametrize(("wish", "said"), THOUGHTS)
def test_reasoning_is_switched_and_bounded(wish: Thinking | None, said: Any) -> None:
    request = sent(ask(REASONER, thinking=wish))
    assert request.payload.get("thinking") == said
    assert request.warnings == ()


def test_a_level_that_is_lacking_is_met_by_the_next() -> None:
    request = sent(ask(REASONER, thinking=Thinking(effort=Effort.XHIGH)))
    assert request.payload["thinking"] == {"type": "enabled", "token_budget": 40}
    assert warned(request) == [("PARAM_CLAMPED", "spec.reasoning.effort")]


def test_a_model_that_does_not_reason_is_not_made_to() -> None:
    request = sent(ask(A, thinking=Thinking(effort=Effort.HIGH)))
    assert "thinking" not in request.payload
    assert warned(request) == [("PARAM_DROPPED", "spec.reasoning")]
    assert sent(ask(A, thinking=Thinking(effort=Effort.NONE))).warnings == ()


@pytest.mark.parametrize(
    "key", ["model", "messages", "stream", "max_tokens", "Max_Tokens", "max_to\u212aens"]
)
def test_what_the_gateway_answers_for_is_not_overridden(key: str) -> None:
    options = {"cohere": {key: 1}}
    assert refused(ask(provider_options=options)) == [f"spec.provider_options.cohere.{key}"]


def test_a_place_in_the_queue_does_not_change_the_price() -> None:
    request = sent(ask(provider_options={"cohere": {"priority": 3}}))
    assert request.payload["priority"] == 3
    assert request.warnings == ()


def test_options_that_replace_what_the_request_says_are_told() -> None:
    notes = Media("text/plain", Inline(b"Notes."))
    talk = (Message(Role.USER, (notes, Text("Sum up."))),)
    request = sent(ask(messages=talk, provider_options={"cohere": {"documents": ["Others."]}}))
    assert request.payload["documents"] == ["Others."]
    assert warned(request) == [("PARAM_REPLACED", "spec.provider_options.cohere.documents")]


def test_links_to_images_are_left_to_the_provider_and_others_are_not() -> None:
    link = Link("https://example.org/a")
    assert CHAT.fetches(Media("image/png", link))
    assert CHAT.fetches(Media("", link))
    assert not CHAT.fetches(Media("text/plain", link))
