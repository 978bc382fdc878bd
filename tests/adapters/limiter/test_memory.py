"""The limiter in memory keeps the contract, and agrees with exact arithmetic."""

from __future__ import annotations

import asyncio
import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hexgate.adapters.limiter.memory import Limits, MemoryLimiter
from hexgate.domain.errors import RateLimited
from hexgate.ports.limiter import Lease, Limiter
from tests.contracts.limiter import LimiterContract
from tests.fakes import FakeClock

KEYS = {
    "requests": Limits(requests_per_minute=60),
    "tokens": Limits(tokens_per_minute=6000),
    "slots": Limits(concurrency=2),
    "all": Limits(requests_per_minute=60, tokens_per_minute=6000, concurrency=2),
}


class TestMemoryLimiter(LimiterContract):
    clock: FakeClock

    def make(self) -> Limiter:
        self.clock = FakeClock()
        return MemoryLimiter(KEYS, self.clock)

    async def elapse(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for _ in range(5):
            await asyncio.sleep(0)

    async def until_waiting(self, count: int) -> None:
        await self.clock.until_sleeping(count)


async def test_a_key_without_limits_costs_no_memory() -> None:
    limiter = MemoryLimiter({"none": Limits(burst=2.0)}, FakeClock())
    leases = [await limiter.acquire(key, 1, 0) for key in ("none", "unknown", "none")]
    assert leases[0] is leases[1] is leases[2]


async def test_burst_is_minutes_of_the_rate_and_at_least_one() -> None:
    limiter = MemoryLimiter(
        {
            "half": Limits(requests_per_minute=10, burst=0.5),
            "tiny": Limits(requests_per_minute=10, tokens_per_minute=10, burst=0.001),
        },
        FakeClock(),
    )
    for key, admitted in (("half", 5), ("tiny", 1)):
        for _ in range(admitted):
            await limiter.acquire(key, 1, 0)
        with pytest.raises(RateLimited):
            await limiter.acquire(key, 1, 0)


async def test_the_refusal_has_every_value_of_its_message_in_the_metadata() -> None:
    limiter = MemoryLimiter({"openai": Limits(requests_per_minute=1)}, FakeClock())
    await limiter.acquire("openai", 0, 0)
    with pytest.raises(RateLimited) as refused:
        await limiter.acquire("openai", 0, 0)
    assert refused.value.metadata == {
        "limit": "requests_per_minute",
        "scope": "openai",
        "value": "1",
    }
    assert str(refused.value) == "the limit of openai is reached: 1 requests per minute"


async def test_the_queue_is_bounded() -> None:
    clock = FakeClock()
    limiter = MemoryLimiter({"k": Limits(concurrency=1)}, clock, max_waiting=2)
    lease = await limiter.acquire("k", 0, 0)
    waiters = [asyncio.create_task(limiter.acquire("k", 0, 60)) for _ in range(2)]
    await clock.until_sleeping(2)
    with pytest.raises(RateLimited):
        await limiter.acquire("k", 0, 60)
    assert clock.sleepers == 2
    await lease.settle(0)
    await (await waiters[0]).settle(0)
    await waiters[1]


async def test_a_wait_that_cannot_succeed_is_refused_at_once() -> None:
    clock = FakeClock()
    limiter = MemoryLimiter(KEYS, clock)
    await (await limiter.acquire("tokens", 6000, 0)).settle(6000)
    with pytest.raises(RateLimited) as refused:
        await limiter.acquire("tokens", 1000, 9)
    assert refused.value.retry_after_s == pytest.approx(10)
    assert not clock.naps


async def test_a_wait_that_a_refund_may_shorten_is_not_refused() -> None:
    clock = FakeClock()
    limiter = MemoryLimiter(KEYS, clock)
    lease = await limiter.acquire("tokens", 6000, 0)
    waiter = asyncio.create_task(limiter.acquire("tokens", 1000, 9))
    await clock.until_sleeping(1)
    await lease.settle(5000)
    await waiter


async def test_a_refusal_behind_others_counts_them_into_its_hint() -> None:
    clock = FakeClock()
    limiter = MemoryLimiter(KEYS, clock)
    await limiter.acquire("tokens", 6000, 0)
    waiter = asyncio.create_task(limiter.acquire("tokens", 3000, 60))
    await clock.until_sleeping(1)
    with pytest.raises(RateLimited) as refused:
        await limiter.acquire("tokens", 1000, 0)
    assert refused.value.retry_after_s == pytest.approx(40)
    waiter.cancel()
    await asyncio.wait([waiter])


async def test_waiting_requests_count_into_the_hint_too() -> None:
    clock = FakeClock()
    limiter = MemoryLimiter(KEYS, clock)
    for _ in range(60):
        await limiter.acquire("requests", 0, 0)
    waiters = [asyncio.create_task(limiter.acquire("requests", 0, 60)) for _ in range(4)]
    await clock.until_sleeping(4)
    with pytest.raises(RateLimited) as refused:
        await limiter.acquire("requests", 0, 0)
    assert refused.value.retry_after_s == pytest.approx(5)
    for waiter in waiters:
        waiter.cancel()
    await asyncio.wait(waiters)


async def test_a_waiter_that_was_woken_too_early_sleeps_once_more_and_not_in_a_loop() -> None:
    clock = FakeClock()
    limiter = MemoryLimiter(KEYS, clock)
    small, _ = [await limiter.acquire("tokens", tokens, 0) for tokens in (1000, 5000)]
    waiter = asyncio.create_task(limiter.acquire("tokens", 2000, 60))
    await clock.until_sleeping(1)
    await small.settle(0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert clock.naps == [20, 10]
    clock.advance(10)
    await waiter


async def test_settling_never_suspends_so_that_nothing_can_interrupt_it() -> None:
    lease = await MemoryLimiter(KEYS, FakeClock()).acquire("all", 10, 0)
    with pytest.raises(StopIteration):
        lease.settle(10).send(None)


async def test_an_endless_wait_is_cut_to_a_day() -> None:
    clock = FakeClock()
    limiter = MemoryLimiter(KEYS, clock)
    for _ in range(2):
        await limiter.acquire("slots", 0, 0)
    waiter = asyncio.create_task(limiter.acquire("slots", 0, float("inf")))
    await clock.until_sleeping(1)
    assert clock.naps == [86_400]
    clock.advance(86_400)
    with pytest.raises(RateLimited):
        await waiter


@pytest.mark.parametrize("limit", ["requests_per_minute", "tokens_per_minute", "concurrency"])
def test_a_limit_out_of_range_is_named(limit: str) -> None:
    with pytest.raises(ValueError, match=f"{limit} is 0"):
        Limits(**{limit: 0})


@pytest.mark.parametrize("burst", [0.0, -1.0, float("nan"), float("inf")])
def test_a_burst_out_of_range_is_named(burst: float) -> None:
    with pytest.raises(ValueError, match="burst is"):
        Limits(requests_per_minute=1, burst=burst)


async def test_negative_tokens_are_nobodys_gain() -> None:
    limiter = MemoryLimiter(KEYS, FakeClock())
    with pytest.raises(ValueError, match="tokens is -1"):
        await limiter.acquire("tokens", -1, 0)
    one, _ = [await limiter.acquire("tokens", 3000, 0) for _ in range(2)]
    await one.settle(-(10**9))
    await limiter.acquire("tokens", 3000, 0)
    with pytest.raises(RateLimited):
        await limiter.acquire("tokens", 1, 0)


@pytest.mark.parametrize("before", range(8))
@pytest.mark.parametrize("after", range(8))
async def test_cancelled_at_any_await_a_caller_holds_nothing(before: int, after: int) -> None:
    """The caller is cut off `after` turns of the loop after a slot came free; it settles what it
    was given, as every owner does, and a lease that nobody was given does not exist.
    """
    clock = FakeClock()
    limiter = MemoryLimiter({"k": Limits(concurrency=1)}, clock)

    async def use() -> None:
        lease = await limiter.acquire("k", 0, 60)
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        finally:
            await lease.settle(0)

    holder = await limiter.acquire("k", 0, 0)
    callers = [asyncio.create_task(use()) for _ in range(3)]
    for _ in range(before):
        await asyncio.sleep(0)
    await holder.settle(0)
    for _ in range(after):
        await asyncio.sleep(0)
    callers[0].cancel()
    callers[1].cancel()
    await asyncio.wait(callers)
    assert callers[2].exception() is None
    await limiter.acquire("k", 0, 0)
    await asyncio.sleep(0)
    assert clock.sleepers == 0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait_us"), st.integers(0, 30_000_000)),
        st.tuples(st.just("acquire"), st.integers(0, 120)),
        st.tuples(st.just("settle"), st.integers(0, 150)),
    ),
    max_size=80,
)


