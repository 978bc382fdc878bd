"""Calls with rules, and several providers that are asked in turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from hexgate.adapters.cache.memory import in_memory
from hexgate.application.pipeline import unite
from hexgate.application.policies.around import Around, C, T
from hexgate.application.policies.cache import Cached
from hexgate.application.policies.record import Recorded
from hexgate.application.vitals import Vitals
from hexgate.domain.call import CacheMode, Call, ChatCall, FallbackMode, Hop, Options
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import Transient
from hexgate.domain.fallback import Rule
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Provider
from tests.application.stacks import hops
from tests.fakes import FakeProvider, call

RESTART = Options(fallback_mode=FallbackMode.RESTART_STREAM)


class Greedy(Around):
    """Repeats what is transient, at once, as often as the call lets it."""

    async def attempt(self, call: C, go: Callable[[C], Awaitable[T]]) -> T:
        while True:
            try:
                return await go(call)
            except Transient as failure:
                condition = failure.condition
                if condition is None or not call.stays(condition):
                    raise


def rule(*on: Condition, **fields: Any) -> Rule:
    """A rule for these conditions; the targets are where hops have it."""
    return Rule(on=frozenset(on), to=(), **fields)


def ruled(rule: Rule, *names: str) -> tuple[Hop, ...]:
    """Targets of a rule, written as provider/model."""
    return tuple(replace(hop, rule=rule) for hop in hops(*names))


def along(path: tuple[Hop, ...], **overrides: Any) -> ChatCall:
    """A call with these hops."""
    return call(hops=path, model=path[0].model, **overrides)


def united(
    clock: Clock,
    leaves: Mapping[str, FakeProvider],
    *,
    wait_s: float = 0.0,
    mode: CacheMode = CacheMode.BYPASS,
    greedy: bool = False,
    chance: float = 0.0,
) -> Cached:
    """These providers as one; each attempt is recorded."""

    def wrapped(name: str, leaf: FakeProvider) -> Provider:
        recorded = Recorded(leaf, name, Vitals(clock), clock)
        return Greedy(recorded) if greedy else recorded

    providers = {name: wrapped(name, leaf) for name, leaf in leaves.items()}
    return unite(providers, in_memory(clock), mode, 60, clock, wait_s, lambda: chance)


def told(call: Call) -> list[tuple[str, str]]:
    """Each attempt: its provider, and its failure."""
    return [(attempt.provider, attempt.failure) for attempt in call.attempts.done]
