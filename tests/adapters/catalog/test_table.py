"""The price table agrees with the package it is made from."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import genai_prices
import pytest
from genai_prices.data import providers
from genai_prices.types import (
    ConditionalPrice,
    ModelPrice,
    StartDateConstraint,
    TimeOfDateConstraint,
)
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.catalog.table import SOURCES, PriceTable, nanos, next_change
from hexgate.domain.price import cost
from hexgate.domain.usage import Usage

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
VENDORS = ["openai", "anthropic", "gemini", "vertex", "bedrock", "azure", "cohere"]

TABLE = PriceTable()
COUNTS = st.integers(0, 300_000)
USAGES = st.builds(
    Usage,
    uncached_input=COUNTS,
    cache_read=COUNTS,
    cache_write=COUNTS,
    cache_write_1h=COUNTS,
    output=COUNTS,
)


def names(vendor: str) -> list[str]:
    return [model.id for model in found(vendor).models]


def found(vendor: str) -> genai_prices.types.Provider:
    return next(one for one in providers if one.id == SOURCES[vendor].provider)


PRICED = [
    (vendor, name)
    for vendor in ("openai", "anthropic", "gemini", "bedrock", "cohere", "deepseek")
    for name in names(vendor)
    if (listing := TABLE.look_up(vendor, name, AT.timestamp())) and listing.price
]


@given(st.sampled_from(PRICED), USAGES)
def test_costs_what_the_package_says(model: tuple[str, str], usage: Usage) -> None:
    vendor, name = model
    listing = TABLE.look_up(vendor, name, AT.timestamp())
    assert listing is not None
    ours = cost(usage, listing.price)
    theirs = genai_prices.calc_price(
        # The package counts cached tokens within the input.
        genai_prices.Usage(
            input_tokens=usage.input,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write + usage.cache_write_1h,
            cache_write_1h_tokens=usage.cache_write_1h,
            output_tokens=usage.output,
        ),
        name,
        provider_id=SOURCES[vendor].provider,
        genai_request_timestamp=AT,
    )
    assert ours.input_nanos == round(Fraction(theirs.input_price) * 10**9)
    assert ours.output_nanos == round(Fraction(theirs.output_price) * 10**9)


def test_every_vendor_is_in_the_package() -> None:
    ids = {one.id for one in providers}
    assert {source.provider for source in SOURCES.values()} <= ids


@pytest.mark.parametrize("vendor", [name for name in SOURCES if name != "gemini"])
def test_every_model_of_a_vendor_is_found(vendor: str) -> None:
    missing = [
        name
        for name in names(vendor)
        if found(vendor).find_model(name) and not TABLE.serves(vendor, name)
    ]
    assert missing == []


def test_the_gemini_api_serves_only_what_is_googles_own() -> None:
    missing = {name for name in names("gemini") if not TABLE.serves("gemini", name)}
    assert missing
    assert all("claude" in name for name in missing)
    assert all(TABLE.serves("vertex", name) for name in missing)


@pytest.mark.parametrize("vendor", VENDORS)
def test_no_text_model_of_a_vendor_lost_its_price_to_rounding(vendor: str) -> None:
    for model in found(vendor).models:
        keys = {key for key, value in vars(model.get_prices(AT)).items() if value is not None}
        text = "input_mtok" in keys and not any(
            key.startswith("output_") and key != "output_mtok" for key in keys
        )
        listing = TABLE.look_up(vendor, model.id, AT.timestamp())
        # A model that another one of the package hides is that one.
        if listing is not None and found(vendor).find_model(model.id) is model:
            assert (listing.price is not None) == text, model.id


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("openai", "whisper-1"),  # by the minute
        ("openai", "gpt-audio"),  # what it says costs more than what it writes
        ("gemini", "gemini-2.5-flash-image"),
        ("openai", "moderation"),  # lists nothing, which need not mean free
    ],
)
def test_a_price_of_other_things_than_tokens_is_not_known(vendor: str, model: str) -> None:
    listing = TABLE.look_up(vendor, model, AT.timestamp())
    assert listing is not None
    assert listing.price is None


@pytest.mark.parametrize(
    ("vendor", "model", "apart"),
    [
        ("gemini", "gemini-2.5-flash", {"audio"}),
        ("gemini", "gemini-embedding-2", {"audio", "image", "video"}),
        ("gemini", "gemini-2.5-pro", set()),
        ("openai", "gpt-5-mini", set()),
    ],
)
def test_media_that_cost_something_else_than_text_are_told_apart(
    vendor: str, model: str, apart: set[str]
) -> None:
    listing = TABLE.look_up(vendor, model, AT.timestamp())
    assert listing is not None
    assert listing.price is not None
    assert listing.price.apart == apart


@pytest.mark.parametrize(
    ("model", "dearest"),
    [("gemini-2.5-flash", 1_000_000_000), ("gemini-embedding-2", 12_000_000_000)],
)
def test_the_dearest_rate_of_media_is_told(model: str, dearest: int) -> None:
    listing = TABLE.look_up("gemini", model, AT.timestamp())
    assert listing is not None
    assert listing.price is not None
    assert listing.price.apart_input == dearest


@pytest.mark.parametrize(("vendor", "name"), PRICED)
def test_no_price_of_media_is_lost(vendor: str, name: str) -> None:
    listing = TABLE.look_up(vendor, name, AT.timestamp())
    model = found(vendor).find_model(name)
    assert listing is not None
    assert listing.price is not None
    assert model is not None
    prices = vars(model.get_prices(AT))
    for kind in ("audio", "image", "video"):
        dearer = prices.get(f"input_{kind}_mtok") not in (None, prices["input_mtok"])
        assert not dearer or kind in listing.price.apart


def test_an_embedding_model_bills_its_input_alone() -> None:
    listing = TABLE.look_up("openai", "text-embedding-3-small", AT.timestamp())
    assert listing is not None
    bill = cost(Usage(uncached_input=1_000_000), listing.price)
    assert (bill.input_nanos, bill.output_nanos) == (20_000_000, 0)


def test_a_tier_holds_for_the_whole_request_above_its_bound() -> None:
    listing = TABLE.look_up("anthropic", "claude-sonnet-4-5", AT.timestamp())
    assert listing is not None
    at = cost(Usage(uncached_input=200_000), listing.price)
    above = cost(Usage(uncached_input=200_001), listing.price)
    # USD 3 per million up to 200 000 tokens, 6 for all of them from one more.
    assert at.input_nanos == 600_000_000
    assert above.input_nanos == 1_200_006_000


def test_every_tier_is_kept_in_rising_order() -> None:
    name = "qwen/qwen3-coder-flash"
    listing = TABLE.look_up("openrouter", name, AT.timestamp())
    assert listing is not None
    assert listing.price is not None
    bounds = [tier.above_input_tokens for tier in listing.price.tiers]
    assert bounds == [32_000, 128_000]
    for tokens in (1, 32_000, 32_001, 128_000, 128_001):
        theirs = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=tokens, output_tokens=tokens),
            name,
            provider_id="openrouter",
            genai_request_timestamp=AT,
        )
        ours = cost(Usage(uncached_input=tokens, output=tokens), listing.price)
        assert ours.input_nanos == round(Fraction(theirs.input_price) * 10**9)
        assert ours.output_nanos == round(Fraction(theirs.output_price) * 10**9)


@pytest.mark.parametrize(
    ("usd", "exact"),
    [
        ("0", 0),
        ("0.0375", 37_500_000),
        ("0.000000001", 1),
        ("2.50", 2_500_000_000),
        ("1E+3", 1_000_000_000_000),
        ("123456789012345678901234567890.000000001", 123456789012345678901234567890000000001),
    ],
)
def test_conversion_is_exact(usd: str, exact: int) -> None:
    assert nanos(Decimal(usd)) == exact


@pytest.mark.parametrize("usd", ["0.0000000001", "0.18000000000000002", "-1", "NaN", "Infinity"])
def test_conversion_refuses_what_it_would_have_to_round(usd: str) -> None:
    with pytest.raises(ValueError, match="expected 0 or more, at most 9 decimals"):
        nanos(Decimal(usd))


def test_a_price_never_changes_without_notice() -> None:
    prices = [
        ConditionalPrice(prices=ModelPrice()),
        ConditionalPrice(StartDateConstraint(AT.date() + timedelta(days=9)), prices=ModelPrice()),
        ConditionalPrice(StartDateConstraint(AT.date() + timedelta(days=5)), prices=ModelPrice()),
        ConditionalPrice(StartDateConstraint(AT.date()), prices=ModelPrice()),
    ]
    midnight = datetime(2026, 11, 25, tzinfo=UTC)
    assert next_change(prices, AT) == midnight.timestamp()
    assert next_change(prices, midnight) == datetime(2026, 11, 29, tzinfo=UTC).timestamp()
    assert next_change(prices, AT + timedelta(days=99)) == math.inf


@pytest.mark.parametrize(
    ("hour", "change"),
    [(0, AT.replace(hour=1)), (2, AT.replace(hour=22)), (23, AT.replace(day=21, hour=1))],
)
def test_an_hourly_price_changes_at_either_end(hour: int, change: datetime) -> None:
    night = TimeOfDateConstraint(time(22, tzinfo=UTC), time(1, tzinfo=UTC))
    prices = [ConditionalPrice(prices=ModelPrice()), ConditionalPrice(night, prices=ModelPrice())]
    assert next_change(prices, AT.replace(hour=hour)) == change.timestamp()
