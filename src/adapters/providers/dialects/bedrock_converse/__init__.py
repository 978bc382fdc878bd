"""The Converse API of Amazon Bedrock, the same for every family of models behind it."""

from __future__ import annotations

from collections.abc import Mapping

from hexgate.adapters.providers.dialects.bedrock_converse import stream as streaming
from hexgate.adapters.providers.dialects.bedrock_converse.answer import completion
from hexgate.adapters.providers.dialects.bedrock_converse.embed import BedrockEmbeddings
from hexgate.adapters.providers.dialects.bedrock_converse.errors import from_response
from hexgate.adapters.providers.dialects.bedrock_converse.request import build
from hexgate.adapters.providers.wire import Reader, WireRequest, WireResponse
from hexgate.domain.answer import Completion
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Media
from hexgate.domain.errors import GatewayError

__all__ = ["BedrockConverse", "BedrockEmbeddings"]


class BedrockConverse:
    """The dialect for `provider`, the name that signatures and provider options go by.

    `control_url` is where models are listed. A model is a plain id, an inference profile's id, or
    an ARN; the base URL has no path.
    """

    def __init__(self, provider: str, control_url: str) -> None:
        self._provider = provider
        self._control = control_url.rstrip("/")

    def request(self, call: ChatCall, *, stream: bool) -> WireRequest:
        """See Dialect. Bytes are base64 in the payload, as on the wire."""
        return build(call, self._provider, stream=stream)

    def fetches(self, media: Media) -> bool:  # noqa: ARG002 - the same for all of them
        """Nothing: it takes bytes, and objects of S3."""
        return False

    def check(self) -> WireRequest:
        """The list of models, of those that embed alone: it is short."""
        query = "byOutputModality=EMBEDDING"
        return WireRequest(f"{self._control}/foundation-models?{query}", method="GET")

    def completion(self, response: WireResponse) -> Completion:
        """See Dialect."""
        return completion(self._provider, response)

    def reader(self) -> Reader:
        """See Dialect."""
        return streaming.reader(self._provider)

    def error(self, response: WireResponse) -> GatewayError:
        """See Dialect."""
        return from_response(self._provider, response)

    def request_id(self, headers: Mapping[str, str]) -> str:
        """The `x-amzn-requestid` header."""
        return headers.get("x-amzn-requestid", "")
