"""Chat and embeddings as version 2 of Cohere's own API has them."""

from __future__ import annotations

from collections.abc import Mapping

from hexgate.adapters.providers.dialects.cohere_chat.answer import completion
from hexgate.adapters.providers.dialects.cohere_chat.embed import CohereEmbeddings
from hexgate.adapters.providers.dialects.cohere_chat.errors import TRACE, from_response
from hexgate.adapters.providers.dialects.cohere_chat.request import build
from hexgate.adapters.providers.dialects.cohere_chat.stream import reader
from hexgate.adapters.providers.wire import Reader, WireRequest, WireResponse
from hexgate.domain.answer import Completion
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Media
from hexgate.domain.errors import GatewayError

__all__ = ["CohereChat", "CohereEmbeddings"]


class CohereChat:
    """The dialect for `provider`, the name that errors and provider options go by.

    The base URL has no path. What a model says before it calls tools, its tool plan, is text: in
    answers, and in the history, where the text of an assistant that calls tools is its plan.
    Answers do not name the model. Marks of prompt caches are ignored: Cohere caches by itself.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def request(self, call: ChatCall, *, stream: bool) -> WireRequest:
        """See Dialect."""
        return build(call, self._provider, stream=stream)

    def fetches(self, media: Media) -> bool:
        """Images; documents go in as text."""
        return media.media_type.startswith("image/") or not media.media_type

    def check(self) -> WireRequest:
        """One entry of the list of models."""
        return WireRequest("/v1/models?page_size=1", method="GET")

    def completion(self, response: WireResponse) -> Completion:
        """See Dialect."""
        return completion(self._provider, response)

    def reader(self) -> Reader:
        """See Dialect."""
        return reader(self._provider)

    def error(self, response: WireResponse) -> GatewayError:
        """See Dialect."""
        return from_response(self._provider, response)

    def request_id(self, headers: Mapping[str, str]) -> str:
        """The `x-debug-trace-id` header."""
        return headers.get(TRACE, "")
