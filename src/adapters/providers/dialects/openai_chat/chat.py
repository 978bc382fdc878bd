"""Chat completions as OpenAI has them, spoken by its own servers and by compatible ones."""

from __future__ import annotations

from collections.abc import Mapping

from hexgate.adapters.providers.dialects.openai_chat.answer import completion
from hexgate.adapters.providers.dialects.openai_chat.errors import from_response, request_id
from hexgate.adapters.providers.dialects.openai_chat.quirks import OPENAI, Quirks
from hexgate.adapters.providers.dialects.openai_chat.request import build
from hexgate.adapters.providers.dialects.openai_chat.stream import reader
from hexgate.adapters.providers.wire import Reader, WireRequest, WireResponse
from hexgate.domain.answer import Completion
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Media
from hexgate.domain.errors import GatewayError


class OpenAIChat:
    """The dialect for `provider`, the name that errors and provider options go by.

    The base URL ends in the version, as in `https://api.openai.com/v1`.
    """

    def __init__(self, provider: str, quirks: Quirks = OPENAI) -> None:
        self._provider = provider
        self._quirks = quirks

    def request(self, call: ChatCall, *, stream: bool) -> WireRequest:
        """See Dialect."""
        return build(call, self._provider, self._quirks_of(call.model), stream=stream)

    def fetches(self, media: Media) -> bool:
        """Images, by every server; documents only as bytes."""
        return media.media_type.startswith("image/") or not media.media_type

    def check(self) -> WireRequest:
        """The list of models."""
        return WireRequest("/models", method="GET")

    def completion(self, response: WireResponse) -> Completion:
        """See Dialect."""
        return completion(self._provider, response)

    def reader(self) -> Reader:
        """See Dialect."""
        return reader(self._provider, needs_done=self._quirks.needs_done)

    def error(self, response: WireResponse) -> GatewayError:
        """See Dialect."""
        return from_response(self._provider, response)

    def request_id(self, headers: Mapping[str, str]) -> str:
        """See Dialect."""
        return request_id(headers)

    def _quirks_of(self, _model: str) -> Quirks:
        """What is accepted when this model is asked."""
        return self._quirks
