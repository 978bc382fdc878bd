"""A provider around a provider: override only what the policy changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from hexgate.domain.answer import Completion
from hexgate.domain.call import Call, ChatCall, EmbedCall
from hexgate.domain.embed import Embedded
from hexgate.ports.provider import Provider, Stream

C = TypeVar("C", bound=Call)
T = TypeVar("T", Completion, Stream, Embedded)
W = TypeVar("W", Completion, Embedded)


class Around:
    """Every attempt goes through `whole` or `opening`, and both of them through `attempt`.

    What only passes on hands out the coroutine itself: five policies stand around each call, and a
    frame that awaits another would cost every call its share.
    """

    def __init__(self, inner: Provider) -> None:
        self._inner = inner

    async def attempt(self, call: C, go: Callable[[C], Awaitable[T]]) -> T:
        """One attempt of any kind, by `go`."""
        return await go(call)

    def whole(self, call: C, go: Callable[[C], Awaitable[W]]) -> Coroutine[Any, Any, W]:
        """One attempt whose answer comes in one piece, by `go`."""
        return self.attempt(call, go)

    def opening(self, call: ChatCall) -> Coroutine[Any, Any, Stream]:
        """One attempt to start a stream."""
        return self.attempt(call, self._inner.open)

    def complete(self, call: ChatCall) -> Coroutine[Any, Any, Completion]:
        """See Provider."""
        return self.whole(call, self._inner.complete)

    def open(self, call: ChatCall) -> Coroutine[Any, Any, Stream]:
        """See Provider."""
        return self.opening(call)

    def embed(self, call: EmbedCall) -> Coroutine[Any, Any, Embedded]:
        """See Provider."""
        return self.whole(call, self._inner.embed)
