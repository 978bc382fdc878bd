"""One file from the web: https alone, no credential, bounded in size and time."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import aiohttp

from hexgate.adapters.fetching.guard import Forbidden, Guard

MAX_REDIRECTS = 3
_MOVED = (301, 302, 303, 307, 308)


class Unfetchable(Exception):
    """Why a file cannot be had, in words that hold nothing of the URL or the answer."""


@dataclass(frozen=True, slots=True)
class File:
    """What was fetched. `media_type` is the server's word, in lower case, empty without one."""

    data: bytes
    media_type: str


class Files:
    """Fetches files of at most `max_bytes` within `timeout_s`. Close it when done.

    Only addresses that `guard` allows are dialled. `trust` are the certificates believed, by
    default those of the system.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        max_bytes: int,
        timeout_s: float,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=trust or True, socket_factory=guard.socket, force_close=True
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": "hexgate"},
            skip_auto_headers=("Accept",),
            auto_decompress=False,
            trust_env=False,
        )

    async def get(self, url: str, max_bytes: int | None = None) -> File:
        """The file, of at most the smaller of both bounds. Raises Unfetchable."""
        bound = self._max_bytes if max_bytes is None else min(max_bytes, self._max_bytes)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._get(url, bound)
        except TimeoutError:
            raise Unfetchable(f"was not there within {self._timeout_s:g} s") from None
        except aiohttp.ClientConnectorDNSError:
            raise Unfetchable("has no such host") from None
        except aiohttp.ClientSSLError:
            raise Unfetchable("has no certificate that is trusted") from None
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            if _forbidden(failure):
                raise Unfetchable("leads to an address that is not public") from None
            raise Unfetchable("cannot be reached") from None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _get(self, url: str, bound: int) -> File:
        for _ in range(MAX_REDIRECTS + 1):
            parts = urlsplit(url)
            if parts.scheme != "https":
                raise Unfetchable("is not https")
            if "@" in parts.netloc:
                raise Unfetchable("holds a user or a password")
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status in _MOVED and "location" in response.headers:
                    url = urljoin(url, response.headers["location"])
                    continue
                return await _file(response, bound)
        raise Unfetchable(f"redirects more than {MAX_REDIRECTS} times")


async def _file(response: aiohttp.ClientResponse, bound: int) -> File:
    if response.status != 200:
        raise Unfetchable(f"was answered with status {response.status}")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unfetchable("comes compressed, which was not asked for")
    pieces, size = [], 0
    if (response.content_length or 0) > bound:
        raise Unfetchable(f"is larger than {bound} bytes")
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > bound:
            raise Unfetchable(f"is larger than {bound} bytes")
        pieces.append(piece)
    if not size:
        raise Unfetchable("is empty")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return File(b"".join(pieces), kind)


def _forbidden(failure: BaseException | None) -> bool:
    while failure is not None:
        if isinstance(failure, Forbidden):
            return True
        group = failure.exceptions if isinstance(failure, BaseExceptionGroup) else ()
        if any(map(_forbidden, group)):
            return True
        failure = failure.__cause__ or failure.__context__
    return False
