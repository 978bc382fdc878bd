"""The same target again, after a while, when that may help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.stop import stop_base
from tenacity.wait import wait_base, wait_random_exponential

from hexgate.application.policies.around import Around, C, T
from hexgate.domain.call import Call
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import CircuitOpen, Transient
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Provider


@dataclass(frozen=True, slots=True)
class RetryRow:
    """At most `retries` after one kind of failure; the first waits `wait_s`, the next `factor`
    times as long, and each up to its double, by chance.
    """

    retries: int
    wait_s: float
    factor: float = 1.0


TABLE: Mapping[Condition, RetryRow] = MappingProxyType(
    {
        Condition.RATE_LIMIT: RetryRow(3, 1.0, 2.0),
        Condition.ERROR: RetryRow(2, 2.0),
        Condition.UNAVAILABLE: RetryRow(1, 5.0),
        Condition.OVERLOADED: RetryRow(1, 10.0),
        Condition.TIMEOUT: RetryRow(1, 1.0),
        Condition.UNREACHABLE: RetryRow(2, 0.5, 2.0),
    }
)
"""The defaults. What is not in a table is not retried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """A row for each kind of failure; `attempts` per target at most, the first included.

    A wait above `patience_s` is not worth it while another target is left. `spread` lengthens a
    wait that the provider asked for by up to this share, so that all callers who were told the same
    do not come back together. A provider gets at most `ratio` retries for each call, and `burst`
    that quiet times saved up.
    """

    rows: Mapping[Condition, RetryRow] = field(default_factory=lambda: TABLE)
    attempts: int = 4
    patience_s: float = 20.0
    spread: float = 0.1
    ratio: float = 0.1
    burst: int = 10


class Retried(Around):
    """Retries Transient errors within the call's attempt budget and deadline."""

    def __init__(
        self, inner: Provider, rules: RetryRules, clock: Clock, random: Callable[[], float]
    ) -> None:
        super().__init__(inner)
        self._rules = rules
        self._clock = clock
        backoff = wait_random_exponential(multiplier=1.0, max=8.0)
        self._wait = _AsAsked(backoff, rules.spread, random)

    async def attempt(self, call: C, go: Callable[[C], Awaitable[T]]) -> T:
        """The first attempt runs outside tenacity, so the common case pays nothing for it."""
        try:
            return await go(call)
        except Transient as error:
            if self._rules.attempts <= 1:
                raise
            first, failed = error, [error]

        async def replay_then_go(call: C) -> T:
            # tenacity has to see the first failure, or it would skip the first wait.
            if failed:
                raise failed.pop()
            return await go(call)

        # A new instance for each call: tenacity keeps the state of an iteration on it.
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._rules.attempts)
            | _Spent(call, self._clock, self._rules.patience_s),
            wait=self._wait,
            retry=retry_if_exception_type(Transient),
            sleep=self._clock.sleep,
            reraise=True,
        )
        try:
            return await retrying(replay_then_go, call)
        except CircuitOpen:
            # It opened while we waited. What made it open is what the caller should know.
            raise first from None


class _AsAsked(wait_base):
    """Wait as long as the provider asked, else as long as `otherwise` says."""

    def __init__(self, otherwise: wait_base, spread: float, random: Callable[[], float]) -> None:
        self._otherwise = otherwise
        self._spread = spread
        self._random = random

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, Transient) and error.retry_after_s is not None:
            return error.retry_after_s * (1 + self._random() * self._spread)
        return self._otherwise(retry_state)


class _Spent(stop_base):
    """Stop when the budget is used up, or the wait would outlast the caller.

    A long wait that the provider asked for is not worth it while another target is left.
    """

    def __init__(self, call: Call, clock: Clock, patience_s: float) -> None:
        self._call = call
        self._clock = clock
        self._patience_s = patience_s

    def __call__(self, retry_state: RetryCallState) -> bool:
        call = self._call
        if call.attempts.left <= 0:
            return True
        if retry_state.upcoming_sleep > self._patience_s and call.hop < len(call.hops) - 1:
            return True
        return self._clock.monotonic() + retry_state.upcoming_sleep >= call.deadline
