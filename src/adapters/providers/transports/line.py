"""HTTP for threads, over connections that can be cut from outside."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import cast

import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from hexgate.adapters.providers.failures import timed_out
from hexgate.domain.errors import BadResponse, GatewayError, Unreachable

PIECE = 64 << 10
_HERE = threading.local()  # `line` is the one that this thread works for


class Line:
    """What one exchange is going over, so that whoever gave up on it can end its thread."""

    def __init__(self) -> None:
        self._on: _Held | None = None
        self._cut = False

    def cut(self) -> None:
        """Break the connection. Whatever a thread waits for on it fails at once, now or later."""
        self._cut = True
        if self._on is not None:
            self._on.shut(self)

    def hold(self, connection: _Held) -> None:
        """The exchange goes over this connection from now on."""
        self._on = connection
        if self._cut:
            connection.shut(self)


@contextmanager
def working_for(line: Line) -> Iterator[None]:
    """Connections that this thread takes in this block are the line's."""
    _HERE.line = line
    try:
        yield
    finally:
        del _HERE.line


class _Held(HTTPConnection):
    """Knows for whom it is in use: a line that has let go of it must not cut it any more."""

    _user: Line | None = None

    def connect(self) -> None:
        super().connect()
        self._take()

    def putrequest(
        self,
        method: str,
        url: str,
        skip_host: bool = False,
        skip_accept_encoding: bool = False,
    ) -> None:
        if self.sock is not None:  # one of the pool; a new one is not connected yet
            self._take()
        super().putrequest(method, url, skip_host, skip_accept_encoding)

    def shut(self, line: Line) -> None:
        """Shut it down, if it is this line's."""
        if self._user is line and (sock := self.sock) is not None:
            # Not the method of a TLS socket: that one forgets its TLS, and another thread is in it.
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _take(self) -> None:
        self._user = _HERE.line
        _HERE.line.hold(self)


class _HeldTls(_Held, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Held


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _HeldTls


def open_pools(size: int) -> urllib3.PoolManager:
    """Pools that keep up to `size` connections to a host. No proxy, no retry, the system's CAs."""
    pools = urllib3.PoolManager(maxsize=size, ssl_context=ssl.create_default_context())
    pools.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return pools


def ask(
    pools: urllib3.PoolManager,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    connect_s: float,
    provider: str,
) -> urllib3.BaseHTTPResponse:
    """Send, and return the answer with its body unread. Silence is for the line's user to end.

    Raises Unreachable, TimedOut (connect) and BadResponse.
    """
    with translated(provider):
        response = pools.connection_from_url(url).urlopen(
            method,
            urllib3.util.parse_url(url).request_uri,
            body=body,
            headers=headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=urllib3.Timeout(connect=connect_s, read=None),
            preload_content=False,
            decode_content=False,
        )
    try:
        _check_framing(response, provider)
    except GatewayError:
        response.close()
        raise
    return response


def pieces(response: urllib3.BaseHTTPResponse, provider: str) -> Generator[bytes]:
    """The body as it arrives, unpacked. Raises Unreachable and BadResponse."""
    with translated(provider):
        if getattr(response, "chunked", False):
            yield from response.read_chunked(PIECE, decode_content=True)
            return
        while piece := response.read1(PIECE, decode_content=True):
            yield piece


def _check_framing(response: urllib3.BaseHTTPResponse, provider: str) -> None:
    """The HTTP library takes headers that break off for complete, and any nonsense for a length.

    Then the body would be what comes until the connection ends, for whatever reason it does.
    """
    length = response.headers.get("content-length")
    if getattr(response, "chunked", False) or response.status in (204, 304):
        return
    if length is None and "close" not in response.headers.get("connection", "").lower():
        raise Unreachable(f"{provider} broke the connection", metadata={"provider": provider})
    if length is not None and not length.isdecimal():
        raise BadResponse(
            f"{provider} sent an answer that is not HTTP", metadata={"provider": provider}
        )


@contextmanager
def translated(provider: str) -> Iterator[None]:
    """Every failure of the HTTP library as one of ours."""
    try:
        yield
    except (exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as failure:
        error = _meaning(failure, provider)
        error.detail = type(failure).__name__
        raise error from failure


def _meaning(failure: Exception, provider: str) -> GatewayError:
    refused = isinstance(failure, exceptions.NewConnectionError)  # a timeout too, by its class
    if isinstance(failure, exceptions.TimeoutError) and not refused:
        return timed_out(provider, "connect")  # no other part has a timeout of the library's
    kind, what = next((kind, what) for fits, kind, what in _FAILURES if fits(failure))
    return kind(f"{provider} {what}", metadata={"provider": provider})


def _nonsense(failure: Exception) -> bool:
    """Bytes that are not HTTP, as against a connection that ended too early."""
    inner = cast("object", failure.args[-1]) if failure.args else None
    if isinstance(inner, exceptions.InvalidChunkLength):
        return True
    ended = (http.client.RemoteDisconnected, http.client.IncompleteRead)
    if isinstance(inner, http.client.HTTPException):
        return not isinstance(inner, ended)
    return str(failure).startswith("Response chunk") or isinstance(failure, ValueError)


# The first row that fits.
_FAILURES = (
    (
        lambda failure: isinstance(failure, exceptions.NewConnectionError),
        Unreachable,
        "cannot be reached; check its base_url",
    ),
    (
        lambda failure: isinstance(failure, (exceptions.SSLError, ssl.SSLError)),
        Unreachable,
        "cannot be reached over TLS; check its certificate",
    ),
    (
        lambda failure: isinstance(failure, exceptions.DecodeError),
        BadResponse,
        "sent a body that cannot be decoded",
    ),
    (_nonsense, BadResponse, "sent an answer that is not HTTP"),
    (lambda _: True, Unreachable, "broke the connection"),
)
