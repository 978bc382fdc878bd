"""Every attempt takes its share of a provider's limits, within the caller's time."""

from __future__ import annotations

import asyncio

import pytest

from hexgate.adapters.limiter.memory import Limits, MemoryLimiter
from hexgate.application.policies.limit import Limited
from hexgate.domain.call import Options
from hexgate.domain.errors import ContentFiltered, RateLimited, Unsupported
from tests.fakes import FakeClock, FakeProvider, call


async def test_nobody_queues_for_longer_than_the_call_may_last() -> None:
    clock = FakeClock()
    limiter = MemoryLimiter({"fake": Limits(concurrency=1)}, clock)
    held = asyncio.Event()
    limited = Limited(FakeProvider(gate=held), limiter, clock, key="fake")
    first = asyncio.create_task(limited.complete(call()))
    asked = call(options=Options(max_queue_wait_s=60), deadline=clock.monotonic() + 2)
    second = asyncio.create_task(limited.complete(asked))
    await clock.until_sleeping(1)
    clock.advance(2)
    with pytest.raises(RateLimited):
        await second
    held.set()
    await first


@pytest.mark.parametrize(
    ("failure", "left"), [(Unsupported("no tools"), 100), (ContentFiltered("no"), 90)]
)
async def test_what_was_not_sent_used_nothing(failure: Exception, left: int) -> None:
    clock = FakeClock()
    limiter = MemoryLimiter({"fake": Limits(tokens_per_minute=100)}, clock)
    limited = Limited(FakeProvider(failure), limiter, clock, key="fake")
    for go in (limited.complete, limited.open):
        with pytest.raises(type(failure)):
            await go(call(input_tokens=5, max_output_tokens=5))
    (tokens,) = await limiter.left("fake")
    assert tokens.remaining == left
