"""Prices as users write them become the prices of the domain."""

from __future__ import annotations

import math
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from hexgate.adapters.catalog.compiled import Catalog, configured
from hexgate.domain.catalog import Target
from hexgate.domain.price import Price as DomainPrice
from hexgate.domain.price import Rates, Tier
from hexgate.entrypoints.engines import build_catalog
from hexgate.entrypoints.kinds import Simulator
from hexgate.entrypoints.prices import DatedPrice, Price, Rated
from hexgate.entrypoints.settings import Card, Models, Settings
from tests.fakes import FakeClock

IN, OUT = "input_usd_per_mtok", "output_usd_per_mtok"
PLAIN = {IN: "3", OUT: "15"}


def at(year: int, month: int, day: int) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


def catalog(clock: FakeClock, **card: Any) -> Catalog:
    """What a gateway with this card knows."""
    models = Models(cards={"sim/m": Card.model_validate(card)})
    return build_catalog(
        Settings(providers={"sim": Simulator(kind="simulator")}, models=models), clock
    )


def price_at(moment: float, **card: Any) -> DomainPrice | None:
    return catalog(FakeClock(now=moment), **card).card(Target("sim", "m")).price


def test_prices_become_integers_without_rounding() -> None:
    price = Price(
        input_usd_per_mtok=Decimal("0.0375"),
        output_usd_per_mtok=Decimal("0.000000001"),
        cache_read_usd_per_mtok=Decimal("0"),
    )
    assert price.rates() == Rates(input=37_500_000, output=1, cache_read=0)


def test_every_class_of_tokens_can_be_given_its_price() -> None:
    names = [each.name for each in fields(Rates)]
    assert [f"{name}_usd_per_mtok" for name in names] == list(Rated.model_fields)
    said = {f"{name}_usd_per_mtok": place for place, name in enumerate(names, 1)}
    assert Price.model_validate(said).rates() == Rates(
        **{name: place * 10**9 for place, name in enumerate(names, 1)}
    )


def test_a_tier_is_a_whole_price_of_its_own() -> None:
    tier = {"above_input_tokens": 200_000, IN: "6", OUT: "22.5", "audio_input_usd_per_mtok": "7"}
    price = Price.model_validate({**PLAIN, "cache_read_usd_per_mtok": "0.3", "tiers": [tier]})
    dearer = Rates(input=6 * 10**9, output=22_500_000_000, audio_input=7 * 10**9)
    assert price.steps() == (Tier(200_000, dearer),)


@pytest.mark.parametrize("bounds", [(5, 5), (6, 5), (1, 3, 2)])
def test_tiers_rise(bounds: tuple[int, ...]) -> None:
    tiers = [{"above_input_tokens": bound, **PLAIN} for bound in bounds]
    with pytest.raises(ValidationError, match="above_input_tokens rise"):
        Price.model_validate({**PLAIN, "tiers": tiers})


def test_a_tier_begins_above_some_input() -> None:
    for bound in ({}, {"above_input_tokens": 0}):
        with pytest.raises(ValidationError, match="above_input_tokens"):
            Price.model_validate({**PLAIN, "tiers": [{**bound, **PLAIN}]})


def test_a_day_begins_at_midnight_in_utc() -> None:
    dated = DatedPrice.model_validate({"from": "2026-12-01", **PLAIN})
    assert dated.since == at(2026, 12, 1)
    assert DatedPrice.model_validate(PLAIN).since == -math.inf


@pytest.mark.parametrize(
    "day", ["2026-13-01", "2026-12-1", "tomorrow", "", "1796083200", "2026-12-01T00:00:00", 7]
)
def test_what_is_no_day_is_refused(day: object) -> None:
    with pytest.raises(ValidationError, match="from"):
        DatedPrice.model_validate({"from": day, **PLAIN})


@pytest.mark.parametrize(
    "days",
    [
        ("2026-12-01", "2026-12-01"),
        ("2026-12-02", "2026-12-01"),
        (None, None),
        ("2026-12-01", None),
    ],
)
def test_days_rise_and_only_the_first_price_may_have_none(days: tuple[str | None, ...]) -> None:
    prices = [{**PLAIN, **({"from": day} if day else {})} for day in days]
    with pytest.raises(ValidationError, match="whose from rises"):
        Card.model_validate({"prices": prices})


def test_a_card_has_one_price_or_several_but_not_both() -> None:
    with pytest.raises(ValidationError, match="price or prices, not both"):
        Card.model_validate({"price": PLAIN, "prices": [PLAIN]})


def test_a_price_holds_for_ever_with_its_tiers() -> None:
    tiers = [{"above_input_tokens": 9, IN: "6", OUT: "30"}]
    whole = configured(
        Rates(input=3 * 10**9, output=15 * 10**9),
        (Tier(9, Rates(input=6 * 10**9, output=30 * 10**9)),),
    )
    for moment in (0.0, at(2026, 12, 1)):
        assert price_at(moment, price={**PLAIN, "tiers": tiers}) == whole


def test_dated_prices_follow_one_another() -> None:
    prices = [PLAIN, {"from": "2026-12-01", IN: "4", OUT: "20"}]
    first = configured(Rates(input=3 * 10**9, output=15 * 10**9))
    then = configured(Rates(input=4 * 10**9, output=20 * 10**9))
    assert price_at(at(2026, 12, 1) - 1, prices=prices) == first
    assert price_at(at(2026, 12, 1), prices=prices) == then


def test_before_the_first_day_the_gateways_own_price_counts() -> None:
    prices = [{"from": "2026-12-01", **PLAIN}]
    own = price_at(0.0)
    assert own is not None
    assert price_at(at(2026, 12, 1) - 1, prices=prices) == own
    assert price_at(at(2026, 12, 1), prices=prices) != own


def test_a_running_gateway_changes_its_price_at_midnight() -> None:
    clock = FakeClock(now=at(2026, 11, 30))
    prices = [PLAIN, {"from": "2026-12-01", IN: "4", OUT: "20"}]
    running = catalog(clock, prices=prices)
    seen = []
    for _ in range(3):
        price = running.card(Target("sim", "m")).price
        assert price is not None
        seen.append(price.rates.input)
        clock.advance(86_399 if len(seen) == 1 else 1)
    assert seen == [3 * 10**9, 3 * 10**9, 4 * 10**9]
