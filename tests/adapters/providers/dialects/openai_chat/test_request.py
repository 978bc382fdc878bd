"""Every setting of a call in the words of chat completions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hexgate.adapters.providers.dialects.openai_chat import COMPATIBLE, OpenAIChat
from hexgate.domain.answer import PRICE_UNCERTAIN, Warned
from hexgate.domain.call import Options
from hexgate.domain.json import Json, JsonObject
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
from tests.adapters.providers.dialects.openai_chat.asking import (
    NOW,
    REASONER,
    WEATHER,
    ask,
    payload,
    refused,
    sent,
    warned,
)


def test_the_least_is_model_messages_and_a_bound() -> None:
    request = sent(ask())
    assert request.path == "/chat/completions"
    assert request.payload == {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_completion_tokens": 50,
        "stream": False,
    }
    assert request.warnings == ()


def test_a_stream_asks_for_usage() -> None:
    body = sent(ask(), stream=True).payload
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    silent = sent(ask(), replace(COMPATIBLE, stream_options=False), stream=True).payload
    assert "stream_options" not in silent


def test_compatible_servers_get_the_old_bound() -> None:
    body = payload(ask(), COMPATIBLE)
    assert body["max_tokens"] == 50
    assert "max_completion_tokens" not in body


def test_every_parameter_is_sent_to_a_model_that_has_it() -> None:
    params = Params(
        temperature=0.0,
        top_p=0.5,
        presence_penalty=-1.0,
        frequency_penalty=1.0,
        seed=7,
        stop=("END", "STOP"),
        top_logprobs=3,
    )
    body = payload(ask(params=params))
    assert {key: body[key] for key in body if key not in payload(ask())} == {
        "temperature": 0.0,
        "top_p": 0.5,
        "presence_penalty": -1.0,
        "frequency_penalty": 1.0,
        "seed": 7,
        "stop": ["END", "STOP"],
        "logprobs": True,
        "top_logprobs": 3,
    }


def test_logprobs_without_alternatives_are_logprobs() -> None:
    body = payload(ask(params=Params(top_logprobs=0)))
    assert body["logprobs"] is True
    assert "top_logprobs" not in body


def test_what_the_model_lacks_is_dropped_with_a_warning() -> None:
    params = Params(
        temperature=1.0,
        top_p=0.5,
        top_k=40,
        presence_penalty=0.0,
        frequency_penalty=0.0,
        stop=("x",),
        top_logprobs=0,
    )
    request = sent(ask(REASONER, params=params))
    assert set(request.payload) == {"model", "messages", "max_completion_tokens", "stream"}
    assert warned(request) == [
        ("PARAM_DROPPED", f"spec.params.{name}")
        for name in (
            "temperature",
            "top_p",
            "presence_penalty",
            "frequency_penalty",
            "top_logprobs",
            "top_k",
            "stop_sequences",
        )
    ]
    assert request.warnings[0] == Warned(
        "PARAM_DROPPED",
        "o3 does not support temperature while it reasons; dropped",
        "spec.params.temperature",
    )


def test_what_the_model_lacks_is_refused_where_the_caller_says_so() -> None:
    params = Params(temperature=1.0, top_k=40, on_unsupported=OnUnsupported.REJECT)
    assert refused(ask(REASONER, params=params)) == ["spec.params.temperature", "spec.params.top_k"]


def test_more_stop_sequences_than_fit_are_cut_with_a_warning() -> None:
    call = ask(params=Params(stop=tuple("abcdef")))
    assert payload(call)["stop"] == list("abcd")
    assert warned(sent(call)) == [("PARAM_CLAMPED", "spec.params.stop_sequences")]
    assert payload(call, COMPATIBLE)["stop"] == list("abcdef")


def test_top_k_goes_to_servers_that_have_it() -> None:
    call = ask(params=Params(top_k=40))
    assert payload(call, replace(COMPATIBLE, top_k=True))["top_k"] == 40
    assert warned(sent(call, COMPATIBLE)) == [("PARAM_DROPPED", "spec.params.top_k")]


@pytest.mark.parametrize(
    ("model", "thinking", "effort", "code"),
    [
        ("gpt-5", Thinking(Effort.LOW), "low", ""),
        ("gpt-5", Thinking(Effort.MINIMAL), "minimal", ""),
        ("o3", Thinking(Effort.MINIMAL), "low", ""),
        ("gpt-5.1", Thinking(Effort.MINIMAL), "low", ""),
        ("gpt-5.1", Thinking(Effort.NONE), "none", ""),
        ("gpt-5", Thinking(Effort.NONE), "minimal", "PARAM_CLAMPED"),
        ("gpt-5", Thinking(Effort.MAX), "high", ""),
        ("gpt-5.6-sol", Thinking(Effort.MAX), "max", ""),
        ("gpt-5", Thinking(Effort.XHIGH), "high", "PARAM_CLAMPED"),
        ("gpt-5.2", Thinking(Effort.XHIGH), "xhigh", ""),
        ("gpt-5.2", Thinking(budget_tokens=0), "none", ""),
        ("gpt-5", Thinking(budget_tokens=1_000), "minimal", ""),
        ("gpt-5", Thinking(budget_tokens=4_000), "low", ""),
        ("gpt-5", Thinking(budget_tokens=16_000), "medium", ""),
        ("gpt-5", Thinking(budget_tokens=32_000), "high", ""),
        ("gpt-5.2", Thinking(budget_tokens=64_000), "xhigh", ""),
        ("gpt-5", Thinking(include=True), None, ""),
        ("gpt-4o", Thinking(Effort.HIGH), None, "PARAM_DROPPED"),
        ("gpt-4o", Thinking(Effort.NONE), None, ""),
    ],
)
def test_reasoning_is_a_level_that_the_model_has(
    model: str, thinking: Thinking, effort: str | None, code: str
) -> None:
    request = sent(ask(model, thinking=thinking))
    assert request.payload.get("reasoning_effort") == effort
    assert [warning.code for warning in request.warnings] == ([code] if code else [])


def test_compatible_servers_are_told_not_to_reason() -> None:
    request = sent(ask("qwen3", thinking=Thinking(Effort.NONE)), COMPATIBLE)
    assert request.payload["reasoning_effort"] == "none"
    assert request.warnings == ()


def test_reasoning_that_cannot_be_switched_off_is_refused_where_the_caller_says_so() -> None:
    params = Params(on_unsupported=OnUnsupported.REJECT)
    call = ask(REASONER, thinking=Thinking(Effort.NONE), params=params)
    assert refused(call) == ["spec.reasoning.effort"]


@pytest.mark.parametrize(
    ("model", "thinking", "kept"),
    [
        ("gpt-5.1", None, True),
        ("gpt-5.1", Thinking(Effort.NONE), True),
        ("gpt-5.1", Thinking(Effort.LOW), False),
        ("gpt-6.1-sol", None, False),
        ("gpt-6.1-sol", Thinking(Effort.NONE), True),
    ],
)
def test_sampling_goes_with_reasoning_off(model: str, thinking: Thinking, kept: bool) -> None:
    body = payload(ask(model, thinking=thinking, params=Params(temperature=0.5)))
    assert ("temperature" in body) is kept


def test_tools_keep_the_order_of_their_schemas() -> None:
    body = payload(ask(tools=(WEATHER, NOW)))
    parameters: JsonObject = {"type": "object", "properties": {"b": {}, "a": {}}}
    weather: JsonObject = {
        "name": "weather",
        "description": "Looks up.",
        "parameters": parameters,
        "strict": True,
    }
    assert body["tools"] == [
        {"type": "function", "function": weather},
        {"type": "function", "function": {"name": "now"}},
    ]
    assert list(parameters["properties"]) == ["b", "a"]  # type: ignore[arg-type]  # an object
    assert "tool_choice" not in body


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(), "auto"),
        (ToolChoice(ToolMode.NONE), "none"),
        (ToolChoice(ToolMode.REQUIRED), "required"),
        (ToolChoice(name="now"), {"type": "function", "function": {"name": "now"}}),
        (
            ToolChoice(ToolMode.REQUIRED, allowed=("now",)),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "now"}}],
                },
            },
        ),
        (ToolChoice(ToolMode.NONE, allowed=("now",)), "none"),
    ],
)
def test_each_choice_of_tools_has_its_words(choice: ToolChoice, expected: Json) -> None:
    body = payload(ask(tools=(WEATHER, NOW), tool_choice=choice))
    assert body["tool_choice"] == expected
    assert len(body["tools"]) == 2  # type: ignore[arg-type]  # a list


def test_compatible_servers_are_offered_only_the_allowed_tools() -> None:
    choice = ToolChoice(ToolMode.REQUIRED, allowed=("now",))
    body = payload(ask(tools=(WEATHER, NOW), tool_choice=choice), COMPATIBLE)
    assert body["tools"] == [{"type": "function", "function": {"name": "now"}}]
    assert body["tool_choice"] == "required"


def test_parallel_calls_are_chosen_where_that_is_possible() -> None:
    choice = ToolChoice(parallel=False)
    assert payload(ask(tools=(NOW,), tool_choice=choice))["parallel_tool_calls"] is False
    request = sent(ask(REASONER, tools=(NOW,), tool_choice=choice))
    assert "parallel_tool_calls" not in request.payload
    assert warned(request) == [("PARAM_DROPPED", "spec.tool_choice.parallel_calls")]


def test_a_choice_without_tools_chooses_nothing() -> None:
    assert payload(ask(tool_choice=ToolChoice(ToolMode.NONE, parallel=True))) == payload(ask())


def test_the_shape_of_the_answer_is_a_response_format() -> None:
    assert payload(ask(output=AnyJson()))["response_format"] == {"type": "json_object"}
    schema = SchemaJson("My shape!", '{"type":"object"}', strict=True)
    assert payload(ask(output=schema))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "My_shape_", "schema": {"type": "object"}, "strict": True},
    }
    nameless = payload(ask(output=SchemaJson("", "{}")))["response_format"]
    assert nameless == {"type": "json_schema", "json_schema": {"name": "answer", "schema": {}}}


def test_a_model_without_schemas_refuses_one() -> None:
    schema = SchemaJson("a", "{}")
    assert refused(ask("gpt-3.5-turbo", output=schema)) == ["spec.output.json_schema"]


def test_a_schema_that_no_server_can_read_is_refused() -> None:
    bad = '{"default":NaN}'
    assert refused(ask(output=SchemaJson("a", bad), tools=(NOW, Tool("x", "", bad)))) == [
        "spec.tools[1].parameters_schema_json",
        "spec.output.json_schema.schema_json",
    ]


def test_the_end_user_is_told_where_the_server_has_a_field_for_it() -> None:
    assert payload(ask(options=Options(end_user_id="u1")))["safety_identifier"] == "u1"
    assert payload(ask(options=Options(end_user_id="u1")), COMPATIBLE) == payload(ask(), COMPATIBLE)
    request = sent(ask(options=Options(end_user_id="u" * 129)))
    assert warned(request) == [("PARAM_DROPPED", "options.attribution.end_user_id")]


def test_options_of_this_provider_are_merged_last() -> None:
    extra: dict[str, JsonObject] = {
        "openai": {"service_tier": "flex", "temperature": 0.5},
        "other": {"store": True},
    }
    body = payload(ask(params=Params(temperature=1.0), provider_options=extra))
    assert (body["service_tier"], body["temperature"]) == ("flex", 0.5)
    assert "store" not in body


@pytest.mark.parametrize(
    ("key", "codes"),
    [
        ("service_tier", [PRICE_UNCERTAIN]),
        ("web_search_options", [PRICE_UNCERTAIN]),
        ("modalities", [PRICE_UNCERTAIN]),
        ("prediction", [PRICE_UNCERTAIN]),
        ("tools", [PRICE_UNCERTAIN]),
        ("store", []),
    ],
)
def test_options_that_change_the_price_are_marked(key: str, codes: list[str]) -> None:
    call = ask(provider_options={"openai": {key: {}}})
    request = OpenAIChat("openai").request(call, stream=False)
    assert [warning.code for warning in request.warnings] == codes
    assert request.payload[key] == {}


@pytest.mark.parametrize(
    "key",
    [
        *("model", "messages", "stream", "stream_options", "n", "best_of", "N", "Max_Tokens"),
        *("max_tokens", "max_completion_tokens", "n_predict", "functions", "function_call"),
    ],
)
def test_options_that_the_gateway_answers_for_are_refused_by_name(key: str) -> None:
    call = ask(provider_options={"openai": {key: 1}})
    assert refused(call) == [f"spec.provider_options.openai.{key}"]
