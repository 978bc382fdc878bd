"""A provider around a provider: override only what the policy changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from hexgate.domain.answer import Completion
from hexgate.domain.call import Call
from hexgate.ports.provider import Provider, Stream

T = TypeVar("T", Completion, Stream)


class Around:
    """Run every attempt, unary or opening, through one method: `attempt`."""

    def __init__(self, inner: Provider) -> None:
        self._inner = inner

    async def attempt(self, call: Call, go: Callable[[Call], Awaitable[T]]) -> T:
        """One attempt, by `go`."""
        return await go(call)

    async def complete(self, call: Call) -> Completion:
        """See Provider."""
        return await self.attempt(call, self._inner.complete)

    async def open(self, call: Call) -> Stream:
        """See Provider."""
        return await self.attempt(call, self._inner.open)
