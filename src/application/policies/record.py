"""Every attempt is counted against the call's budget and written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hexgate.application.policies.around import Around, C, T
from hexgate.application.policies.breaker import impatient
from hexgate.application.vitals import Vitals
from hexgate.domain.answer import Completion
from hexgate.domain.attempts import Attempt
from hexgate.domain.call import Call
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import DeadlineExceeded, GatewayError, TimedOut, Unserved
from hexgate.domain.usage import Usage
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Provider


class Recorded(Around):
    """What passes here is a call to the provider, billed or not, and tells how the target fares."""

    def __init__(self, inner: Provider, provider: str, vitals: Vitals, clock: Clock) -> None:
        super().__init__(inner)
        self._provider = provider
        self._vitals = vitals
        self._clock = clock

    async def attempt(self, call: C, go: Callable[[C], Awaitable[T]]) -> T:
        """Note provider, outcome and duration. Whoever repeats asks the budget first."""
        taken = call.attempts.take()
        started = self._clock.monotonic()
        try:
            answer = await go(call)
        except BaseException as error:
            if isinstance(error, GatewayError) and not error.sent:
                if taken:
                    call.attempts.give_back()
                raise
            now = self._clock.monotonic()
            vital = self._vitals.of(self._provider, call.model)
            # With another key ready, what is wrong with one says nothing of the target.
            if isinstance(error, Unserved) and not (error.other_key or impatient(error, call)):
                vital.failed(error.reason, now - started, now)
            else:
                vital.left(now - started, now)
            self._note_failure(call, now - started, error)
            raise
        now = self._clock.monotonic()
        vital = self._vitals.of(self._provider, call.model)
        vital.answered(now - started, now, streamed=not isinstance(answer, _WHOLE))
        self._note(call, now - started, answer.request_id, 200)
        return answer

    def _note_failure(self, call: Call, duration_s: float, error: BaseException) -> None:
        request_id, status = "", 0
        if isinstance(error, Unserved):
            request_id, status = error.request_id, error.http_status
        failure, billed = _reason(error), _billed(error, call)
        self._note(call, duration_s, request_id, status, failure=failure, billed=billed)

    def _note(
        self,
        call: Call,
        duration_s: float,
        request_id: str,
        status: int,
        *,
        failure: str = "",
        billed: Usage | None = None,
    ) -> None:
        call.attempts.done.append(
            Attempt(
                provider=self._provider,
                model=call.model,
                failure=failure,
                http_status=status,
                duration_s=duration_s,
                request_id=request_id,
                hedged=call.hedged,
                hop=call.hop,
                billed=billed,
            )
        )


_WHOLE = (Completion, Embedded)
_NOTHING = Usage()


def _billed(error: BaseException, call: Call) -> Usage | None:
    """What the provider says, else, where it may have been at work when we left, the input."""
    known = error.billed if isinstance(error, GatewayError) else None
    cut_off = not isinstance(error, Exception) or isinstance(error, DeadlineExceeded | TimedOut)
    # What is known of an attempt that was cut off is a part of it, unless nothing was sent.
    return call.presumed if cut_off and known != _NOTHING else known


def _reason(error: BaseException) -> str:
    if isinstance(error, GatewayError):
        return error.reason
    # What is no Exception is a cancellation: the caller left, or its time was up.
    return "INTERNAL" if isinstance(error, Exception) else "CANCELLED"
