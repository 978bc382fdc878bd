"""The use cases over one fake provider."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from hexgate.adapters.breaker.pybreaker import Breakers
from hexgate.adapters.cache.memory import in_memory
from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.application.books import Books
from hexgate.application.budgets import NO_BUDGETS, Budgets
from hexgate.application.complete import Complete
from hexgate.application.defaults import Defaults
from hexgate.application.embed import Embed
from hexgate.application.following import Follow, nobody
from hexgate.application.pipeline import unite
from hexgate.application.policies.hold import Held
from hexgate.application.policies.record import Recorded
from hexgate.application.prepare import Prepare
from hexgate.application.requests import ChatRequest, EmbedRequest
from hexgate.application.router import Router
from hexgate.application.screen import Screen
from hexgate.application.stream import Ending, StreamComplete
from hexgate.application.vitals import Vitals
from hexgate.domain.answer import Chunk
from hexgate.domain.budget import Balance, Budget, Charge
from hexgate.domain.call import CacheMode, Options
from hexgate.domain.catalog import ModelCard, Target
from hexgate.domain.chat import Message, Role, Text
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.errors import (
    StoreUnavailable,
)
from hexgate.domain.ledger import Entry, Intent, Settlement
from hexgate.domain.price import Price, Rates
from hexgate.domain.routing import Routes
from hexgate.domain.spec import Params, Spec
from hexgate.ports.breaker import Breaker
from hexgate.ports.catalog import ModelCatalog
from hexgate.ports.clock import Clock
from hexgate.ports.interactions import Interactions
from hexgate.ports.store import Store
from tests.fakes import FakeClock, FakeProvider, RecordingObserver

# A dollar per million tokens in, two out: 1,000 and 2,000 nano-USD a token.
PRICE = Price(rates=Rates(input=10**9, output=2 * 10**9), version="test")

# The same for text; audio is five times as dear in the input, and four times in the output.
LISTENS = replace(PRICE, rates=replace(PRICE.rates, audio_input=5 * 10**9, audio_output=8 * 10**9))

# A tenth of it.
CHEAP = Price(rates=Rates(input=10**8, output=2 * 10**8), version="test")

# The same without a cache; writing it for five minutes is twice as dear, for an hour three times.
REMEMBERS = replace(
    PRICE, rates=replace(PRICE.rates, cache_write=2 * 10**9, cache_write_1h=3 * 10**9)
)


class Catalog:
    """Priced models, of which one has another price for audio, one takes more for writing its
    cache, one is cheap, and one is without a price.
    """

    def card(self, target: Target) -> ModelCard:
        if target.model == "free":
            return ModelCard(target=target)
        if target.model == "remembers":
            return ModelCard(target=target, price=REMEMBERS)
        if target.model == "listens":
            return ModelCard(target=target, price=LISTENS)
        price = CHEAP if target.model == "cheap" else PRICE
        return ModelCard(target=target, max_output_tokens=50, price=price)

    def vendors_of(self, model: str) -> tuple[str, ...]:
        return ()


def preparing(
    routes: Routes,
    clock: Clock,
    *,
    catalog: ModelCatalog | None = None,
    defaults: Defaults | None = None,
    breaker: Breaker | None = None,
    vitals: Vitals | None = None,
    budgets: Budgets = NO_BUDGETS,
    chance: float = 0.0,
) -> Prepare:
    """From requests to calls, over these routes; turns begin where `chance` says."""
    defaults, vitals = defaults or Defaults(), vitals or Vitals(clock)
    router = Router(
        routes,
        catalog or Catalog(),
        Screen(vitals, defaults, budgets),
        breaker or Breakers(clock),
        vitals,
        clock,
        lambda: chance,
    )
    return Prepare(router, clock, defaults)


class BrokenLedger(MemoryLedger):
    """Cannot be written."""

    async def begin(self, intent: Intent, charges: Sequence[Charge] = ()) -> None:
        raise StoreUnavailable("the ledger cannot be written", metadata={"store": "ledger"})


class SlowLedger(MemoryLedger):
    """Writes at once and tells only later, as a ledger with a disk does."""

    def __init__(self) -> None:
        super().__init__()
        self.wrote = asyncio.Event()
        self.told = asyncio.Event()

    async def begin(self, intent: Intent, charges: Sequence[Charge] = ()) -> None:
        await super().begin(intent, charges)
        self.wrote.set()
        await self.told.wait()


class FullLedger(MemoryLedger):
    """Has no room for outcomes."""

    async def settle(self, settlement: Settlement) -> bool:
        raise StoreUnavailable("the ledger cannot be written", metadata={"store": "ledger"})


class Desk:
    """The use cases over one fake provider."""

    def __init__(
        self,
        leaf: FakeProvider,
        ledger: Store | None = None,
        defaults: Defaults | None = None,
        mode: CacheMode = CacheMode.BYPASS,
        interactions: Interactions | None = None,
        budgets: Iterable[Budget] = (),
    ) -> None:
        self.clock = FakeClock()
        self.leaf = leaf
        self.ledger: Store = ledger or MemoryLedger()
        self.cache = in_memory(self.clock)
        self.observer = RecordingObserver()
        routes = Routes(providers={"fake": "fake", "other": "fake"})
        known = Budgets(budgets)
        prepare = preparing(routes, self.clock, defaults=defaults, budgets=known)
        recorded = Recorded(leaf, "fake", Vitals(self.clock), self.clock)
        held = Held(recorded, self.ledger)
        provider = unite({"fake": held}, self.cache, mode, 60, self.clock)
        books = Books(self.ledger, self.clock, self.observer, known, prepare.cheaper)
        follow = nobody if interactions is None else Follow(interactions, self.clock)
        self.complete = Complete(prepare, provider, books, self.clock, follow)
        self.stream = StreamComplete(prepare, provider, books, self.clock, follow)
        self.embed = Embed(prepare, provider, books, follow)

    def request(self, text: str = "Hello there", **fields: Any) -> ChatRequest:
        """One request; `call_id`, `model`, `params` and any option may be given."""
        spec = Spec(
            model=str(fields.pop("model", "fake/m")),
            messages=(Message(Role.USER, (Text(text),)),),
            params=fields.pop("params", Params()),
        )
        return ChatRequest(
            call_id=str(fields.pop("call_id", "c1")),
            tenant="acme",
            spec=spec,
            options=Options(**fields),
            deadline=self.clock.monotonic() + 60,
        )

    def embed_request(self, *texts: str, **fields: Any) -> EmbedRequest:
        """One request for embeddings; `call_id`, `model` and any option may be given."""
        inputs = tuple((Text(text),) for text in texts or ("Hello there",))
        return EmbedRequest(
            call_id=str(fields.pop("call_id", "c1")),
            tenant="acme",
            spec=EmbedSpec(model=str(fields.pop("model", "fake/m")), inputs=inputs),
            options=Options(**fields),
            deadline=self.clock.monotonic() + 60,
        )

    async def balance(self) -> Balance:
        """The only account of the ledger."""
        (found,) = await self.ledger.balances("", "", 2)
        return found

    async def entry(self, call_id: str = "c1") -> Entry:
        """One row of the ledger."""
        entry = await self.ledger.get(call_id)
        assert entry is not None
        return entry

    async def settlement(self) -> Settlement:
        """Its settlement, which the observer was told as well."""
        settlement = (await self.entry()).settlement
        assert settlement is not None
        assert self.observer.settlements == [settlement]
        return settlement


async def read(desk: Desk, request: ChatRequest) -> list[Chunk | Ending]:
    """One stream, whole."""
    items: list[Chunk | Ending] = []
    async with aclosing(await desk.stream(request)) as delivery:
        async for item in delivery:
            items.append(item)
            if isinstance(item, Ending):
                break
    return items


async def ask(desk: Desk, way: str, **fields: Any) -> Any:
    """One call, in this way, to its end: `complete`, `stream` or `embed`."""
    if way == "embed":
        return await desk.embed(desk.embed_request(**fields))
    request = desk.request(**fields)
    return await (read(desk, request) if way == "stream" else desk.complete(request))
