"""Requests over one shared HTTP session, without an SDK."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping

import aiohttp
import msgspec
from aiohttp.http_exceptions import (
    ContentLengthError,
    HttpProcessingError,
    TransferEncodingError,
)
from yarl import URL

from hexgate.adapters.providers.account import MAX_BODY_BYTES
from hexgate.adapters.providers.failures import timed_out, too_large
from hexgate.adapters.providers.wire import Credential, WireRequest, WireResponse
from hexgate.domain.call import Timeouts
from hexgate.domain.errors import BadResponse, GatewayError, Unreachable, Unserved

_MAX_HEADER_LINE = 16 << 10
_MAX_HEADERS = 200
_READ_BUFFER = 64 << 10
_KEEPALIVE_S = 60.0
_LARGE = 1 << 20  # above this, aiohttp wants a body it can send in pieces
_WHOLE = ("http://", "https://")
_ENCODER = msgspec.json.Encoder()


def open_session() -> aiohttp.ClientSession:
    """A session for every provider; call inside the running loop, close at the end.

    It has no connection limit of its own, since the limiter decides, keeps no cookies and reads no
    proxy from the environment.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        read_bufsize=_READ_BUFFER,
        max_line_size=_MAX_HEADER_LINE,
        max_field_size=_MAX_HEADER_LINE,
        max_headers=_MAX_HEADERS,
    )


class HttpTransport:
    """Sends JSON to `base_url` plus a path. The session stays its maker's to close.

    `headers` lose against a request's own of the same name, and these against the `credential`'s.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        headers: Mapping[str, str],
        max_body_bytes: int = MAX_BODY_BYTES,
        *,
        provider: str = "the provider",
        credential: Credential | None = None,
    ) -> None:
        self._session = session
        self._credential = credential
        self._base = base_url.rstrip("/")
        self._headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",  # compression holds tokens back
            "User-Agent": "hexgate",
            **headers,
        }
        self._max_body_bytes = max_body_bytes
        self._provider = provider
        self._urls: dict[str, URL] = {}
        self._opening = Translated(provider, "first_token")
        self._reading = Translated(provider, "between_tokens")

    async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        """See Transport. The body, once decompressed, is bounded by `max_body_bytes`."""
        stream = await self.open(request, timeouts)
        try:
            pieces = []
            while piece := await stream.read():
                pieces.append(piece)
        finally:
            await stream.aclose()
        return WireResponse(stream.status, stream.headers, b"".join(pieces))

    async def open(self, request: WireRequest, timeouts: Timeouts) -> HttpStream:
        """See Transport."""
        body = _ENCODER.encode(request.payload) if request.method == "POST" else b""
        url = self._url(request.path)
        headers = {**self._headers, **request.headers} if request.headers else self._headers
        if self._credential is not None:
            proof = await self._credential.headers(request.method, str(url), body)
            headers = {**headers, **proof}
        limits = aiohttp.ClientTimeout(
            total=timeouts.attempt_s, connect=timeouts.connect_s, sock_read=timeouts.first_token_s
        )
        with self._opening:
            response = await self._session.request(
                request.method,
                url,
                data=io.BytesIO(body) if len(body) > _LARGE else body,
                headers=headers,
                allow_redirects=False,
                timeout=limits,
            )
        return HttpStream(
            response,
            self._reading,
            silence_s=timeouts.between_tokens_s,
            max_body_bytes=self._max_body_bytes,
            provider=self._provider,
        )

    def _url(self, path: str) -> URL:
        url = self._urls.get(path)
        if url is None:
            text = path if path.startswith(_WHOLE) else self._base + path
            # Encoded by the dialect: a model's name may hold what a URL gives a meaning to.
            url = self._urls[path] = URL(text, encoded=True)
        return url


class HttpStream:
    """The body of one response, as it arrives."""

    __slots__ = (
        "_closed",
        "_errors",
        "_left",
        "_protocol",
        "_provider",
        "_response",
        "_silence_s",
        "_within_s",
        "headers",
    )

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        errors: Translated,
        *,
        silence_s: float,
        max_body_bytes: int,
        provider: str,
    ) -> None:
        self._response = response
        self._errors = errors
        self._silence_s = silence_s
        self._within_s = -1.0  # what the connection's own timer is set to
        self._left = max_body_bytes
        self._provider = provider
        self.headers: Mapping[str, str] = response.headers  # found in any case
        connection = response.connection  # None once the body is complete
        self._protocol = connection.protocol if connection is not None else None
        self._closed = self._watch()

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status

    async def read(self, within_s: float | None = None) -> bytes:
        """See WireStream."""
        self._allow(self._silence_s if within_s is None else within_s)
        try:
            with self._errors:
                data = await self._response.content.readany()
        except BaseException:
            self._response.close()
            raise
        self._left -= len(data)
        if self._left < 0:
            self._response.close()
            raise too_large(self._provider)
        return data

    async def aclose(self) -> None:
        """Close the connection, unless the end of the body has released it already."""
        if self._closed is not None:
            self._closed.remove_done_callback(self._lost)
        self._response.close()

    def _watch(self) -> asyncio.Future[None] | None:
        """Have the end of the connection reported to whoever reads.

        aiohttp tells the body when a connection ends too early, but not when it closes the
        connection itself over bytes that make no sense: a reader would wait for ever.
        """
        if self._protocol is None:
            return None
        closed = self._protocol.closed
        if closed is None:
            self._fail()
        else:
            closed.remove_done_callback(_seen)
            closed.add_done_callback(_seen)
            closed.add_done_callback(self._lost)
        return closed

    def _lost(self, _: asyncio.Future[None]) -> None:
        self._fail()

    def _fail(self) -> None:
        content = self._response.content
        if self._protocol is not None and not content.is_eof() and content.exception() is None:
            content.set_exception(self._protocol.exception() or aiohttp.ServerDisconnectedError())

    def _allow(self, seconds: float) -> None:
        """Set the connection's own silence timer, which costs nothing while it stays the same."""
        if seconds == self._within_s:
            return
        self._within_s = seconds
        if self._protocol is not None and self._response.connection is not None:
            self._protocol.read_timeout = seconds
            self._protocol.start_timeout()


