"""The transport without an SDK."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from hexgate.adapters.providers.transports.http import HttpTransport, open_session
from hexgate.adapters.providers.wire import Transport, WireRequest
from hexgate.domain.errors import CredentialRejected, Unreachable
from tests.adapters.providers.transports.contract import (
    CALM,
    KEY,
    MAX_BODY,
    REQUEST,
    TransportContract,
)
from tests.adapters.providers.transports.servers import RawServer, whole


class TestHttp(TransportContract):
    """Over aiohttp."""

    @asynccontextmanager
    async def transport(self, url: str, max_body_bytes: int = MAX_BODY) -> AsyncIterator[Transport]:
        """See TransportContract."""
        async with open_session() as session:
            headers = {"Authorization": f"Bearer {KEY}", "anthropic-version": "default"}
            yield HttpTransport(session, url, headers, max_body_bytes, provider="p")


class Nowhere(AbstractResolver):
    """Knows no host."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Never."""
        raise OSError("no such host")

    async def close(self) -> None:
        """Nothing is open."""


async def test_an_unknown_host_is_unreachable() -> None:
    connector = aiohttp.TCPConnector(resolver=Nowhere())
    async with aiohttp.ClientSession(connector=connector) as session:
        transport = HttpTransport(session, "http://gone.test", {}, provider="p")
        with pytest.raises(Unreachable, match="no such host"):
            await transport.send(REQUEST, CALM)


@pytest.mark.parametrize("host", ["a..b", "n" * 64 + ".test"])
async def test_a_host_that_cannot_be_a_name_is_unreachable(host: str) -> None:
    async with open_session() as session:
        transport = HttpTransport(session, f"http://{host}", {}, provider="p")
        with pytest.raises(Unreachable, match="no such host"):
            await transport.send(REQUEST, CALM)


async def test_a_large_request_is_sent_whole() -> None:
    payload = WireRequest("/", {"text": "a" * 3_000_000})
    async with RawServer(whole(b"{}")) as server, open_session() as session:
        await HttpTransport(session, server.url, {}).send(payload, CALM)
    assert len(server.requests[0][1]) == 3_000_000 + len('{"text":""}')


async def test_a_request_says_no_more_than_it_must() -> None:
    async with RawServer(whole(b"{}")) as server, open_session() as session:
        await HttpTransport(session, server.url + "/base/", {"x-api-key": KEY}).send(REQUEST, CALM)
    line, *headers = server.requests[0][0].decode().lower().split("\r\n")
    assert line == "post /base/v1/things http/1.1"
    names = sorted(header.partition(":")[0] for header in headers if header)
    assert names == [
        "accept-encoding",
        "anthropic-version",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-api-key",
    ]


class Notary:
    """Signs what it sees, or does what the test says."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.seen: list[tuple[str, str, bytes]] = []
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        self.seen.append((method, url, body))
        self.asked.set()
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        return {"Authorization": f"proof {len(self.seen)}", "anthropic-version": "proven"}


@asynccontextmanager
async def proven(notary: Notary) -> AsyncIterator[tuple[Transport, RawServer]]:
    """A transport that asks this credential."""
    async with RawServer(whole(b"{}")) as server, open_session() as session:
        headers = {"Authorization": "never", "Content-Type": "application/json"}
        yield HttpTransport(session, server.url + "/v", headers, credential=notary), server


async def test_a_credential_sees_what_is_sent_and_its_headers_win() -> None:
    notary = Notary()
    listing = WireRequest("/models?a=b%2Fc", method="GET")
    async with proven(notary) as (transport, server):
        for request in (REQUEST, listing, WireRequest(server.url + "/own%3A", {})):
            await transport.send(request, CALM)
    url = server.url
    bodies = [body for _, body in server.requests]
    assert notary.seen == [
        ("POST", f"{url}/v/v1/things", bodies[0]),
        ("GET", f"{url}/v/models?a=b%2Fc", b""),
        ("POST", f"{url}/own%3A", b"{}"),
    ]
    for number, (head, _) in enumerate(server.requests, 1):
        assert f"\r\nAuthorization: proof {number}\r\n".encode() in head
        assert head.lower().count(b"authorization:") == 1
        assert b"\r\nanthropic-version: proven\r\n" in head
        assert b"1999" not in head


@pytest.mark.parametrize("failure", [CredentialRejected("no"), Unreachable("no")])
async def test_the_failure_of_a_credential_is_raised_and_nothing_sent(failure: Exception) -> None:
    async with proven(Notary(failure)) as (transport, server):
        for going in (transport.send(REQUEST, CALM), transport.open(REQUEST, CALM)):
            waiting: Awaitable[object] = going
            with pytest.raises(type(failure)) as raised:
                await waiting
            assert raised.value is failure
    assert server.connections == 0


async def test_cancelling_passes_through_a_credential() -> None:
    notary = Notary()
    notary.go.clear()
    async with proven(notary) as (transport, server):
        going = asyncio.ensure_future(transport.open(REQUEST, CALM))
        await notary.asked.wait()
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
    assert server.connections == 0
