"""The transport without an SDK."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from hexgate.adapters.providers.transports.http import HttpTransport, open_session
from hexgate.adapters.providers.wire import Transport, WireRequest
from hexgate.domain.errors import Unreachable
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
