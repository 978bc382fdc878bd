"""Several jobs of one call, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

AT_ONCE = 4


async def together(go: Callable[[A], Awaitable[B]], items: Sequence[A]) -> list[B]:
    """What `go` makes of each, in order. The first failure cancels the rest and is raised.

    A cancellation that comes at the same moment as a failure is the one that is raised.
    """
    if len(items) == 1:
        return [await go(items[0])]
    free = asyncio.Semaphore(AT_ONCE)
    task = asyncio.current_task()
    cancelled = task.cancelling() if task else 0

    async def one(item: A) -> B:
        async with free:
            return await go(item)

    jobs = [asyncio.ensure_future(one(item)) for item in items]
    try:
        return await asyncio.gather(*jobs)
    except BaseException:
        for job in jobs:
            job.cancel()
        await asyncio.wait(jobs)
        # A TaskGroup could not tell this: up to Python 3.12 it leaves its own mark on the task.
        if task is not None and task.cancelling() > cancelled:
            raise asyncio.CancelledError from None
        raise
