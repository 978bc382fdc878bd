"""The catalogue of configured providers."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.catalog.compiled import Catalog, Override, configured
from hexgate.domain.catalog import ModelCard, Target
from hexgate.domain.price import Price, Rates, Tier, cost
from hexgate.domain.pricebook import ALWAYS, Dated, PriceBook
from hexgate.domain.usage import Usage
from hexgate.ports.catalog import ModelCatalog
from tests.contracts.catalog import CatalogContract

VENDORS = {"openai": "openai", "claude": "anthropic", "local": "ollama"}
NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)


def costing(*dollars: int, **more: int) -> Override:
    """So many dollars per million tokens of input and output, for ever."""
    return Override(prices=PriceBook.of(own(*dollars)), **more)


def own(input_usd: int, output_usd: int) -> Price:
    """A price of the configuration, in dollars per million tokens."""
    return configured(Rates(input=input_usd * 10**9, output=output_usd * 10**9))


class At:
    """A clock that stands where it is put."""

    def __init__(self, moment: datetime = NOVEMBER) -> None:
        self.moment = moment

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.moment.timestamp()

    def monotonic(self) -> float:
        """The same here."""
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Not at all."""
        await asyncio.sleep(0)


class TestCatalog(CatalogContract):
    known = Target("claude", "claude-opus-4-5-20251101")
    vendor = "anthropic"

    def make(self) -> ModelCatalog:
        return Catalog(VENDORS, At())


class TestCatalogOfOverrides(CatalogContract):
    known = Target("local", "llama3.2")
    vendor = "ollama"

    def make(self) -> ModelCatalog:
        return Catalog({"local": "ollama"}, At(), {"local/llama3.2": costing(0, 0)})


def price_of(catalog: Catalog, name: str) -> Price:
    price = catalog.card(Target(*name.split("/", 1))).price
    assert price is not None
    return price


def test_a_price_is_whole_nano_usd_per_million_tokens() -> None:
    card = Catalog(VENDORS, At()).card(Target("openai", "gpt-4o-mini"))
    # USD 0.15, 0.075 (cached) and 0.60 per million.
    assert card.price is not None
    assert card.price.rates == Rates(input=150_000_000, cache_read=75_000_000, output=600_000_000)
    assert card.price.tiers == ()
    assert card.price.version.startswith("genai-prices ")
    assert card.context_tokens == 128_000
    assert card.max_output_tokens == 0


def test_tiers_and_every_cache_rate_are_kept() -> None:
    price = price_of(Catalog(VENDORS, At()), "claude/claude-sonnet-4-5-20250929")
    assert price.rates == Rates(
        input=3_000_000_000,
        output=15_000_000_000,
        cache_read=300_000_000,
        cache_write=3_750_000_000,
        cache_write_1h=6_000_000_000,
    )
    (tier,) = price.tiers
    assert tier.above_input_tokens == 200_000
    assert tier.rates.input == 6_000_000_000
    assert tier.rates.output == 22_500_000_000


def test_an_invoice_of_openai_with_cached_input() -> None:
    # 1 M input tokens of which 400 000 cached, 100 000 output, at USD 2.50 / 1.25 / 10:
    #   600 000 x 2.50 = 1.50;  400 000 x 1.25 = 0.50;  100 000 x 10 = 1.00;  in all USD 3.00
    usage = Usage(uncached_input=600_000, cache_read=400_000, output=100_000)
    bill = cost(usage, price_of(Catalog(VENDORS, At()), "openai/gpt-4o"))
    assert bill.input_nanos == 2_000_000_000
    assert bill.output_nanos == 1_000_000_000
    assert not bill.unknown


def test_an_invoice_of_anthropic_with_reads_and_writes_of_both_lifetimes() -> None:
    # Opus 4.5 at USD 5 / 0.50 read / 6.25 write / 10 write of an hour / 25 output per million:
    #   1 000 x 5 = 0.005;  20 000 x 0.50 = 0.010;  4 000 x 6.25 = 0.025;  3 000 x 10 = 0.030
    #   input USD 0.070;  output 2 000 x 25 = USD 0.050
    usage = Usage(
        uncached_input=1_000,
        cache_read=20_000,
        cache_write=4_000,
        cache_write_1h=3_000,
        output=2_000,
        reasoning=500,  # within the output
    )
    bill = cost(usage, price_of(Catalog(VENDORS, At()), "claude/claude-opus-4-5"))
    assert bill.input_nanos == 70_000_000
    assert bill.output_nanos == 50_000_000


