"""What every Limiter must do."""

from __future__ import annotations

import abc
import asyncio

import pytest

from hexgate.domain.errors import RateLimited
from hexgate.ports.limiter import Lease, Limiter


class LimiterContract(abc.ABC):
    """Subclasses give a limiter with these keys, and time that stands still but for `elapse`.

    requests: 60 requests per minute · tokens: 6000 tokens per minute · slots: 2 at a time
    all: 60 requests, 6000 tokens per minute and 2 at a time. A minute's worth may be used at once.
    """

    @abc.abstractmethod
    def make(self) -> Limiter:
        """A limiter on which nothing has been taken."""

    @abc.abstractmethod
    async def elapse(self, seconds: float) -> None:
        """Let time pass, and let those run whom it wakes."""

    @abc.abstractmethod
    async def until_waiting(self, count: int) -> None:
        """Return once so many callers are waiting."""

    async def refused(
        self, limiter: Limiter, key: str, tokens: int, wait_s: float = 0
    ) -> RateLimited:
        """The refusal of one more."""
        with pytest.raises(RateLimited) as refused:
            await limiter.acquire(key, tokens, wait_s)
        assert refused.value.metadata["scope"] == key
        assert (refused.value.retry_after_s or 0) > 0
        return refused.value

    async def waiter(
        self, limiter: Limiter, key: str, tokens: int = 0, wait_s: float = 60, among: int = 1
    ) -> asyncio.Task[Lease]:
        """A caller that is waiting, together with those before it."""
        task = asyncio.create_task(limiter.acquire(key, tokens, wait_s))
        await self.until_waiting(among)
        return task

    async def test_a_key_without_limits_is_always_admitted(self) -> None:
        limiter = self.make()
        leases = [await limiter.acquire("unknown", 10**9, 0) for _ in range(1000)]
        for lease in leases:
            await lease.settle(10**9)

    async def test_admits_a_minutes_worth_of_requests_and_then_the_steady_rate(self) -> None:
        limiter = self.make()
        for _ in range(60):
            await limiter.acquire("requests", 0, 0)
        refusal = await self.refused(limiter, "requests", 0)
        assert refusal.metadata["limit"] == "requests_per_minute"
        assert refusal.retry_after_s == pytest.approx(1, abs=0.01)
        await self.elapse(3)
        for _ in range(3):
            await limiter.acquire("requests", 0, 0)
        await self.refused(limiter, "requests", 0)

    async def test_admits_a_minutes_worth_of_tokens(self) -> None:
        limiter = self.make()
        await limiter.acquire("tokens", 5000, 0)
        refusal = await self.refused(limiter, "tokens", 1100)
        assert refusal.metadata["limit"] == "tokens_per_minute"
        assert refusal.retry_after_s == pytest.approx(1, abs=0.01)
        await limiter.acquire("tokens", 1000, 0)
        await self.refused(limiter, "tokens", 1)

    async def test_rest_does_not_add_up_beyond_the_burst(self) -> None:
        limiter = self.make()
        await self.elapse(3600)
        for _ in range(60):
            await limiter.acquire("requests", 0, 0)
        await self.refused(limiter, "requests", 0)

    async def test_a_slot_is_held_until_it_is_settled(self) -> None:
        limiter = self.make()
        first, _ = [await limiter.acquire("slots", 0, 0) for _ in range(2)]
        assert (await self.refused(limiter, "slots", 0)).metadata["limit"] == "concurrency"
        await first.settle(0)
        await limiter.acquire("slots", 0, 0)
        await self.refused(limiter, "slots", 0)

    async def test_settling_again_gives_nothing_back_again(self) -> None:
        limiter = self.make()
        first, _ = [await limiter.acquire("all", 3000, 0) for _ in range(2)]
        for _ in range(5):
            await first.settle(2999)
        await limiter.acquire("all", 1, 0)
        await self.refused(limiter, "all", 0)

    async def test_a_refusal_consumes_nothing(self) -> None:
        limiter = self.make()
        held = [await limiter.acquire("all", 100, 0) for _ in range(2)]
        for _ in range(200):
            await self.refused(limiter, "all", 100)
        for lease in held:
            await lease.settle(100)
        for _ in range(58):
            await (await limiter.acquire("all", 100, 0)).settle(100)
        assert (await self.refused(limiter, "all", 1)).metadata["limit"] == "requests_per_minute"

    async def test_tokens_that_were_not_used_come_back(self) -> None:
        limiter = self.make()
        lease = await limiter.acquire("tokens", 6000, 0)
        await self.refused(limiter, "tokens", 1)
        await lease.settle(1000)
        await limiter.acquire("tokens", 5000, 0)
        await self.refused(limiter, "tokens", 1)

    async def test_tokens_beyond_the_estimate_become_debt(self) -> None:
        limiter = self.make()
        await (await limiter.acquire("tokens", 100, 0)).settle(12_000)
        refusal = await self.refused(limiter, "tokens", 1)
        assert refusal.retry_after_s == pytest.approx(60, abs=0.1)
        await self.elapse(59)
        await self.refused(limiter, "tokens", 1)
        await self.elapse(1.1)
        await limiter.acquire("tokens", 1, 0)

    async def test_an_estimate_above_the_burst_is_clamped_to_it(self) -> None:
        limiter = self.make()
        lease = await limiter.acquire("tokens", 10**9, 0)
        await self.refused(limiter, "tokens", 1)
        await lease.settle(5999)
        await limiter.acquire("tokens", 1, 0)

    async def test_a_waiter_gets_the_slot_that_comes_free(self) -> None:
        limiter = self.make()
        first, _ = [await limiter.acquire("slots", 0, 0) for _ in range(2)]
        waiter = await self.waiter(limiter, "slots")
        await first.settle(0)
        await waiter

    async def test_a_waiter_is_admitted_when_its_time_has_come(self) -> None:
        limiter = self.make()
        await limiter.acquire("tokens", 6000, 0)
        waiter = await self.waiter(limiter, "tokens", 200)
        await self.elapse(1.9)
        assert not waiter.done()
        await self.elapse(0.1)
        await waiter

    async def test_tokens_given_back_admit_a_waiter_early(self) -> None:
        limiter = self.make()
        lease = await limiter.acquire("tokens", 6000, 0)
        waiter = await self.waiter(limiter, "tokens", 200)
        await lease.settle(0)
        await waiter

    async def test_waits_no_longer_than_asked(self) -> None:
        limiter = self.make()
        for _ in range(2):
            await limiter.acquire("slots", 0, 0)
        waiter = await self.waiter(limiter, "slots", wait_s=5)
        await self.elapse(4.9)
        assert not waiter.done()
        await self.elapse(0.1)
        with pytest.raises(RateLimited):
            await waiter

    async def test_waiters_are_served_in_the_order_in_which_they_came(self) -> None:
        limiter = self.make()
        held = [await limiter.acquire("slots", 0, 0) for _ in range(2)]
        order: list[int] = []

        async def wait(number: int) -> None:
            held.append(await limiter.acquire("slots", 0, 60))
            order.append(number)

        tasks = []
        for number in range(5):
            tasks.append(asyncio.create_task(wait(number)))
            await self.until_waiting(number + 1)
        for number, task in enumerate(tasks):
            await held[number].settle(0)
            await task
        assert order == [0, 1, 2, 3, 4]

    async def test_nobody_overtakes_a_waiter(self) -> None:
        limiter = self.make()
        await limiter.acquire("tokens", 5000, 0)
        waiter = await self.waiter(limiter, "tokens", 2000)
        await self.refused(limiter, "tokens", 1)
        await self.elapse(10)
        await waiter

    async def test_a_cancelled_waiter_leaves_nothing_behind(self) -> None:
        limiter = self.make()
        held = [await limiter.acquire("all", 100, 0) for _ in range(2)]
        for _ in range(100):
            waiter = await self.waiter(limiter, "all", 100)
            waiter.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiter
        for lease in held:
            await lease.settle(100)
        for _ in range(58):
            await (await limiter.acquire("all", 100, 0)).settle(100)

    async def test_the_next_waiter_moves_up_when_the_first_is_cancelled(self) -> None:
        limiter = self.make()
        await limiter.acquire("tokens", 6000, 0)
        first = await self.waiter(limiter, "tokens", 6000, among=1)
        second = await self.waiter(limiter, "tokens", 100, among=2)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await self.elapse(0)
        await self.elapse(1)
        await second

    async def test_a_slot_is_not_lost_on_a_waiter_cancelled_at_that_moment(self) -> None:
        limiter = self.make()
        lease, _ = [await limiter.acquire("slots", 0, 0) for _ in range(2)]
        first = await self.waiter(limiter, "slots", among=1)
        second = await self.waiter(limiter, "slots", among=2)
        await lease.settle(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await second
