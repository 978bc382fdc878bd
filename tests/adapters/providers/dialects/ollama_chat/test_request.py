"""Calls as requests of Ollama's /api/chat."""

from __future__ import annotations

from typing import Any

import pytest

from hexgate.adapters.providers.dialects.ollama_chat import OllamaChat
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import ChatCall, Options
from hexgate.domain.chat import (
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
from hexgate.domain.json import Json, JsonObject
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

HELLO = (Message(Role.USER, (Text("Hi"),)),)
WEATHER = Tool("weather", "Looks up.", '{"type":"object","properties":{"b":{},"a":{}}}')
NOW = Tool("now", "", "", strict=True)
OLLAMA = OllamaChat("ollama")
PICTURE = Media("image/png", Inline(b"\x89PNG"))


def ask(options: Options | None = None, **spec: Any) -> ChatCall:
    """A call with these fields of Spec."""
    whole = Spec(model="llama3.2", **{"messages": HELLO, **spec})
    return fakes.call(
        model="llama3.2", max_output_tokens=50, spec=whole, options=options or Options()
    )


def sent(**spec: Any) -> WireRequest:
    return OLLAMA.request(ask(**spec), stream=False)


def messages(*parts: Part, role: Role = Role.USER) -> Json:
    return sent(messages=(Message(role, parts),)).payload["messages"]


def warned(request: WireRequest) -> list[tuple[str, str]]:
    return [(warning.code, warning.field) for warning in request.warnings]


def refused(**spec: Any) -> list[str]:
    with pytest.raises(Unsupported) as caught:
        sent(**spec)
    return [violation.field for violation in caught.value.violations]


@pytest.mark.parametrize("stream", [True, False])
def test_the_least_says_stream_and_forbids_silent_cuts(stream: bool) -> None:
    request = OLLAMA.request(ask(Options(end_user_id="u")), stream=stream)
    assert request.path == "/api/chat"
    assert request.payload == {
        "model": "llama3.2",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": stream,
        "truncate": False,
        "options": {"num_predict": 50},
    }
    assert request.warnings == ()


def test_the_window_is_sent_where_it_is_configured() -> None:
    body = OllamaChat("ollama", 32_768).request(ask(), stream=False).payload
    assert body["options"] == {"num_predict": 50, "num_ctx": 32_768}


def test_every_parameter_is_sent() -> None:
    params = Params(
        temperature=0.0,
        top_p=0.5,
        top_k=40,
        presence_penalty=-1.0,
        frequency_penalty=1.0,
        seed=7,
        stop=("END",),
        top_logprobs=3,
    )
    body = sent(params=params).payload
    assert body["options"] == {
        "num_predict": 50,
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 40,
        "presence_penalty": -1.0,
        "frequency_penalty": 1.0,
        "seed": 7,
        "stop": ["END"],
    }
    assert (body["logprobs"], body["top_logprobs"]) == (True, 3)
    assert "top_logprobs" not in sent(params=Params(top_logprobs=0)).payload


def test_tools_keep_the_order_of_their_schemas() -> None:
    request = sent(tools=(WEATHER, NOW))
    parameters: JsonObject = {"type": "object", "properties": {"b": {}, "a": {}}}
    weather: JsonObject = {
        "name": "weather",
        "description": "Looks up.",
        "parameters": parameters,
    }
    assert request.payload["tools"] == [
        {"type": "function", "function": weather},
        {"type": "function", "function": {"name": "now", "description": ""}},
    ]
    assert list(parameters["properties"]) == ["b", "a"]  # type: ignore[arg-type]  # an object
    assert warned(request) == [("PARAM_DROPPED", "spec.tools[1].strict")]


def test_a_choice_of_tools_is_what_is_offered() -> None:
    assert "tools" not in sent(tools=(WEATHER,), tool_choice=ToolChoice(ToolMode.NONE)).payload
    only = sent(tools=(WEATHER, NOW), tool_choice=ToolChoice(allowed=("weather",)))
    assert only.payload == sent(tools=(WEATHER,)).payload
    assert only.warnings == ()


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        (ToolChoice(ToolMode.REQUIRED), "spec.tool_choice.mode"),
        (ToolChoice(name="weather"), "spec.tool_choice.tool_name"),
    ],
)
def test_being_made_to_call_is_refused(choice: ToolChoice, field: str) -> None:
    assert refused(tools=(WEATHER,), tool_choice=choice) == [field]


