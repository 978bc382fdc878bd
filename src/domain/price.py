"""Money: integer nano-USD, prices in nano-USD per million tokens, one rounding per component."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.domain.usage import Usage

_MILLION = 1_000_000
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Prices in nano-USD per million tokens.

    None is no price of its own: media cost what text does, the cache what other input does, an
    hour in it what a shorter time does. Audio from the cache costs what text from the cache does
    if that is said, else what other audio does.
    """

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    audio_input: int | None = None
    audio_cache_read: int | None = None
    image_input: int | None = None
    audio_output: int | None = None

    @property
    def writes(self) -> bool:
        """Whether writing the provider's cache has a price of its own."""
        return self.cache_write is not None or self.cache_write_1h is not None

    @property
    def apart(self) -> frozenset[str]:
        """The kinds of media, such as `audio`, that cost something else in the input than text."""
        kinds = _NONE
        if self.audio_input not in (None, self.input):
            kinds |= {"audio"}
        if self.audio_cache_read not in (None, self.cache_read):
            kinds |= {"audio"}
        if self.image_input not in (None, self.input):
            kinds |= {"image"}
        return kinds


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates for the whole request once its input exceeds `above_input_tokens`."""

    above_input_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model costs. `tiers` are in rising order; `version` names the price table.

    `apart` holds kinds of media, such as `video`, whose tokens cost something else in the input
    than those of text and which Usage never tells apart, and `apart_input` the dearest of their
    rates. They are counted as text, so with them a cost is an estimate.
    """

    rates: Rates
    tiers: tuple[Tier, ...] = ()
    version: str
    apart: frozenset[str] = frozenset()
    apart_input: int = 0

    def rates_for(self, input_tokens: int) -> Rates:
        """The rates of a request of this size: the last tier that it exceeds, else the base."""
        rates = self.rates
        for tier in self.tiers:
            if input_tokens > tier.above_input_tokens:
                rates = tier.rates
        return rates

    def up_to(self, input_tokens: int) -> list[Rates]:
        """The rates that a request of at most this size may have: a tier may be the cheaper."""
        exceeded = [tier.rates for tier in self.tiers if input_tokens > tier.above_input_tokens]
        return [self.rates, *exceeded]

    def kinds(self, input_tokens: int) -> frozenset[str]:
        """The kinds of media that may cost something else than text in a request of at most this
        size.
        """
        return self.apart.union(*(rates.apart for rates in self.up_to(input_tokens)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a call cost, in nano-USD. An unknown price is said, and its amounts mean nothing."""

    input_nanos: int = 0
    output_nanos: int = 0
    wasted_nanos: int = 0  # on attempts that did not produce the answer
    price_version: str = ""
    estimated: bool = False
    unknown: bool = False

    @property
    def total_nanos(self) -> int:
        """Everything this call cost."""
        return self.input_nanos + self.output_nanos + self.wasted_nanos


def cost(usage: Usage, price: Price | None) -> Cost:
    """Price a usage: each component summed exactly, then rounded once, half to even."""
    if price is None:
        return Cost(estimated=usage.estimated, unknown=True)
    rates = price.rates_for(usage.input)
    return Cost(
        input_nanos=_per_million(_asked(usage, rates)),
        output_nanos=_per_million(_answered(usage, rates)),
        price_version=price.version,
        estimated=usage.estimated,
    )


def untold(usage: Usage, price: Price) -> frozenset[str]:
    """The kinds of media that the price tells apart and the usage does not."""
    kinds = price.rates_for(usage.input).apart
    if kinds and (usage.audio_input or usage.audio_cache_read):
        kinds -= {"audio"}
    if kinds and usage.image_input:
        kinds -= {"image"}
    return kinds | price.apart


def ceiling(usage: Usage, price: Price, media: int) -> int:
    """The most that can come of a usage of text alone, in nano-USD.

    So many of its input tokens may be media of the dearest kind, all of its output may be spoken,
    and it may be less of both.
    """
    return max(
        _per_million(_asked(usage, rates) + media * _dearer(rates, price.apart_input))
        + _per_million(usage.output * max(rates.output, rates.audio_output or 0))
        for rates in price.up_to(usage.input)
    )


def _dearer(rates: Rates, apart: int) -> int:
    """By how much the dearest media in the input cost more than text."""
    known = (rates.audio_input, rates.audio_cache_read, rates.image_input, apart)
    return max(0, max(rate or 0 for rate in known) - rates.input)


def _asked(usage: Usage, rates: Rates) -> int:
    read = rates.input if rates.cache_read is None else rates.cache_read
    write = rates.input if rates.cache_write is None else rates.cache_write
    write_1h = write if rates.cache_write_1h is None else rates.cache_write_1h
    total = (
        usage.uncached_input * rates.input
        + usage.cache_read * read
        + usage.cache_write * write
        + usage.cache_write_1h * write_1h
    )
    if usage.audio_input or usage.audio_cache_read or usage.image_input:
        total += _shown(usage, rates)
    return total


def _shown(usage: Usage, rates: Rates) -> int:
    """What media cost that were asked about."""
    audio = rates.input if rates.audio_input is None else rates.audio_input
    image = rates.input if rates.image_input is None else rates.image_input
    read = audio if rates.cache_read is None else rates.cache_read
    audio_read = read if rates.audio_cache_read is None else rates.audio_cache_read
    return (
        usage.audio_input * audio + usage.audio_cache_read * audio_read + usage.image_input * image
    )


def _answered(usage: Usage, rates: Rates) -> int:
    audio = rates.output if rates.audio_output is None else rates.audio_output
    return usage.output * rates.output + usage.audio_output * audio


def _per_million(amount: int) -> int:
    """Divide by a million, half to even, without leaving the integers."""
    quotient, rest = divmod(amount, _MILLION)
    if rest * 2 > _MILLION or (rest * 2 == _MILLION and quotient % 2):
        quotient += 1
    return quotient
