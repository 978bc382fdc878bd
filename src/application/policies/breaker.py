"""A target that keeps failing, or that an operator disabled, is left alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hexgate.application.policies.around import Around, C, W
from hexgate.application.policies.tail import tailed
from hexgate.application.vitals import Vitals
from hexgate.domain.answer import Finished
from hexgate.domain.call import Call, ChatCall
from hexgate.domain.errors import CircuitOpen, TargetDisabled, TimedOut, Unserved, Unwell
from hexgate.domain.health import TargetState
from hexgate.ports.breaker import Breaker, Outcome, Permit
from hexgate.ports.provider import Provider, Stream


class Guarded(Around):
    """Ask for admission first, report the outcome after; nothing is held across the await.

    A stream's verdict falls at its end, because a provider that breaks off every answer is not
    well. A probe's verdict falls when the stream opens, because a long answer must not keep a
    recovering target closed; if it breaks later, that is a new sample. From admission to the end an
    attempt is counted as active.
    """

    def __init__(self, inner: Provider, breaker: Breaker, vitals: Vitals, provider: str) -> None:
        super().__init__(inner)
        self._breaker = breaker
        self._vitals = vitals
        self._provider = provider

    async def whole(self, call: C, go: Callable[[C], Awaitable[W]]) -> W:
        """See Around. Raises CircuitOpen, and TargetDisabled."""
        if not self._vitals.quiet:
            self._refuse_disabled(call)
        permit = self._breaker.admit(self._key(call))
        vital = self._vitals.of(self._provider, call.model)
        vital.active += 1
        try:
            answer = await go(call)
        except BaseException as error:
            permit.settle(verdict(error, call))
            raise
        finally:
            vital.active -= 1
        permit.settle(Outcome.SUCCESS)
        return answer

    async def opening(self, call: ChatCall) -> Stream:
        """See Around. Raises CircuitOpen, and TargetDisabled."""
        if not self._vitals.quiet:
            self._refuse_disabled(call)
        permit = self._breaker.admit(self._key(call))
        vital = self._vitals.of(self._provider, call.model)
        vital.active += 1
        try:
            stream = await self._inner.open(call)
        except BaseException as error:
            vital.active -= 1
            permit.settle(verdict(error, call))
            raise
        if permit.probe:
            permit.settle(Outcome.SUCCESS)

        async def ended(how: Finished | BaseException | None) -> None:
            vital.active -= 1
            if isinstance(how, Unserved) and not impatient(how, call):
                self._vitals.broke(self._provider, call.model, how.reason)
            self._judge(call, permit, verdict(how, call))

        return tailed(stream, ended)

    def _refuse_disabled(self, call: Call) -> None:
        if self._vitals.wish(self._provider, call.model).state is TargetState.DISABLED:
            raise TargetDisabled(
                f"an operator has disabled {self._key(call)}",
                metadata={"provider": self._provider, "model": call.model},
            )

    def _judge(self, call: Call, permit: Permit, outcome: Outcome) -> None:
        if permit.probe and outcome is Outcome.FAILURE:
            try:
                permit = self._breaker.admit(self._key(call))
            except CircuitOpen:
                return
        permit.settle(outcome)

    def _key(self, call: Call) -> str:
        return f"{self._provider}/{call.model}"


def impatient(how: object, call: Call) -> bool:
    """Whether it ended by a time limit of the caller's own: that says nothing about the target.

    A limit that is longer than the gateway's is none, and what a provider reports is its own.
    """
    own, limits = call.options.timeouts, call.timeouts
    if own is None or not isinstance(how, TimedOut) or how.http_status:
        return False
    match how.metadata.get("phase"):
        case "connect":
            return own.connect_s <= limits.connect_s
        case "between_tokens":
            return own.between_tokens_s <= limits.between_tokens_s
        case _:
            # Before an answer in one piece, its first byte and all of it have the same limit.
            return own.first_token_s <= limits.first_token_s or own.attempt_s <= limits.attempt_s


def verdict(how: Finished | BaseException | None, call: Call) -> Outcome:
    """Only what says something about the provider's health counts.

    A caller's own impatience does not: it would rest the target for everybody else.
    """
    if isinstance(how, Finished):
        return Outcome.SUCCESS
    if isinstance(how, Unwell) and not impatient(how, call):
        return Outcome.FAILURE
    return Outcome.NEUTRAL
