"""Providers with good and bad days, and calls that meet them, each of them on the books."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from hexgate.adapters.breaker.pybreaker import Breakers, Settings
from hexgate.adapters.cache.memory import in_memory
from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.limiter.memory import Limits, MemoryLimiter
from hexgate.application.books import Books
from hexgate.application.budgets import Budgets
from hexgate.application.pipeline import harden, unite
from hexgate.application.policies.cache import Cached
from hexgate.application.policies.retry import RetryRules
from hexgate.application.stream import Delivery, Ending
from hexgate.application.vitals import Vitals
from hexgate.domain.answer import (
    OUTPUT,
    Chunk,
    Finish,
    Finished,
    PartFinished,
    RouteChanged,
    TextDelta,
)
from hexgate.domain.attempts import Attempts
from hexgate.domain.budget import Balance, Budget, Window
from hexgate.domain.call import CacheMode, ChatCall, EmbedCall, FallbackMode, Hop, Options
from hexgate.domain.chat import Text
from hexgate.domain.errors import (
    BadResponse,
    GatewayError,
    Rejected,
    Unserved,
    Unsupported,
)
from hexgate.domain.ledger import CallState, Entry
from hexgate.domain.usage import Usage
from hexgate.ports.clock import Clock
from tests.fakes import FakeProvider, RecordingObserver, Script, call
from tests.virtual import LoopClock, in_virtual_time

FINE = "fine "
LIKELY, MOST = 10, 40  # tokens of every request
LONGEST = 100  # tokens of an answer
SAFE = "safe"  # a provider that always answers at once

Ill: TypeAlias = type[Unserved] | type[Rejected]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one attempt at a provider comes to, after so long: an error, or an answer.

    `used` is what it tells of, as far as that much was asked and fits; with `billed` also where it
    is an error.
    """

    after_s: float = 0.0
    error: Ill | None = None
    http_status: int = 0
    retry_after_s: float | None = None
    other_key: bool = False
    cut: bool = False  # the answer breaks off after output
    words: int = 1  # of an answer, one of them five characters
    used: Usage = field(default_factory=Usage)
    billed: bool = False

    def play(self, call: ChatCall | EmbedCall) -> Script:
        """The answer. Raises the error."""
        used = self._used(call)
        if self.error is not None:
            error = self._ill(self.error)
            error.billed = used if self.billed else None
            raise error
        text = FINE * self.words
        if self.cut:
            return Script((TextDelta(0, text),), BadResponse("no terminal marker"))
        end = Finished(finish=Finish.STOP, usage=used, model=call.model)
        return Script((TextDelta(0, text), PartFinished(0, Text(text)), end))

    def _ill(self, kind: Ill) -> GatewayError:
        if issubclass(kind, Rejected):
            return kind("refused")
        error = kind("ill", http_status=self.http_status, retry_after_s=self.retry_after_s)
        error.other_key = self.other_key
        return error

    def _used(self, call: ChatCall | EmbedCall) -> Usage:
        most = call.hops[call.hop].context_tokens or MOST
        return replace(self.used, uncached_input=min(most, self.used.uncached_input))


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
    limit_nanos: int
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
    entry: Entry | None = None


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
            return step.play(call)
        self._stories[call.call_id].times.append(self._clock.monotonic())
        await self._clock.sleep(step.after_s)
        return step.play(call)


def happens(world: World) -> list[Told]:
    """Let all calls of a world meet it; they end, or this raises."""
    return reckoned(world)[0]


def reckoned(world: World) -> tuple[list[Told], tuple[Balance, ...]]:
    """The same, and the accounts after all of them."""
    return in_virtual_time(_story(world))


async def _story(world: World) -> tuple[list[Told], tuple[Balance, ...]]:
    clock, ledger = LoopClock(), MemoryLedger()
    stories: dict[str, Told] = {}
    united = _united(world, clock, ledger, stories)
    budget = Budget(name="ever", limit_nanos=world.limit_nanos, window=Window.TOTAL)
    books = Books(ledger, clock, RecordingObserver(), Budgets((budget,)))
    going = (
        _one(united, books, asked, f"call-{n}", clock, stories)
        for n, asked in enumerate(world.calls)
    )
    await asyncio.gather(*going)
    for name, told in stories.items():
        told.entry = await ledger.get(name)
    return list(stories.values()), await ledger.balances("", "", 10)


def _united(world: World, clock: Clock, ledger: MemoryLedger, stories: dict[str, Told]) -> Cached:
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
            ledger=ledger,
            chance=lambda: world.chance,
        )
        for name, steps in world.steps.items()
    }
    wait_s, chance = world.wait_s, lambda: world.chance
    return unite(providers, in_memory(clock), CacheMode.BYPASS, 60, clock, wait_s, chance)


async def _one(
    united: Cached,
    books: Books,
    asked: Asked,
    name: str,
    clock: Clock,
    stories: dict[str, Told],
) -> None:
    await clock.sleep(asked.starts_s)
    deadline = clock.monotonic() + asked.left_s
    told = Told(asked=asked, deadline=deadline, attempts=Attempts(asked.attempts))
    stories[name] = told
    first = asked.hops[0]
    made = call(
        call_id=name,
        hops=asked.hops,
        input_tokens=LIKELY,
        most_input_tokens=MOST,
        model=first.model,
        timeouts=first.timeouts,
        deadline=deadline,
        attempts=told.attempts,
        hedge_after_s=asked.hedge_after_s,
        options=Options(fallback_mode=asked.mode, max_queue_wait_s=asked.queue_s),
    )
    try:
        await (_read if asked.streamed else _whole)(united, books, made, told)
        told.answered = True
    except GatewayError as error:
        told.error = error
    told.ended = clock.monotonic()


async def _whole(united: Cached, books: Books, made: ChatCall, told: Told) -> None:
    account, completion = await books.ask(made, united.complete)
    account.usage = completion.usage
    await account.settle(CallState.SETTLED)


async def _read(united: Cached, books: Books, made: ChatCall, told: Told) -> None:
    account, stream = await books.ask(made, united.open, streamed=True)
    async with aclosing(Delivery(account, stream)) as delivery:
        async for chunk in delivery:
            if isinstance(chunk, Ending):
                return
            told.chunks.append(chunk)
            if told.shown is None and isinstance(chunk, OUTPUT):
                told.shown = len(told.times)


def restarts(told: Told) -> int:
    """How often its reader was told that the answer begins again."""
    return sum(isinstance(chunk, RouteChanged) for chunk in told.chunks)