class Bucket:
    """A token bucket in exact fractions: what GCRA must agree with. No limit, always full."""

    def __init__(self, limit: int | None, burst: float) -> None:
        self.rate = Fraction(limit or 0, 60_000_000)
        self.size = max(1, int(limit * burst)) if limit else 10**9
        self.level = Fraction(self.size)

    def add(self, amount: Fraction | int) -> None:
        self.level = min(self.level + amount, Fraction(self.size))


class Exact:
    """A limiter and what must be true of it, step by step."""

    def __init__(self, limits: Limits) -> None:
        self.clock = FakeClock(monotonic=0)
        self.limiter = MemoryLimiter({"k": limits}, self.clock)
        self.requests = Bucket(limits.requests_per_minute, limits.burst)
        self.tokens = Bucket(limits.tokens_per_minute, limits.burst)
        self.slots = limits.concurrency or 10**9
        self.held: list[tuple[Lease, int]] = []
        self.elapsed_us = 0
        self.spent = 0  # tokens, as far as they were reserved

    async def wait_us(self, amount: int) -> None:
        self.elapsed_us += amount
        self.clock._monotonic = self.elapsed_us / 1_000_000
        self.requests.add(amount * self.requests.rate)
        self.tokens.add(amount * self.tokens.rate)

    async def acquire(self, amount: int) -> None:
        cost = min(amount, self.tokens.size)
        rates = self.requests.level >= 1 and self.tokens.level >= cost
        if not rates or len(self.held) >= self.slots:
            with pytest.raises(RateLimited) as refused:
                await self.limiter.acquire("k", amount, 0)
            assert (refused.value.retry_after_s or 0) > 0
            return
        self.held.append((await self.limiter.acquire("k", amount, 0), cost))
        self.requests.add(-1)
        self.tokens.add(-cost)
        self.spent += cost

    async def settle(self, amount: int) -> None:
        if self.held:
            lease, cost = self.held.pop(0)
            await lease.settle(amount)
            self.tokens.add(cost - amount)
            self.spent -= cost - min(amount, cost)


