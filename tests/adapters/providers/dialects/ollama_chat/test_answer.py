"""Whole answers of Ollama, and errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hexgate.adapters.providers.dialects.ollama_chat import OllamaChat
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import Finish
from hexgate.domain.chat import Reasoning, Text, ToolCall
from hexgate.domain.errors import (
    BadResponse,
    ContextTooLong,
    CredentialRejected,
    GatewayError,
    InvalidRequest,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    QuotaExhausted,
    Unsupported,
)
from hexgate.domain.usage import Usage

DATA = Path(__file__).parents[4] / "data" / "ollama_chat"
OLLAMA = OllamaChat("ollama")


def test_a_text_is_translated_whole() -> None:
    body = (DATA / "text.json").read_bytes()
    completion = OLLAMA.completion(WireResponse(200, {}, body))
    assert completion.parts == (Text("Grüße aus 東京 🗼"),)
    assert (completion.finish, completion.model) == (Finish.STOP, "llama3.2:3b")
    assert completion.usage == Usage(uncached_input=26, output=5)
    assert json.loads(completion.metadata_json)["eval_duration"] == 4535599000
    assert completion.request_id == OLLAMA.request_id({}) == ""


def test_thinking_text_and_calls_are_parts_in_this_order() -> None:
    message = {
        "content": "Hm.",
        "thinking": "Oh.",
        "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"big": 2**60}}}],
    }
    body = json.dumps({"message": message, "done": True, "done_reason": "stop"}).encode()
    completion = OLLAMA.completion(WireResponse(200, {}, body))
    assert completion.parts == (
        Reasoning("Oh.", provider="ollama"),
        Text("Hm."),
        ToolCall("c", "f", '{"big": 1152921504606846976}'),
    )
    assert (completion.finish, completion.usage) == (Finish.TOOL_CALLS, None)


@pytest.mark.parametrize("given", ["null", "{}"])
def test_a_call_without_arguments_has_empty_ones(given: str) -> None:
    call = f'{{"message":{{"tool_calls":[{{"function":{{"name":"f","arguments":{given}}}}}]}},'
    completion = OLLAMA.completion(WireResponse(200, {}, f'{call}"done":true}}'.encode()))
    assert [part.arguments_json for part in completion.parts if isinstance(part, ToolCall)] == [
        "{}"
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>Bad gateway</html>", "no chat answer"),
        (b"", "no chat answer"),
        (b"{}", "without a message"),
        (b'{"message":{"content":"x"},"done":false}', "without done: true"),
    ],
)
def test_what_is_no_answer_is_a_bad_response(body: bytes, message: str) -> None:
    with pytest.raises(BadResponse, match=message):
        OLLAMA.completion(WireResponse(200, {}, body))


def test_an_error_with_a_good_status_is_an_error() -> None:
    with pytest.raises(ProviderFailed):
        OLLAMA.completion(WireResponse(200, {}, b'{"error":"boom"}'))


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (400, "the input length exceeds the context length", ContextTooLong),
        (500, "the request exceeds the available context size", ContextTooLong),
        (400, "registry.example/x does not support tools", Unsupported),
        (400, "x does not support thinking", Unsupported),
        (400, 'think value "high" is not supported for this model', Unsupported),
        (400, "invalid options: num_ctx", InvalidRequest),
        (401, "unauthorized", CredentialRejected),
        (402, "pay", QuotaExhausted),
        (404, "model 'x' not found", ModelGone),
        (429, "exceeds the context length, they say", ProviderLimited),
        (500, "llama runner process has terminated", ProviderFailed),
        (503, "server busy, maximum pending requests exceeded", Overloaded),
    ],
)
def test_an_error_is_told_by_known_words_then_by_its_status(
    status: int, said: str, kind: type[GatewayError]
) -> None:
    found = OLLAMA.error(WireResponse(status, {}, json.dumps({"error": said}).encode()))
    assert type(found) is kind
    assert said not in found.message


def test_an_error_without_json_is_told_by_its_status() -> None:
    assert type(OLLAMA.error(WireResponse(502, {}, b"<html>"))) is ProviderFailed
    assert type(OLLAMA.error(WireResponse(404, {}, b"404 page not found"))) is ModelGone
    assert type(OLLAMA.error(WireResponse(400, {}, b'{"error":{}}'))) is InvalidRequest
