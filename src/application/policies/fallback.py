"""Many providers that look like one: the first target that serves wins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from hexgate.application.policies import filtered
from hexgate.application.policies.around import C, T
from hexgate.application.policies.filtered import Look
from hexgate.application.policies.restart import Restarting
from hexgate.application.policies.walk import Ground, Walk, Way
from hexgate.domain.answer import Completion
from hexgate.domain.call import Call, ChatCall, EmbedCall, FallbackMode
from hexgate.domain.conditions import Condition
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import GatewayError
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Provider, Stream


class Fallback:
    """Tries the hops of a call, from the one it is aimed at, while time and the budget last.

    None takes over once another has shown output, unless the caller asked for a restart.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        clock: Clock,
        wait_s: float,
        chance: Callable[[], float],
    ) -> None:
        self._ground = Ground(providers=providers, clock=clock, chance=chance, wait_s=wait_s)

    def complete(self, call: ChatCall) -> Coroutine[Any, Any, Completion]:
        """See Provider. Raises AllTargetsFailed when several targets failed, else the one error."""
        return self._first(call, _complete, filtered.at_whole if _filters(call) else None)

    def open(self, call: ChatCall) -> Coroutine[Any, Any, Stream]:
        """See Provider. Raises as `complete` does."""
        look = filtered.at_start if _filters(call) else None
        if call.options.fallback_mode is FallbackMode.RESTART_STREAM:
            return self._restarting(call, look)
        return self._first(call, _open, look)

    def embed(self, call: EmbedCall) -> Coroutine[Any, Any, Embedded]:
        """See Provider. Raises as `complete` does."""
        return self._first(call, _embed, None)

    async def _first(self, call: C, way: Way[C, T], look: Look[T] | None) -> T:
        if look is not None:
            return await Walk(self._ground, call, way, look).first()
        try:
            return await way(self._ground.providers[call.hops[call.hop].provider], call)
        except GatewayError as error:
            failure = error
        return await Walk(self._ground, call, way, look).on(failure)

    async def _restarting(self, call: ChatCall, look: Look[Stream] | None) -> Stream:
        walk = Walk(self._ground, call, _open, look)
        return Restarting(await walk.first(), walk)


def _complete(provider: Provider, call: ChatCall) -> Awaitable[Completion]:
    return provider.complete(call)


def _open(provider: Provider, call: ChatCall) -> Awaitable[Stream]:
    return provider.open(call)


def _embed(provider: Provider, call: EmbedCall) -> Awaitable[Embedded]:
    return provider.embed(call)


def _filters(call: Call) -> bool:
    """Whether some target takes over from what a content filter withheld."""
    return len(call.hops) > 1 and call.following(Condition.CONTENT_FILTER) is not None
