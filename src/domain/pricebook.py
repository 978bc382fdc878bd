"""The dated prices of one model: each holds from a moment until the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from hexgate.domain.price import Price

ALWAYS = -math.inf


class Dated(NamedTuple):
    """A price and the moment from which it holds, in seconds since the epoch."""

    since: float
    price: Price


class Quote(NamedTuple):
    """What a model costs now, None where that is not said, and until when, exclusively."""

    price: Price | None
    until: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices in rising order of their moments; before the first one nothing is said.

    Raises ValueError where a moment is not later than the one before it.
    """

    prices: tuple[Dated, ...] = ()

    def __post_init__(self) -> None:
        for (earlier, _), (later, _) in pairwise(self.prices):
            if not earlier < later:
                raise ValueError(f"a price holds from {later}, expected later than {earlier}")

    @classmethod
    def of(cls, price: Price) -> PriceBook:
        """One price for ever."""
        return cls((Dated(ALWAYS, price),))

    def at(self, now: float) -> Quote:
        """The price at a moment."""
        found: Price | None = None
        for since, price in self.prices:
            if since > now:
                return Quote(found, since)
            found = price
        return Quote(found, math.inf)
