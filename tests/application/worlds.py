"""Providers with good and bad days, and calls that meet them, all made up by hypothesis."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from hypothesis import strategies as st

from hexgate.adapters.breaker.pybreaker import Breakers, Settings
from hexgate.adapters.cache.memory import in_memory
from hexgate.adapters.limiter.memory import Limits, MemoryLimiter
from hexgate.application.pipeline import harden, unite
from hexgate.application.policies.cache import Cached
from hexgate.application.policies.retry import TABLE, RetryRow, RetryRules
from hexgate.application.vitals import Vitals
from hexgate.domain.answer import OUTPUT, Chunk, RouteChanged
from hexgate.domain.attempts import Attempts
from hexgate.domain.call import CacheMode, ChatCall, EmbedCall, FallbackMode, Hop, Options, Timeouts
from hexgate.domain.conditions import CALLERS_OWN, Condition
from hexgate.domain.errors import (
    BadResponse,
    ContentFiltered,
    ContextTooLong,
    CredentialRejected,
    GatewayError,
    InvalidRequest,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    QuotaExhausted,
    Rejected,
    TimedOut,
    Unreachable,
    Unserved,
    Unsupported,
)
from hexgate.domain.fallback import Rule
from hexgate.ports.clock import Clock
from tests.application.stacks import CUT
from tests.fakes import FakeProvider, Script, call, script
from tests.virtual import LoopClock, in_virtual_time

FINE = "fine"
SAFE = "safe"  # a provider that always answers at once

Ill: TypeAlias = type[Unserved] | type[Rejected]

ILL: tuple[Ill, ...] = (
    Overloaded,
    ProviderFailed,
    Unreachable,
    TimedOut,
    BadResponse,
    ProviderLimited,
    QuotaExhausted,
    CredentialRejected,
    ModelGone,
)
REFUSED: tuple[Ill, ...] = (
    InvalidRequest,
    Unsupported,
    ContextTooLong,
    ContentFiltered,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one attempt at a provider comes to, after so long: an error, or an answer."""

    after_s: float = 0.0
    error: Ill | None = None
    http_status: int = 0
    retry_after_s: float | None = None
    other_key: bool = False
    cut: bool = False  # the answer breaks off after output

    def play(self, model: str) -> Script:
        """The answer. Raises the error."""
        if self.error is None:
            return CUT if self.cut else script(FINE, model=model)
        if issubclass(self.error, Rejected):
            raise self.error("refused")
        error = self.error("ill", http_status=self.http_status, retry_after_s=self.retry_after_s)
        error.other_key = self.other_key
        raise error


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call of a world: when it begins, and what it may take."""

    starts_s: float
    hops: tuple[Hop, ...]
    attempts: int
    left_s: float
    streamed: bool = False
    hedge_after_s: float = 0.0
    queue_s: float = 0.0
    mode: FallbackMode = FallbackMode.BEFORE_OUTPUT


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Providers by name, each with its steps, the last one for ever after."""

    steps: dict[str, tuple[Step, ...]]
    rules: RetryRules
    breaker: Settings
    wait_s: float  # for the first of resting targets
    concurrency: int | None
    chance: float
    calls: tuple[Asked, ...]


@dataclass(slots=True, kw_only=True)
class Told:
    """What became of one call. `shown` is how often providers had been asked for it by then."""

    asked: Asked
    deadline: float
    attempts: Attempts
    times: list[float] = field(default_factory=list)  # when a provider was asked for it
    chunks: list[Chunk] = field(default_factory=list)
    shown: int | None = None
    answered: bool = False
    error: GatewayError | None = None
    ended: float = 0.0


class Leaf(FakeProvider):
    """Plays steps, and tells each call's own story when it is asked. Unsupported asks nobody."""

    def __init__(self, clock: Clock, steps: tuple[Step, ...], stories: dict[str, Told]) -> None:
        super().__init__()
        self._clock = clock
        self._steps = steps
        self._stories = stories
        self._turn = 0

    async def _play(self, call: ChatCall | EmbedCall) -> Script:
        step = self._steps[min(self._turn, len(self._steps) - 1)]
        self._turn += 1
        if step.error is Unsupported:
            return step.play(call.model)
        self._stories[call.call_id].times.append(self._clock.monotonic())
        await self._clock.sleep(step.after_s)
        return step.play(call.model)


