"""What a request would cost is what the ledger would hold for it, by the same code."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.cache.memory import in_memory
from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.application.books import Books
from hexgate.application.budgets import NO_BUDGETS, Budgets
from hexgate.application.complete import Complete
from hexgate.application.defaults import Defaults
from hexgate.application.estimate import EstimateCost
from hexgate.application.following import nobody
from hexgate.application.pipeline import unite
from hexgate.application.policies.hold import Held
from hexgate.application.policies.record import Recorded
from hexgate.application.requests import ChatRequest
from hexgate.application.vitals import Vitals
from hexgate.domain.answer import Finish, Finished, PartFinished, TextDelta
from hexgate.domain.balance import Group, Strategy
from hexgate.domain.budget import Budget, Window
from hexgate.domain.call import CacheMode
from hexgate.domain.catalog import ModelCard, Target
from hexgate.domain.chat import Inline, Link, Media, Message, Part, Role, Text
from hexgate.domain.errors import NoEligibleTarget, UnknownModel
from hexgate.domain.price import Cost, Price, Rates, Tier
from hexgate.domain.routing import Routes
from hexgate.domain.spec import Params, Spec, Tool
from hexgate.domain.usage import Usage
from tests.application.desk import PRICE, Desk, preparing
from tests.application.houses import group
from tests.fakes import FakeClock, FakeProvider, RecordingObserver, Script

DESK = Desk(FakeProvider())
IMAGE = Media("image/png", Inline(b"png"))


@dataclass(frozen=True)
class Shop:
    """Models by name; others are of unknown price."""

    cards: Mapping[str, ModelCard]

    def card(self, target: Target) -> ModelCard:
        """See ModelCatalog."""
        return self.cards.get(target.model) or ModelCard(target=target)

    def vendors_of(self, model: str) -> tuple[str, ...]:
        """See ModelCatalog."""
        return ()


class Counter:
    """Where one may ask for a price, and then buy."""

    def __init__(
        self,
        cards: Mapping[str, ModelCard] | None = None,
        aliases: Mapping[str, Group] | None = None,
        defaults: Defaults | None = None,
        budgets: Budgets = NO_BUDGETS,
    ) -> None:
        self.clock, self.ledger = FakeClock(), MemoryLedger()
        m = ModelCard(target=Target("fake", "m"), max_output_tokens=50, price=PRICE)
        self._prepare = preparing(
            Routes(providers={"fake": "fake"}, aliases=aliases or {}),
            self.clock,
            catalog=Shop(cards or {"m": m}),
            defaults=defaults,
            budgets=budgets,
        )
        self.estimate = EstimateCost(self._prepare)

    async def buy(self, request: ChatRequest, usage: Usage) -> tuple[int, int]:
        """What was held and what was charged for a call that used this."""
        end = Finished(finish=Finish.STOP, usage=usage, model="m")
        leaf = FakeProvider(Script((TextDelta(0, "Hi"), PartFinished(0, Text("Hi")), end)))
        held = Held(Recorded(leaf, "fake", Vitals(self.clock), self.clock), self.ledger)
        provider = unite({"fake": held}, in_memory(self.clock), CacheMode.BYPASS, 60, self.clock)
        books = Books(self.ledger, self.clock, RecordingObserver())
        await Complete(self._prepare, provider, books, self.clock, nobody)(request)
        entry = await self.ledger.get(request.call_id)
        assert entry is not None
        assert entry.settlement is not None
        return entry.intent.hold_nanos, entry.settlement.cost.total_nanos


def asked(
    text: str = "Hello there", *parts: Part, model: str = "fake/m", **more: Any
) -> ChatRequest:
    """One request; `tools` and any option may be given."""
    request = DESK.request(text, model=model, params=more.pop("params", Params()))
    tools = more.pop("tools", ())
    spec = replace(request.spec, messages=(Message(Role.USER, (Text(text), *parts)),), tools=tools)
    return replace(request, spec=spec, options=replace(request.options, **more))


def test_an_estimate_reaches_from_the_likely_input_to_the_most_that_is_held() -> None:
    found = Counter().estimate(asked())
    # Likely 4 for the message and 3 for 11 letters; at the most 16 and 11; 50 tokens of answer.
    assert (found.tokens.likely, found.fewest, found.most) == (7, 1, 50)
    assert (found.low.input_nanos, found.low.output_nanos) == (7 * 1000, 1 * 2000)
    assert (found.high.input_nanos, found.high.output_nanos) == (27 * 1000, 50 * 2000)
    assert found.low.estimated
    assert found.high.estimated
    assert found.confidence == pytest.approx(0.8)
    assert (found.hop.provider, found.hop.model) == ("fake", "m")


def test_media_make_an_estimate_less_sure() -> None:
    counter = Counter()
    assert counter.estimate(asked("x" * 4000, IMAGE)).confidence == pytest.approx(0.6, abs=0.01)
    assert counter.estimate(asked("", IMAGE)).confidence == pytest.approx(0.4, abs=0.01)


def test_an_unknown_price_is_said_to_be_unknown_and_nothing_to_rely_on() -> None:
    found = Counter().estimate(asked(model="fake/strange"))
    assert (found.low.unknown, found.high.unknown) == (True, True)
    assert found.confidence == 0
    assert found.tokens.likely == 7


def test_an_unknown_price_has_no_amounts_even_where_others_may_take_over() -> None:
    counter = Counter(CARDS, {"new": group("fake/strange fake/dear")})
    found = counter.estimate(asked(model="new"))
    assert found.low == found.high == Cost(estimated=True, unknown=True)


def test_a_budget_or_a_bound_does_not_keep_an_unknown_price_from_being_told() -> None:
    strict = Budgets([Budget(name="all", limit_nanos=1, window=Window.TOTAL)])
    for counter in (Counter(budgets=strict), Counter(defaults=Defaults(max_cost_nanos=1))):
        assert counter.estimate(asked(model="fake/strange")).high.unknown


@pytest.mark.parametrize("bound", [{"max_cost_nanos": 1}, {}])
def test_a_bound_that_is_exceeded_does_not_keep_the_cost_from_being_told(bound: Any) -> None:
    defaults = Defaults(max_cost_nanos=None if bound else 1)
    assert Counter(defaults=defaults).estimate(asked(**bound)).high.total_nanos == 127_000


def test_the_default_model_is_estimated_where_none_is_named() -> None:
    counter = Counter(defaults=Defaults(model="fake/m"))
    assert counter.estimate(asked(model="")).hop.model == "m"


def test_nowhere_to_go_is_the_error_of_the_call() -> None:
    counter = Counter()
    with pytest.raises(NoEligibleTarget, match="denied_providers"):
        counter.estimate(asked(denied_providers=("fake",)))
    with pytest.raises(UnknownModel):
        counter.estimate(asked(model="nobody/m"))


def card(model: str, rate: int, **more: Any) -> ModelCard:
    """A model at so many nano-USD a token, in and out."""
    price = Price(rates=Rates(input=rate * 10**6, output=rate * 10**6), version="test")
    return ModelCard(target=Target("fake", model), price=price, max_output_tokens=50, **more)


CARDS = {"cheap": card("cheap", 1), "dear": card("dear", 10)}


def test_of_several_targets_the_first_is_told_and_the_dearest_held() -> None:
    counter = Counter(CARDS, {"fast": group("fake/cheap fake/dear")})
    found = counter.estimate(asked(model="fast"))
    assert found.hop.model == "cheap"
    assert found.low.total_nanos == 8
    assert found.high.total_nanos == (27 + 50) * 10


def test_two_attempts_side_by_side_are_held_for_together() -> None:
    counter = Counter(CARDS, {"fast": group("fake/cheap fake/dear", hedge_after_s=1)})
    assert counter.estimate(asked(model="fast")).high.total_nanos == 2 * (27 + 50) * 10


def test_targets_beyond_the_bound_are_left_out_while_others_are_within() -> None:
    counter = Counter(CARDS, {"best": group("fake/dear fake/cheap")})
    found = counter.estimate(asked(model="best", max_cost_nanos=100))
    assert (found.hop.model, found.high.total_nanos) == ("cheap", 77)


def test_no_input_is_larger_than_the_context() -> None:
    small = {"small": card("small", 1, context_tokens=100)}
    found = Counter(small).estimate(asked("x" * 4000, model="fake/small"))
    assert found.high.total_nanos == 100 + 50
    assert found.low.total_nanos == 100 + 1
    assert found.low.total_nanos <= found.high.total_nanos


def test_asking_takes_no_turns_and_leaves_nothing_behind() -> None:
    turns = group("fake/cheap fake/dear", Strategy.ROUND_ROBIN)
    counter = Counter(CARDS, {"fast": turns})
    assert counter.estimate(asked(model="fast")) == counter.estimate(asked(model="fast"))
    assert asyncio.run(counter.ledger.get("c1")) is None


RATE = st.integers(0, 5 * 10**9)


@st.composite
def rates(draw: st.DrawFn) -> Rates:
    """Rates of which no other kind of input is dearer than plain input, but for media."""
    plain = draw(RATE)
    return Rates(
        input=plain,
        output=draw(RATE),
        cache_read=draw(st.none() | st.integers(0, plain)),
        audio_input=draw(st.none() | RATE),
        image_input=draw(st.none() | RATE),
        audio_output=draw(st.none() | RATE),
    )


TIERS = st.lists(st.integers(1, 8000), max_size=3, unique=True).flatmap(
    lambda bounds: st.tuples(*(st.builds(Tier, st.just(b), rates()) for b in sorted(bounds)))
)
PRICES = st.builds(Price, rates=rates(), tiers=TIERS, version=st.just("test"))
PARTS = st.lists(
    st.builds(Text, st.text(max_size=200))
    | st.just(IMAGE)
    | st.just(Media("application/pdf", Inline(b"%PDF")))
    | st.just(Media("image/png", Link("https://files.test/a.png"))),
    min_size=1,
    max_size=4,
)
TOOLS = st.lists(st.just(Tool("find", "Finds things.", '{"type": "object"}')), max_size=1)


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    """What may be asked of `g`."""
    spec = Spec(
        model="g",
        messages=(Message(Role.USER, tuple(draw(PARTS))),),
        tools=tuple(draw(TOOLS)),
        params=Params(max_output_tokens=draw(st.none() | st.integers(1, 5000))),
    )
    hedged = draw(st.none() | st.just(1.0))
    request = DESK.request()
    return replace(request, spec=spec, options=replace(request.options, hedge_after_s=hedged))


@given(
    request=requests(),
    prices=st.lists(PRICES, min_size=1, max_size=3),
    context=st.sampled_from([0, 50, 5000]),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
)
def test_no_call_is_charged_more_than_was_estimated_and_held(
    request: ChatRequest,
    prices: list[Price],
    context: int,
    shares: tuple[float, float, float],
) -> None:
    cards = {
        f"m{place}": ModelCard(
            target=Target("fake", f"m{place}"),
            price=price,
            context_tokens=context,
            max_output_tokens=1000 if place else 0,
        )
        for place, price in enumerate(prices)
    }
    counter = Counter(cards, {"g": group(" ".join(f"fake/{name}" for name in cards))})
    found = counter.estimate(request)
    read, cached, written = shares
    total = int(found.hop.reads(found.tokens.most) * read)
    usage = Usage(
        uncached_input=total - int(total * cached),
        cache_read=int(total * cached),
        output=int(found.most * written),
    )
    hold, charged = asyncio.run(counter.buy(request, usage))
    assert found.low.total_nanos <= found.high.total_nanos
    assert charged <= found.high.total_nanos
    assert hold == found.high.total_nanos
