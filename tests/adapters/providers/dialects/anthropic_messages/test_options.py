"""The caller's own settings of the Messages API."""

from __future__ import annotations

import pytest

from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.domain.answer import PRICE_UNCERTAIN
from hexgate.domain.spec import Effort, SchemaJson, Thinking
from tests.adapters.providers.dialects.anthropic_messages.asking import (
    ask,
    body,
    refused,
    said,
    warned,
)


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
    "name",
    [
        "model",
        "messages",
        "system",
        "max_tokens",
        "stream",
        "tools",
        "tool_choice",
        "anthropic_version",
    ],
)
def test_options_that_the_gateway_owns_are_refused(name: str) -> None:
    call = ask(provider_options={"anthropic": {name: 1}})
    assert refused(call) == [f"spec.provider_options.anthropic.{name}"]


@pytest.mark.parametrize(
    "name", ["service_tier", "speed", "inference_geo", "mcp_servers", "container", "fallbacks"]
)
def test_options_that_change_the_price_make_it_an_estimate(name: str) -> None:
    call = ask(provider_options={"anthropic": {name: "x"}})
    request = AnthropicMessages("anthropic").request(call, stream=False)
    assert request.payload[name] == "x"
    assert [(warned.code, warned.field) for warned in request.warnings] == [
        (PRICE_UNCERTAIN, f"spec.provider_options.anthropic.{name}")
    ]


def test_sampling_passed_as_provider_options_asks_for_the_old_version_too() -> None:
    request = said(ask(provider_options={"anthropic": {"top_k": 3}}))
    assert request.headers == {"anthropic-version": "2023-06-01"}


def test_a_setting_that_replaces_one_of_the_request_is_told() -> None:
    mine = {"anthropic": {"output_config": {"effort": "max"}}}
    call = ask(provider_options=mine, thinking=Thinking(Effort.LOW), output=SchemaJson("a", "{}"))
    assert body(call)["output_config"]["effort"] == "max"
    path = "spec.provider_options.anthropic.output_config"
    assert warned(call) == [("PARAM_REPLACED", f"{path}.effort")]
    assert warned(ask(provider_options=mine)) == []
    assert refused(ask(provider_options={"anthropic": {"output_config": 1}})) == [path]
