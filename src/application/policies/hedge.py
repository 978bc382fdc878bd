"""A second attempt beside a slow first one; the faster is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeAlias

from hexgate.application.policies.around import C, T
from hexgate.domain.answer import Completion
from hexgate.domain.call import ChatCall, EmbedCall
from hexgate.domain.conditions import Condition
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import GatewayError
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Provider, Stream

Go: TypeAlias = Callable[[C], Coroutine[Any, Any, T]]

_CANCELLED = "CANCELLED"


class Hedged:
    """Starts a second leg when the first has shown nothing for `hedge_after_s`.

    It begins at the next target that takes over from slow ones, or else at the same. The leg that
    answers first is kept, and the other is called off. While one is left that may answer, no
    failure is raised; when both have failed, the error is the first one's. What fails before the
    second leg has started is raised at once, and so is what is no GatewayError.

    There is one budget of attempts: while both run, what is left of it is for the second leg, and
    the first ends what it has begun. When one fails, it is for the other.
    """

    def __init__(self, inner: Provider, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    def complete(self, call: ChatCall) -> Coroutine[Any, Any, Completion]:
        """See Provider."""
        if call.hedge_after_s:
            return _Race(call, self._inner.complete, self._clock).run()
        return self._inner.complete(call)

    def open(self, call: ChatCall) -> Coroutine[Any, Any, Stream]:
        """See Provider. A leg has answered with its first output."""
        if call.hedge_after_s:
            return _Race(call, self._inner.open, self._clock).run()
        return self._inner.open(call)

    def embed(self, call: EmbedCall) -> Coroutine[Any, Any, Embedded]:
        """See Provider."""
        if call.hedge_after_s:
            return _Race(call, self._inner.embed, self._clock).run()
        return self._inner.embed(call)


class _Race(Generic[C, T]):
    """The two legs of one call, each in a task of its own.

    However `run` ends, both have ended then, and what a leg answered is returned or closed.
    """

    def __init__(self, call: C, go: Go[C, T], clock: Clock) -> None:
        self._call = call
        self._go: Go[C, T] = go
        self._clock = clock
        self._hedge: C | None = None  # once it has started
        self._legs: dict[bool, asyncio.Task[T | None]] = {}  # by `hedged`, until called off

    async def run(self) -> T:
        """What the faster leg answered."""
        self._legs = {
            False: asyncio.create_task(self._go(self._call)),
            True: asyncio.create_task(self._second()),
        }
        try:
            hedged, answer = await self._winner()
            await self._call_off(not hedged)
        except BaseException:
            await self._call_off(*self._legs)
            raise
        self._share(hedged)
        self._put_last(hedged)
        return answer

    async def _second(self) -> T | None:
        """The second leg, after its wait; None where it could not help any more."""
        call, clock = self._call, self._clock
        await clock.sleep(call.hedge_after_s)
        place = call.following(Condition.TIMEOUT)
        if clock.monotonic() >= call.deadline or not (attempts := call.attempts.lend()).left:
            return None
        aimed = call if place is None else call.to(place)
        self._hedge = replace(aimed, hedged=True, attempts=attempts)
        return await self._go(self._hedge)

    async def _winner(self) -> tuple[bool, T]:
        """Which leg answered, and what. Raises when no answer can come any more."""
        first = self._legs[False]
        waiting = set(self._legs.values())
        while waiting:
            ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for hedged, leg in self._legs.items():
                answer = _answer(leg)
                if answer is not None:
                    return hedged, answer
            for hedged, leg in self._legs.items():
                if leg in ended and not isinstance(_failure(leg), GatewayError | None):
                    self._legs.pop(hedged).result()
            if self._hedge is None and first in ended:
                break
            self._share(first in ended)
        first.result()
        raise AssertionError("a leg that has failed raises")

    def _share(self, hedged: bool) -> None:
        """All attempts that are left are for this leg."""
        if self._hedge is not None:
            mine, others = self._call.attempts, self._hedge.attempts
            if hedged:
                mine, others = others, mine
            mine.join(others)

    async def _call_off(self, *which: bool) -> None:
        """Cancel these legs and see them end. A cancellation that comes meanwhile is raised after
        that, so that nothing stays behind.
        """
        legs = {hedged: self._legs.pop(hedged) for hedged in which}
        for leg in legs.values():
            leg.cancel()  # at once: it must not begin an attempt that is no longer its own
        ending = asyncio.create_task(self._ended(legs))
        cancelled = None
        while not ending.done():
            try:
                await asyncio.wait((ending,))
            except asyncio.CancelledError as error:
                cancelled = error
        ending.result()
        if cancelled is not None:
            raise cancelled

    async def _ended(self, legs: Mapping[bool, asyncio.Task[T | None]]) -> None:
        if legs:
            await asyncio.wait(legs.values())
        for hedged, leg in legs.items():
            answer = _answer(leg)
            if answer is not None:
                await self._drop(hedged, answer)
            else:
                _report(_failure(leg))

    async def _drop(self, hedged: bool, answer: T) -> None:
        """Both answered at once: this one is not for the caller, but it may have to be paid."""
        usage = None
        if isinstance(answer, Completion | Embedded):
            usage = answer.usage
        else:
            try:
                await answer.aclose()
            except Exception as error:
                _report(error)
        leg = self._hedge if hedged and self._hedge is not None else self._call
        self._call.attempts.broke(_CANCELLED, usage or leg.presumed, hedged=hedged)

    def _put_last(self, hedged: bool) -> None:
        """The attempt that answered is the last, whatever the other leg noted since."""
        attempts = self._call.attempts
        place = attempts.answering(hedged=hedged)
        if place is not None:
            attempts.done.append(attempts.done.pop(place))


def _answer(leg: asyncio.Task[T | None]) -> T | None:
    return leg.result() if leg.done() and _failure(leg) is None else None


def _failure(leg: asyncio.Task[Any]) -> BaseException | None:
    return asyncio.CancelledError() if leg.cancelled() else leg.exception()


def _report(error: BaseException | None) -> None:
    """A defect of the leg that nobody waits for any longer. Its failures are in the attempts."""
    if isinstance(error, Exception) and not isinstance(error, GatewayError):
        asyncio.get_running_loop().call_exception_handler(
            {"message": "a leg that was called off broke", "exception": error}
        )
