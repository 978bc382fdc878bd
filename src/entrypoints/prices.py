"""Prices as users write them: USD per million tokens, with tiers and dates."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from hexgate.domain.price import Rates, Tier
from hexgate.domain.pricebook import ALWAYS
from hexgate.entrypoints.fields import Day, Many, Usd, expected, nanos
from hexgate.entrypoints.section import Section


class Rated(Section):
    """What the classes of tokens cost, in USD per million tokens."""

    input_usd_per_mtok: Usd = Field(description="Input, in USD per million tokens.")
    output_usd_per_mtok: Usd = Field(description="Output, in USD per million tokens.")
    cache_read_usd_per_mtok: Usd | None = Field(
        default=None,
        description="Input read from the provider's cache, in USD per million tokens; that of "
        "input when absent.",
    )
    cache_write_usd_per_mtok: Usd | None = Field(
        default=None,
        description="Input written to the provider's cache, in USD per million tokens; that of "
        "input when absent.",
    )
    cache_write_1h_usd_per_mtok: Usd | None = Field(
        default=None,
        description="Input written to its cache for an hour, in USD per million tokens; that of "
        "cache_write when absent.",
    )
    audio_input_usd_per_mtok: Usd | None = Field(
        default=None,
        description="Audio in the input, in USD per million tokens; that of input when absent.",
    )
    audio_cache_read_usd_per_mtok: Usd | None = Field(
        default=None,
        description="Audio read from the provider's cache, in USD per million tokens; that of "
        "cache_read, else of audio_input, when absent.",
    )
    image_input_usd_per_mtok: Usd | None = Field(
        default=None,
        description="Images in the input, in USD per million tokens; that of input when absent.",
    )
    audio_output_usd_per_mtok: Usd | None = Field(
        default=None,
        description="Audio in the output, in USD per million tokens; that of output when absent.",
    )

    def rates(self) -> Rates:
        """The same in integer nano-USD per million tokens, exactly."""
        return Rates(
            input=nanos(self.input_usd_per_mtok),
            output=nanos(self.output_usd_per_mtok),
            cache_read=_nanos(self.cache_read_usd_per_mtok),
            cache_write=_nanos(self.cache_write_usd_per_mtok),
            cache_write_1h=_nanos(self.cache_write_1h_usd_per_mtok),
            audio_input=_nanos(self.audio_input_usd_per_mtok),
            audio_cache_read=_nanos(self.audio_cache_read_usd_per_mtok),
            image_input=_nanos(self.image_input_usd_per_mtok),
            audio_output=_nanos(self.audio_output_usd_per_mtok),
        )


class PriceTier(Rated):
    """What everything in a long request costs, in USD per million tokens."""

    above_input_tokens: Many = Field(
        description="Requests with more input than this cost what the tier says, in tokens."
    )


def _longer(tiers: tuple[PriceTier, ...]) -> tuple[PriceTier, ...]:
    bounds = [tier.above_input_tokens for tier in tiers]
    if any(bound >= following for bound, following in pairwise(bounds)):
        raise expected("tiers whose above_input_tokens rise from one to the next")
    return tiers


class Price(Rated):
    """What a model costs, in USD per million tokens."""

    tiers: Annotated[tuple[PriceTier, ...], AfterValidator(_longer)] = Field(
        default=(),
        max_length=16,
        description="What long requests cost, each tier a whole price: {above_input_tokens, "
        "input_usd_per_mtok, …}, in rising order.",
    )

    def steps(self) -> tuple[Tier, ...]:
        """The tiers in integer nano-USD per million tokens, exactly."""
        return tuple(Tier(tier.above_input_tokens, tier.rates()) for tier in self.tiers)


class DatedPrice(Price):
    """What a model costs from a day on, in USD per million tokens."""

    first_day: Day | None = Field(
        default=None,
        alias="from",
        description="The first day, from midnight UTC; without it, in the first price alone, "
        "always.",
    )

    @property
    def since(self) -> float:
        """When it begins to hold, in seconds since the epoch."""
        if self.first_day is None:
            return ALWAYS
        return datetime.combine(self.first_day, time(), UTC).timestamp()


def _later(prices: tuple[DatedPrice, ...]) -> tuple[DatedPrice, ...]:
    moments = [price.since for price in prices]
    if any(moment >= following for moment, following in pairwise(moments)):
        raise expected("prices whose from rises from one to the next; the first may have none")
    return prices


Prices = Annotated[tuple[DatedPrice, ...], Field(max_length=64), AfterValidator(_later)]
"""Prices that follow one another."""


def _nanos(usd: Decimal | None) -> int | None:
    return None if usd is None else nanos(usd)
