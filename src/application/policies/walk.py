"""One call on its way along its targets, from failure to failure, until one serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, NoReturn, TypeAlias

from hexgate.application.policies.around import C, T
from hexgate.application.policies.filtered import Look, Seen
from hexgate.domain.attempts import Attempt
from hexgate.domain.call import Hop
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import (
    AllTargetsFailed,
    CircuitOpen,
    ContentFiltered,
    GatewayError,
    Rejected,
    Transient,
)
from hexgate.domain.fallback import Rule
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Provider

Way: TypeAlias = Callable[[Provider, C], Awaitable[T]]

_NAMED = 4  # failures that the message for all of them names
# A wait for a target to be back is longer by up to this share of it, so that not all come at once.
_SPREAD = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every call walks on. `wait_s` is how long one waits, in all, for the first of its
    targets to be back when all of them rest.
    """

    providers: Mapping[str, Provider]
    clock: Clock
    chance: Callable[[], float]
    wait_s: float


class Walk(Generic[C, T]):
    """Tries the hops of a call by `way`, each on the failures on which it takes over.

    `call` is aimed at the present hop. `look`, if given, tells which answers are none: they are
    returned all the same when no other target does better.
    """

    def __init__(self, ground: Ground, call: C, way: Way[C, T], look: Look[T] | None) -> None:
        self.call = call
        self._ground = ground
        self._way: Way[C, T] = way
        self._look: Look[T] | None = look
        self._failures: dict[int, GatewayError] = {}  # by place
        self._back: dict[int, float] = {}  # when those that rest are back, monotonic
        self._until: float | None = None  # it waits for them no longer, once it has begun to
        self._kept: tuple[T, Attempt | None] | None = None

    @property
    def hop(self) -> Hop:
        """The present target."""
        return self.call.hops[self.call.hop]

    async def first(self) -> T:
        """What the first that serves answers. Raises AllTargetsFailed when several failed, else
        the one error; what nobody else could do better is raised at once.
        """
        try:
            return await self._go(self.call.hop)
        except GatewayError as failure:
            first = failure
        return await self.on(first)

    async def on(self, failure: GatewayError, *, stay: bool = False) -> T:
        """The same after this failure at the present target.

        With `stay` it is itself tried again where the failure is Transient and no other takes over.
        """
        while True:
            self._note(failure)
            place = await self._next(failure, stay=stay)
            if place is None:
                break
            stay = False
            try:
                return await self._go(place)
            except GatewayError as error:
                failure = error
        if self._kept is None:
            self._fail(failure)
        answer, attempt = self._kept
        if attempt is not None:
            self.call.attempts.answered(attempt)
        return answer

    def broke(self, failure: GatewayError) -> Attempt:
        """The answer of the present target broke off: its attempt, which says so from now on."""
        call, hop = self.call, self.hop
        if call.hedged:
            self.call = replace(call, hedged=False)  # what follows runs alone
        broken = call.attempts.broke(failure.reason, hedged=call.hedged)
        return broken or Attempt(
            provider=hop.provider, model=hop.model, failure=failure.reason, hop=call.hop
        )

    async def _go(self, place: int) -> T:
        self.call = call = self.call.to(place)
        answer: T = await self._way(self._ground.providers[self.hop.provider], call)
        if self._look is not None:
            seen = await self._look(answer)
            if seen.filtered and call.following(Condition.CONTENT_FILTER) is not None:
                self._keep(seen)
                raise _filtered(self.hop)
            answer = seen.answer
        self._kept = None
        return answer

    def _note(self, failure: GatewayError) -> None:
        place = self.call.hop
        self._failures[place] = failure
        self._back.pop(place, None)
        if isinstance(failure, CircuitOpen) and failure.retry_after_s:
            self._back[place] = self._ground.clock.monotonic() + failure.retry_after_s

    async def _next(self, failure: GatewayError, *, stay: bool) -> int | None:
        """Where to go, once it is time to; None is nowhere."""
        call, clock = self.call, self._ground.clock
        condition = failure.condition
        if condition is None or clock.monotonic() >= call.deadline:
            return None
        place = call.following(condition)
        if place is None:
            if stay and isinstance(failure, Transient) and call.affords(call.hop):
                return call.hop
            return await self._first_back()
        delay_s = self._delay_s(call.hops[place].rule)
        if delay_s > 0:
            if not self._in_time(delay_s):
                return None
            await clock.sleep(delay_s)
        # Another leg may have taken the last meanwhile.
        return place if call.affords(place) else None

    def _delay_s(self, rule: Rule | None) -> float:
        """What is waited before the first target of a rule."""
        if rule is None or rule.delay_s <= 0:
            return 0.0
        tried = (self.call.hops[place].rule for place in self._failures)
        entered = any(other is not None and other.same(rule) for other in tried)
        return 0.0 if entered else rule.delay_s

    async def _first_back(self) -> int | None:
        """Where nothing but resting targets was met: the one that is back first, once it is.

        It may rest again by then, or let only a few others through: then it is waited for again.
        A leg that runs beside another does not wait.
        """
        if len(self._back) < len(self._failures) or self.call.hedged:
            return None
        ground = self._ground
        now = ground.clock.monotonic()
        if self._until is None:
            self._until = min(now + ground.wait_s, self.call.deadline)
        place = min(self._back, key=self._back.__getitem__)
        wait_s, left_s = self._back[place] - now, self._until - now
        if wait_s > left_s or not self._in_time(wait_s):
            return None
        await ground.clock.sleep(min(wait_s * (1 + ground.chance() * _SPREAD), left_s))
        return place if self.call.affords(place) else None

    def _in_time(self, wait_s: float) -> bool:
        return self._ground.clock.monotonic() + wait_s < self.call.deadline

    def _keep(self, seen: Seen[T]) -> None:
        usage = seen.usage or self.call.presumed
        hedged = self.call.hedged
        attempt = self.call.attempts.broke(ContentFiltered.reason, usage, hedged=hedged)
        if self._kept is None:
            self._kept = (seen.answer, attempt)

    def _fail(self, last: GatewayError) -> NoReturn:
        failures = self._failures
        if last.condition is None or len(failures) == 1:
            raise last
        every = tuple(failures.values())
        if all(isinstance(failure, Rejected) for failure in every):
            raise every[0]
        hops = self.call.hops
        said = [
            f"{hops[place].provider}/{hops[place].model} ({failure.reason})"
            for place, failure in failures.items()
        ]
        targets = ", ".join(said[:_NAMED])
        more = f" and {len(said) - _NAMED} more" if len(said) > _NAMED else ""
        raise AllTargetsFailed(
            f"every target failed: {targets}{more}", every, metadata={"targets": targets + more}
        ) from ExceptionGroup("targets", every)


def _filtered(hop: Hop) -> ContentFiltered:
    name = f"{hop.provider}/{hop.model}"
    return ContentFiltered(f"{name} filtered its answer", metadata={"model": name})
