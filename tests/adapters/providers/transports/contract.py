"""What every transport must do, against servers that behave and servers that do not."""

from __future__ import annotations

import abc
import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar, TypeVar

import pytest

from hexgate.adapters.providers.wire import Transport, WireRequest, WireResponse, WireStream
from hexgate.domain.call import Timeouts
from hexgate.domain.errors import BadResponse, TimedOut, Unreachable, Unserved
from tests.adapters.providers.transports.servers import (
    CHUNKED,
    LAST,
    OK,
    Do,
    RawServer,
    Step,
    chunk,
    whole,
)

T = TypeVar("T")
KEY = "sk-very-secret"
REQUEST = WireRequest(
    "/v1/things", {"model": "m", "n": 9007199254740993}, headers={"anthropic-version": "1999"}
)
CALM = Timeouts(connect_s=20, first_token_s=20, between_tokens_s=20, attempt_s=20)
MAX_BODY = 100_000


def hasty(**seconds: float) -> Timeouts:
    """Ample time except for what is named."""
    return CALM.tightened(Timeouts(**{**dict.fromkeys(Timeouts.__slots__, 20.0), **seconds}))


async def soon(waiting: Awaitable[T]) -> T:
    """What must happen by itself; the bound only turns a hang into a failure."""
    return await asyncio.wait_for(waiting, 10)


async def drained(stream: WireStream) -> bytes:
    """The whole body."""
    pieces = []
    while piece := await stream.read():
        pieces.append(piece)
    return b"".join(pieces)


async def streamed(transport: Transport, request: WireRequest) -> bytes:
    """The whole body of a streamed answer."""
    return await drained(await transport.open(request, CALM))


