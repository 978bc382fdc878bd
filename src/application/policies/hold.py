"""No attempt goes out whose cost is not held, together with that of those before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from hexgate.application.bounds import risked
from hexgate.application.policies.around import C, T
from hexgate.domain.answer import Completion
from hexgate.domain.call import ChatCall, EmbedCall
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import StoreUnavailable
from hexgate.ports.ledger import Ledger
from hexgate.ports.provider import Provider, Stream


class Held:
    """The hold of a call is for what runs at a time. Where an attempt before this one may have been
    billed, the hold is made larger first, or the budget refuses.
    """

    def __init__(self, inner: Provider, ledger: Ledger) -> None:
        self._inner = inner
        self._ledger = ledger

    def complete(self, call: ChatCall) -> Coroutine[Any, Any, Completion]:
        """See Provider. Raises BudgetExceeded."""
        go = self._inner.complete
        return self._covered(call, go) if call.attempts.done else go(call)

    def open(self, call: ChatCall) -> Coroutine[Any, Any, Stream]:
        """See Provider. Raises BudgetExceeded."""
        go = self._inner.open
        return self._covered(call, go) if call.attempts.done else go(call)

    def embed(self, call: EmbedCall) -> Coroutine[Any, Any, Embedded]:
        """See Provider. Raises BudgetExceeded."""
        go = self._inner.embed
        return self._covered(call, go) if call.attempts.done else go(call)

    async def _covered(self, call: C, go: Callable[[C], Awaitable[T]]) -> T:
        hold = call.hold
        needed = hold.base_nanos + risked(call)
        if needed > hold.nanos:
            await self._extend(call.call_id, needed)
            hold.nanos = max(hold.nanos, needed)
        return await go(call)

    async def _extend(self, call_id: str, hold_nanos: int) -> None:
        try:
            await self._ledger.extend(call_id, hold_nanos)
        except KeyError as error:
            closed = StoreUnavailable(
                "the ledger has closed this call already, so nothing more can be held for it",
                metadata={"store": "ledger"},
            )
            closed.sent = False
            raise closed from error
        except StoreUnavailable as error:
            error.sent = False  # it was found out before the provider was asked
            raise