def test_one_call_at_a_time_is_dropped_or_refused() -> None:
    choice = ToolChoice(parallel=False)
    request = sent(tools=(WEATHER,), tool_choice=choice)
    assert warned(request) == [("PARAM_DROPPED", "spec.tool_choice.parallel_calls")]
    assert sent(tools=(WEATHER,), tool_choice=ToolChoice(parallel=True)).warnings == ()
    params = Params(on_unsupported=OnUnsupported.REJECT)
    assert refused(tools=(WEATHER,), tool_choice=choice, params=params) == [
        "spec.tool_choice.parallel_calls"
    ]


def test_the_shape_of_the_answer_is_a_format() -> None:
    assert sent(output=AnyJson()).payload["format"] == "json"
    schema = SchemaJson("x", '{"type":"object"}', strict=True)
    assert sent(output=schema).payload["format"] == {"type": "object"}
    assert refused(output=SchemaJson("x", "{NaN}")) == ["spec.output.json_schema.schema_json"]


@pytest.mark.parametrize(
    ("thinking", "think"),
    [
        (Thinking(Effort.NONE), False),
        (Thinking(Effort.MINIMAL), "low"),
        (Thinking(Effort.MEDIUM), "medium"),
        (Thinking(Effort.MAX), "high"),
        (Thinking(budget_tokens=0), False),
        (Thinking(budget_tokens=4_096), "low"),
        (Thinking(budget_tokens=10_000), "medium"),
        (Thinking(budget_tokens=50_000), "high"),
        (Thinking(include=True), None),
    ],
)
def test_reasoning_is_switched_or_levelled(thinking: Thinking, think: bool | str | None) -> None:
    request = sent(thinking=thinking)
    assert request.payload.get("think") == think
    assert request.warnings == ()


def test_a_level_above_high_is_high_with_a_warning() -> None:
    request = sent(thinking=Thinking(Effort.XHIGH))
    assert request.payload["think"] == "high"
    assert warned(request) == [("PARAM_CLAMPED", "spec.reasoning.effort")]


def test_words_of_one_message_are_joined() -> None:
    assert messages(Text("A"), Text("B"), role=Role.SYSTEM) == [
        {"role": "system", "content": "A\n\nB"}
    ]


def test_images_keep_their_place_between_the_words() -> None:
    assert messages(Text("See"), PICTURE, Text("Well?")) == [
        {"role": "user", "content": "See"},
        {"role": "user", "content": "", "images": ["iVBORw=="]},
        {"role": "user", "content": "Well?"},
    ]


@pytest.mark.parametrize(
    "media",
    [
        Media("image/png", Link("https://a.example/x.png")),
        Media("image/png", FileId("ollama", "f")),
        Media("application/pdf", Inline(b"%PDF")),
    ],
)
def test_media_other_than_image_bytes_are_refused(media: Media) -> None:
    found = refused(messages=(Message(Role.USER, (Text("See"), media)),))
    assert found == ["spec.messages[0].parts[1].media"]


def test_an_earlier_answer_has_its_thoughts_calls_and_results() -> None:
    turns = (
        Message(
            Role.ASSISTANT,
            (
                Reasoning("Oh.", provider="ollama"),
                Text("Hm."),
                Refusal("No."),
                ToolCall("c1", "f", '{"n":1}'),
                ToolCall("c2", "g", ""),
            ),
        ),
        Message(
            Role.TOOL,
            (ToolResult("c1", (Text("1"), Text("2")), is_error=True), ToolResult("c2", ())),
        ),
    )
    request = sent(messages=turns)
    calls: list[Json] = [
        {"id": "c1", "function": {"name": "f", "arguments": {"n": 1}}},
        {"id": "c2", "function": {"name": "g", "arguments": {}}},
    ]
    assert request.payload["messages"] == [
        {"role": "assistant", "content": "Hm.\n\nNo.", "thinking": "Oh.", "tool_calls": calls},
        {"role": "tool", "content": "1\n\n2", "tool_call_id": "c1", "tool_name": "f"},
        {"role": "tool", "content": "", "tool_call_id": "c2", "tool_name": "g"},
    ]
    field = "spec.messages[1].parts[0].tool_result.is_error"
    assert warned(request) == [("ERROR_FLAG_DROPPED", field)]


