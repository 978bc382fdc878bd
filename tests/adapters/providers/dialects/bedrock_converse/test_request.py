"""What is sent beside the conversation, and what each family is spared."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hexgate.domain.call import Options
from hexgate.domain.spec import AnyJson, OnUnsupported, Params, SchemaJson
from tests.adapters.providers.dialects.bedrock_converse.asking import (
    CLAUDE,
    DIALECT,
    GPT_OSS,
    LLAMA,
    NEW_CLAUDE,
    NOVA,
    OLD_CLAUDE,
    ask,
    body,
    refused,
    sent,
    warned,
)

SCHEMA = '{"type":"object","properties":{"b":{},"a":{}}}'
NATIVE = "additionalModelRequestFields"


def test_a_whole_answer_and_a_stream_have_their_own_path() -> None:
    whole, stream = sent(ask()), sent(ask(), stream=True)
    name = "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
    assert whole.path == f"/model/{name}/converse"
    assert stream.path == f"/model/{name}/converse-stream"
    assert whole.headers == {"Accept": "application/json"}
    assert stream.headers == {"Accept": "application/vnd.amazon.eventstream"}
    assert whole.payload == stream.payload
    assert whole.payload == {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "inferenceConfig": {"maxTokens": 5000},
    }


def test_an_arn_is_one_step_of_the_path() -> None:
    arn = "arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.amazon.nova-lite-v1:0"
    assert sent(ask(arn)).path.count("/") == 3
    assert "%2Fus.amazon.nova-lite-v1%3A0" in sent(ask(arn)).path


def test_the_check_asks_the_control_plane_for_a_short_list() -> None:
    check = DIALECT.check()
    assert check.method == "GET"
    assert check.path == "https://control.test/foundation-models?byOutputModality=EMBEDDING"


def test_sampling_goes_where_the_family_wants_it() -> None:
    params = Params(temperature=0.5, top_p=0.9, top_k=7, stop=("END", " "))
    made = body(ask(OLD_CLAUDE, params=params))
    assert made["inferenceConfig"] == {
        "maxTokens": 5000,
        "temperature": 0.5,
        "topP": 0.9,
        "stopSequences": ["END"],
    }
    assert made[NATIVE] == {"top_k": 7}
    assert made["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    made = body(ask(NOVA, params=params))
    assert made[NATIVE] == {"inferenceConfig": {"topK": 7}}
    assert "additionalModelResponseFieldPaths" not in made
    assert body(ask("cohere.command-r-v1:0", params=params))[NATIVE] == {"k": 7}


@pytest.mark.parametrize(
    ("name", "params", "fields"),
    [
        (CLAUDE, Params(temperature=0, top_p=1), ["top_p"]),
        (NEW_CLAUDE, Params(temperature=0, top_p=1, top_k=1), ["temperature", "top_p", "top_k"]),
        (LLAMA, Params(temperature=1, top_k=1, stop=("a",)), ["top_k", "stop_sequences"]),
        (GPT_OSS, Params(stop=("a",)), ["stop_sequences"]),
        (NOVA, Params(stop=tuple("abcde")), ["stop_sequences"]),
        (
            NOVA,
            Params(seed=1, presence_penalty=0, frequency_penalty=0, top_logprobs=0),
            ["seed", "presence_penalty", "frequency_penalty", "top_logprobs"],
        ),
    ],
)
def test_what_a_family_lacks_is_dropped_or_refused(
    name: str, params: Params, fields: list[str]
) -> None:
    named = [f"spec.params.{field}" for field in fields]
    assert [field for _, field in warned(ask(name, params=params))] == named
    strict = Params(
        **{each: getattr(params, each) for each in Params.__slots__ if each != "on_unsupported"},
        on_unsupported=OnUnsupported.REJECT,
    )
    assert refused(ask(name, params=strict)) == named


def test_zero_is_sent_and_heat_is_at_most_one() -> None:
    assert body(ask(params=Params(temperature=0)))["inferenceConfig"]["temperature"] == 0
    call = ask(NOVA, params=Params(temperature=1.7))
    assert body(call)["inferenceConfig"]["temperature"] == 1
    assert warned(call) == [("VALUE_CLAMPED", "spec.params.temperature")]


def test_a_schema_is_sent_as_text_beside_the_effort() -> None:
    made = body(ask(output=SchemaJson("city", SCHEMA)))
    text = made["outputConfig"]["textFormat"]
    assert text == {
        "type": "json_schema",
        "structure": {"jsonSchema": {"schema": SCHEMA, "name": "city"}},
    }
    assert refused(ask(OLD_CLAUDE, output=SchemaJson("city", SCHEMA))) == ["spec.output"]
    assert refused(ask(NOVA, output=SchemaJson("city", SCHEMA))) == ["spec.output"]
    assert refused(ask(output=AnyJson())) == ["spec.output"]
    field = "spec.output.json_schema.schema_json"
    assert refused(ask(output=SchemaJson("city", "[]"))) == [field]
    assert refused(ask(output=SchemaJson("city", ""))) == [field]


def test_an_end_user_is_metadata_if_the_id_fits() -> None:
    made = body(ask(options=Options(end_user_id="user@example.org")))
    assert made["requestMetadata"] == {"end_user_id": "user@example.org"}
    for odd in ("x" * 257, "ünïque", "a'b"):
        call = ask(options=Options(end_user_id=odd))
        assert "requestMetadata" not in body(call)
        assert warned(call) == [("PARAM_DROPPED", "options.attribution.end_user_id")]


def extended(own: dict[str, Any], name: str = CLAUDE, **spec: Any) -> Any:
    return ask(name, provider_options={"aws": own, "other": {"x": 1}}, **spec)


def test_the_callers_own_settings_are_merged_and_win() -> None:
    guard = {"guardrailIdentifier": "abc", "guardrailVersion": "1"}
    call = extended(
        {
            "guardrailConfig": guard,
            "inferenceConfig": {"topP": 0.1},
            NATIVE: {"anthropic_beta": ["x"]},
            "requestMetadata": {"team": "a"},
        },
        OLD_CLAUDE,
        params=Params(temperature=0.3, top_p=0.9, top_k=3),
        options=Options(end_user_id="u"),
    )
    made = body(call)
    assert made["guardrailConfig"] == guard
    assert made["inferenceConfig"] == {"maxTokens": 5000, "temperature": 0.3, "topP": 0.1}
    assert made[NATIVE] == {"top_k": 3, "anthropic_beta": ["x"]}
    assert made["requestMetadata"] == {"end_user_id": "u", "team": "a"}
    path = "spec.provider_options.aws"
    assert warned(call) == [
        ("PRICE_UNCERTAIN", f"{path}.guardrailConfig"),
        ("PARAM_REPLACED", f"{path}.inferenceConfig.topP"),
    ]


def test_what_changes_the_price_is_passed_with_a_warning() -> None:
    call = extended(
        {"serviceTier": {"type": "flex"}, "performanceConfig": {"latency": "optimized"}}
    )
    assert body(call)["serviceTier"] == {"type": "flex"}
    assert [code for code, _ in warned(call)] == ["PRICE_UNCERTAIN", "PRICE_UNCERTAIN"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"modelId": "x"}, "modelId"),
        ({"messages": []}, "messages"),
        ({"system": []}, "system"),
        ({"toolConfig": {}}, "toolConfig"),
        ({"inferenceConfig": {"maxTokens": 9}}, "inferenceConfig.maxTokens"),
        ({"inferenceConfig": 3}, "inferenceConfig"),
        ({NATIVE: {"max_tokens": 9}}, f"{NATIVE}.max_tokens"),
        ({NATIVE: {"inferenceConfig": {"maxTokens": 9}}}, f"{NATIVE}.inferenceConfig.maxTokens"),
        ({NATIVE: {"num_generations": 5}}, f"{NATIVE}.num_generations"),
        ({NATIVE: {"numResults": 2}}, f"{NATIVE}.numResults"),
        ({NATIVE: {"n": 2}}, f"{NATIVE}.n"),
        (
            {NATIVE: {"textGenerationConfig": {"maxTokenCount": 9}}},
            f"{NATIVE}.textGenerationConfig.maxTokenCount",
        ),
    ],
)
def test_what_the_gateway_answers_for_is_refused(options: dict[str, Any], field: str) -> None:
    assert refused(extended(options)) == [f"spec.provider_options.aws.{field}"]


def test_requests_are_the_same_every_time() -> None:
    call = ask(params=Params(temperature=1, top_k=3, stop=("x",)))
    assert json.dumps(body(call)) == json.dumps(body(call))
