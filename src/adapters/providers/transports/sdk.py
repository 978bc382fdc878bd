"""Requests through the HTTP client of an official SDK; the SDK itself is the builder's matter."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from hexgate.adapters.providers.failures import timed_out, too_large
from hexgate.adapters.providers.wire import Credential, WireRequest, WireResponse, WireStream
from hexgate.domain.call import Timeouts
from hexgate.domain.errors import BadResponse, GatewayError, Unreachable

if TYPE_CHECKING:
    import httpx2

# Sends a request through the SDK and returns the response with its body unread.
Ask: TypeAlias = "Callable[[WireRequest, httpx2.Timeout], Awaitable[httpx2.Response]]"
# The headers of the request that is being sent.
_SAID: ContextVar[Mapping[str, str]] = ContextVar("_SAID")


def through(get: Callable[..., Awaitable[object]], post: Callable[..., Awaitable[object]]) -> Ask:
    """Requests by the methods that an SDK has for those it has no types for."""

    async def ask(request: WireRequest, limits: httpx2.Timeout) -> httpx2.Response:
        options = {"timeout": limits}
        if request.method == "GET":
            response = await get(request.path, options=options)
        else:
            response = await post(request.path, body=request.payload, options=options)
        # Asked for an httpx2.Response, the SDK returns it unread, whatever its overloads say.
        return cast("httpx2.Response", response)

    return ask


class Answered(Exception):
    """An answer with a status that is not 2xx, taken away from the SDK before it can read it.

    The SDKs read the bodies of errors without a bound, and retry or rewrite some of them.
    """

    def __init__(self, response: WireResponse) -> None:
        super().__init__(response.status)
        self.response = response


def http_client(provider: str, max_body_bytes: int) -> httpx2.AsyncClient:
    """The client an SDK is given: no redirects, no cookies, no proxy of the environment.

    It sends the headers that the transport gives and no others. The SDKs take some from variables
    of the environment, keys and organizations among them, and offer no way not to.
    """
    import httpx2

    async def replace(request: httpx2.Request) -> None:
        framing = {"host": request.url.netloc.decode()}
        if body := request.content:
            framing["content-length"] = str(len(body))
        request.headers = httpx2.Headers({**framing, **_SAID.get()})

    async def intercept(response: httpx2.Response) -> None:
        if not 200 <= response.status_code < 300:
            pieces, left = [], max_body_bytes
            async for piece in response.aiter_bytes():
                pieces.append(piece)
                left -= len(piece)
                if left < 0:
                    raise too_large(provider)
            status, headers = response.status_code, _low(response.headers)
            raise Answered(WireResponse(status, headers, b"".join(pieces)))

    return httpx2.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
        event_hooks={"request": [replace], "response": [intercept]},
    )


def quiet(name: str) -> None:
    """Have the loggers of an SDK say nothing below a warning, whatever a variable set for them.

    At the level of debugging the SDKs write requests, with prompts in them.
    """
    for each in (name, "httpx2"):
        logging.getLogger(each).setLevel(logging.WARNING)


class SdkTransport:
    """A Transport over `ask`. `close` closes the SDK's client.

    `headers` lose against a request's own of the same name, and these against the `credential`'s.
    """

    def __init__(
        self,
        ask: Ask,
        close: Callable[[], Awaitable[None]],
        headers: Mapping[str, str],
        *,
        provider: str,
        max_body_bytes: int,
        credential: Credential | None = None,
    ) -> None:
        self._ask = ask
        self._close = close
        self._credential = credential
        self._headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",  # compression holds tokens back
            "user-agent": "hexgate",
            **_low(headers),
        }
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

        headers = {**self._headers, **_low(request.headers)}
        if self._credential is not None:
            # What it gives here is a token, which says nothing of the request.
            headers |= _low(await self._credential.headers(request.method, request.path, b""))
        limits = httpx2.Timeout(None, connect=timeouts.connect_s)
        said = _SAID.set(headers)
        started = asyncio.get_running_loop().time()
        phase = "first_token" if timeouts.first_token_s < timeouts.attempt_s else "attempt"
        with translated(self._provider, phase):
            try:
                async with asyncio.timeout(min(timeouts.first_token_s, timeouts.attempt_s)):
                    response = await self._ask(request, limits)
            except Exception as failure:
                if (answered := _found(failure, Answered)) is None:
                    raise
                return _Whole(answered.response)
            finally:
                _SAID.reset(said)
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
        self.headers = _low(response.headers)

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


def _low(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
