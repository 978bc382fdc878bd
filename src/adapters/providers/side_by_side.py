"""Several requests of one call, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hexgate.adapters.providers.wire import Transport, WireRequest, WireResponse
from hexgate.domain.call import Timeouts

AT_ONCE = 4


async def together(
    transport: Transport, requests: Sequence[WireRequest], timeouts: Timeouts
) -> list[WireResponse]:
    """Their answers, in order. The first failure cancels the rest and is raised."""
    if len(requests) == 1:
        return [await transport.send(requests[0], timeouts)]
    free = asyncio.Semaphore(AT_ONCE)

    async def one(request: WireRequest) -> WireResponse:
        async with free:
            return await transport.send(request, timeouts)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(request)) for request in requests]
    except BaseExceptionGroup as failures:
        # Cancelled siblings are not in it: what is left is why.
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
