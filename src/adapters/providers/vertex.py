"""Vertex AI, where Gemini and Claude live side by side, each with its own protocol."""

from __future__ import annotations

from hexgate.adapters.providers.dialects.anthropic_messages import ClaudeOnVertex
from hexgate.adapters.providers.dialects.gemini import GeminiOnVertex
from hexgate.adapters.providers.wire import Dialect, WireRequest
from hexgate.domain.call import ChatCall

_CLAUDE = "claude-"


class Vertex(GeminiOnVertex):
    """Speaks Gemini's protocol; models whose name starts with `claude-` speak their own.

    See Polyglot.
    """

    def __init__(self, provider: str, project: str, location: str) -> None:
        super().__init__(provider, project, location)
        self._gemini = GeminiOnVertex(provider, project, location)
        self._claude = ClaudeOnVertex(provider, project, location)

    def for_model(self, model: str) -> Dialect:
        """Who speaks for this model."""
        return self._claude if model.startswith(_CLAUDE) else self._gemini

    def request(self, call: ChatCall, *, stream: bool) -> WireRequest:
        """See Dialect. The answer is read by whom `for_model` names."""
        return self.for_model(call.model).request(call, stream=stream)
