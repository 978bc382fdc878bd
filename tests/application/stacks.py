"""Providers with policies around them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

from hexgate.adapters.breaker.pybreaker import Breakers
from hexgate.adapters.cache.memory import in_memory
from hexgate.adapters.clock import SystemClock
from hexgate.adapters.limiter.memory import Limits, MemoryLimiter
from hexgate.application.pipeline import harden, unite
from hexgate.application.policies.cache import Cached
from hexgate.application.policies.retry import RetryRules
from hexgate.application.vitals import Vitals
from hexgate.domain.answer import Chunk
from hexgate.domain.call import CacheMode, ChatCall, EmbedCall, Hop, Options
from hexgate.domain.chat import Message, Role, Text
from hexgate.domain.errors import (
    BadResponse,
    GatewayError,
    InvalidRequest,
)
from hexgate.domain.spec import Spec
from hexgate.ports.clock import Clock
from hexgate.ports.ledger import Ledger
from hexgate.ports.provider import Provider
from tests.contracts.provider import ProviderContract
from tests.fakes import FakeClock, FakeProvider, Script, call, embed_call, script

RULES = RetryRules(attempts=3)


ONCE = RetryRules(attempts=1)


CUT = Script(script("one two three").chunks[:2], BadResponse("no terminal marker"))


def hops(*names: str) -> tuple[Hop, ...]:
    """Targets written as provider/model."""
    pairs = (name.split("/") for name in names)
    return tuple(Hop(provider=p, model=m, max_output_tokens=100) for p, m in pairs)


def aimed(*names: str, **overrides: Any) -> ChatCall:
    """A call with these hops."""
    chosen = hops(*(names or ("fake/m",)))
    return call(hops=chosen, model=chosen[0].model, **overrides)


def hardened(
    leaf: Provider,
    clock: Clock,
    *,
    name: str = "fake",
    limits: Limits | None = None,
    breaker: Breakers | None = None,
    rules: RetryRules = RULES,
    ledger: Ledger | None = None,
) -> Provider:
    """A leaf with every policy on."""
    return harden(
        leaf,
        name=name,
        limiter=MemoryLimiter({name: limits} if limits else {}, clock),
        breaker=breaker or Breakers(clock),
        rules=rules,
        vitals=Vitals(clock),
        clock=clock,
        ledger=ledger,
        chance=lambda: 0.0,
    )


def cached(leaf: Provider) -> Cached:
    """A leaf without policies behind a cache."""
    clock = FakeClock()
    return unite({"fake": leaf}, in_memory(clock), CacheMode.READ_WRITE, 60, clock)


class HardenedContract(ProviderContract):
    """The suite over a stack; subclasses say which."""

    fake: FakeProvider

    def stack(self, leaf: FakeProvider) -> Provider:
        self.fake = leaf
        return hardened(leaf, SystemClock(), limits=Limits(concurrency=1))

    def make(self) -> Provider:
        return self.stack(FakeProvider("one two three"))

    def failing(self) -> Provider:
        return self.stack(FakeProvider(InvalidRequest("no")))

    def truncated(self) -> Provider:
        return self.stack(FakeProvider(CUT))

    def stalled(self) -> Provider:
        return self.stack(FakeProvider(gate=asyncio.Event()))

    async def until_stalled(self) -> None:
        await self.fake.entered.wait()

    async def released(self) -> None:
        assert self.fake.opened == self.fake.closed

    def call(self) -> ChatCall:
        return aimed()

    def embed_call(self, *texts: str) -> EmbedCall:
        return embed_call(*texts, hops=hops("fake/m"))


async def drain(provider: Provider, asked: ChatCall) -> list[Chunk]:
    """Read one stream whole."""
    async with aclosing(await provider.open(asked)) as stream:
        return [chunk async for chunk in stream]


async def passing(clock: FakeClock) -> None:
    """Let time pass whenever everybody sleeps."""
    while True:
        await clock.until_sleeping(1)
        clock.advance(60)
        await asyncio.sleep(0)


async def settled(clock: FakeClock, provider: Provider, asked: ChatCall) -> object:
    """The answer or the error, with time flying."""
    flying = asyncio.create_task(passing(clock))
    try:
        return await provider.complete(asked)
    except GatewayError as error:
        return error
    finally:
        flying.cancel()


def said(text: str, **options: Any) -> ChatCall:
    """A call that says this."""
    spec = Spec(model="m", messages=(Message(Role.USER, (Text(text),)),))
    return aimed(spec=spec, options=Options(**options))