def happens(world: World) -> list[Told]:
    """Let all calls of a world meet it; they end, or this raises."""
    return in_virtual_time(_story(world))


async def _story(world: World) -> list[Told]:
    clock = LoopClock()
    stories: dict[str, Told] = {}
    united = _united(world, clock, stories)
    going = (
        _one(united, asked, f"call-{n}", clock, stories) for n, asked in enumerate(world.calls)
    )
    await asyncio.gather(*going)
    return list(stories.values())


def _united(world: World, clock: Clock, stories: dict[str, Told]) -> Cached:
    limits = {name: Limits(concurrency=world.concurrency) for name in world.steps}
    limiter = MemoryLimiter(limits if world.concurrency else {}, clock)
    breaker, vitals = Breakers(clock, world.breaker), Vitals(clock)
    providers = {
        name: harden(
            Leaf(clock, steps, stories),
            name=name,
            limiter=limiter,
            breaker=breaker,
            rules=world.rules,
            vitals=vitals,
            clock=clock,
            several_keys=True,
            chance=lambda: world.chance,
        )
        for name, steps in world.steps.items()
    }
    wait_s, chance = world.wait_s, lambda: world.chance
    return unite(providers, in_memory(clock), CacheMode.BYPASS, 60, clock, wait_s, chance)


async def _one(
    united: Cached, asked: Asked, name: str, clock: Clock, stories: dict[str, Told]
) -> None:
    await clock.sleep(asked.starts_s)
    deadline = clock.monotonic() + asked.left_s
    told = Told(asked=asked, deadline=deadline, attempts=Attempts(asked.attempts))
    stories[name] = told
    first = asked.hops[0]
    made = call(
        call_id=name,
        hops=asked.hops,
        model=first.model,
        timeouts=first.timeouts,
        deadline=deadline,
        attempts=told.attempts,
        hedge_after_s=asked.hedge_after_s,
        options=Options(fallback_mode=asked.mode, max_queue_wait_s=asked.queue_s),
    )
    try:
        await (_read(united, made, told) if asked.streamed else united.complete(made))
        told.answered = True
    except GatewayError as error:
        told.error = error
    told.ended = clock.monotonic()


async def _read(united: Cached, made: ChatCall, told: Told) -> None:
    async with aclosing(await united.open(made)) as stream:
        async for chunk in stream:
            told.chunks.append(chunk)
            if told.shown is None and isinstance(chunk, OUTPUT):
                told.shown = len(told.times)


SECONDS = st.sampled_from([0.0, 0.001, 0.5, 1.0, 5.0, 30.0, 60.0]) | st.floats(0, 100)
LATENCIES = st.sampled_from([0.0, 0.0, 0.001, 0.5, 1.0, 5.0, 60.0]) | st.floats(0, 10)
TIMES_LEFT = st.sampled_from([600.0, 60.0, 30.0, 10.0, 1.0, 0.0]) | st.floats(0, 100)
KINDS = st.frozensets(st.sampled_from(sorted(Condition, key=str)), min_size=1)


@st.composite
def steps(draw: st.DrawFn, *, gentle: bool = False) -> Step:
    """One attempt. A `gentle` one is nothing that only the caller can help, and nothing cut off."""
    if draw(st.integers(0, 2)) == 0:
        return Step(after_s=draw(LATENCIES), cut=not gentle and draw(st.booleans()))
    refused = [kind for kind in REFUSED if not gentle or _elsewhere(kind)]
    return Step(
        after_s=draw(LATENCIES),
        error=draw(st.sampled_from((*ILL, *ILL, *refused))),
        http_status=draw(st.sampled_from([0, 429, 500, 503, 529])),
        retry_after_s=draw(st.none() | SECONDS),
        other_key=draw(st.booleans()),
    )


def _elsewhere(kind: Ill) -> bool:
    return kind.condition is not None and kind.condition not in CALLERS_OWN


