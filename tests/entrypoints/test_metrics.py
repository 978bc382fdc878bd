"""A listener for Prometheus: there while it is wanted, with what the registry has."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from hexgate.entrypoints.metrics import exposed

PROMPTLY_S = 20.0  # far above what it takes, far below what would hide a hang


def has_ipv6() -> bool:
    """Whether this machine has a loopback of that kind."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


async def read(address: str) -> str:
    """What is there."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/metrics") as got:
        return await got.text()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        pytest.param("[::1]", marks=pytest.mark.skipif(not has_ipv6(), reason="needs IPv6")),
    ],
)
async def test_the_real_port_is_told_where_any_was_asked(host: str) -> None:
    registry = CollectorRegistry()
    count = Counter("things", "Things.", registry=registry)
    async with exposed(registry, f"{host}:0") as address:
        assert address.startswith(f"{host}:")
        assert not address.endswith(":0")
        count.inc()
        assert "things_total 1.0" in await read(address)
        count.inc()
        assert "things_total 2.0" in await read(address)
    with pytest.raises(aiohttp.ClientConnectionError):
        await read(address)


async def test_a_reader_that_stands_still_does_not_put_off_the_end() -> None:
    registry = CollectorRegistry()
    Counter("large", "x" * 20_000_000, registry=registry)  # more than sockets hold
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(exposed(registry, "127.0.0.1:0"))
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        await asyncio.wait_for(stack.aclose(), PROMPTLY_S)
    writer.close()
