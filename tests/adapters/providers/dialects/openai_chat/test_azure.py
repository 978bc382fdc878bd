"""What is particular to Azure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hexgate.adapters.providers.dialects.openai_chat import AzureChat
from hexgate.adapters.providers.wire import WireRequest, WireResponse
from hexgate.domain.answer import PRICE_UNCERTAIN, Completion, Finish
from hexgate.domain.chat import Inline, Media, Message, Refusal, Role, Text
from hexgate.domain.errors import (
    ContentFiltered,
    CredentialRejected,
    GatewayError,
    ModelGone,
    ProviderLimited,
    Unserved,
    Unsupported,
)
from hexgate.domain.json import JsonObject
from hexgate.domain.spec import Effort, Params, SchemaJson, Thinking, Tool, ToolChoice
from tests.adapters.providers.dialects.openai_chat.asking import accepted, ask
from tests.adapters.providers.dialects.openai_chat.recorded import RECORDED, said

OLD, NEW = "2024-06-01", "2025-04-01-preview"


def sent(version: str, model: str, *, stream: bool = False, **spec: Any) -> WireRequest:
    request = AzureChat("azure", version).request(ask(model, **spec), stream=stream)
    accepted(request.payload, stream=stream)
    return request


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("", "/openai/v1/chat/completions"),
        (NEW, f"/openai/deployments/a%2Fb%3Fc%20d/chat/completions?api-version={NEW}"),
    ],
)
def test_a_dated_path_names_the_deployment_and_v1_does_not(version: str, path: str) -> None:
    request = sent(version, "a/b?c d")
    assert (request.path, request.payload["model"]) == (path, "a/b?c d")


@pytest.mark.parametrize(
    ("version", "path"),
    [("", "/openai/v1/models"), (NEW, f"/openai/models?api-version={NEW}")],
)
def test_a_check_lists_the_models(version: str, path: str) -> None:
    request = AzureChat("azure", version).check()
    assert (request.method, request.path, request.payload) == ("GET", path, {})


@pytest.mark.parametrize(
    ("version", "model", "field"),
    [
        ("", "chat", "max_completion_tokens"),
        (NEW, "chat", "max_completion_tokens"),
        (NEW, "my-gpt-4o", "max_completion_tokens"),
        (NEW, "gpt-35-turbo", "max_tokens"),
        (OLD, "chat", "max_tokens"),
        (OLD, "my-gpt-4o", "max_tokens"),
    ],
)
def test_the_bound_has_the_name_that_version_and_model_know(
    version: str, model: str, field: str
) -> None:
    payload = sent(version, model).payload
    assert {"max_tokens", "max_completion_tokens"} & set(payload) == {field}


def test_fields_are_sent_to_versions_that_know_them() -> None:
    spec: dict[str, Any] = {
        "tools": (Tool("f", "", ""),),
        "tool_choice": ToolChoice(parallel=False),
        "thinking": Thinking(effort=Effort.LOW),
        "messages": (Message(Role.ASSISTANT, (Refusal("No."),)), Message(Role.USER, (Text("Hi"),))),
    }
    new = {"stream_options", "parallel_tool_calls", "reasoning_effort"}
    request = sent(NEW, "chat", stream=True, **spec)
    assert new <= set(request.payload)
    assert "'refusal'" in str(request.payload["messages"])
    request = sent(OLD, "chat", stream=True, **spec)
    assert not new & set(request.payload)
    assert "'refusal'" not in str(request.payload["messages"])
    assert [warning.field for warning in request.warnings] == [
        "spec.reasoning.effort",
        "spec.tool_choice.parallel_calls",
    ]


def test_an_old_version_refuses_schemas() -> None:
    shape = SchemaJson("x", "{}")
    assert "response_format" in sent(NEW, "chat", output=shape).payload
    with pytest.raises(Unsupported) as caught:
        sent(OLD, "chat", output=shape)
    assert caught.value.violations[0].field == "spec.output.json_schema"


@pytest.mark.parametrize(
    ("version", "model", "role", "kept"),
    [
        (NEW, "prod-o3", "developer", False),
        ("", "Team-GPT-5", "developer", False),
        (OLD, "o1", "system", False),
        (NEW, "prod", "system", True),
        ("", "my-gpt-4o", "system", True),
    ],
)
def test_the_deployments_name_counts_as_far_as_it_tells_a_family(
    version: str, model: str, role: str, kept: bool
) -> None:
    rules = Message(Role.SYSTEM, (Text("Be brief."),))
    hello = Message(Role.USER, (Text("Hi"),))
    request = sent(version, model, messages=(rules, hello), params=Params(temperature=0.5))
    assert request.payload["messages"][0]["role"] == role  # type: ignore[index,call-overload]  # JSON
    assert ("temperature" in request.payload) is kept


def test_documents_are_refused() -> None:
    paper = Message(Role.USER, (Media("application/pdf", Inline(b"%PDF")),))
    with pytest.raises(Unsupported):
        sent("", "gpt-4o", messages=(paper,))


def test_what_costs_more_than_tokens_is_marked() -> None:
    extra: dict[str, JsonObject] = {"azure": {"data_sources": []}}
    request = AzureChat("azure").request(ask(provider_options=extra), stream=False)
    assert [warning.code for warning in request.warnings] == [PRICE_UNCERTAIN]


def failed(status: int, error: object, headers: dict[str, str] | None = None) -> GatewayError:
    body = json.dumps({"error": error}).encode()
    return AzureChat("azure", NEW).error(WireResponse(status, headers or {}, body))


def test_a_filter_is_told_by_the_names_of_its_categories() -> None:
    found = failed(
        400,
        {
            "message": "The prompt 'secret' triggered the policy.",
            "code": "content_filter",
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": {
                    "hate": {"filtered": False, "severity": "safe"},
                    "violence": {"filtered": True, "severity": "high"},
                    "jailbreak": {"filtered": True, "detected": True},
                    "odd": "secret",
                },
            },
        },
    )
    assert isinstance(found, ContentFiltered)
    assert found.metadata == {
        "provider": "azure",
        "code": "content_filter",
        "categories": "violence,jailbreak",
    }
    assert "violence, jailbreak" in found.message
    assert "secret" not in found.message


@pytest.mark.parametrize("inner", [None, "x", [], {"content_filter_result": [1]}, {"code": 1}])
def test_a_filter_that_tells_nothing_is_a_filter(inner: object) -> None:
    found = failed(400, {"code": "content_filter", "innererror": inner})
    assert isinstance(found, ContentFiltered)
    assert "categories" not in found.metadata


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "DeploymentNotFound", ModelGone),
        (404, "404", ModelGone),
        (401, "401", CredentialRejected),
        (401, "PermissionDenied", CredentialRejected),
        (429, "429", ProviderLimited),
        (429, "RateLimitReached", ProviderLimited),
    ],
)
def test_an_error_is_told_by_its_words_then_by_its_status(
    status: int, code: str, kind: type[GatewayError]
) -> None:
    headers = {"apim-request-id": "a-1", "x-request-id": "r-1", "retry-after-ms": "250"}
    found = failed(status, {"code": code, "message": "?"}, headers)
    assert type(found) is kind
    assert isinstance(found, Unserved)
    assert found.request_id == "a-1"
    if kind is ProviderLimited:
        assert found.retry_after_s == 0.25


def test_the_request_id_is_the_one_that_support_asks_for() -> None:
    dialect = AzureChat("azure")
    assert dialect.request_id({"apim-request-id": "a", "x-request-id": "r"}) == "a"
    assert dialect.request_id({"x-request-id": "r"}) == "r"


def test_an_event_without_choices_before_the_answer_is_none_of_it() -> None:
    chunks, failure = said(RECORDED["azure_filter"], dialect=AzureChat("azure"))
    assert failure is None
    assert getattr(chunks[0], "text", "") == "Once upon"


def test_what_the_filter_says_of_a_whole_answer_is_kept() -> None:
    safe = {"hate": {"filtered": False, "severity": "safe"}}
    choice = {"message": {"content": "Hi"}, "finish_reason": "stop", "content_filter_results": safe}
    prompt = [{"prompt_index": 0, "content_filter_results": safe}]
    body = json.dumps({"choices": [choice], "prompt_filter_results": prompt}).encode()
    answer: Completion = AzureChat("azure").completion(
        WireResponse(200, {"apim-request-id": "a-1"}, body)
    )
    assert (answer.finish, answer.request_id) == (Finish.STOP, "a-1")
    assert json.loads(answer.metadata_json) == {
        "prompt_filter_results": prompt,
        "content_filter_results": safe,
    }
