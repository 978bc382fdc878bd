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
from hexgate.domain.price import Price, cost
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
    audio_input=COUNTS,
    audio_cache_read=COUNTS,
    image_input=COUNTS,
    output=COUNTS,
    audio_output=COUNTS,
)


def names(vendor: str) -> list[str]:
    return [model.id for model in found(vendor).models]


def found(vendor: str) -> genai_prices.types.Provider:
    return next(one for one in providers if one.id == SOURCES[vendor].provider)


def priced(vendor: str, name: str) -> Price:
    listing = TABLE.look_up(vendor, name, AT.timestamp())
    assert listing is not None
    assert listing.price is not None
    return listing.price


PRICED = [
    (vendor, name)
    for vendor in ("openai", "anthropic", "gemini", "bedrock", "cohere", "deepseek")
    for name in names(vendor)
    if (listing := TABLE.look_up(vendor, name, AT.timestamp())) and listing.price
]


# Few models have these, so that they would seldom be drawn.
MEDIA = [(vendor, name) for vendor, name in PRICED if priced(vendor, name).kinds(0)]


@given(st.sampled_from(PRICED) | st.sampled_from(MEDIA), USAGES)
def test_costs_what_the_package_says(model: tuple[str, str], usage: Usage) -> None:
    vendor, name = model
    listing = TABLE.look_up(vendor, name, AT.timestamp())
    assert listing is not None
    ours = cost(usage, listing.price)
    theirs = genai_prices.calc_price(
        # The package counts media and cached tokens within the input, and cached audio in both.
        genai_prices.Usage(
            input_tokens=usage.input,
            cache_read_tokens=usage.cache_read + usage.audio_cache_read,
            cache_write_tokens=usage.cache_write + usage.cache_write_1h,
            cache_write_1h_tokens=usage.cache_write_1h,
            input_audio_tokens=usage.audio_input + usage.audio_cache_read,
            cache_audio_read_tokens=usage.audio_cache_read,
            input_image_tokens=usage.image_input,
            output_tokens=usage.written,
            output_audio_tokens=usage.audio_output,
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
            key.startswith(("output_image", "output_video", "cache_image")) for key in keys
        )
        listing = TABLE.look_up(vendor, model.id, AT.timestamp())
        # A model that another one of the package hides is that one.
        if listing is not None and found(vendor).find_model(model.id) is model:
            assert (listing.price is not None) == text, model.id


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("openai", "whisper-1"),  # by the minute
        ("openai", "gpt-image-2"),  # images from the cache cost something else than text from it
        ("gemini", "gemini-2.5-flash-image"),  # so do images made
        ("openai", "moderation"),  # lists nothing, which need not mean free
    ],
)
def test_a_price_of_other_things_than_tokens_is_not_known(vendor: str, model: str) -> None:
    listing = TABLE.look_up(vendor, model, AT.timestamp())
    assert listing is not None
    assert listing.price is None


@pytest.mark.parametrize(
    ("vendor", "model", "kinds"),
    [
        ("gemini", "gemini-2.5-flash", {"audio"}),
        ("gemini", "gemini-embedding-2", {"audio", "image", "video"}),
        ("gemini", "gemini-2.5-pro", set()),
        ("openai", "gpt-audio", {"audio"}),
        ("openai", "gpt-5-mini", set()),
    ],
)
def test_media_that_cost_something_else_than_text_are_told_apart(
    vendor: str, model: str, kinds: set[str]
) -> None:
    assert priced(vendor, model).kinds(1_000) == kinds


def test_media_have_rates_of_their_own() -> None:
    # USD per million tokens: 0.30 text, 0.03 cached, 1 audio, 0.10 cached audio.
    flash = priced("gemini", "gemini-2.5-flash").rates
    assert (flash.input, flash.cache_read) == (300_000_000, 30_000_000)
    assert (flash.audio_input, flash.audio_cache_read) == (1_000_000_000, 100_000_000)
    # 0.20 text, 0.45 images, 6.50 audio.
    embedding = priced("gemini", "gemini-embedding-2").rates
    assert (embedding.image_input, embedding.audio_input) == (450_000_000, 6_500_000_000)
    # 10 in writing, 64 spoken.
    audio = priced("openai", "gpt-audio").rates
    assert (audio.output, audio.audio_output) == (10_000_000_000, 64_000_000_000)


def test_only_what_usage_never_tells_stays_apart_with_its_rate() -> None:
    embedding = priced("gemini", "gemini-embedding-2")
    assert embedding.apart == {"video"}
    assert embedding.apart_input == 12_000_000_000
    flash = priced("gemini", "gemini-2.5-flash")
    assert not flash.apart
    assert flash.apart_input == 0


@pytest.mark.parametrize(("vendor", "name"), PRICED)
def test_no_price_of_media_is_lost(vendor: str, name: str) -> None:
    model = found(vendor).find_model(name)
    assert model is not None
    prices = vars(model.get_prices(AT))
    for kind in ("audio", "image", "video"):
        dearer = prices.get(f"input_{kind}_mtok") not in (None, prices["input_mtok"])
        assert dearer == (kind in priced(vendor, name).kinds(0))


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
