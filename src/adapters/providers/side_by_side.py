"""Several requests of one call, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from hexgate.adapters.providers.wire import WireRequest, WireResponse

AT_ONCE = 4


async def together(
    send: Callable[[WireRequest], Awaitable[WireResponse]], requests: Sequence[WireRequest]
) -> list[WireResponse]:
    """Their answers, in order. The first failure cancels the rest and is raised."""
    if len(requests) == 1:
        return [await send(requests[0])]
    free = asyncio.Semaphore(AT_ONCE)

    async def one(request: WireRequest) -> WireResponse:
        async with free:
            return await send(request)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(request)) for request in requests]
    except BaseExceptionGroup as failures:
        # Cancelled siblings are not in it: what is left is why.
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
