"""A transport over an SDK that blocks: each open stream may have a thread, and no more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeAlias, TypeVar

from urllib3 import BaseHTTPResponse

from hexgate.adapters.providers.failures import timed_out, too_large
from hexgate.adapters.providers.transports.line import Line, pieces, working_for
from hexgate.adapters.providers.wire import WireRequest, WireResponse
from hexgate.domain.call import Timeouts
from hexgate.domain.errors import ProviderLimited, Unreachable

T = TypeVar("T")
# Sends in the calling thread; the float is the time that a new connection may take.
Ask: TypeAlias = Callable[[WireRequest, float], BaseHTTPResponse]
THREADS = 64


class ThreadTransport:
    """A Transport over `ask`. `close` closes what is below it, when nothing is open any more.

    Of `threads` streams at once each has a thread while it waits; one more is refused with
    ProviderLimited rather than queued, since a wait in here would look like a slow provider.
    """

    def __init__(
        self,
        ask: Ask,
        close: Callable[[], None],
        *,
        provider: str,
        max_body_bytes: int,
        threads: int = THREADS,
    ) -> None:
        self._ask = ask
        self._close = close
        self._provider = provider
        self._max_body_bytes = max_body_bytes
        self._threads = threads
        self._open: set[Exchange] = set()
        # One more than streams, for what is got ready.
        self._pool = ThreadPoolExecutor(threads + 1, thread_name_prefix=f"{provider}-sdk")

    def prepare(self, job: Callable[[], object]) -> None:
        """Run this in a thread, whatever comes of it."""
        self._pool.submit(job)

    async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        """See Transport."""
        stream = await self.open(request, timeouts)
        try:
            parts = []
            while part := await stream.read():
                parts.append(part)
        finally:
            await stream.aclose()
        return WireResponse(stream.status, stream.headers, b"".join(parts))

    async def open(self, request: WireRequest, timeouts: Timeouts) -> ThreadStream:
        """See Transport."""
        if len(self._open) >= self._threads:
            raise ProviderLimited(
                f"all {self._threads} threads of {self._provider}'s SDK are in use; lower the "
                "provider's concurrency, or use transport: http, which needs none",
                metadata={"provider": self._provider, "threads": str(self._threads)},
            )
        exchange = Exchange(self._pool, self._open.discard)
        self._open.add(exchange)
        started = asyncio.get_running_loop().time()
        phase = "first_token" if timeouts.first_token_s < timeouts.attempt_s else "attempt"
        try:
            response = await exchange.run(
                lambda: exchange.keep(self._ask(request, timeouts.connect_s)),
                started + min(timeouts.first_token_s, timeouts.attempt_s),
            )
        except TimeoutError as late:
            raise timed_out(self._provider, phase) from late
        return ThreadStream(
            exchange,
            response,
            silence_s=timeouts.between_tokens_s,
            deadline=started + timeouts.attempt_s,
            max_body_bytes=self._max_body_bytes,
            provider=self._provider,
        )

    async def aclose(self) -> None:
        """End what is open, then its threads."""
        for exchange in tuple(self._open):
            exchange.finish()
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
        self._close()


class Exchange:
    """One request and its answer, of which at most one job runs in a thread at a time."""

    def __init__(self, pool: ThreadPoolExecutor, over: Callable[[Exchange], None]) -> None:
        self._pool = pool
        self._tell = over
        self._loop = asyncio.get_running_loop()
        self._line = Line()
        self._lock = threading.Lock()  # of the two flags
        self._busy = False
        self.over = False
        self._response: BaseHTTPResponse | None = None

    def keep(self, response: BaseHTTPResponse) -> BaseHTTPResponse:
        """Have the answer closed at the end, even if nobody waits for it any more."""
        self._response = response
        return response

    async def run(self, job: Callable[[], T], until: float) -> T:
        """Run in a thread. Any failure, a TimeoutError at `until` among them, ends the exchange.

        Who is cancelled is free at once; the thread ends as soon as its connection is cut.
        """
        self._busy = True
        running = self._pool.submit(self._work, job)
        running.add_done_callback(self._rest)
        try:
            async with asyncio.timeout_at(until):
                return await asyncio.wrap_future(running)
        except BaseException:
            self.finish()
            raise

    def finish(self) -> None:
        """The exchange is over: close the answer, at the latest when the thread is out of it."""
        with self._lock:
            if self.over:
                return
            self.over = True
            busy = self._busy
        if busy:
            self._line.cut()
        else:
            self._clear()
            self._tell(self)

    def _work(self, job: Callable[[], T]) -> T:
        with working_for(self._line):
            return job()

    def _rest(self, _: Future[T]) -> None:
        """In the thread: its job is done."""
        with self._lock:
            self._busy = False
            over = self.over
        if over:
            self._clear()
            with suppress(RuntimeError):  # the loop is closed, and nobody counts any more
                self._loop.call_soon_threadsafe(self._tell, self)

    def _clear(self) -> None:
        if self._response is not None:
            self._response.close()


class ThreadStream:
    """The body of one answer, as it arrives."""

    def __init__(
        self,
        exchange: Exchange,
        response: BaseHTTPResponse,
        *,
        silence_s: float,
        deadline: float,
        max_body_bytes: int,
        provider: str,
    ) -> None:
        self._exchange = exchange
        self._pieces: Iterator[bytes] = pieces(response, provider)
        self._silence_s = silence_s
        self._deadline = deadline  # on the loop's clock
        self._left = max_body_bytes
        self._provider = provider
        self._ended = False
        self.status: int = response.status
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in response.headers.items()
        }

    async def read(self, within_s: float | None = None) -> bytes:
        """See WireStream."""
        if self._ended:
            return b""
        if self._exchange.over:
            raise Unreachable(
                f"{self._provider} has no more to read: the stream is closed",
                metadata={"provider": self._provider},
            )
        silence_s = self._silence_s if within_s is None else within_s
        until = asyncio.get_running_loop().time() + silence_s
        phase = "between_tokens" if until < self._deadline else "attempt"
        try:
            data = await self._exchange.run(
                lambda: next(self._pieces, b""), min(until, self._deadline)
            )
        except TimeoutError as late:
            raise timed_out(self._provider, phase) from late
        self._left -= len(data)
        if self._left < 0:
            await self.aclose()
            raise too_large(self._provider)
        if not data:
            self._ended = True
            await self.aclose()
        return data

    async def aclose(self) -> None:
        """Close the connection, unless the end of the body has released it already."""
        self._exchange.finish()
