"""Vectors that take several requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from hexgate.adapters.providers.dialects.bedrock_converse import BedrockConverse, BedrockEmbeddings
from hexgate.adapters.providers.side_by_side import AT_ONCE
from hexgate.adapters.providers.wire import WireRequest, WireResponse, WireStream
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.domain.call import Timeouts
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import ProviderLimited, TimedOut
from hexgate.domain.usage import Usage
from tests.fakes import FakeClock, embed_call


class Batches:
    """A transport that answers the n-th request with a status, and counts what was asked of it."""

    def __init__(self, *statuses: int, on_send: Callable[[], None] = lambda: None) -> None:
        self._statuses = statuses
        self._on_send = on_send
        self.limits: list[float] = []
        self.cancelled = 0
        self.busy = asyncio.Event()

    async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        """See Transport. A status of 0 is an answer that never comes."""
        status = self._statuses[len(self.limits)]
        self.limits.append(timeouts.attempt_s)
        self._on_send()
        if len(self.limits) == AT_ONCE:
            self.busy.set()
        try:
            await asyncio.sleep(0)
            if not status:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        body = b'{"embedding": [1.0], "inputTextTokenCount": 1}'
        return WireResponse(status, {}, body if status == 200 else b"")

    async def open(self, request: WireRequest, timeouts: Timeouts) -> WireStream:
        """See Transport."""
        raise NotImplementedError


async def embed_each(batches: Batches, count: int, clock: FakeClock | None = None) -> Embedded:
    """What comes of so many inputs, each a request of its own."""
    provider = WiredProvider(
        BedrockConverse("p", ""),
        batches,
        monotonic=(clock or FakeClock()).monotonic,
        provider="p",
        embeddings=BedrockEmbeddings("p"),
    )
    call = embed_call(*map(str, range(count)), model="amazon.titan-embed-text-v2:0")
    return await provider.embed(replace(call, timeouts=Timeouts(attempt_s=10)))


async def test_the_first_request_that_is_refused_ends_the_others() -> None:
    batches = Batches(200, 429, *[0] * 98)
    with pytest.raises(ProviderLimited) as raised:
        await embed_each(batches, 100)
    assert raised.value.billed == Usage(uncached_input=1)
    assert len(batches.limits) <= 2 * AT_ONCE
    assert batches.cancelled == len(batches.limits) - 2


async def test_cancelling_a_call_cancels_all_its_requests() -> None:
    batches = Batches(*[0] * 9)
    going = asyncio.ensure_future(embed_each(batches, 9))
    await batches.busy.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert batches.cancelled == len(batches.limits) == AT_ONCE


async def test_the_requests_of_a_call_share_the_time_of_one_attempt() -> None:
    clock = FakeClock()
    batches = Batches(*[200] * 20, on_send=lambda: clock.advance(1))
    with pytest.raises(TimedOut) as raised:
        await embed_each(batches, 20, clock)
    assert raised.value.metadata["phase"] == "attempt"
    assert batches.limits == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
