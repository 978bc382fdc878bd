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
from hexgate.domain.errors import GatewayError, Unserved
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
            if isinstance(error, Unserved) and not impatient(error, call):
                vital.failed(error.reason, now - started, now)
            else:
                vital.left(now - started, now)
            self._note(call, now - started, error)
            raise
        now = self._clock.monotonic()
        vital = self._vitals.of(self._provider, call.model)
        vital.answered(now - started, now, streamed=not isinstance(answer, _WHOLE))
        self._note(call, now - started, None, answer.request_id)
        return answer

    def _note(
        self, call: Call, duration_s: float, error: BaseException | None, request_id: str = ""
    ) -> None:
        if isinstance(error, Unserved):
            request_id = error.request_id
        call.attempts.done.append(
            Attempt(
                provider=self._provider,
                model=call.model,
                failure=_reason(error),
                http_status=_status(error),
                duration_s=duration_s,
                request_id=request_id,
                hedged=call.hedged,
                hop=call.hop,
                billed=error.billed if isinstance(error, GatewayError) else None,
            )
        )


_WHOLE = (Completion, Embedded)


def _reason(error: BaseException | None) -> str:
    if error is None:
        return ""
    if isinstance(error, GatewayError):
        return error.reason
    # What is no Exception is a cancellation: the caller left, or its time was up.
    return "INTERNAL" if isinstance(error, Exception) else "CANCELLED"


def _status(error: BaseException | None) -> int:
    if error is None:
        return 200
    return error.http_status if isinstance(error, Unserved) else 0
