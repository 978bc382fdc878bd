"""The same target again, after a while, when that may help."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from hexgate.application.policies.allowance import Allowance
from hexgate.application.policies.around import Around, C, T
from hexgate.domain.call import Call
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import GatewayError, Transient
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
    that quiet times saved up: see Allowance.
    """

    rows: Mapping[Condition, RetryRow] = field(default_factory=lambda: TABLE)
    attempts: int = 4
    patience_s: float = 20.0
    spread: float = 0.1
    ratio: float = 0.1
    burst: int = 10


class Retried(Around):
    """Repeats what failed with a Transient, within the call's budget of attempts and its deadline.

    What is raised is the failure after which nothing more was tried. One instance stands for one
    provider, whose calls share an allowance of retries.
    """

    def __init__(
        self, inner: Provider, rules: RetryRules, clock: Clock, chance: Callable[[], float]
    ) -> None:
        super().__init__(inner)
        self._rules = rules
        self._clock = clock
        self._chance = chance
        self._allowance = Allowance(rules.ratio, rules.burst)

    async def attempt(self, call: C, go: Callable[[C], Awaitable[T]]) -> T:
        """The first attempt runs outside tenacity, so the common case pays nothing for it."""
        try:
            answer = await go(call)
        except Transient as error:
            first = error
        else:
            self._allowance.earn()
            return answer
        self._allowance.earn()
        return await self._again(call, go, first)

    async def _again(self, call: C, go: Callable[[C], Awaitable[T]], first: Transient) -> T:
        course = _Course(call, first, self._rules, self._allowance, self._clock, self._chance)

        async def after_first(call: C) -> T:
            # tenacity has to see the first failure, or it would skip the first wait.
            if not course.goes_on():
                raise course.last
            return await go(call)

        # A new instance for each call: tenacity keeps the state of an iteration on it.
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Transient),
            wait=course.wait_s,
            stop=course.ends,
            sleep=self._clock.sleep,
            reraise=True,
        )
        try:
            return await retrying(after_first, call)
        except GatewayError as error:
            if error.sent:
                raise
            # Its breaker opened while we waited, an operator disabled it, our own limit is reached:
            # what it did before is what the caller should know.
            raise course.last from None


class _Course:
    """The retries of one call at one target. After each failure tenacity asks how long to wait,
    and then whether to.
    """

    def __init__(
        self,
        call: Call,
        first: Transient,
        rules: RetryRules,
        allowance: Allowance,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self.last = first
        self._call = call
        self._rules = rules
        self._allowance = allowance
        self._clock = clock
        self._chance = chance
        self._made: Counter[Condition] = Counter()

    def wait_s(self, state: RetryCallState) -> float:
        """As the provider asked, else as the table says; for ever where that allows no more.

        Who is told to wait for no time at all is told nothing.
        """
        failure = state.outcome and state.outcome.exception()
        if isinstance(failure, Transient):
            self.last = failure
        kind = _kind(self.last)
        row, made = self._rules.rows.get(kind, _NEVER), self._made[kind]
        if made >= row.retries:
            return math.inf
        if self.last.retry_after_s:
            return self.last.retry_after_s * (1 + self._chance() * self._rules.spread)
        return row.wait_s * row.factor**made * (1 + self._chance())

    def ends(self, state: RetryCallState) -> bool:
        """Whether the last failure is what the call gets; if not, one more retry is made."""
        call, kind, wait_s = self._call, _kind(self.last), state.upcoming_sleep
        if (
            state.attempt_number >= self._rules.attempts
            or not call.stays(kind)
            or self._clock.monotonic() + wait_s >= call.deadline
            or (wait_s > self._rules.patience_s and call.following(kind) is not None)
            or not self._allowance.spend()
        ):
            return True
        self._made[kind] += 1
        return False

    def goes_on(self) -> bool:
        """Whether what was waited for may be sent: a sleep may be too long, and a leg beside this
        one may have taken its share of the budget meanwhile.
        """
        call = self._call
        in_time = self._clock.monotonic() < call.deadline
        return bool(self._made) and call.stays(_kind(self.last)) and in_time


_NEVER = RetryRow(0, 0.0)


def _kind(failure: Transient) -> Condition:
    return failure.condition or Condition.ERROR
