"""What every Clock must do."""

from __future__ import annotations

import abc
import asyncio

import pytest

from hexgate.ports.clock import Clock


class ClockContract(abc.ABC):
    """Subclasses give `make`, and `elapse` where time does not pass by itself."""

    @abc.abstractmethod
    def make(self) -> Clock:
        """The clock."""

    async def elapse(self, clock: Clock, seconds: float) -> None:
        """Let so much time pass while one task is asleep."""
        await asyncio.sleep(0)

    async def test_monotonic_time_never_goes_back(self) -> None:
        clock = self.make()
        seen = [clock.monotonic() for _ in range(1000)]
        assert seen == sorted(seen)

    async def test_now_is_seconds_since_the_epoch(self) -> None:
        assert 1.7e9 < self.make().now() < 1e11

    async def test_sleeps_at_least_so_long_on_both_scales(self) -> None:
        clock = self.make()
        before, before_now = clock.monotonic(), clock.now()
        nap = asyncio.create_task(clock.sleep(0.01))
        await self.elapse(clock, 0.01)
        await nap
        assert clock.monotonic() - before >= 0.01 - 1e-6
        assert clock.now() - before_now > 0

    async def test_no_time_at_all_still_lets_others_run(self) -> None:
        clock, ran = self.make(), asyncio.Event()
        asyncio.get_running_loop().call_soon(ran.set)
        await clock.sleep(0)
        assert ran.is_set()

    async def test_a_cancelled_sleeper_wakes_at_once(self) -> None:
        nap = asyncio.create_task(self.make().sleep(3600))
        await asyncio.sleep(0)
        nap.cancel()
        with pytest.raises(asyncio.CancelledError):
            await nap
