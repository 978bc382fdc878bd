"""What is sent for a call, beside the conversation."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from hexgate.adapters.providers.dialects.gemini import Gemini, GeminiOnVertex
from hexgate.domain.errors import Unsupported
from hexgate.domain.spec import (
    AnyJson,
    OnUnsupported,
    Params,
    SchemaJson,
    Tool,
    ToolChoice,
    ToolMode,
)
from tests.adapters.providers.dialects.gemini.asking import (
    FLASH,
    HELLO,
    NEW,
    NOW,
    WEATHER,
    ask,
    on_vertex,
    payload,
    refused,
    sent,
    warned,
)

GENERATE = "generateContent"


def test_a_plain_call_says_no_more_than_it_must() -> None:
    request = sent(ask())
    assert request.path == f"/v1beta/models/{FLASH}:{GENERATE}"
    assert request.payload == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {"maxOutputTokens": 50},
    }
    assert (request.method, dict(request.headers), request.warnings) == ("POST", {}, ())


def test_a_stream_is_another_method_of_the_same_model() -> None:
    request = sent(ask(), stream=True)
    assert request.path == f"/v1beta/models/{FLASH}:streamGenerateContent?alt=sse"
    assert request.payload == payload(ask())


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/a", "/v1beta/models/a"),
        ("tunedModels/a b", "/v1beta/tunedModels/a%20b"),
        ("a/../b?c#d", "/v1beta/models/a%2F..%2Fb%3Fc%23d"),
    ],
)
def test_names_of_models_become_one_step_of_the_path(model: str, path: str) -> None:
    assert sent(ask(model)).path == f"{path}:{GENERATE}"


VERTEX = "/v1/projects/p-1/locations/europe-west4"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (FLASH, f"{VERTEX}/publishers/google/models/{FLASH}"),
        ("endpoints/123", f"{VERTEX}/endpoints/123"),
        ("meta/llama-4", f"{VERTEX}/publishers/meta/models/llama-4"),
        ("publishers/google/models/m", f"{VERTEX}/publishers/google/models/m"),
        ("projects/q/locations/l/endpoints/9", "/v1/projects/q/locations/l/endpoints/9"),
        ("projects/../../x", f"{VERTEX}/publishers/google/models/projects%2F..%2F..%2Fx"),
        ("a//b", f"{VERTEX}/publishers/google/models/a%2F%2Fb"),
    ],
)
def test_vertex_takes_models_endpoints_and_whole_names(model: str, path: str) -> None:
    assert on_vertex(ask(model)).path == f"{path}:{GENERATE}"
    assert on_vertex(ask(model), stream=True).path == f"{path}:streamGenerateContent?alt=sse"


def test_checks_cost_nothing() -> None:
    for dialect, path in (
        (Gemini("g"), "/v1beta/models?pageSize=1"),
        (GeminiOnVertex("v", "p", "l"), "/v1beta1/publishers/google/models?pageSize=1"),
    ):
        request = dialect.check()
        assert (request.method, request.path) == ("GET", path)


def test_parameters_have_their_own_names() -> None:
    params = Params(temperature=0.0, top_p=0.5, top_k=3, seed=7, stop=("a", "b"), top_logprobs=2)
    assert payload(ask(params=params))["generationConfig"] == {
        "maxOutputTokens": 50,
        "temperature": 0.0,
        "topP": 0.5,
        "topK": 3,
        "seed": 7,
        "stopSequences": ["a", "b"],
        "responseLogprobs": True,
        "logprobs": 2,
    }
    assert "logprobs" not in payload(ask(params=Params(top_logprobs=0)))["generationConfig"]


def test_penalties_are_for_the_families_that_take_them() -> None:
    params = Params(presence_penalty=0.5, frequency_penalty=0.25)
    config = payload(ask("gemini-2.0-flash", params=params))["generationConfig"]
    assert (config["presencePenalty"], config["frequencyPenalty"]) == (0.5, 0.25)
    request = sent(ask(params=params))
    assert request.payload["generationConfig"] == {"maxOutputTokens": 50}
    assert warned(request) == [
        ("PARAM_DROPPED", "spec.params.presence_penalty"),
        ("PARAM_DROPPED", "spec.params.frequency_penalty"),
    ]
    strict = dataclasses.replace(params, on_unsupported=OnUnsupported.REJECT)
    assert refused(ask(params=strict)) == [
        "spec.params.presence_penalty",
        "spec.params.frequency_penalty",
    ]


def test_what_is_beyond_the_range_is_lowered_with_a_warning() -> None:
    params = Params(stop=tuple("abcdef"), seed=(1 << 31) + 7)
    request = sent(ask(params=params))
    config: Any = request.payload["generationConfig"]
    assert config["stopSequences"] == ["a", "b", "c", "d", "e"]
    assert config["seed"] == 7
    assert warned(request) == [
        ("PARAM_CLAMPED", "spec.params.seed"),
        ("PARAM_CLAMPED", "spec.params.stop_sequences"),
    ]
    for seed in (-(1 << 31), (1 << 31) - 1):
        assert payload(ask(params=Params(seed=seed)))["generationConfig"]["seed"] == seed


def test_tools_are_declared_with_their_schemas_as_they_are() -> None:
    body = payload(ask(tools=(WEATHER, NOW)))
    weather, now = body["tools"][0]["functionDeclarations"]
    assert list(weather["parametersJsonSchema"]["properties"]) == ["b", "a"]
    assert (weather["name"], weather["description"]) == ("weather", "Looks up.")
    assert now == {"name": "now"}
    assert "toolConfig" not in body


CHOICES: list[tuple[ToolChoice, Any, list[str]]] = [
    (ToolChoice(), {"mode": "AUTO"}, ["weather", "now"]),
    (ToolChoice(ToolMode.NONE), {"mode": "NONE"}, ["weather", "now"]),
    (ToolChoice(ToolMode.REQUIRED), {"mode": "ANY"}, ["weather", "now"]),
    (
        ToolChoice(ToolMode.REQUIRED, name="now"),
        {"mode": "ANY", "allowedFunctionNames": ["now"]},
        ["weather", "now"],
    ),
    (
        ToolChoice(ToolMode.REQUIRED, allowed=("now",)),
        {"mode": "ANY", "allowedFunctionNames": ["now"]},
        ["weather", "now"],
    ),
    (ToolChoice(allowed=("now",)), {"mode": "AUTO"}, ["now"]),
]


@pytest.mark.parametrize(("choice", "rule", "offered"), CHOICES)
def test_every_choice_has_its_words(choice: ToolChoice, rule: Any, offered: list[str]) -> None:
    body = payload(ask(tools=(WEATHER, NOW), tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": rule}
    assert [each["name"] for each in body["tools"][0]["functionDeclarations"]] == offered


def test_one_call_at_a_time_and_strictness_cannot_be_said() -> None:
    strict = Tool("f", "", "", strict=True)
    request = sent(ask(tools=(strict,), tool_choice=ToolChoice(parallel=False)))
    assert warned(request) == [
        ("PARAM_DROPPED", "spec.tool_choice.parallel_calls"),
        ("PARAM_DROPPED", "spec.tools[0].strict"),
    ]
    assert refused(ask(tool_choice=ToolChoice(ToolMode.REQUIRED))) == ["spec.tool_choice"]


def test_shapes_are_json_with_or_without_a_schema() -> None:
    assert payload(ask(output=AnyJson()))["generationConfig"] == {
        "maxOutputTokens": 50,
        "responseMimeType": "application/json",
    }
    shaped = ask(output=SchemaJson("name", '{"type":"object","x":1}', strict=True))
    assert payload(shaped)["generationConfig"]["responseJsonSchema"] == {"type": "object", "x": 1}


def test_families_lack_what_they_lack() -> None:
    both: dict[str, Any] = {"tools": (NOW,), "output": AnyJson()}
    assert refused(ask(**both)) == ["spec.output"]
    assert "tools" in payload(ask(NEW, **both))
    assert refused(ask("gemma-3-27b-it", **both)) == ["spec.tools", "spec.output"]
    assert refused(ask("gemini-2.5-flash-image", **both)) == ["spec.tools", "spec.output"]
    assert refused(ask("gemini-3-pro-image", tools=(NOW,))) == ["spec.tools"]
    assert "responseMimeType" in str(payload(ask("gemini-3-pro-image", output=AnyJson())))
    assert payload(ask("my-own-model", **both))["tools"]


@pytest.mark.parametrize("schema", ["{", "[]", '{"a":NaN}'])
def test_schemas_that_are_no_objects_are_refused(schema: str) -> None:
    assert refused(ask(tools=(Tool("f", "", schema),))) == ["spec.tools[0].parameters_schema_json"]
    assert refused(ask(output=SchemaJson("n", schema))) == ["spec.output.json_schema.schema_json"]


def options(**options: Any) -> Any:
    return ask(tools=(NOW,), provider_options={"gemini": options, "other": {"contents": 1}})


def test_own_settings_are_passed_and_merged_in_either_spelling() -> None:
    request = sent(
        options(
            safety_settings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
            generation_config={"top_k": 5, "thinkingConfig": {"include_thoughts": True}},
            tools=[{"codeExecution": {}}],
        )
    )
    body: Any = request.payload
    assert body["safetySettings"][0]["threshold"] == "BLOCK_NONE"
    assert body["generationConfig"] == {
        "maxOutputTokens": 50,
        "topK": 5,
        "thinkingConfig": {"includeThoughts": True},
    }
    assert body["tools"] == [{"functionDeclarations": [{"name": "now"}]}, {"codeExecution": {}}]
    assert warned(request) == [("PRICE_UNCERTAIN", "spec.provider_options.gemini.tools")]


@pytest.mark.parametrize(
    ("option", "field"),
    [
        ({"contents": []}, "contents"),
        ({"system_instruction": {}}, "system_instruction"),
        ({"generationConfig": {"candidate_count": 2}}, "generationConfig.candidate_count"),
        ({"generation_config": {"maxOutputTokens": 9}}, "generation_config.maxOutputTokens"),
        ({"generation_config": {"max_output_tokens": 9}}, "generation_config.max_output_tokens"),
        ({"generation_config": {"routing_config": {}}}, "generation_config.routing_config"),
        ({"generationConfig": {"modelConfig": {}}}, "generationConfig.modelConfig"),
        (
            {"generationConfig": {"modelSelectionConfig": {}}},
            "generationConfig.modelSelectionConfig",
        ),
        ({"safetySettings": [], "safety_settings": []}, "safety_settings"),
        ({"generationConfig": {"topK": 1, "top_k": 2}}, "generationConfig.top_k"),
        ({"generationConfig": 1}, "generationConfig"),
        ({"toolConfig": {"functionCallingConfig": {}}}, "toolConfig.functionCallingConfig"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"function_declarations": []}]}, "tools[0]"),
    ],
)
def test_what_the_gateway_answers_for_is_refused(option: Any, field: str) -> None:
    assert refused(options(**option)) == [f"spec.provider_options.gemini.{field}"]


@pytest.mark.parametrize(
    ("option", "field"),
    [
        ({"cachedContent": "cachedContents/a"}, "cachedContent"),
        ({"service_tier": "flex"}, "service_tier"),
        (
            {"generationConfig": {"responseModalities": ["IMAGE"]}},
            "generationConfig.responseModalities",
        ),
        ({"generationConfig": {"response_format": []}}, "generationConfig.response_format"),
    ],
)
def test_what_changes_the_price_is_passed_with_a_warning(option: Any, field: str) -> None:
    request = Gemini("gemini").request(options(**option), stream=False)
    assert warned(request) == [("PRICE_UNCERTAIN", f"spec.provider_options.gemini.{field}")]


def test_every_fault_of_a_request_is_named_at_once() -> None:
    bad = ask(tools=(Tool("f", "", "["),), output=SchemaJson("n", "["), messages=HELLO)
    with pytest.raises(Unsupported) as caught:
        sent(bad)
    assert len(caught.value.violations) == 3
