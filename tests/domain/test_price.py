"""Money: exact until it is rounded once per component."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.domain.price import Cost, Price, Rates, Tier, ceiling, cost, untold
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
    audio_input=st.none() | NANOS,
    audio_cache_read=st.none() | NANOS,
    image_input=st.none() | NANOS,
    audio_output=st.none() | NANOS,
)
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


def first(*rates: int | None) -> int:
    """The first rate that is said."""
    return next(rate for rate in rates if rate is not None)


@given(USAGES, RATES)
def test_each_component_is_the_exact_sum_rounded_once_half_to_even(
    usage: Usage, rates: Rates
) -> None:
    audio = first(rates.audio_input, rates.input)
    asked = {
        "uncached_input": rates.input,
        "cache_read": first(rates.cache_read, rates.input),
        "cache_write": first(rates.cache_write, rates.input),
        "cache_write_1h": first(rates.cache_write_1h, rates.cache_write, rates.input),
        "audio_input": audio,
        "audio_cache_read": first(rates.audio_cache_read, rates.cache_read, audio),
        "image_input": first(rates.image_input, rates.input),
    }
    answered = {
        "output": rates.output,
        "audio_output": first(rates.audio_output, rates.output),
    }
    bill = cost(usage, flat(rates))
    # Python rounds a Fraction half to even, and exactly.
    for component, priced in ((bill.input_nanos, asked), (bill.output_nanos, answered)):
        exact = sum(Fraction(getattr(usage, name) * rate, 10**6) for name, rate in priced.items())
        assert component == round(exact)
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
    without = replace(usage, reasoning=0)
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
    # The same for media, and for the classes of output.
    usage = Usage(audio_input=1, audio_cache_read=1, image_input=1, uncached_input=1)
    assert cost(usage, flat(Rates(input=400_000, output=0))).input_nanos == 2
    usage = Usage(output=2, audio_output=2)
    assert cost(usage, flat(Rates(input=0, output=400_000))).output_nanos == 2


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


def test_media_without_a_rate_cost_what_text_does() -> None:
    million = 10**6
    usage = Usage(audio_input=million, image_input=million, audio_output=million)
    bill = cost(usage, flat(Rates(input=5, output=7)))
    assert (bill.input_nanos, bill.output_nanos) == (10, 7)
    dear = Rates(input=5, output=7, audio_input=11, image_input=13, audio_output=17)
    bill = cost(usage, flat(dear))
    assert (bill.input_nanos, bill.output_nanos) == (24, 17)


def test_audio_from_the_cache_falls_back_to_cached_text_and_that_to_other_audio() -> None:
    usage = Usage(audio_cache_read=10**6)
    assert cost(usage, flat(Rates(input=5, output=0))).input_nanos == 5
    assert cost(usage, flat(Rates(input=5, output=0, audio_input=9))).input_nanos == 9
    rates = Rates(input=5, output=0, audio_input=9, cache_read=1)
    assert cost(usage, flat(rates)).input_nanos == 1
    assert cost(usage, flat(replace(rates, audio_cache_read=2))).input_nanos == 2


def test_a_cache_rate_of_zero_is_free_and_no_fallback() -> None:
    rates = Rates(
        input=5,
        output=5,
        cache_read=0,
        cache_write=0,
        cache_write_1h=0,
        audio_input=0,
        audio_cache_read=0,
        image_input=0,
        audio_output=0,
    )
    usage = Usage(
        cache_read=10**6,
        cache_write=10**6,
        cache_write_1h=10**6,
        audio_input=10**6,
        audio_cache_read=10**6,
        image_input=10**6,
        audio_output=10**6,
    )
    assert cost(usage, flat(rates)).total_nanos == 0


def test_audio_and_images_count_towards_a_tier() -> None:
    price = Price(
        rates=Rates(input=1, output=0),
        tiers=(Tier(10, Rates(input=10**6, output=0)),),
        version="v",
    )
    usage = Usage(uncached_input=3, audio_input=3, audio_cache_read=3, image_input=1)
    assert cost(usage, price).input_nanos == 0
    assert cost(replace(usage, image_input=2), price).input_nanos == 11


KINDS = [
    ({}, set()),
    ({"audio_input": 5}, set()),  # what text costs
    ({"audio_input": 6}, {"audio"}),
    ({"audio_input": 0}, {"audio"}),
    ({"image_input": 4}, {"image"}),
    ({"cache_read": 1, "audio_cache_read": 2}, {"audio"}),
    ({"cache_read": 1, "audio_cache_read": 1}, set()),
    ({"audio_input": 6, "image_input": 6, "audio_output": 9}, {"audio", "image"}),
    ({"audio_output": 9}, set()),
]


@pytest.mark.parametrize(("more", "kinds"), KINDS)
def test_media_are_apart_where_they_cost_something_else_than_text(
    more: dict[str, int], kinds: set[str]
) -> None:
    price = flat(Rates(input=5, output=5, **more))
    assert price.kinds(1) == kinds
    assert untold(Usage(uncached_input=1), price) == kinds
    assert replace(price, apart=frozenset({"video"})).kinds(1) == kinds | {"video"}


def test_a_tier_may_tell_media_apart_that_the_base_does_not() -> None:
    price = Price(
        rates=Rates(input=5, output=5),
        tiers=(Tier(10, Rates(input=5, output=5, image_input=6)),),
        version="v",
    )
    assert not price.kinds(10)
    assert price.kinds(11) == {"image"}
    assert untold(Usage(uncached_input=11), price) == {"image"}


def test_a_request_of_at_most_some_size_may_be_below_a_tier() -> None:
    price = Price(
        rates=Rates(input=5 * 10**6, output=5, audio_input=6 * 10**6),
        tiers=(Tier(10, Rates(input=10**6, output=5)),),
        version="v",
    )
    assert price.kinds(11) == {"audio"}
    # Eleven tokens would cost 11, but ten of them 50, and 60 as audio.
    assert cost(Usage(uncached_input=11), price).total_nanos == 11
    assert ceiling(Usage(uncached_input=11), price, 0) >= 50
    assert ceiling(Usage(uncached_input=11), price, 10) >= 60


def test_what_usage_tells_is_not_untold_and_video_always_is() -> None:
    rates = Rates(input=5, output=5, audio_input=6, image_input=7)
    price = Price(rates=rates, version="v", apart=frozenset({"video"}))
    assert untold(Usage(uncached_input=1), price) == {"audio", "image", "video"}
    assert untold(Usage(audio_input=1), price) == {"image", "video"}
    assert untold(Usage(audio_cache_read=1), price) == {"image", "video"}
    assert untold(Usage(image_input=1), price) == {"audio", "video"}
    assert untold(Usage(audio_input=1, image_input=1), price) == {"video"}
    # What is said to be apart for ever is not told by its name.
    odd = replace(price, apart=frozenset({"audio"}))
    assert untold(Usage(audio_input=1, image_input=1), odd) == {"audio"}


@st.composite
def outcomes(draw: st.DrawFn) -> tuple[Usage, Usage, int]:
    """What was presumed, what came of it, and how much of the input may be media."""
    media, rest, most = draw(COUNTS), draw(COUNTS), draw(COUNTS)
    heard = draw(st.integers(0, media))
    images = draw(st.integers(0, media - heard))
    text = draw(st.integers(0, rest + media - heard - images))
    written = draw(st.integers(0, most))
    spoken = draw(st.integers(0, written))
    came = Usage(
        uncached_input=text,
        audio_input=heard,
        image_input=images,
        output=written - spoken,
        audio_output=spoken,
    )
    return Usage(uncached_input=rest + media, output=most), came, media


@given(outcomes(), PRICES)
def test_nothing_costs_more_than_its_ceiling(
    outcome: tuple[Usage, Usage, int], price: Price
) -> None:
    presumed, came, media = outcome
    assert cost(came, price).total_nanos <= ceiling(presumed, price, media)
    # Nor does video, whose rate is the dearest and whose tokens are among those of text.
    dear = replace(price, apart=frozenset({"video"}), apart_input=10**13)
    seen = -(-(media * 10**13) // 10**6)
    assert ceiling(presumed, dear, media) >= seen


@given(USAGES, RATES)
def test_the_ceiling_of_text_alone_is_its_cost(usage: Usage, rates: Rates) -> None:
    text = Usage(uncached_input=usage.uncached_input, output=usage.output)
    price = flat(replace(rates, audio_output=None))
    assert ceiling(text, price, 0) == cost(text, price).total_nanos


def test_the_ceiling_is_exact_where_the_dearest_comes_true() -> None:
    rates = Rates(input=5, output=7, audio_input=11, image_input=9, audio_output=17)
    million = 10**6
    text = Usage(uncached_input=3 * million, output=million)
    assert ceiling(text, flat(rates), 0) == 15 + 17
    assert ceiling(text, flat(rates), 2 * million) == 5 + 22 + 17
    cheap = flat(replace(rates, audio_input=1, image_input=2, audio_output=1))
    assert ceiling(text, cheap, 2 * million) == 15 + 7


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
