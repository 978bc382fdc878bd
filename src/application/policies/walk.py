"""One call on its way along its targets, from failure to failure, until one serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
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
from hexgate.domain.fallback import FAILING, Rule
from hexgate.domain.usage import Usage
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Provider

Way: TypeAlias = Callable[[Provider, C], Awaitable[T]]

_NAMED = 4  # failures that the message for all of them names


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every call walks on. `wait_s` is how long one waits for the first of its targets to be
    back when all of them rest.
    """

    providers: Mapping[str, Provider]
    clock: Clock
    wait_s: float = 0.0


def reserve(later: Iterable[Hop]) -> int:
    """How many attempts a target leaves to those after it: 1, or 0.

    Those that take over only on what is never tried again at the same target need none.
    """
    return int(any(hop.rule is None or hop.rule.on & FAILING for hop in later))


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
        self._waited = False
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
            self._failures[self.call.hop] = failure
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
        broken = call.attempts.broke(call.hop, failure.reason)
        return broken or Attempt(
            provider=hop.provider, model=hop.model, failure=failure.reason, hop=call.hop
        )

    async def _go(self, place: int) -> T:
        self.call = call = self.call.to(place, self._spare(place))
        answer: T = await self._way(self._ground.providers[self.hop.provider], call)
        if self._look is not None:
            seen = await self._look(answer)
            if seen.filtered and self._following(Condition.CONTENT_FILTER) is not None:
                self._keep(seen)
                raise _filtered(self.hop)
            answer = seen.answer
        self._kept, self._waited = None, False
        return answer

    async def _next(self, failure: GatewayError, *, stay: bool) -> int | None:
        """Where to go, once it is time to; None is nowhere."""
        call, clock = self.call, self._ground.clock
        condition = failure.condition
        if condition is None or self._waited or clock.monotonic() >= call.deadline:
            return None
        place = self._following(condition)
        if place is None:
            again = stay and isinstance(failure, Transient)
            if again and call.attempts.left > self._floor(self.hop.rule):
                return call.hop
            return await self._first_back()
        return place if await self._enter(call.hops[place].rule) else None

    def _following(self, condition: Condition) -> int | None:
        call = self.call
        spent: set[int] = set()
        while (place := call.following(condition, spent)) is not None:
            if call.attempts.left > self._floor(call.hops[place].rule):
                break
            spent.add(place)
        return place

    def _spare(self, place: int) -> int:
        """What the target at that place leaves: to all after it, and to those of its own rule."""
        rule, later = self.call.hops[place].rule, self.call.hops[place + 1 :]
        if rule is None or rule.max_attempts is None:
            return reserve(later)
        own = [hop for hop in later if _same(hop.rule, rule)]
        return max(reserve(later), self._floor(rule) + reserve(own))

    def _floor(self, rule: Rule | None) -> int:
        """What the targets of a rule have to leave of the budget."""
        if rule is None or rule.max_attempts is None:
            return 0
        hops, attempts = self.call.hops, self.call.attempts
        made = sum(_same(hops[one.hop].rule, rule) for one in attempts.done)
        return attempts.left - min(attempts.left, max(0, rule.max_attempts - made))

    async def _enter(self, rule: Rule | None) -> bool:
        """Wait as a rule says before the first of its targets; False where there is no time."""
        hops = self.call.hops
        if rule is None or rule.delay_s <= 0:
            return True
        if any(_same(hops[place].rule, rule) for place in self._failures):
            return True
        if not self._in_time(rule.delay_s):
            return False
        await self._ground.clock.sleep(rule.delay_s)
        return self.call.attempts.left > 0  # another leg may have taken the last

    async def _first_back(self) -> int | None:
        """Where nothing but resting targets was met: the one that is back first, once it is.

        A leg that runs beside another does not wait for that.
        """
        resting = [
            (failure.retry_after_s, place)
            for place, failure in self._failures.items()
            if isinstance(failure, CircuitOpen) and failure.retry_after_s is not None
        ]
        if len(resting) < len(self._failures) or self.call.hedged:
            return None
        wait_s, place = min(resting)
        if wait_s > self._ground.wait_s or not self._in_time(wait_s):
            return None
        self._waited = True
        await self._ground.clock.sleep(wait_s)
        return place

    def _in_time(self, wait_s: float) -> bool:
        return self._ground.clock.monotonic() + wait_s < self.call.deadline

    def _keep(self, seen: Seen[T]) -> None:
        usage = seen.usage or Usage(uncached_input=self.call.input_tokens, estimated=True)
        attempt = self.call.attempts.broke(self.call.hop, ContentFiltered.reason, usage)
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


def _same(one: Rule | None, other: Rule) -> bool:
    """Whether they are one rule as configured: it may be narrowed for one target or the other."""
    return one is not None and replace(one, on=other.on) == other


def _filtered(hop: Hop) -> ContentFiltered:
    name = f"{hop.provider}/{hop.model}"
    return ContentFiltered(f"{name} filtered its answer", metadata={"model": name})
