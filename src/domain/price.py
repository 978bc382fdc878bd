"""Money: integer nano-USD, prices in nano-USD per million tokens, one rounding per component."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.domain.usage import Usage

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Prices in nano-USD per million tokens. A cache rate of None falls back to `input`."""

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates for the whole request once its input exceeds `above_input_tokens`."""

    above_input_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model costs. `tiers` are in rising order; `version` names the price table.

    `apart` holds the kinds of media, such as `audio`, whose tokens cost something else in the
    input than those of text, and `apart_input` the dearest of their rates. Usage counts them as
    input, so with them a cost is an estimate.
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
    read = rates.input if rates.cache_read is None else rates.cache_read
    write = rates.input if rates.cache_write is None else rates.cache_write
    write_1h = write if rates.cache_write_1h is None else rates.cache_write_1h
    return Cost(
        input_nanos=_per_million(
            usage.uncached_input * rates.input
            + usage.cache_read * read
            + usage.cache_write * write
            + usage.cache_write_1h * write_1h
        ),
        output_nanos=_per_million(usage.output * rates.output),
        price_version=price.version,
        estimated=usage.estimated,
    )


def _per_million(amount: int) -> int:
    """Divide by a million, half to even, without leaving the integers."""
    quotient, rest = divmod(amount, _MILLION)
    if rest * 2 > _MILLION or (rest * 2 == _MILLION and quotient % 2):
        quotient += 1
    return quotient
