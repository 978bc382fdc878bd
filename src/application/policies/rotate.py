"""Another key of the same provider, at once, when the one that was used is at fault."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hexgate.application.policies.around import Around, C, T
from hexgate.domain.errors import Unserved


class Rotated(Around):
    """Repeats without a wait while the failure is about a key and another key is ready.

    Each try is an attempt: it takes one of the call's budget, and leaves what others shall have.
    """

    async def attempt(self, call: C, go: Callable[[C], Awaitable[T]]) -> T:
        """See Around."""
        while True:
            try:
                return await go(call)
            except Unserved as failure:
                if not failure.other_key or call.attempts.left <= call.spare:
                    raise