@given(
    STEPS,
    st.none() | st.integers(1, 20),
    st.none() | st.integers(1, 997),
    st.none() | st.integers(1, 4),
    st.sampled_from([0.1, 0.5, 1.0, 2.0]),
)
@settings(deadline=None)
def test_agrees_with_a_token_bucket_in_exact_fractions(
    steps: list[tuple[str, int]],
    rpm: int | None,
    tpm: int | None,
    concurrency: int | None,
    burst: float,
) -> None:
    async def play() -> None:
        exact = Exact(
            Limits(
                requests_per_minute=rpm, tokens_per_minute=tpm, concurrency=concurrency, burst=burst
            )
        )
        does = {"wait_us": exact.wait_us, "acquire": exact.acquire, "settle": exact.settle}
        for name, amount in steps:
            await does[name](amount)
            assert exact.spent <= exact.tokens.size + exact.elapsed_us * exact.tokens.rate

    asyncio.run(play())


class Crowd:
    """Callers that come, work, wait and leave by chance."""

    def __init__(self, seed: int, concurrency: int) -> None:
        limits = Limits(requests_per_minute=30, tokens_per_minute=600, concurrency=concurrency)
        self.chance = random.Random(seed)
        self.clock = FakeClock()
        self.limiter = MemoryLimiter({"k": limits}, self.clock)
        self.callers: list[asyncio.Task[None]] = []
        self.running = 0
        self.most = 0

    async def use(self, tokens: int, wait_s: float) -> None:
        lease = await self.limiter.acquire("k", tokens, wait_s)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.clock.sleep(self.chance.random() * 5)
        finally:
            self.running -= 1
            await lease.settle(self.chance.randint(0, tokens))

    async def turns(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def mingle(self, steps: int) -> None:
        for _ in range(steps):
            match self.chance.choice(("come", "come", "leave", "wait")):
                case "come":
                    caller = self.use(self.chance.randint(0, 300), self.chance.random() * 30)
                    self.callers.append(asyncio.create_task(caller))
                case "leave" if self.callers:
                    self.chance.choice(self.callers).cancel()
                case _:
                    self.clock.advance(self.chance.random() * 4)
            await self.turns(self.chance.randint(0, 4))

    async def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            await self.turns(4)


@given(st.integers(0, 2**32), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_however_callers_come_and_go_nothing_is_lost(seed: int, concurrency: int) -> None:
    async def play() -> None:
        crowd = Crowd(seed, concurrency)
        await crowd.mingle(60)
        # Everybody ends by time alone: no waiter was forgotten.
        await crowd.pass_time(200)
        assert all(caller.done() for caller in crowd.callers)
        await asyncio.gather(*crowd.callers, return_exceptions=True)
        assert crowd.most <= concurrency
        assert (crowd.running, crowd.clock.sleepers) == (0, 0)
        # As good as new: every slot, all tokens, all requests.
        crowd.clock.advance(3600)
        limiter = crowd.limiter
        leases = [await limiter.acquire("k", 600 // concurrency, 0) for _ in range(concurrency)]
        for lease in leases:
            await lease.settle(0)
        for _ in range(30 - concurrency):
            await (await limiter.acquire("k", 600, 0)).settle(0)
        with pytest.raises(RateLimited):
            await limiter.acquire("k", 0, 0)

    asyncio.run(play())
