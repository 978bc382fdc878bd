"""Virtual time keeps the contract of time, and hides no hang."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from hexgate.ports.clock import Clock
from tests.contracts.clock import ClockContract
from tests.virtual import EPOCH, LoopClock, Stuck, in_virtual_time


class TestLoopClock(ClockContract):
    def make(self) -> Clock:
        return LoopClock()


def test_an_hour_passes_at_once_and_all_clocks_agree() -> None:
    async def story() -> tuple[float, float, float]:
        clock = LoopClock()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        await clock.sleep(1)
        return clock.monotonic(), clock.now(), asyncio.get_running_loop().time()

    assert in_virtual_time(story()) == (3601, EPOCH + 3601, 3601)


def test_sleepers_wake_in_the_order_of_their_times() -> None:
    async def story() -> list[tuple[float, int]]:
        clock = LoopClock()
        woken: list[tuple[float, int]] = []

        async def sleeper(number: int, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((clock.monotonic(), number))

        await asyncio.gather(*(sleeper(n, (n * 37 % 11) / 7) for n in range(50)))
        return woken

    woken = in_virtual_time(story())
    assert len(woken) == 50
    assert all(earlier[0] <= later[0] for earlier, later in pairwise(woken))
    assert woken == in_virtual_time(story())


def test_a_hang_is_an_error() -> None:
    with pytest.raises(Stuck):
        in_virtual_time(asyncio.Event().wait())


def test_a_task_that_is_left_behind_is_an_error() -> None:
    async def story() -> None:
        background.append(asyncio.create_task(asyncio.sleep(1000)))

    background: list[asyncio.Task[None]] = []
    with pytest.raises(AssertionError, match="left behind"):
        in_virtual_time(story())


def test_an_error_that_nobody_fetched_is_raised() -> None:
    async def broken() -> None:
        raise ValueError("unheard")

    async def story() -> None:
        task = asyncio.create_task(broken())
        await asyncio.wait((task,))
        del task

    with pytest.raises(ValueError, match="unheard"):
        in_virtual_time(story())
