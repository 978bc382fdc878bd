"""Work that is done once for all who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """`go`, of which one runs at a time; who gives up waiting does not stop it for the others."""

    def __init__(self, go: Callable[[], Awaitable[T]]) -> None:
        self._go = go
        self._running: asyncio.Task[T] | None = None

    def start(self) -> asyncio.Task[T]:
        """The run that is under way, else a new one. Nobody has to wait for it."""
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._run())
            self._running.add_done_callback(_seen)
        return self._running

    async def join(self) -> T:
        """Wait for the run that is under way, else for a new one; raises what it raises."""
        return await asyncio.shield(self.start())

    async def aclose(self) -> None:
        """Stop what runs."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait((self._running,))

    async def _run(self) -> T:
        return await self._go()


def _seen(run: asyncio.Task[T]) -> None:
    """A failure that nobody waited for is not reported: the next who asks starts anew."""
    if not run.cancelled():
        run.exception()