ROWS = st.builds(
    RetryRow, st.integers(0, 4), st.sampled_from([0.001, 0.5, 2.0, 30.0]), st.floats(1, 3)
)
RULES = st.builds(
    RetryRules,
    rows=st.just(TABLE) | st.dictionaries(st.sampled_from(sorted(Condition, key=str)), ROWS),
    attempts=st.integers(1, 5),
    patience_s=SECONDS,
    ratio=st.floats(0.001, 1),
    burst=st.integers(1, 10),
)
BREAKERS = st.builds(
    Settings,
    failures=st.integers(1, 5),
    rest_s=st.sampled_from([0.5, 5.0, 30.0]),
    probes=st.integers(1, 2),
    successes=st.integers(1, 2),
)
FALLBACKS = st.builds(
    Rule,
    on=KINDS,
    to=st.just(()),
    retry_original=st.booleans(),
    delay_s=st.sampled_from([0.0, 1.0, 20.0]),
    max_attempts=st.none() | st.integers(1, 3),
)
TIMEOUTS = st.builds(
    Timeouts,
    first_token_s=st.sampled_from([0.5, 10.0, 60.0]),
    attempt_s=st.sampled_from([1.0, 20.0, 600.0]),
)
NAMES = st.lists(
    st.sampled_from([("a", "m"), ("a", "n"), ("b", "m"), ("c", "m")]),
    min_size=1,
    max_size=4,
    unique=True,
)


@st.composite
def paths(draw: st.DrawFn, *, plain: bool = False) -> tuple[Hop, ...]:
    """Targets in order, the last few by a rule."""
    made = tuple(
        Hop(provider=provider, model=model, max_output_tokens=100, timeouts=draw(TIMEOUTS))
        for provider, model in draw(NAMES)
    )
    if plain:
        return (*made, Hop(provider=SAFE, model="m", max_output_tokens=100))
    first = draw(st.integers(1, len(made)))
    rule = draw(FALLBACKS)
    return (*made[:first], *(replace(hop, rule=rule) for hop in made[first:]))


@st.composite
def calls(
    draw: st.DrawFn, *, modes: tuple[FallbackMode, ...], streams: tuple[bool, ...] = (False, True)
) -> Asked:
    """One call that may have little time and few attempts."""
    return Asked(
        starts_s=draw(SECONDS),
        hops=draw(paths()),
        attempts=draw(st.integers(1, 8)),
        left_s=draw(TIMES_LEFT),
        streamed=draw(st.sampled_from(streams)),
        hedge_after_s=draw(st.just(0.0) | SECONDS),
        queue_s=draw(st.just(0.0) | SECONDS),
        mode=draw(st.sampled_from(modes)),
    )


@st.composite
def rescued(draw: st.DrawFn) -> Asked:
    """One call with time and attempts for all of its targets, the last of which always answers."""
    return Asked(
        starts_s=draw(SECONDS),
        hops=draw(paths(plain=True)),
        attempts=100,
        left_s=1e7,
        streamed=draw(st.booleans()),
        hedge_after_s=draw(st.just(0.0) | SECONDS),
    )


@st.composite
def worlds(draw: st.DrawFn, asked: st.SearchStrategy[Asked], *, gentle: bool = False) -> World:
    """Three providers with their days, one that is safe, and some calls at the same time.

    In a gentle one no provider has other keys for ever.
    """
    days = st.lists(steps(gentle=gentle), min_size=1, max_size=6).map(
        lambda some: (*some[:-1], replace(some[-1], other_key=some[-1].other_key and not gentle))
    )
    return World(
        steps={name: draw(days) for name in "abc"} | {SAFE: (Step(),)},
        rules=draw(RULES),
        breaker=draw(BREAKERS),
        wait_s=draw(st.sampled_from([0.0, 5.0, 60.0])),
        concurrency=None if gentle else draw(st.none() | st.integers(1, 2)),
        chance=draw(st.sampled_from([0.0, 0.5, 0.999])),
        calls=draw(st.lists(asked, min_size=1, max_size=4).map(tuple)),
    )


def restarts(told: Told) -> int:
    """How often its reader was told that the answer begins again."""
    return sum(isinstance(chunk, RouteChanged) for chunk in told.chunks)
