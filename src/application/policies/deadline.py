"""No attempt outlives its own limit or the caller's deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hexgate.application.policies.around import Around, C, W
from hexgate.domain.call import Call, ChatCall
from hexgate.domain.errors import DeadlineExceeded, TimedOut
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Provider, Stream


class Timed(Around):
    """One timeout scope per attempt: whole for unary, until the first output for streams.

    Once the call's time is up, nothing is sent.
    """

    def __init__(self, inner: Provider, provider: str, clock: Clock) -> None:
        super().__init__(inner)
        self._provider = provider
        self._clock = clock

    async def whole(self, call: C, go: Callable[[C], Awaitable[W]]) -> W:
        """See Around. Raises TimedOut (phase attempt) or DeadlineExceeded."""
        limit_s = call.timeouts.attempt_s
        left_s = self._left_s(call, "attempt")
        try:
            async with asyncio.timeout(min(limit_s, left_s)):
                return await go(call)
        except TimeoutError as error:
            raise late(self._provider, "attempt", limit_s, left_s) from error

    async def opening(self, call: ChatCall) -> Stream:
        """See Around. Raises TimedOut (phase first_token) or DeadlineExceeded."""
        limit_s = call.timeouts.first_token_s
        left_s = self._left_s(call, "first_token")
        try:
            async with asyncio.timeout(min(limit_s, left_s)):
                return await self._inner.open(call)
        except TimeoutError as error:
            raise late(self._provider, "first_token", limit_s, left_s) from error

    def _left_s(self, call: Call, phase: str) -> float:
        left_s = call.deadline - self._clock.monotonic()
        if left_s <= 0:
            # A scope that is over already would let the attempt run until it first waits.
            refusal = DeadlineExceeded(
                f"the call's time was up before {self._provider} was asked",
                metadata={"provider": self._provider, "phase": phase},
            )
            refusal.sent = False
            raise refusal
        return left_s


def late(provider: str, phase: str, limit_s: float, left_s: float) -> TimedOut | DeadlineExceeded:
    """Whose time was up: the provider's own, or what was left of the call's."""
    if left_s <= limit_s:
        return DeadlineExceeded(
            f"{provider} had not answered when the call's time was up",
            metadata={"provider": provider, "phase": phase},
        )
    return TimedOut(
        f"{provider} did not answer within {limit_s:g} s ({phase})",
        metadata={"provider": provider, "phase": phase, "limitS": f"{limit_s:g}"},
    )
