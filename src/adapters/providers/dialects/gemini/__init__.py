"""Gemini's generateContent, spoken by the Developer API and by Vertex AI."""

from __future__ import annotations

from collections.abc import Mapping

from hexgate.adapters.providers.dialects.gemini.embed import GeminiEmbeddings, VertexEmbeddings
from hexgate.adapters.providers.dialects.gemini.errors import from_response
from hexgate.adapters.providers.dialects.gemini.hosts import DEVELOPER, Host, vertex
from hexgate.adapters.providers.dialects.gemini.request import build
from hexgate.adapters.providers.dialects.gemini.stream import completion, reader
from hexgate.adapters.providers.wire import Reader, WireRequest, WireResponse
from hexgate.domain.answer import Completion
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Media
from hexgate.domain.errors import GatewayError

__all__ = ["Gemini", "GeminiEmbeddings", "GeminiOnVertex", "VertexEmbeddings"]


class Gemini:
    """The dialect for `provider`, the name that signatures and provider options go by.

    The base URL has no path. A signature that came with text or with a call is kept as reasoning
    without words right before it, and goes back to where it was; see `contents`.
    """

    def __init__(self, provider: str, host: Host = DEVELOPER) -> None:
        self._provider = provider
        self._host = host

    def request(self, call: ChatCall, *, stream: bool) -> WireRequest:
        """See Dialect."""
        return build(call, self._provider, self._host, stream=stream)

    def fetches(self, media: Media) -> bool:  # noqa: ARG002 - the same for all of them
        """Nothing: which links are fetched depends on the model's age, and bytes always work."""
        return False

    def check(self) -> WireRequest:
        """The list of models."""
        return WireRequest(self._host.check, method="GET")

    def completion(self, response: WireResponse) -> Completion:
        """See Dialect. The request's identifier is the answer's own."""
        return completion(self._provider, response)

    def reader(self) -> Reader:
        """See Dialect."""
        return reader(self._provider)

    def error(self, response: WireResponse) -> GatewayError:
        """See Dialect."""
        return from_response(self._provider, response)

    def request_id(self, headers: Mapping[str, str]) -> str:
        """The `x-goog-request-id` header, which is often absent."""
        return headers.get("x-goog-request-id", "")


class GeminiOnVertex(Gemini):
    """The same dialect at Vertex AI, in a project and a location."""

    def __init__(self, provider: str, project: str, location: str) -> None:
        super().__init__(provider, vertex(project, location))
