"""Requests through the HTTP client of an official SDK; the SDK itself is the builder's matter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from hexgate.adapters.providers.failures import timed_out, too_large
from hexgate.adapters.providers.wire import WireRequest, WireResponse, WireStream
from hexgate.domain.call import Timeouts
from hexgate.domain.errors import BadResponse, GatewayError, Unreachable

if TYPE_CHECKING:
    import httpx2

# Sends a POST through the SDK and returns the response with its body unread.
Post: TypeAlias = "Callable[[WireRequest, httpx2.Timeout], Awaitable[httpx2.Response]]"


class Answered(Exception):
    """An answer with a status that is not 2xx, taken away from the SDK before it can read it.

    The SDKs read the bodies of errors without a bound, and retry or rewrite some of them.
    """

    def __init__(self, response: WireResponse) -> None:
        super().__init__(response.status)
        self.response = response


def http_client(provider: str, max_body_bytes: int) -> httpx2.AsyncClient:
    """The client an SDK is given: no redirects, no cookies, no proxy of the environment."""
    import httpx2

    async def intercept(response: httpx2.Response) -> None:
        if not 200 <= response.status_code < 300:
            pieces, left = [], max_body_bytes
            async for piece in response.aiter_bytes():
                pieces.append(piece)
                left -= len(piece)
                if left < 0:
                    raise too_large(provider)
            status, headers = response.status_code, _lower(response.headers)
            raise Answered(WireResponse(status, headers, b"".join(pieces)))

    return httpx2.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
        event_hooks={"response": [intercept]},
    )


class SdkTransport:
    """A Transport over `post`. `close` closes the SDK's client."""

    def __init__(
        self,
        post: Post,
        close: Callable[[], Awaitable[None]],
        *,
        provider: str,
        max_body_bytes: int,
    ) -> None:
        self._post = post
        self._close = close
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

    async def open(self, request: WireRequest, timeouts: Timeouts) -> WireStream:
        """See Transport."""
        import httpx2

        limits = httpx2.Timeout(None, connect=timeouts.connect_s)
        started = asyncio.get_running_loop().time()
        with translated(self._provider, "first_token"):
            try:
                async with asyncio.timeout(min(timeouts.first_token_s, timeouts.attempt_s)):
                    response = await self._post(request, limits)
            except Exception as failure:
                if (answered := _found(failure, Answered)) is None:
                    raise
                return _Whole(answered.response)
        return SdkStream(
            response,
            silence_s=timeouts.between_tokens_s,
            deadline=started + timeouts.attempt_s,
            max_body_bytes=self._max_body_bytes,
            provider=self._provider,
        )

    async def aclose(self) -> None:
        """Close the SDK's client and its connections."""
        await self._close()


class SdkStream:
    """The body of one response, as it arrives."""

    def __init__(
        self,
        response: httpx2.Response,
        *,
        silence_s: float,
        deadline: float,
        max_body_bytes: int,
        provider: str,
    ) -> None:
        self._response = response
        self._pieces: AsyncIterator[bytes] = response.aiter_bytes()
        self._silence_s = silence_s
        self._deadline = deadline  # on the loop's clock
        self._left = max_body_bytes
        self._provider = provider
        self.headers = _lower(response.headers)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status_code

    async def read(self, within_s: float | None = None) -> bytes:
        """See WireStream."""
        silence_s = self._silence_s if within_s is None else within_s
        until = asyncio.get_running_loop().time() + silence_s
        phase = "between_tokens" if until < self._deadline else "attempt"
        try:
            with translated(self._provider, phase):
                async with asyncio.timeout_at(min(until, self._deadline)):
                    data = await anext(self._pieces, b"")
        except BaseException:
            await self.aclose()
            raise
        self._left -= len(data)
        if self._left < 0:
            await self.aclose()
            raise too_large(self._provider)
        return data

    async def aclose(self) -> None:
        """Close the connection, unless the end of the body has released it already."""
        await self._response.aclose()


class _Whole:
    """An answer that was read already, as a stream."""

    def __init__(self, response: WireResponse) -> None:
        self.status, self.headers = response.status, response.headers
        self._body = response.body

    async def read(self, within_s: float | None = None) -> bytes:
        """The body, then nothing."""
        del within_s  # nothing to wait for
        body, self._body = self._body, b""
        return body

    async def aclose(self) -> None:
        """Nothing is open."""


@contextmanager
def translated(provider: str, phase: str) -> Iterator[None]:
    """Every failure of an SDK as one of ours, by the innermost cause: their own classes are vague.

    `phase` is where silence is a timeout.
    """
    try:
        yield
    except GatewayError:
        raise
    except Exception as failure:
        ours = _found(failure, GatewayError) or _meaning(failure, provider, phase)
        if not ours.detail:
            ours.detail = type(failure).__name__
        raise ours from failure


def _meaning(failure: Exception, provider: str, phase: str) -> GatewayError:
    import httpx2

    if _found(failure, httpx2.ConnectTimeout):
        return timed_out(provider, "connect")
    if _found(failure, TimeoutError) or _found(failure, httpx2.TimeoutException):
        return timed_out(provider, phase)
    metadata = {"provider": provider}
    if _found(failure, httpx2.DecodingError):
        return BadResponse(f"{provider} sent a body that cannot be decoded", metadata=metadata)
    if _found(failure, httpx2.ConnectError):
        text = f"{provider} cannot be reached; check its base_url and certificate"
        return Unreachable(text, metadata=metadata)
    if _found(failure, httpx2.RemoteProtocolError) and not _cut(failure):
        return BadResponse(f"{provider} sent an answer that is not HTTP", metadata=metadata)
    if _found(failure, httpx2.TransportError) or _found(failure, OSError):
        return Unreachable(f"{provider} broke the connection", metadata=metadata)
    return BadResponse(f"{provider} sent an answer that its SDK refuses", metadata=metadata)


_E = TypeVar("_E", bound=BaseException)


def _found(failure: BaseException | None, kind: type[_E]) -> _E | None:
    """The first error of `kind` among a failure and its causes."""
    while failure is not None and not isinstance(failure, kind):
        failure = failure.__cause__
    return failure


def _cut(failure: Exception) -> bool:
    # The HTTP library has one class for nonsense and for a connection that ended too early.
    seen: BaseException | None = failure
    while seen is not None and not str(seen).startswith(("peer closed", "Server disconnected")):
        seen = seen.__cause__
    return seen is not None


def _lower(headers: httpx2.Headers) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}