class TransportContract(abc.ABC):
    """Subclasses give `transport`, and a request of their own where not every one can be sent."""

    request: ClassVar[WireRequest] = REQUEST

    @abc.abstractmethod
    def transport(
        self, url: str, max_body_bytes: int = MAX_BODY
    ) -> AbstractAsyncContextManager[Transport]:
        """A transport to `url` with the credential KEY; closes what it opened."""

    def listing(self, url: str) -> WireRequest:
        """A GET, as a check of a credential is; `url` is where the transport leads to."""
        del url
        return WireRequest("/the-models?after=a%2Fb", method="GET")

    @asynccontextmanager
    async def to(self, *steps: Step) -> AsyncIterator[tuple[Transport, RawServer]]:
        """A transport to a server that plays these steps."""
        async with RawServer(*steps) as server, self.transport(server.url) as transport:
            yield transport, server

    async def test_a_request_is_posted_as_json_with_its_headers(self) -> None:
        async with self.to(whole(b"{}")) as (transport, server):
            await transport.send(self.request, CALM)
        (head, body), *_ = server.requests
        assert head.startswith(f"POST {self.request.path} HTTP/1.1\r\n".encode())
        assert b"\r\nanthropic-version: 1999\r\n" in head.lower()
        assert head.lower().count(b"\r\nanthropic-version:") == 1
        assert b"\r\ncontent-type: application/json\r\n" in head.lower()
        assert b"\r\naccept-encoding: identity\r\n" in head.lower()
        assert KEY.encode() in head
        assert json.loads(body) == self.request.payload

    async def test_a_get_has_no_body(self) -> None:
        async with self.to(whole(b"{}")) as (transport, server):
            await transport.send(self.listing(server.url), CALM)
        ((head, body),) = server.requests
        assert head.startswith(b"GET ")
        assert head.split(b" ")[1].endswith(b"=a%2Fb")
        assert KEY.encode() in head
        assert body == b""

    @pytest.mark.parametrize(
        "status", ["200 OK", "204 No", "302 Found", "401 No", "429 No", "500 No", "529 No"]
    )
    async def test_an_answer_with_any_status_is_returned(self, status: str) -> None:
        body = b"" if status.startswith("204") else b'{"error":{}}'
        headers = b"Retry-After: 7\r\nLocation: http://127.0.0.1:1/\r\n"
        async with self.to(whole(body, status, headers)) as (transport, server):
            response = await transport.send(self.request, CALM)
            stream = await transport.open(self.request, CALM)
            assert (stream.status, await drained(stream)) == (int(status[:3]), body)
            await stream.aclose()
        assert (response.status, response.body) == (int(status[:3]), body)
        assert response.headers["retry-after"] == "7"
        assert stream.headers["retry-after"] == "7"
        assert len(server.requests) == 2, "a redirect was followed, or a failure retried"

    async def test_a_stream_arrives_piece_by_piece(self) -> None:
        steps = (CHUNKED + chunk(b"one"), Do.WAIT, chunk(b"two"), LAST)
        async with self.to(*steps) as (transport, server):
            stream = await transport.open(self.request, CALM)
            assert await stream.read() == b"one"
            server.go.set()
            assert await drained(stream) == b"two"
            assert await stream.read() == b""
            await stream.aclose()

    async def test_a_connection_read_to_its_end_is_used_again(self) -> None:
        async with self.to(CHUNKED, chunk(b"one"), LAST) as (transport, server):
            for _ in range(3):
                stream = await transport.open(self.request, CALM)
                assert await drained(stream) == b"one"
                await stream.aclose()
                await transport.send(self.request, CALM)
        assert (len(server.requests), server.connections) == (6, 1)

    async def test_cookies_are_not_kept(self) -> None:
        async with self.to(whole(b"", headers=b"Set-Cookie: a=b\r\n")) as (transport, server):
            for _ in range(2):
                await transport.send(self.request, CALM)
        assert b"cookie" not in server.requests[1][0].lower()

    async def test_a_compressed_body_is_unpacked(self) -> None:
        packed = whole(gzip.compress(b"hello"), headers=b"content-encoding: gzip\r\n")
        async with self.to(packed) as (transport, _):
            assert (await transport.send(self.request, CALM)).body == b"hello"

    async def test_nobody_listens(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            async with self.transport(url) as transport:
                await self._both(transport, Unreachable)

    async def test_a_plain_server_has_no_tls(self) -> None:
        async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 hello, speak plainly\r\n")
            writer.close()

        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with self.transport(f"https://127.0.0.1:{port}") as transport:
                await self._both(transport, Unreachable)

    async def test_a_connection_that_never_stands_times_out_in_connect(self) -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            queue = [socket.socket() for _ in range(4)]
            for waiting in queue:  # fill the backlog, so that the next one is not answered
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            async with self.transport(f"http://127.0.0.1:{full.getsockname()[1]}") as transport:
                await self._late(transport, hasty(connect_s=0.05), "connect")
            for waiting in queue:
                waiting.close()

    async def test_silence_before_the_headers_times_out_in_first_token(self) -> None:
        async with self.to(Do.HANG) as (transport, server):
            await self._late(transport, hasty(first_token_s=0.05), "first_token")
            await soon(server.gone.wait())

    async def test_silence_in_the_body_times_out_between_tokens(self) -> None:
        async with self.to(CHUNKED + chunk(b"one"), Do.HANG) as (transport, server):
            late = hasty(between_tokens_s=0.05)
            with pytest.raises(TimedOut) as raised:
                await transport.send(self.request, late)
            assert raised.value.metadata["phase"] == "between_tokens"
            await soon(server.gone.wait())
            stream = await transport.open(self.request, late)
            assert await stream.read(20) == b"one"
            with pytest.raises(TimedOut) as raised:
                await stream.read()
            assert raised.value.metadata["phase"] == "between_tokens"
            await stream.aclose()

    async def test_one_read_may_have_less_time_than_the_others(self) -> None:
        async with self.to(CHUNKED + chunk(b"one"), Do.HANG) as (transport, server):
            stream = await transport.open(self.request, CALM)
            assert await stream.read(20) == b"one"
            with pytest.raises(TimedOut):
                await stream.read(0.05)
            await soon(server.gone.wait())

    async def test_an_attempt_as_a_whole_is_bounded(self) -> None:
        async with self.to(CHUNKED, Do.DRIP) as (transport, server):
            with pytest.raises(TimedOut) as raised:
                await transport.send(self.request, hasty(attempt_s=0.2))
            assert raised.value.metadata["phase"] == "attempt"
            await soon(server.gone.wait())
            with pytest.raises(TimedOut) as raised:
                await drained(await transport.open(self.request, hasty(attempt_s=0.2)))
            assert raised.value.metadata["phase"] == "attempt"

    @pytest.mark.parametrize(
        "steps",
        [
            (),
            (Do.RESET,),
            (b"HTTP/1.1 200 OK\r\nx:",),
            (OK + b"content-length: 100\r\n\r\nabc",),
            (OK + b"content-length: 100\r\n\r\nabc", Do.RESET),
            (CHUNKED + chunk(b"abc"),),
            (CHUNKED + b"5\r\nab",),
            (CHUNKED + chunk(b"abc"), Do.RESET),
        ],
        ids=str,
    )
    async def test_a_broken_connection_is_never_an_end(self, steps: tuple[Step, ...]) -> None:
        async with self.to(*steps) as (transport, server):
            await self._both(transport, Unreachable)
        assert server.connections == 2, "a failure was retried"

    @pytest.mark.parametrize(
        "steps",
        [
            (b"SMTP ready\r\n\r\n",),
            (OK + b"content-length: many\r\n\r\nabc",),
            (CHUNKED + b"zz\r\nabc\r\n",),
            (whole(b"not gzip", headers=b"content-encoding: gzip\r\n"),),
            (OK + b"x: ", Do.POUR),
            (OK + b"connection: close\r\n\r\n", Do.POUR),
            (OK + b"content-length: 1000000000\r\n\r\n", Do.POUR),
            (CHUNKED, b"3b9aca00\r\n", Do.POUR),
            (b"HTTP/1.1 500 No\r\ncontent-length: 1000000000\r\n\r\n", Do.POUR),
            (whole(gzip.compress(b"a" * 10 * MAX_BODY), headers=b"content-encoding: gzip\r\n"),),
        ],
        ids=lambda steps: str(steps)[:60],
    )
    async def test_nonsense_and_floods_are_bad_responses(self, steps: tuple[Step, ...]) -> None:
        async with self.to(*steps) as (transport, _):
            await self._both(transport, BadResponse)

    async def test_bad_chunking_after_good_chunks_is_a_bad_response(self) -> None:
        steps = (CHUNKED + chunk(b"one"), Do.WAIT, b"QQ\r\n", Do.HANG)
        async with self.to(*steps) as (transport, server):
            stream = await transport.open(self.request, CALM)
            assert await stream.read() == b"one"
            server.go.set()
            with pytest.raises(BadResponse):
                await drained(stream)
            await stream.aclose()

    async def test_a_flood_is_cut_off(self) -> None:
        async with self.to(OK + b"connection: close\r\n\r\n", Do.POUR) as (transport, server):
            with pytest.raises(BadResponse):
                await transport.send(self.request, CALM)
            await soon(server.gone.wait())

    @pytest.mark.parametrize("steps", [(Do.HANG,), (CHUNKED + chunk(b"one"), Do.HANG)], ids=str)
    async def test_cancelling_closes_the_connection_at_once(self, steps: tuple[Step, ...]) -> None:
        async with self.to(*steps) as (transport, server):
            going = asyncio.ensure_future(transport.send(self.request, CALM))
            await soon(server.asked.wait())
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going
            await soon(server.gone.wait())

    async def test_cancelling_an_opening_closes_the_connection_at_once(self) -> None:
        async with self.to(Do.HANG) as (transport, server):
            going = asyncio.ensure_future(transport.open(self.request, CALM))
            await soon(server.asked.wait())
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going
            await soon(server.gone.wait())

    async def test_cancelling_a_read_closes_the_connection_at_once(self) -> None:
        async with self.to(CHUNKED + chunk(b"one"), Do.HANG) as (transport, server):
            stream = await transport.open(self.request, CALM)
            assert await stream.read() == b"one"
            going = asyncio.ensure_future(stream.read())
            await asyncio.sleep(0)  # let it reach its wait
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going
            await soon(server.gone.wait())

    @pytest.mark.parametrize("reads", [0, 1])
    async def test_closing_an_unfinished_body_closes_the_connection(self, reads: int) -> None:
        async with self.to(CHUNKED + chunk(b"one"), Do.HANG) as (transport, server):
            stream = await transport.open(self.request, CALM)
            for _ in range(reads):
                await stream.read()
            await stream.aclose()
            await stream.aclose()
            await soon(server.gone.wait())

    async def test_no_error_shows_the_key(self) -> None:
        async with self.to(b"SMTP " + KEY.encode() + b"\r\n\r\n") as (transport, _):
            with pytest.raises(Unserved) as raised:
                await transport.send(self.request, CALM)
        shown: BaseException | None = raised.value
        while shown is not None:
            hidden = isinstance(shown, Unserved)
            assert not hidden or KEY not in repr(shown) + repr(vars(shown))
            shown = None if shown.__suppress_context__ else shown.__cause__

    async def _both(self, transport: Transport, kind: type[Unserved]) -> None:
        with pytest.raises(Unserved) as raised:
            await soon(transport.send(self.request, CALM))
        assert type(raised.value) is kind, raised.value
        with pytest.raises(Unserved) as raised:
            await soon(streamed(transport, self.request))
        assert type(raised.value) is kind, raised.value

    async def _late(self, transport: Transport, timeouts: Timeouts, phase: str) -> None:
        for going in (
            transport.send(self.request, timeouts),
            transport.open(self.request, timeouts),
        ):
            late: Awaitable[WireResponse | WireStream] = going
            with pytest.raises(TimedOut) as raised:
                await soon(late)
            assert raised.value.metadata["phase"] == phase
