"""Bytes that are no text are an error of the tree on every wire, never one of Python's."""

from __future__ import annotations

import pytest

from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.adapters.providers.dialects.ollama_chat import OllamaChat
from hexgate.adapters.providers.dialects.openai_chat import OpenAIChat
from hexgate.adapters.providers.wire import Dialect, WireResponse
from hexgate.domain.errors import BadResponse, Overloaded, ProviderLimited

DIALECTS = (OpenAIChat("p"), AnthropicMessages("p"), OllamaChat("p"))
LATIN = '{"error": {"message": "trop de requêtes"}}'.encode("latin-1")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: type(dialect).__name__)
def test_an_error_body_that_is_no_utf8_is_read_by_its_status(dialect: Dialect) -> None:
    limited = dialect.error(WireResponse(429, {"retry-after": "2"}, LATIN))
    assert isinstance(limited, ProviderLimited)
    assert limited.retry_after_s == 2
    assert isinstance(dialect.error(WireResponse(503, {}, LATIN)), Overloaded)


def test_arguments_of_a_tool_that_are_no_utf8_are_a_bad_response() -> None:
    body = (
        b'{"id":"m","type":"message","role":"assistant","model":"c","stop_reason":"tool_use",'
        b'"content":[{"type":"tool_use","id":"t","name":"f","input":{"a":"\xff"}}],'
        b'"usage":{"input_tokens":1,"output_tokens":1}}'
    )
    with pytest.raises(BadResponse):
        AnthropicMessages("p").completion(WireResponse(200, {}, body))
