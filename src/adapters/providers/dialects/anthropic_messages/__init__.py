"""The Messages API of Anthropic, spoken by its own servers and by compatible ones."""

from __future__ import annotations

from collections.abc import Mapping

from hexgate.adapters.providers.dialects.anthropic_messages.answer import completion
from hexgate.adapters.providers.dialects.anthropic_messages.content import linkable
from hexgate.adapters.providers.dialects.anthropic_messages.errors import from_response
from hexgate.adapters.providers.dialects.anthropic_messages.hosts import ANTHROPIC, Host, vertex
from hexgate.adapters.providers.dialects.anthropic_messages.request import build
from hexgate.adapters.providers.dialects.anthropic_messages.stream import reader
from hexgate.adapters.providers.wire import Reader, WireRequest, WireResponse
from hexgate.domain.answer import Completion
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Media
from hexgate.domain.errors import GatewayError

__all__ = ["AnthropicMessages", "ClaudeOnVertex"]


class AnthropicMessages:
    """The dialect for `provider`, the name that signatures and provider options go by."""

    def __init__(self, provider: str, host: Host = ANTHROPIC) -> None:
        self._provider = provider
        self._host = host

    def request(self, call: ChatCall, *, stream: bool) -> WireRequest:
        """See Dialect."""
        return build(call, self._provider, self._host, stream=stream)

    def fetches(self, media: Media) -> bool:
        """Pictures and PDF, where the host takes links."""
        return self._host.references and linkable(media)

    def check(self) -> WireRequest:
        """The list of models."""
        return self._host.listing()

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
        """The `request-id` header."""
        return headers.get("request-id", "")


class ClaudeOnVertex(AnthropicMessages):
    """The same dialect at Vertex AI, in a project and a location."""

    def __init__(self, provider: str, project: str, location: str) -> None:
        super().__init__(provider, vertex(project, location))
