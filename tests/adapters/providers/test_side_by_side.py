"""Several jobs of one call at a time."""

from __future__ import annotations

import asyncio

import pytest

from hexgate.adapters.providers.side_by_side import AT_ONCE, together


async def test_results_come_in_the_order_of_what_went_in() -> None:
    second = asyncio.Event()

    async def go(item: int) -> int:
        if item == 1:
            await second.wait()
        second.set()
        return item * 10

    assert await together(go, [1, 2, 3]) == [10, 20, 30]


async def test_no_more_than_a_few_run_at_once() -> None:
    running, most, gate = 0, 0, asyncio.Event()

    async def go(_: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == AT_ONCE:
            gate.set()
        await gate.wait()
        running -= 1

    await together(go, range(AT_ONCE * 3))
    assert most == AT_ONCE


async def test_the_first_failure_ends_the_rest_and_is_raised_as_it_is() -> None:
    ended = asyncio.Event()

    async def go(item: int) -> None:
        if item:
            raise KeyError(item)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(KeyError):
        await together(go, [0, 1])
    assert ended.is_set()


async def test_a_failure_while_it_is_cancelled_does_not_hide_the_cancellation() -> None:
    entered = asyncio.Event()

    async def go(item: int) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise KeyError(item) from None

    task = asyncio.create_task(together(go, [0, 1]))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
