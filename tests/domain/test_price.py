"""Money: exact until it is rounded once per component."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.domain.price import Cost, Price, Rates, Tier, cost
from hexgate.domain.usage import Usage

COUNTS = st.integers(0, 10**7)
NANOS = st.integers(0, 10**12)
RATES = st.builds(
    Rates,
    input=NANOS,
    output=NANOS,
    cache_read=st.none() | NANOS,
    cache_write=st.none() | NANOS,
    cache_write_1h=st.none() | NANOS,
)
USAGES = st.builds(
    Usage,
    uncached_input=COUNTS,
    cache_read=COUNTS,
    cache_write=COUNTS,
    cache_write_1h=COUNTS,
    output=COUNTS,
    reasoning=COUNTS,
    estimated=st.booleans(),
)
TIERS = st.lists(st.builds(Tier, st.integers(0, 10**7), RATES), max_size=3).map(
    lambda tiers: tuple(sorted(tiers, key=lambda tier: tier.above_input_tokens))
)
PRICES = st.builds(Price, rates=RATES, tiers=TIERS, version=st.just("v"))


def usd_per_million(amount: str) -> int:
    """Nano-USD per million tokens."""
    nanos = Fraction(amount) * 10**9
    assert nanos.denominator == 1
    return int(nanos)


def flat(rates: Rates) -> Price:
    return Price(rates=rates, version="v")


@given(USAGES, RATES)
def test_each_component_is_the_exact_sum_rounded_once_half_to_even(
    usage: Usage, rates: Rates
) -> None:
    read = rates.input if rates.cache_read is None else rates.cache_read
    write = rates.input if rates.cache_write is None else rates.cache_write
    write_1h = write if rates.cache_write_1h is None else rates.cache_write_1h
    exact = (
        Fraction(usage.uncached_input * rates.input, 10**6)
        + Fraction(usage.cache_read * read, 10**6)
        + Fraction(usage.cache_write * write, 10**6)
        + Fraction(usage.cache_write_1h * write_1h, 10**6)
    )
    bill = cost(usage, flat(rates))
    # Python rounds a Fraction half to even, and exactly.
    assert bill.input_nanos == round(exact)
    assert bill.output_nanos == round(Fraction(usage.output * rates.output, 10**6))
    assert bill.wasted_nanos == 0


@given(USAGES, PRICES)
def test_the_total_is_the_sum_of_its_components(usage: Usage, price: Price) -> None:
    bill = cost(usage, price)
    assert bill.total_nanos == bill.input_nanos + bill.output_nanos
    assert (bill.price_version, bill.unknown) == ("v", False)
    assert bill.estimated == usage.estimated


@given(USAGES, PRICES)
def test_the_last_tier_that_the_input_exceeds_prices_the_whole_request(
    usage: Usage, price: Price
) -> None:
    exceeded = [tier.rates for tier in price.tiers if usage.input > tier.above_input_tokens]
    rates = exceeded[-1] if exceeded else price.rates
    assert cost(usage, price) == cost(usage, flat(rates))


@given(USAGES, PRICES)
def test_reasoning_is_never_charged_beside_the_output(usage: Usage, price: Price) -> None:
    without = Usage(
        uncached_input=usage.uncached_input,
        cache_read=usage.cache_read,
        cache_write=usage.cache_write,
        cache_write_1h=usage.cache_write_1h,
        output=usage.output,
        estimated=usage.estimated,
    )
    assert cost(usage, price) == cost(without, price)


@pytest.mark.parametrize(
    ("rate", "nanos"),
    [
        (499_999, 0),
        (500_000, 0),  # half, to the even neighbour
        (500_001, 1),
        (1_500_000, 2),  # half, to the even neighbour
        (2_500_000, 2),
        (2_500_001, 3),
    ],
)
def test_half_a_nano_goes_to_the_even_neighbour(rate: int, nanos: int) -> None:
    bill = cost(Usage(uncached_input=1, output=1), flat(Rates(input=rate, output=rate)))
    assert (bill.input_nanos, bill.output_nanos) == (nanos, nanos)


def test_the_classes_of_input_are_rounded_together_and_not_one_by_one() -> None:
    # Four times 0.4 nano-USD are 1.6, which is 2; rounded one by one they would be nothing.
    usage = Usage(uncached_input=1, cache_read=1, cache_write=1, cache_write_1h=1)
    assert cost(usage, flat(Rates(input=400_000, output=0))).input_nanos == 2


def test_one_token_more_than_the_bound_changes_the_price_of_all() -> None:
    long = Tier(200_000, Rates(input=usd_per_million("6"), output=usd_per_million("22.5")))
    price = Price(
        rates=Rates(input=usd_per_million("3"), output=usd_per_million("15")),
        tiers=(long,),
        version="v",
    )
    at = cost(Usage(uncached_input=150_000, cache_read=50_000, output=1_000), price)
    above = cost(Usage(uncached_input=150_000, cache_read=50_001, output=1_000), price)
    # 200 000 x 3 / 1M = USD 0.60, 200 001 x 6 / 1M = USD 1.200006; the output changes along.
    assert (at.input_nanos, at.output_nanos) == (600_000_000, 15_000_000)
    assert (above.input_nanos, above.output_nanos) == (1_200_006_000, 22_500_000)


def test_the_output_never_lifts_a_request_into_a_tier() -> None:
    price = Price(
        rates=Rates(input=1_000_000, output=1_000_000),
        tiers=(Tier(10, Rates(input=2_000_000, output=2_000_000)),),
        version="v",
    )
    assert cost(Usage(uncached_input=10, output=1_000), price).total_nanos == 1_010


def test_an_hour_of_cache_falls_back_to_the_shorter_write_and_that_to_the_input() -> None:
    usage = Usage(cache_read=1_000_000, cache_write=1_000_000, cache_write_1h=1_000_000)
    assert cost(usage, flat(Rates(input=5, output=0))).input_nanos == 15
    assert cost(usage, flat(Rates(input=5, output=0, cache_write=7))).input_nanos == 19
    assert cost(usage, flat(Rates(input=5, output=0, cache_write_1h=9))).input_nanos == 19


def test_a_cache_rate_of_zero_is_free_and_no_fallback() -> None:
    rates = Rates(input=5, output=0, cache_read=0, cache_write=0, cache_write_1h=0)
    usage = Usage(cache_read=10**6, cache_write=10**6, cache_write_1h=10**6)
    assert cost(usage, flat(rates)).input_nanos == 0


def test_an_unknown_price_is_said() -> None:
    assert cost(Usage(uncached_input=5), None) == Cost(unknown=True)
    assert cost(Usage(estimated=True), None) == Cost(unknown=True, estimated=True)


def test_a_free_model_has_a_known_price() -> None:
    bill = cost(Usage(uncached_input=5, output=5), flat(Rates(input=0, output=0)))
    assert bill == Cost(price_version="v")


def test_an_invoice_of_openai_with_cached_input() -> None:
    # gpt-4o-mini at USD 0.15 input, 0.075 cached, 0.60 output per million tokens:
    #   1 234 - 1 024 = 210 x 0.15   =  31.500 micro-USD
    #                 1 024 x 0.075  =  76.800
    #                   input        = 108.300 micro-USD = 108 300 nano-USD
    #                    57 x 0.60   =  34.200 micro-USD =  34 200 nano-USD
    rates = Rates(
        input=usd_per_million("0.15"),
        cache_read=usd_per_million("0.075"),
        output=usd_per_million("0.6"),
    )
    bill = cost(Usage(uncached_input=210, cache_read=1_024, output=57, reasoning=12), flat(rates))
    assert (bill.input_nanos, bill.output_nanos) == (108_300, 34_200)


def test_an_invoice_of_anthropic_with_reads_and_writes_of_both_lifetimes() -> None:
    # Opus at USD 5 input, 0.50 read, 6.25 write, 10 write of an hour, 25 output per million:
    #      17 x  5    =     85.00 micro-USD
    #  18 000 x  0.50 =  9 000.00
    #     333 x  6.25 =  2 081.25
    #   2 048 x 10    = 20 480.00
    #          input  = 31 646.25 micro-USD = 31 646 250 nano-USD
    #     411 x 25    = 10 275.00 micro-USD = 10 275 000 nano-USD
    rates = Rates(
        input=usd_per_million("5"),
        cache_read=usd_per_million("0.5"),
        cache_write=usd_per_million("6.25"),
        cache_write_1h=usd_per_million("10"),
        output=usd_per_million("25"),
    )
    usage = Usage(
        uncached_input=17, cache_read=18_000, cache_write=333, cache_write_1h=2_048, output=411
    )
    bill = cost(usage, flat(rates))
    assert (bill.input_nanos, bill.output_nanos) == (31_646_250, 10_275_000)


def test_a_price_finer_than_a_nano_per_token_loses_nothing() -> None:
    # USD 0.0375 per million is 37.5 nano-USD per token: two tokens are 75, not 2 x 37 or 2 x 38.
    rates = Rates(input=usd_per_million("0.0375"), output=0)
    assert cost(Usage(uncached_input=2), flat(rates)).input_nanos == 75