def test_a_price_changes_on_its_date_though_its_card_was_kept() -> None:
    clock = At(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    catalog = Catalog({"g": "gemini"}, clock)
    # An introductory price until the end of November: USD 2 and 10, then 4 and 20.
    assert price_of(catalog, "g/gemini-4-argon").rates.input == 2_000_000_000
    clock.moment = datetime(2026, 12, 1, tzinfo=UTC)
    assert price_of(catalog, "g/gemini-4-argon").rates.input == 4_000_000_000


def test_a_price_changes_with_the_hour_and_back() -> None:
    clock = At(datetime(2026, 11, 20, 16, 29, tzinfo=UTC))
    catalog = Catalog({"d": "deepseek"}, clock)
    # Off-peak from 16:30 to 00:30 UTC: half.
    seen = []
    for hour, minute in ((16, 29), (16, 30), (23, 59)):
        clock.moment = datetime(2026, 11, 20, hour, minute, tzinfo=UTC)
        seen.append(price_of(catalog, "d/deepseek-chat").rates.input)
    for hour, minute in ((0, 29), (0, 30)):
        clock.moment = datetime(2026, 11, 21, hour, minute, tzinfo=UTC)
        seen.append(price_of(catalog, "d/deepseek-chat").rates.input)
    peak, half = 270_000_000, 135_000_000
    assert seen == [peak, half, half, half, peak]


def test_an_override_wins_over_the_table() -> None:
    price = configured(Rates(input=37_500_000, output=150_000_000, cache_read=10_000_000))
    row = Override(prices=PriceBook.of(price), max_output_tokens=4_096)
    card = Catalog(VENDORS, At(), {"openai/gpt-4o": row}).card(Target("openai", "gpt-4o"))
    assert card == ModelCard(
        target=Target("openai", "gpt-4o"),
        context_tokens=128_000,
        max_output_tokens=4_096,
        price=price,
    )


def test_a_dated_override_holds_from_its_moment_and_the_table_before_it() -> None:
    clock = At(NOVEMBER)
    book = PriceBook((Dated(DECEMBER.timestamp(), own(7, 8)),))
    catalog = Catalog(VENDORS, clock, {"openai/gpt-4o": Override(prices=book)})
    assert price_of(catalog, "openai/gpt-4o").rates.input == 2_500_000_000
    clock.moment = DECEMBER
    assert price_of(catalog, "openai/gpt-4o") == own(7, 8)


def test_the_price_of_a_row_for_all_models_changes_on_its_day_as_well() -> None:
    clock = At(NOVEMBER)
    book = PriceBook((Dated(ALWAYS, own(1, 2)), Dated(DECEMBER.timestamp(), own(3, 4))))
    catalog = Catalog(VENDORS, clock, {"local/*": Override(prices=book)})
    assert price_of(catalog, "local/any") == own(1, 2)
    clock.moment = DECEMBER
    assert price_of(catalog, "local/any") == own(3, 4)


def test_equal_rates_have_one_version_and_their_version_names_the_configuration() -> None:
    rates = Rates(input=5, output=7, cache_read=1)
    tiers = (Tier(9, Rates(input=6, output=8)),)
    price = configured(rates, tiers)
    assert (price.rates, price.tiers) == (rates, tiers)
    assert re.fullmatch("config [0-9a-f]{8}", price.version)
    assert configured(replace(rates), tiers).version == price.version
    # Written down once: the same rates shall have the same name after an update as well.
    assert configured(Rates(input=5, output=7)).version == "config 11c2b59f"


NANOS = st.integers(0, 10**12)
RATES = st.builds(
    Rates,
    input=NANOS,
    output=NANOS,
    **{each.name: st.none() | NANOS for each in fields(Rates) if each.default is None},
)
STEPS = st.lists(st.builds(Tier, st.integers(1, 10**7), RATES), max_size=2).map(tuple)


@given(RATES, STEPS, RATES, STEPS)
def test_other_rates_have_another_version(
    one: Rates, its_tiers: tuple[Tier, ...], other: Rates, tiers: tuple[Tier, ...]
) -> None:
    same = (one, its_tiers) == (other, tiers)
    assert (configured(one, its_tiers).version == configured(other, tiers).version) == same


@pytest.mark.parametrize("name", [each.name for each in fields(Rates)])
def test_no_rate_changes_without_a_new_version(name: str) -> None:
    rates = Rates(**{each.name: 5 for each in fields(Rates)})
    raised = replace(rates, **{name: 6})
    assert configured(raised).version != configured(rates).version
    tier, higher = Tier(9, rates), Tier(9, raised)
    assert configured(rates, (higher,)).version != configured(rates, (tier,)).version
    assert configured(rates, (Tier(8, rates),)).version != configured(rates, (tier,)).version


def test_an_override_without_a_price_leaves_the_one_of_the_table() -> None:
    catalog = Catalog(VENDORS, At(), {"openai/gpt-4o": Override(context_tokens=1_000)})
    assert catalog.card(Target("openai", "gpt-4o")).context_tokens == 1_000
    assert price_of(catalog, "openai/gpt-4o").rates.input == 2_500_000_000


def test_a_row_for_all_models_fills_what_a_models_own_row_leaves_open() -> None:
    catalog = Catalog(
        VENDORS,
        At(),
        {
            "local/*": costing(0, 0, context_tokens=4_096),
            "local/qwen3:4b": Override(context_tokens=32_768),
            "local/rented": costing(1, 2),
        },
    )
    assert price_of(catalog, "local/rented").rates.input == 1_000_000_000
    assert (
        cost(Usage(uncached_input=9, output=9), price_of(catalog, "local/other")).total_nanos == 0
    )
    assert price_of(catalog, "local/qwen3:4b") == own(0, 0)
    assert catalog.card(Target("local", "other")).context_tokens == 4_096
    assert catalog.card(Target("local", "qwen3:4b")).context_tokens == 32_768


def test_free_is_known_and_unlisted_is_not() -> None:
    catalog = Catalog(VENDORS, At(), {"local/free": costing(0, 0)})
    used = Usage(uncached_input=5, output=5)
    assert not cost(used, catalog.card(Target("local", "free")).price).unknown
    assert cost(used, catalog.card(Target("local", "unlisted")).price).unknown


def test_vendors_are_the_configured_ones_that_serve_the_model() -> None:
    catalog = Catalog(VENDORS, At())
    assert catalog.vendors_of("gpt-4o") == ("openai",)
    assert catalog.vendors_of("claude-opus-4-5") == ("anthropic",)
    assert catalog.vendors_of("llama3.2") == ()
    assert Catalog({"local": "ollama"}, At()).vendors_of("gpt-4o") == ()


def test_makers_come_before_resellers_and_rows_before_both() -> None:
    vendors = {"az": "azure", "aws": "bedrock", "oai": "openai", "claude": "anthropic"}
    catalog = Catalog(vendors, At())
    assert catalog.vendors_of("gpt-4o") == ("openai", "azure")
    assert catalog.vendors_of("claude-opus-4-5") == ("anthropic", "azure", "bedrock")
    row = {"az/gpt-4o": Override(context_tokens=1)}
    assert Catalog(vendors, At(), row).vendors_of("gpt-4o") == ("azure", "openai")


def test_a_reseller_prices_the_models_of_others() -> None:
    catalog = Catalog({"az": "azure", "aws": "bedrock", "gem": "gemini"}, At())
    assert price_of(catalog, "az/gpt-4o").rates.input == 2_500_000_000
    # A regional endpoint of Bedrock costs a tenth more.
    name = "aws/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert price_of(catalog, name).rates.input == 3_300_000_000
    assert catalog.card(Target("gem", "claude-opus-4-5")).price is None


def test_no_more_cards_are_kept_than_allowed() -> None:
    catalog = Catalog(VENDORS, At(), max_models=2)
    cards = [catalog.card(Target("openai", name)) for name in ("gpt-4o", "gpt-5", "o3")]
    assert catalog.card(Target("openai", "o3")) is cards[2]
    assert catalog.card(Target("openai", "gpt-4o")) is not cards[0]
    for name in ("gpt-4o", "gpt-5", "o3"):
        catalog.vendors_of(name)
    assert (len(catalog._cards), len(catalog._serving)) == (2, 2)


@pytest.mark.parametrize("key", ["gpt-4o", "nobody/gpt-4o", "openai/"])
def test_an_override_of_no_provider_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"'{key}' names no model.*openai, claude, local"):
        Catalog(VENDORS, At(), {key: Override()})


def loaded_modules(vendor: str) -> bool:
    """Whether a fresh process that loads a catalogue of this vendor imports the price data."""
    script = (
        "import sys\n"
        "from hexgate.adapters.catalog.compiled import Catalog\n"
        "from hexgate.adapters.clock import SystemClock\n"
        "from hexgate.domain.catalog import Target\n"
        f"catalog = Catalog({{'p': {vendor!r}}}, SystemClock())\n"
        "catalog.load()\n"
        "loaded = 'genai_prices' in sys.modules\n"
        "catalog.card(Target('p', 'm')), catalog.vendors_of('m')\n"
        "assert loaded == ('genai_prices' in sys.modules)\n"
        "print(loaded)\n"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    return out.stdout == "True\n"


def test_the_price_data_is_imported_only_for_a_vendor_that_has_prices() -> None:
    assert not loaded_modules("ollama")
    assert loaded_modules("openai")