def _seen(closed: asyncio.Future[None]) -> None:
    """An idle connection that breaks is nobody's failure; one of these stays on each."""
    if not closed.cancelled():
        closed.exception()


class Translated:
    """Every failure of the HTTP client as one of ours; `phase` is where silence is a timeout.

    May be entered any number of times.
    """

    __slots__ = ("_phase", "_provider")

    def __init__(self, provider: str, phase: str) -> None:
        self._provider = provider
        self._phase = phase

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, failure: BaseException | None, __: object) -> None:
        if not isinstance(failure, _OURS):
            return
        error = self._meaning(failure)
        # These two may hold the request's headers, or bytes of the answer.
        opaque = isinstance(failure, (aiohttp.ClientResponseError, HttpProcessingError))
        error.detail = type(failure).__name__ + ("" if opaque else f": {failure}")
        raise error from (None if opaque else failure)

    def _meaning(self, failure: Exception) -> GatewayError:
        for kind, phase in _TIMEOUTS:
            if isinstance(failure, kind):
                return timed_out(self._provider, phase or self._phase)
        cut = isinstance(failure.__cause__, (ContentLengthError, TransferEncodingError))
        meaning, what = next(
            (meaning, what)
            for kind, meaning, what in _FAILURES
            if isinstance(failure, kind) and not (cut and meaning is BadResponse)
        )
        return meaning(f"{self._provider} {what}", metadata={"provider": self._provider})


# A host's name that cannot be encoded, such as one with a label of 64 characters, is no OSError.
_OURS = (aiohttp.ClientError, HttpProcessingError, OSError, UnicodeError)

# The first row that fits. The timeout without a class of its own is the one of the whole attempt.
_TIMEOUTS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "connect"),
    (aiohttp.SocketTimeoutError, ""),
    (TimeoutError, "attempt"),
)
_FAILURES: tuple[tuple[type[Exception], type[Unserved], str], ...] = (
    (aiohttp.ClientConnectorDNSError, Unreachable, "has no such host; check its base_url"),
    (UnicodeError, Unreachable, "has no such host; check its base_url"),
    (aiohttp.ClientSSLError, Unreachable, "cannot be reached over TLS; check its certificate"),
    (aiohttp.ClientConnectorError, Unreachable, "refused the connection; check its base_url"),
    (aiohttp.ClientPayloadError, BadResponse, "sent a body that cannot be decoded"),
    (aiohttp.ClientResponseError, BadResponse, "sent an answer that is not HTTP"),
    (HttpProcessingError, BadResponse, "sent an answer that is not HTTP"),
    (Exception, Unreachable, "broke the connection"),
)
