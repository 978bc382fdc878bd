"""Ollama's own chat API, which takes what its OpenAI-compatible one loses."""

from __future__ import annotations

from collections.abc import Mapping

from hexgate.adapters.providers.dialects.ollama_chat.answer import completion
from hexgate.adapters.providers.dialects.ollama_chat.embed import OllamaEmbeddings
from hexgate.adapters.providers.dialects.ollama_chat.errors import from_response
from hexgate.adapters.providers.dialects.ollama_chat.request import build
from hexgate.adapters.providers.dialects.ollama_chat.stream import reader
from hexgate.adapters.providers.wire import Reader, WireRequest, WireResponse
from hexgate.domain.answer import Completion
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Media
from hexgate.domain.errors import GatewayError

__all__ = ["OllamaChat", "OllamaEmbeddings"]


class OllamaChat:
    """The dialect for `provider`, the name that errors and provider options go by.

    `context_tokens` is the window that the server loads models with, sent as `num_ctx`; 0 leaves
    the server's own, which may be as small as 4096. The base URL has no path.
    """

    def __init__(self, provider: str, context_tokens: int = 0) -> None:
        self._provider = provider
        self._context_tokens = context_tokens

    def request(self, call: ChatCall, *, stream: bool) -> WireRequest:
        """See Dialect."""
        return build(call, self._provider, self._context_tokens, stream=stream)

    def fetches(self, media: Media) -> bool:  # noqa: ARG002 - the same for all of them
        """Nothing: it takes bytes."""
        return False

    def check(self) -> WireRequest:
        """The list of models."""
        return WireRequest("/api/tags", method="GET")

    def completion(self, response: WireResponse) -> Completion:
        """See Dialect."""
        return completion(self._provider, response)

    def reader(self) -> Reader:
        """See Dialect."""
        return reader(self._provider)

    def error(self, response: WireResponse) -> GatewayError:
        """See Dialect."""
        return from_response(self._provider, response)

    def request_id(self, headers: Mapping[str, str]) -> str:  # noqa: ARG002 - the wire has none
        """Empty: Ollama gives its requests no identifier."""
        return ""