@pytest.mark.parametrize("arguments", ["{bad", "[1]", "[" * 100_000])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    turn = Message(Role.ASSISTANT, (Text("x"), ToolCall("c", "f", arguments)))
    field = "spec.messages[0].parts[1].tool_call.arguments_json"
    assert refused(messages=(turn,)) == [field]


def test_foreign_reasoning_is_left_out_with_a_warning() -> None:
    parts = (Reasoning("a", b"s", "anthropic"), Reasoning("b", provider="groq"), Text("Four."))
    request = sent(messages=(Message(Role.ASSISTANT, parts),))
    assert request.payload["messages"] == [{"role": "assistant", "content": "Four."}]
    assert warned(request) == [
        ("SIGNATURE_DROPPED", "spec.messages[0].parts[0].reasoning"),
        ("REASONING_DROPPED", "spec.messages[0].parts[1].reasoning"),
    ]


def test_media_in_answers_and_results_are_refused() -> None:
    turns = (
        Message(Role.ASSISTANT, (PICTURE, ToolCall("c", "f", "{}"))),
        Message(Role.TOOL, (ToolResult("c", (Text("see"), PICTURE)),)),
    )
    assert refused(messages=turns) == [
        "spec.messages[0].parts[0].media",
        "spec.messages[1].parts[0].tool_result.parts[1].media",
    ]


def test_names_of_images_are_dropped_with_a_warning() -> None:
    named = Media("IMAGE/PNG", Inline(b"x"), "cat.png")
    request = sent(messages=(Message(Role.USER, (named,)),))
    assert warned(request) == [("FIELD_DROPPED", "spec.messages[0].parts[0].media.filename")]


def test_names_of_participants_are_dropped_with_a_warning() -> None:
    request = sent(messages=(Message(Role.USER, (Text("Hi"),), "ada"),))
    assert warned(request) == [("PARAM_DROPPED", "spec.messages[0].name")]


def test_options_of_this_provider_are_merged_last() -> None:
    extra: dict[str, JsonObject] = {
        "ollama": {"keep_alive": "5m", "options": {"num_ctx": 8192, "temperature": 0.5}},
        "other": {"x": 1},
    }
    body = sent(params=Params(temperature=1.0), provider_options=extra).payload
    assert body["keep_alive"] == "5m"
    assert body["options"] == {"num_predict": 50, "temperature": 0.5, "num_ctx": 8192}
    assert "x" not in body
    request = sent(params=Params(temperature=1.0), provider_options=extra)
    field = "spec.provider_options.ollama.options.temperature"
    assert warned(request) == [("PARAM_REPLACED", field)]


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"model": "x"}, "model"),
        ({"messages": []}, "messages"),
        ({"stream": True}, "stream"),
        ({"options": {"num_predict": -1}}, "options.num_predict"),
        ({"options": 1}, "options"),
        ({"tools": []}, "tools"),
        ({"options": {"Num_Predict": -1}}, "options.Num_Predict"),
        ({"Options": {"num_predict": -1}}, "Options"),
    ],
)
def test_options_that_the_gateway_answers_for_are_refused_by_name(
    extra: JsonObject, field: str
) -> None:
    assert refused(provider_options={"ollama": extra}) == [f"spec.provider_options.ollama.{field}"]


def test_a_document_that_is_text_is_sent_as_text_in_its_place() -> None:
    notes = Media("text/markdown", Inline("# Häfen".encode()), "a.md")
    request = sent(messages=(Message(Role.USER, (Text("Read:"), notes, Text("So?"))),))
    messages = request.payload["messages"]
    assert isinstance(messages, list)
    assert messages == [
        {"role": "user", "content": "Read:"},
        {"role": "user", "content": "# Häfen"},
        {"role": "user", "content": "So?"},
    ]
    assert [(w.code, w.field) for w in request.warnings] == [
        ("FIELD_DROPPED", "spec.messages[0].parts[1].media.filename")
    ]
