"""A small world: callers before the real policies and books, and providers in all weathers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from random import Random

from hexgate.adapters.breaker.pybreaker import Breakers
from hexgate.adapters.breaker.pybreaker import Settings as BreakerSettings
from hexgate.adapters.cache.memory import in_memory
from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.limiter.memory import Limits, MemoryLimiter
from hexgate.application.books import Books
from hexgate.application.complete import Complete
from hexgate.application.defaults import Defaults
from hexgate.application.pipeline import harden, unite
from hexgate.application.policies.retry import RetryRules
from hexgate.application.requests import ChatRequest
from hexgate.application.stream import Ending, StreamComplete
from hexgate.application.vitals import Vitals
from hexgate.domain.balance import Group, Member, Strategy
from hexgate.domain.call import CacheMode, FallbackMode, Options, Timeouts
from hexgate.domain.catalog import Target
from hexgate.domain.chat import Message, Role, Text
from hexgate.domain.errors import GatewayError
from hexgate.domain.health import BreakerState
from hexgate.domain.routing import Routes
from hexgate.domain.spec import Spec
from hexgate.ports.clock import Clock
from hexgate.ports.ledger import Ledger
from tests.application.desk import preparing
from tests.fakes import RecordingObserver
from tests.soak.weather import Outdoors, Seen, Sky, Weather
from tests.virtual import LoopClock

MODEL = "m"
QUEUE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a soak is made of. Shares are from 0 to 1."""

    weathers: Mapping[str, Weather]
    calls: int = 1000
    per_s: float = 20.0  # calls that begin in a second, on average
    streamed: float = 0.5
    leave: float = 0.0  # callers who leave, at any time
    hurry: float = 0.0  # callers whose deadline is a second
    restart: float = 0.0  # callers who ask for RESTART_STREAM
    deadline_s: float = 60.0
    hedge_after_s: float = 0.0
    strategy: Strategy = Strategy.ROUND_ROBIN
    attempts: int = 4
    limits: Mapping[str, Limits] = field(default_factory=dict)
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    retries: RetryRules = field(default_factory=RetryRules)
    ledger: Callable[[Clock], Ledger] = lambda _: MemoryLedger()


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller's intentions. `leaves_s` after it began, None to stay."""

    call_id: str
    starts: float
    streamed: bool
    deadline_s: float
    leaves_s: float | None
    mode: FallbackMode


@dataclass(slots=True)
class Soaked:
    """What was seen: of each attempt, in the order in which they ended, and of each call."""

    plan: Plan
    seen: list[Seen]
    ends: dict[str, str] = field(default_factory=dict)  # OK, LEFT, or the reason of the error
    rests: Counter[str] = field(default_factory=Counter)  # how often each breaker opened

    def lost(self) -> list[str]:
        """How the calls ended that failed although their callers stayed."""
        return [end for end in self.ends.values() if end not in ("OK", "LEFT")]

    def at(self, provider: str) -> list[Seen]:
        """The attempts at one provider."""
        return [one for one in self.seen if one.provider == provider]


class World:
    """Everything that stands behind one gateway."""

    def __init__(self, plan: Plan, seed: str) -> None:
        self.plan = plan
        self.clock = clock = LoopClock()
        self.vitals = Vitals(clock)
        self.breakers = Breakers(clock, plan.breaker, changed=self._changed)
        self.limiter = MemoryLimiter(plan.limits, clock)
        self.ledger = plan.ledger(clock)
        self.observer = RecordingObserver()
        self.sky = Sky(seed, clock, self.breakers)
        self.soaked = Soaked(plan, self.sky.seen)
        names = tuple(plan.weathers)
        dice = Random(f"{seed} policies")
        hardened = {
            name: harden(
                Outdoors(name, weather, self.sky),
                name=name,
                limiter=self.limiter,
                breaker=self.breakers,
                rules=plan.retries,
                vitals=self.vitals,
                clock=clock,
                chance=dice.random,
            )
            for name, weather in plan.weathers.items()
        }
        members = tuple(Member(Target(name, MODEL)) for name in names)
        group = Group(members=members, strategy=plan.strategy, hedge_after_s=plan.hedge_after_s)
        prepare = preparing(
            Routes(providers=dict.fromkeys(names, "soak"), aliases={"any": group}),
            clock,
            defaults=Defaults(
                max_attempts=plan.attempts,
                timeouts=dict.fromkeys(names, Timeouts(first_token_s=10.0, attempt_s=10.0)),
            ),
            breaker=self.breakers,
            vitals=self.vitals,
        )
        provider = unite(
            hardened, in_memory(clock), CacheMode.BYPASS, 60, clock, chance=dice.random
        )
        books = Books(self.ledger, clock, self.observer)
        self._complete = Complete(prepare, provider, books, clock)
        self._stream = StreamComplete(prepare, provider, books, clock)

    async def call(self, caller: Caller) -> None:
        """One call, from its beginning to whatever end."""
        latest = self.clock.monotonic() + caller.deadline_s + QUEUE_S
        asking = asyncio.create_task(self._ask(caller))
        if caller.leaves_s is not None:
            asyncio.get_running_loop().call_later(caller.leaves_s, asking.cancel)
        try:
            await asking
            end = "OK"
        except asyncio.CancelledError:
            end = "LEFT"
        except GatewayError as error:
            end = error.reason
        assert caller.call_id not in self.soaked.ends, "ended twice"
        self.soaked.ends[caller.call_id] = end
        # Nobody waits in a queue for a lease beyond that; grpc ends its calls by itself.
        assert self.clock.monotonic() <= latest, "late"

    def _changed(self, key: str, _: BreakerState, now: BreakerState) -> None:
        if now is BreakerState.OPEN:
            self.soaked.rests[key.removesuffix(f"/{MODEL}")] += 1

    async def _ask(self, caller: Caller) -> None:
        spec = Spec(model="any", messages=(Message(Role.USER, (Text("Hello there"),)),))
        request = ChatRequest(
            call_id=caller.call_id,
            tenant="acme",
            spec=spec,
            options=Options(
                fallback_mode=caller.mode,
                max_queue_wait_s=QUEUE_S,
            ),
            deadline=self.clock.monotonic() + caller.deadline_s,
        )
        if not caller.streamed:
            await self._complete(request)
            return
        async with aclosing(await self._stream(request)) as delivery:
            async for item in delivery:
                if isinstance(item, Ending):
                    return
        raise AssertionError("the stream ended without its end")
