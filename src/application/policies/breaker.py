"""A target that keeps failing is left alone for a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hexgate.application.policies.around import Around, C, W
from hexgate.application.policies.tail import Tailed
from hexgate.application.vitals import Vitals
from hexgate.domain.answer import Finished
from hexgate.domain.call import Call, ChatCall
from hexgate.domain.errors import CircuitOpen, TimedOut, Unwell
from hexgate.ports.breaker import Breaker, Outcome, Permit
from hexgate.ports.provider import Provider, Stream


class Guarded(Around):
    """Ask for admission first, report the outcome after; nothing is held across the await.

    A stream's verdict falls at its end, because a provider that breaks off every answer is not
    well. A probe's verdict falls when the stream opens, because a long answer must not keep a
    recovering target closed; if it breaks later, that is a new sample.
    """

    def __init__(self, inner: Provider, breaker: Breaker, vitals: Vitals, provider: str) -> None:
        super().__init__(inner)
        self._breaker = breaker
        self._vitals = vitals
        self._provider = provider

    async def whole(self, call: C, go: Callable[[C], Awaitable[W]]) -> W:
        """See Around. Raises CircuitOpen."""
        permit = self._breaker.admit(self._key(call))
        try:
            answer = await go(call)
        except BaseException as error:
            permit.settle(verdict(error, call))
            raise
        permit.settle(Outcome.SUCCESS)
        return answer

    async def opening(self, call: ChatCall) -> Stream:
        """See Around. Raises CircuitOpen."""
        permit = self._breaker.admit(self._key(call))
        try:
            stream = await self._inner.open(call)
        except BaseException as error:
            permit.settle(verdict(error, call))
            raise
        if permit.probe:
            permit.settle(Outcome.SUCCESS)

        async def ended(how: Finished | BaseException | None) -> None:
            self._judge(call, permit, verdict(how, call))

        return Tailed(stream, ended)

    def _judge(self, call: Call, permit: Permit, outcome: Outcome) -> None:
        if permit.probe and outcome is Outcome.FAILURE:
            try:
                permit = self._breaker.admit(self._key(call))
            except CircuitOpen:
                return
        permit.settle(outcome)

    def _key(self, call: Call) -> str:
        return f"{self._provider}/{call.model}"


def verdict(how: Finished | BaseException | None, call: Call) -> Outcome:
    """Only what says something about the provider's health counts.

    A caller's own impatience does not: it would rest the target for everybody else.
    """
    if isinstance(how, Finished):
        return Outcome.SUCCESS
    if isinstance(how, TimedOut) and call.options.timeouts is not None:
        return Outcome.NEUTRAL
    return Outcome.FAILURE if isinstance(how, Unwell) else Outcome.NEUTRAL
