"""Calls of gRPC carried to the simulator as requests of REST, faults and all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
import msgspec
from aiohttp.http_exceptions import (
    ContentLengthError,
    HttpProcessingError,
    TransferEncodingError,
)
from yarl import URL

from hexgate.adapters.framing.sse import SseReader
from hexgate.adapters.simulator.vertex_grpc.methods import NONSENSE, Method
from hexgate.adapters.simulator.vertex_grpc.statuses import aborted, in_stream
from hexgate.domain.errors import BadResponse
from hexgate.domain.json import JsonObject

_ENCODER = msgspec.json.Encoder()
_CARRIED = ("authorization", "x-goog-api-key", "x-goog-user-project", "anthropic-beta")


class Bridge:
    """Requests to `url`, where the simulator speaks Vertex AI's REST API."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def one(
        self, method: Method, data: bytes, metadata: Iterable[tuple[str, str | bytes]]
    ) -> bytes:
        """The only message of an answer. Raises Aborted, and aiohttp's errors."""
        async with self._asked(method, data, metadata) as response:
            return method.message(await response.read(), response.content_type)

    async def many(
        self, method: Method, data: bytes, metadata: Iterable[tuple[str, str | bytes]]
    ) -> AsyncGenerator[bytes, None]:
        """The messages of a streamed answer. Raises Aborted, and aiohttp's errors."""
        async with self._asked(method, data, metadata) as response:
            if method.raw:
                async for piece in response.content.iter_any():
                    yield method.message(piece, response.content_type)
                return
            if response.content_type != "text/event-stream":
                yield NONSENSE + await response.read()
                return
            reader = SseReader()
            async for piece in response.content.iter_any():
                for event in _events(reader, piece):
                    yield _message(method, event)

    @asynccontextmanager
    async def _asked(
        self, method: Method, data: bytes, metadata: Iterable[tuple[str, str | bytes]]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        name, said = method.parsed(data)
        headers = {key: str(value) for key, value in metadata if key in _CARRIED}
        async with self._sent(method, name, said, headers) as response:
            if not 200 <= response.status < 300:
                body, again = await response.read(), response.headers.get("retry-after")
                raise aborted(body, response.status, again)
            yield response

    def _sent(
        self, method: Method, name: str, said: bytes | JsonObject, headers: Mapping[str, str]
    ) -> aiohttp.client._RequestContextManager:
        if not method.verb:
            assert isinstance(said, dict)
            query = {key: str(value) for key, value in said.items()}
            url = URL(f"{self._url}/v1beta1/{name}/models").with_query(query)
            return self._session.get(url, headers=headers)
        body = said if isinstance(said, bytes) else _ENCODER.encode(said)
        path = quote(name, safe="/")
        url = URL(f"{self._url}/v1/{path}:{method.verb}", encoded=True)
        return self._session.post(
            url, data=body, headers={**headers, "Content-Type": "application/json"}
        )


def senseless(failure: Exception) -> bool:
    """Whether an answer came that is no HTTP, and not one that was cut off."""
    if isinstance(failure.__cause__, (ContentLengthError, TransferEncodingError)):
        return False
    kinds = (aiohttp.ClientPayloadError, aiohttp.ClientResponseError, HttpProcessingError)
    return isinstance(failure, kinds)


def _events(reader: SseReader, piece: bytes) -> list[bytes]:
    try:
        return [data for _, data in reader.feed(piece)]
    except BadResponse:  # a line without end
        return [NONSENSE]


def _message(method: Method, event: bytes) -> bytes:
    if in_stream(event):
        raise aborted(event, 500)
    return method.message(event, "")
