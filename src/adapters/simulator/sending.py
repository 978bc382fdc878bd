"""Sends answers, and breaks connections, bodies and headers on the way."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from hexgate.adapters.simulator.faults import Fault
from hexgate.adapters.simulator.spoil import Ending, Script
from hexgate.adapters.simulator.wire import Mark, Wire

_BLOCK = 64 << 10
_HEADER = 8000  # one header of the endless ones
_SURPLUS = 64  # by which a wrong length is too large
_HTML = b"<!DOCTYPE html><html><head><title>Oops</title></head><body><h1>Oops</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A good answer on its way, and how it is to go wrong."""

    wire: Wire
    headers: Mapping[str, str]
    script: Script
    stream: bool
    fault: Fault | None = None
    pace_s: float = 0.0  # before every piece of a stream, once before a whole answer

    @property
    def whole(self) -> bytes:
        """Every byte."""
        return b"".join(event.data for event in self.script.events)

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers, the media type of the body included."""
        kind = self.wire.stream_type if self.stream else "application/json"
        extra = {"Cache-Control": "no-cache"} if self.stream else {}
        return {"Content-Type": kind, **extra, **self.headers}


class Sent(web.Response):
    """Nothing more is to be written: the bytes went out behind the server's back."""

    async def prepare(self, _request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Writes no headers."""
        return None

    async def write_eof(self, _data: bytes = b"") -> None:
        """Writes no body."""


class Sender:
    """Sends. What never ends by itself is bounded: `hang_s` seconds, `giant_bytes` bytes.

    `silent` is told when an answer hangs.
    """

    def __init__(
        self,
        *,
        hang_s: float,
        drip_s: float,
        giant_bytes: int,
        silent: Callable[[web.Request], None],
    ) -> None:
        self._hang_s = hang_s
        self._silent = silent
        self._drip_s = drip_s
        self._giant_bytes = giant_bytes
        self._breakers: dict[
            Fault, Callable[[web.Request, Outgoing], Awaitable[web.StreamResponse]]
        ] = {
            Fault.HANG_BEFORE_HEADERS: self._hang,
            Fault.HANG_AFTER_HEADERS: self._headers_only,
            Fault.RESET_BEFORE_HEADERS: self._reset,
            Fault.CLOSE_BEFORE_HEADERS: self._close,
            Fault.HTML: self._html,
            Fault.HTML_502: self._html,
            Fault.GIANT_HEADERS: self._giant_headers,
            Fault.GIANT_BODY: self._endless,
            Fault.ENDLESS_LINE: self._endless,
            Fault.SLOW_DRIP: self._drip,
            Fault.SPLIT_BYTES: self._split,
            Fault.WRONG_LENGTH: self._wrong_length,
            Fault.BAD_GZIP: self._bad_gzip,
            Fault.BAD_CHUNKING: self._bad_chunking,
        }

    async def send(self, request: web.Request, out: Outgoing) -> web.StreamResponse:
        """Send the answer. Raises ConnectionError when the client has gone."""
        breaker = self._breakers.get(out.fault) if out.fault else None
        if breaker is not None:
            return await breaker(request, out)
        if out.stream or out.script.ending is not Ending.PROPER:
            return await self._events(request, out)
        await asyncio.sleep(out.pace_s)
        return web.Response(body=out.whole, headers=out.all_headers)

    async def _events(self, request: web.Request, out: Outgoing) -> web.StreamResponse:
        response = web.StreamResponse(headers=out.all_headers)
        await response.prepare(request)
        for event in out.script.events:
            if out.pace_s and event.mark is Mark.PIECE:
                await asyncio.sleep(out.pace_s)
            await response.write(event.data)
        match out.script.ending:
            case Ending.PROPER:
                await response.write_eof()
            case Ending.HANG:
                await self._be_silent(request)
            case Ending.RESET:
                reset(request)
            case Ending.CUT:
                close(request)
        return response

    async def _be_silent(self, request: web.Request) -> None:
        self._silent(request)
        await asyncio.sleep(self._hang_s)
        reset(request)

    async def _hang(self, request: web.Request, _out: Outgoing) -> web.StreamResponse:
        await self._be_silent(request)
        return Sent()

    async def _headers_only(self, request: web.Request, out: Outgoing) -> web.StreamResponse:
        response = web.StreamResponse(headers=out.all_headers)
        await response.prepare(request)
        await self._be_silent(request)
        return response

    async def _reset(self, request: web.Request, _out: Outgoing) -> web.StreamResponse:
        reset(request)
        return Sent()

    async def _close(self, request: web.Request, _out: Outgoing) -> web.StreamResponse:
        close(request)
        return Sent()

    async def _html(self, _request: web.Request, out: Outgoing) -> web.StreamResponse:
        status = 502 if out.fault is Fault.HTML_502 else 200
        return web.Response(body=_HTML, status=status, content_type="text/html")

    async def _giant_headers(self, request: web.Request, _out: Outgoing) -> web.StreamResponse:
        await _raw(request, b"HTTP/1.1 200 OK\r\n")
        value = b"x" * _HEADER
        for i in range(self._giant_bytes // _HEADER):
            await _raw(request, b"x-padding-%d: %s\r\n" % (i, value))
        await _raw(request, b"Content-Length: 0\r\n\r\n")
        return Sent()

    async def _endless(self, request: web.Request, out: Outgoing) -> web.StreamResponse:
        response = web.StreamResponse(headers=out.all_headers)
        await response.prepare(request)
        for block in self._padding(out):
            await response.write(block)
        await response.write_eof()
        return response

    def _padding(self, out: Outgoing) -> Iterator[bytes]:
        head, line = out.wire.padding()
        if not out.stream:
            head, line = b'{"padding":"', b'"' + b"x" * 1000 + b'",\n'
        if out.fault is Fault.ENDLESS_LINE:
            block = b"x" * _BLOCK
        else:
            head, block = b"" if out.stream else b"[", line * (_BLOCK // len(line))
        yield head
        for _ in range(self._giant_bytes // len(block)):
            yield block

    async def _drip(self, request: web.Request, out: Outgoing) -> web.StreamResponse:
        try:
            async with asyncio.timeout(self._hang_s):
                return await self._bytes(request, out, self._drip_s)
        except TimeoutError:
            reset(request)
            return Sent()

    async def _split(self, request: web.Request, out: Outgoing) -> web.StreamResponse:
        return await self._bytes(request, out, 0.0)

    async def _bytes(
        self, request: web.Request, out: Outgoing, pause_s: float
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers=out.all_headers)
        await response.prepare(request)
        for byte in out.whole:
            await response.write(bytes((byte,)))
            await asyncio.sleep(pause_s)  # zero too lets the byte leave alone
        await response.write_eof()
        return response

    async def _wrong_length(self, request: web.Request, out: Outgoing) -> web.StreamResponse:
        body = out.whole
        await _raw(request, _head(out, {"Content-Length": str(len(body) + _SURPLUS)}) + body)
        return Sent()

    async def _bad_gzip(self, _request: web.Request, out: Outgoing) -> web.StreamResponse:
        return web.Response(body=out.whole, headers={**out.all_headers, "Content-Encoding": "gzip"})

    async def _bad_chunking(self, request: web.Request, out: Outgoing) -> web.StreamResponse:
        first = out.script.events[0].data
        chunk = b"%x\r\n%s\r\n" % (len(first), first)
        await _raw(request, _head(out, {"Transfer-Encoding": "chunked"}) + chunk + b"zz\r\nno\r\n")
        return Sent()


def reset(request: web.Request) -> None:
    """End the connection with a TCP reset."""
    transport = request.transport
    if transport is None:
        return
    # A lingering time of zero turns the close into a reset.
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    transport.abort()


def close(request: web.Request) -> None:
    """End the connection in the ordinary way, after what has been written."""
    if request.transport is not None:
        request.transport.close()


async def _raw(request: web.Request, data: bytes) -> None:
    """Write bytes as they are, with back pressure: no headers of the server's are under way."""
    await request.writer.write(data)


def _head(out: Outgoing, extra: Mapping[str, str]) -> bytes:
    lines = [f"{name}: {value}\r\n" for name, value in {**out.all_headers, **extra}.items()]
    return f"HTTP/1.1 200 OK\r\n{''.join(lines)}\r\n".encode()
