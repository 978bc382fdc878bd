"""The wired provider over real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import pytest

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports import anthropic_sdk
from hexgate.adapters.providers.transports.http import HttpTransport, open_session
from hexgate.adapters.providers.wire import Transport
from hexgate.domain.answer import (
    PartFinished,
)
from hexgate.domain.chat import Text
from hexgate.ports.provider import Provider
from tests.adapters.providers.transports.servers import (
    CHUNKED,
    LAST,
    Do,
    RawServer,
    Step,
    chunk,
    whole,
)
from tests.adapters.providers.wiring import (
    BEFORE,
    EVENTS,
    MESSAGE,
    TEXT,
    TOOLS,
    ask,
    rest,
    wired,
)
from tests.contracts.provider import ProviderContract


class Live(ProviderContract):
    """The contract over real sockets; the answer is a recorded one."""

    embeds = False  # its wire has no embeddings

    @pytest.fixture(autouse=True)
    async def serve(self) -> AsyncIterator[None]:
        """One server for each kind of trouble."""
        async with contextlib.AsyncExitStack() as stack:
            self.servers: list[RawServer] = []
            self.whole = await self._provider(
                stack, CHUNKED, *(chunk(TOOLS[i : i + 97]) for i in range(0, len(TOOLS), 97)), LAST
            )
            self.unary = await self._provider(stack, whole(MESSAGE))
            self.fails_ = await self._provider(stack, whole(b"{}", "529 Overloaded"))
            self.cut = await self._provider(stack, CHUNKED, chunk(BEFORE + EVENTS[3]), LAST)
            self.stall = await self._provider(stack, Do.HANG)
            yield

    async def _provider(self, stack: contextlib.AsyncExitStack, *steps: Step) -> Provider:
        server = await stack.enter_async_context(RawServer(*steps))
        self.servers.append(server)
        return wired(await stack.enter_async_context(self.transport(server.url)))

    @asynccontextmanager
    async def transport(self, url: str) -> AsyncIterator[Transport]:
        """Over aiohttp."""
        async with open_session() as session:
            yield HttpTransport(session, url, {}, provider="p")

    def make(self) -> Provider:
        """See ProviderContract."""
        return Either(self.unary, self.whole)

    def failing(self) -> Provider:
        """See ProviderContract."""
        return self.fails_

    def truncated(self) -> Provider:
        """See ProviderContract."""
        return self.cut

    def stalled(self) -> Provider:
        """See ProviderContract."""
        return self.stall

    async def until_stalled(self) -> None:
        """See ProviderContract."""
        await self.servers[-1].asked.wait()

    async def released(self) -> None:
        """See ProviderContract: a stalled connection is closed, as the server sees it."""
        if self.servers[-1].asked.is_set():
            await self.servers[-1].gone.wait()


@dataclass
class Either:
    """One provider that answers whole, one that streams."""

    unary: Provider
    streamed: Provider

    def __post_init__(self) -> None:
        self.complete = self.unary.complete
        self.open = self.streamed.open
        self.embed = self.unary.embed


class TestOverHttp(Live):
    """The gateway's own client."""


class TestOverTheSdk(Live):
    """The vendor's client."""

    @asynccontextmanager
    async def transport(self, url: str) -> AsyncIterator[Transport]:
        """Over the Anthropic SDK."""
        made = anthropic_sdk.build(Account(kind="anthropic", name="p", api_key="k"), url)
        yield made
        await made.aclose()


async def test_connections_are_used_again_after_streams() -> None:
    async with RawServer(CHUNKED, chunk(TEXT), LAST) as server, open_session() as session:
        provider = wired(HttpTransport(session, server.url, {}))
        for _ in range(3):
            async with aclosing(await provider.open(ask())) as stream:
                await rest(stream)
        assert server.connections == 1


async def test_text_is_whole_whatever_the_packets() -> None:
    pieces = [chunk(TEXT[i : i + 1]) for i in range(len(TEXT))]
    async with RawServer(CHUNKED, *pieces, LAST) as server, open_session() as session:
        stream = await wired(HttpTransport(session, server.url, {})).open(ask())
        chunks = await rest(stream)
        await stream.aclose()
    assert PartFinished(0, Text("Grüße aus 東京 🗼!\n")) in chunks
