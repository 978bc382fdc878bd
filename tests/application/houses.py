"""A router over three providers, and short ways to say what it knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from hexgate.adapters.breaker.pybreaker import Breakers
from hexgate.application.defaults import Defaults
from hexgate.application.prepare import Prepare
from hexgate.application.vitals import Vitals
from hexgate.domain.balance import Group, Member, Strategy
from hexgate.domain.call import ChatCall
from hexgate.domain.catalog import ModelCard, Target
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import (
    NoEligibleTarget,
)
from hexgate.domain.fallback import Rule
from hexgate.domain.price import Price, Rates
from hexgate.domain.routing import Routes
from tests.application.desk import Desk, preparing
from tests.fakes import FakeClock, FakeProvider

DESK = Desk(FakeProvider())


class Shop:
    """Models called by their price in dollars per million tokens; their quality is the same."""

    def card(self, target: Target) -> ModelCard:
        if not target.model.isdecimal():
            return ModelCard(target=target)
        rate = int(target.model) * 10**9
        price = Price(rates=Rates(input=rate, output=rate), version="test")
        return ModelCard(target=target, price=price, quality=int(target.model))

    def vendors_of(self, model: str) -> tuple[str, ...]:
        return ("known",) if model == "shared" else ()


def targets(text: str) -> tuple[Target, ...]:
    """`a/x b/y` as targets."""
    return tuple(Target(*name.split("/")) for name in text.split())


def group(text: str, strategy: Strategy = Strategy.ORDER, hedge_after_s: float = 0.0) -> Group:
    """`a/x=2 b/y` as members, with weights where they are given."""
    members = []
    for name in text.split():
        target, _, weight = name.partition("=")
        members.append(Member(targets(target)[0], float(weight or 1)))
    return Group(members=tuple(members), strategy=strategy, hedge_after_s=hedge_after_s)


def rule(to: str, *on: Condition, of: str = "") -> Rule:
    """A rule."""
    return Rule(on=frozenset(on), to=targets(to), of=of)


class House:
    """A router over three providers."""

    def __init__(
        self,
        aliases: Mapping[str, Group] | None = None,
        *,
        defaults: Defaults | None = None,
        chance: float = 0.0,
        **fields: Any,
    ) -> None:
        self.clock = FakeClock()
        self.breaker = Breakers(self.clock)
        self.vitals = Vitals(self.clock)
        providers = {"a": "known", "b": "known", "c": "other"}
        self.prepare: Prepare = preparing(
            Routes(providers=providers, aliases=aliases or {}, **fields),
            self.clock,
            catalog=Shop(),
            defaults=defaults,
            breaker=self.breaker,
            vitals=self.vitals,
            chance=chance,
        )

    def call(self, model: str, **options: Any) -> ChatCall:
        """The call for a short text to this model, with these options."""
        return self.prepare.chat(DESK.request(model=model, **options))

    def order(self, model: str, **options: Any) -> str:
        """Its targets in order, as one text."""
        hops = self.call(model, **options).hops
        return " ".join(f"{hop.provider}/{hop.model}" for hop in hops)

    def firsts(self, model: str, count: int, **options: Any) -> Counter[str]:
        """Where so many calls begin."""
        return Counter(self.order(model, **options).split()[0] for _ in range(count))

    def refusal(self, model: str, **options: Any) -> NoEligibleTarget:
        """Why it may go nowhere."""
        with pytest.raises(NoEligibleTarget) as caught:
            self.call(model, **options)
        return caught.value


def turned(strategy: Strategy, **fields: Any) -> House:
    """A house with one group of three, `g`."""
    return House({"g": group("a/1 b/2 c/3", strategy)}, **fields)
