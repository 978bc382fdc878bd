"""Many providers that look like one: the first target that serves wins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from hexgate.application.policies.around import C, T
from hexgate.domain.answer import Completion
from hexgate.domain.call import ChatCall, EmbedCall
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import AllTargetsFailed, RateLimited, Unserved
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Provider, Stream


class Fallback:
    """Tries the hops of a call in order, while none has shown output and the budget lasts."""

    def __init__(
        self, providers: Mapping[str, Provider], clock: Clock, wait_s: float = 0.0
    ) -> None:
        self._providers = providers
        self._clock = clock
        self._wait_s = wait_s

    async def complete(self, call: ChatCall) -> Completion:
        """See Provider. Raises AllTargetsFailed when several targets failed, else the one error."""
        return await self._first(call, lambda provider: provider.complete)

    async def open(self, call: ChatCall) -> Stream:
        """See Provider. Raises as `complete` does."""
        return await self._first(call, lambda provider: provider.open)

    async def embed(self, call: EmbedCall) -> Embedded:
        """See Provider. Raises as `complete` does."""
        return await self._first(call, lambda provider: provider.embed)

    async def _first(self, call: C, way: Callable[[Provider], Callable[[C], Awaitable[T]]]) -> T:
        failures: list[Unserved | RateLimited] = []
        for place, hop in enumerate(call.hops):
            try:
                return await way(self._providers[hop.provider])(call.to(place))
            except (Unserved, RateLimited) as failure:
                failures.append(failure)
                if call.attempts.left <= 0:
                    break
        if len(failures) == 1:
            raise failures[0]
        names = ", ".join(f"{hop.provider}/{hop.model}" for hop in call.hops[: len(failures)])
        raise AllTargetsFailed(
            f"every target failed: {names}", tuple(failures)
        ) from ExceptionGroup("targets", failures)
