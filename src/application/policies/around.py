"""A provider around a provider: override only what the policy changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from hexgate.domain.answer import Completion
from hexgate.domain.call import Call, ChatCall, EmbedCall
from hexgate.domain.embed import Embedded
from hexgate.ports.provider import Provider, Stream

C = TypeVar("C", bound=Call)
T = TypeVar("T", Completion, Stream, Embedded)
W = TypeVar("W", Completion, Embedded)


class Around:
    """Every attempt goes through `whole` or `opening`, and both of them through `attempt`."""

    def __init__(self, inner: Provider) -> None:
        self._inner = inner

    async def attempt(self, call: C, go: Callable[[C], Awaitable[T]]) -> T:
        """One attempt of any kind, by `go`."""
        return await go(call)

    async def whole(self, call: C, go: Callable[[C], Awaitable[W]]) -> W:
        """One attempt whose answer comes in one piece, by `go`."""
        return await self.attempt(call, go)

    async def opening(self, call: ChatCall) -> Stream:
        """One attempt to start a stream."""
        return await self.attempt(call, self._inner.open)

    async def complete(self, call: ChatCall) -> Completion:
        """See Provider."""
        return await self.whole(call, self._inner.complete)

    async def open(self, call: ChatCall) -> Stream:
        """See Provider."""
        return await self.opening(call)

    async def embed(self, call: EmbedCall) -> Embedded:
        """See Provider."""
        return await self.whole(call, self._inner.embed)
