"""Requests to Vertex AI over gRPC: what REST would say goes in, what it would answer comes out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import msgspec

from hexgate.adapters.providers.failures import timed_out, too_large
from hexgate.adapters.providers.transports import vertex_faults as faults
from hexgate.adapters.providers.transports.google import GoogleToken
from hexgate.adapters.providers.transports.vertex_client import Asked, asked, text
from hexgate.adapters.providers.transports.vertex_lines import Line, Lines
from hexgate.adapters.providers.wire import WireRequest, WireResponse
from hexgate.domain.call import Timeouts
from hexgate.domain.errors import Unreachable

_OURS = ("content-type", "content-length", "accept", "host")  # headers that are gRPC's to set
_ENCODER = msgspec.json.Encoder()


class VertexTransport:
    """A Transport over the official client. Streams are server-sent events, as REST has them.

    The provider's error is an answer with a status, or an event once a message has come.
    """

    def __init__(
        self, lines: Lines, credential: GoogleToken, *, provider: str, max_body_bytes: int
    ) -> None:
        self._lines = lines
        self._credential = credential
        self._provider = provider
        self._max_body_bytes = max_body_bytes

    async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        """See Transport."""
        stream = await self.open(request, timeouts)
        try:
            pieces = []
            while piece := await stream.read():
                pieces.append(piece)
        finally:
            await stream.aclose()
        return WireResponse(stream.status, stream.headers, b"".join(pieces))

    async def open(self, request: WireRequest, timeouts: Timeouts) -> RpcStream:
        """See Transport. Returns with the first message; raises Unsupported for what the gRPC API
        has no words for.
        """
        wish = asked(self._provider, request)
        metadata = await self._metadata(request)
        until = asyncio.get_running_loop().time() + timeouts.attempt_s
        line = await self._lines.take(min(timeouts.connect_s, timeouts.attempt_s))
        stream = RpcStream(
            line,
            wish,
            timeouts,
            until=until,
            max_body_bytes=self._max_body_bytes,
            provider=self._provider,
        )
        try:
            await stream.start(metadata)
        except BaseException:
            await stream.aclose()
            raise
        return stream

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._lines)

    async def aclose(self) -> None:
        """Close the connections, and those over which tokens came."""
        await self._lines.aclose()
        await self._credential.aclose()

    async def _metadata(self, request: WireRequest) -> Sequence[tuple[str, str]]:
        proof = await self._credential.headers(request.method, request.path, b"")
        given = {name.lower(): value for name, value in {**request.headers, **proof}.items()}
        return [(name, value) for name, value in given.items() if name not in _OURS]


class RpcStream:
    """One call on a connection, which counts it until it ends. `until` is on the loop's clock."""

    def __init__(
        self,
        line: Line,
        wish: Asked,
        timeouts: Timeouts,
        *,
        until: float,
        max_body_bytes: int,
        provider: str,
    ) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self._line = line
        self._asked = wish
        self._timeouts = timeouts
        self._until = until
        self._left = max_body_bytes
        self._provider = provider
        self._call: Any = None  # what gives the messages, while there may be more
        self._held = b""  # what has come and was not read
        self._counted = True

    async def start(self, metadata: Sequence[tuple[str, str]]) -> None:
        """Send the request and wait for the first message, or for an error instead."""
        limits, method = self._timeouts, self._asked.method
        phase = "first_token" if limits.first_token_s < limits.attempt_s else "attempt"
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(min(now + limits.first_token_s, self._until)):
                reply = await self._line.client.ask(self._asked, limits.attempt_s, metadata)
                if method.streams:
                    self._call = reply
                    reply = await reply.read()
                    self.headers = faults.names(await self._call.initial_metadata())
        except TimeoutError:
            raise timed_out(self._provider, phase) from None
        except Exception as failure:
            refused = faults.answered(self._refusal(failure))
            self.status, self.headers, self._held = refused.status, refused.headers, refused.body
            self._end()
            return
        self._held = self._taken(reply)
        if not method.streams:
            self._end()

    async def read(self, within_s: float | None = None) -> bytes:
        """See WireStream."""
        silence_s = self._timeouts.between_tokens_s if within_s is None else within_s
        until = asyncio.get_running_loop().time() + silence_s
        phase = "between_tokens" if until < self._until else "attempt"
        data, self._held = self._held, b""
        while not data and self._call is not None:
            try:
                async with asyncio.timeout_at(min(until, self._until)):
                    reply = await self._call.read()
            except TimeoutError:
                self._end()
                raise timed_out(self._provider, phase) from None
            except Exception as failure:
                return self._broken(failure)
            except BaseException:
                self._end()
                raise
            data = self._taken(reply)
        return data

    async def aclose(self) -> None:
        """End the call, unless it has ended; its connection stays."""
        self._end()

    def _taken(self, reply: object) -> bytes:
        """A message as REST has it; empty after the last."""
        if reply is grpc.aio.EOF:
            self._end()
            return b""
        if reply is None:  # gRPC's way to say that it cannot be decoded
            self._end()
            raise faults.nonsense(self._provider)
        data = text(self._asked, reply)
        self._left -= len(data)
        if self._left < 0:
            self._end()
            raise too_large(self._provider)
        return data

    def _broken(self, failure: Exception) -> bytes:
        """The event that an error between messages is; raises what is no error of the provider's,
        or has no event: raw bodies are not ours to add to.
        """
        self._end()
        error = self._refusal(failure)
        if self._asked.method.raw:
            text = f"{self._provider} broke off its answer"
            metadata = {"provider": self._provider, "code": error.code().name}
            raise Unreachable(text, metadata=metadata) from failure
        return b"data: " + _ENCODER.encode(faults.said(error)) + b"\n\n"

    def _refusal(self, failure: Exception) -> grpc.aio.AioRpcError:
        """The provider's error; raises what was not said by it."""
        error = faults.found(failure)
        if error is None:
            raise failure
        if (made := faults.ours(error, self._provider, stands=self._line.stands)) is not None:
            raise made from failure
        return error

    def _end(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()  # nothing, where it has ended
        if self._counted:
            self._counted = False
            self._line.busy -= 1
