"""The model catalogue: what the configuration says, else what genai-prices says."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from hexgate.adapters.catalog.table import SOURCES, Listing, PriceTable
from hexgate.domain.catalog import ModelCard, Target
from hexgate.domain.price import Price, Rates, Tier
from hexgate.domain.pricebook import PriceBook
from hexgate.ports.clock import Clock

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What the configuration says of a model; it wins over the table.

    A price replaces the whole price of the table, tiers and cache rates included, while it holds;
    zero is free. 0 and a book that says nothing leave what the table says.
    """

    prices: PriceBook = field(default_factory=PriceBook)
    context_tokens: int = 0
    max_output_tokens: int = 0
    quality: int = 0


def configured(rates: Rates, tiers: tuple[Tier, ...] = ()) -> Price:
    """A price of the configuration, whose version tells it from every other one."""
    said = [
        f"{above}:{name}={nanos}"
        for above, each in ((0, rates), *((tier.above_input_tokens, tier.rates) for tier in tiers))
        for name, nanos in sorted(asdict(each).items())
        if nanos is not None
    ]
    digest = hashlib.sha256("\n".join(said).encode()).hexdigest()
    return Price(rates=rates, tiers=tiers, version=f"config {digest[:8]}")


class _Known(NamedTuple):
    card: ModelCard
    until: float  # seconds since the epoch


_NOTHING = Override()
_UNLISTED = Listing(context_tokens=0, price=None, until=math.inf)


class Catalog:
    """Cards of the models of configured providers, made on first use and then kept.

    `vendors` maps each provider to its vendor, whose prices are known if it is one of SOURCES.
    `overrides` are keyed `provider/model`, or `provider/*` for what a model's own row leaves open.
    At most `max_models` cards are kept. A price that changes on a date or by the hour, here or
    in the table, is replaced when it does.
    """

    def __init__(
        self,
        vendors: Mapping[str, str],
        clock: Clock,
        overrides: Mapping[str, Override] = MappingProxyType({}),
        *,
        max_models: int = 4096,
    ) -> None:
        for key in overrides:
            provider, _, model = key.partition("/")
            if provider not in vendors or not model:
                raise ValueError(
                    f"{key!r} names no model of a provider; expected provider/model or provider/*, "
                    f"with one of: {', '.join(vendors)}"
                )
        self._vendors = dict(vendors)
        self._now = clock.now
        self._overrides = dict(overrides)
        self._max_models = max_models
        self._table: PriceTable | None = None
        self._cards: dict[Target, _Known] = {}
        self._serving: dict[str, tuple[str, ...]] = {}

    def load(self) -> None:
        """Load the price table now, if a provider needs it. Blocks; see PriceTable for how long.

        Without it the first lookup does so.
        """
        if self._table is None and not SOURCES.keys().isdisjoint(self._vendors.values()):
            self._table = PriceTable()

    def card(self, target: Target) -> ModelCard:
        """What is known of a target, the price being the one of this moment."""
        now = self._now()
        known = self._cards.get(target)
        if known is None or known.until <= now:
            known = self._card(target, now)
            self._cards.pop(target, None)
            _keep(self._cards, target, known, self._max_models)
        return known.card

    def vendors_of(self, model: str) -> tuple[str, ...]:
        """Vendors of configured providers that serve a model: by a row in the configuration first,
        then those who make models, then those who resell them.
        """
        vendors = self._serving.get(model)
        if vendors is None:
            vendors = self._serving_vendors(model)
            _keep(self._serving, model, vendors, self._max_models)
        return vendors

    def _card(self, target: Target, now: float) -> _Known:
        row = self._overrides.get(str(target), _NOTHING)
        common = self._overrides.get(f"{target.provider}/*", _NOTHING)
        listing = self._listing(target, now)
        own, shared = row.prices.at(now), common.prices.at(now)
        card = ModelCard(
            target=target,
            context_tokens=row.context_tokens or common.context_tokens or listing.context_tokens,
            max_output_tokens=row.max_output_tokens or common.max_output_tokens,
            price=own.price or shared.price or listing.price,
            quality=row.quality or common.quality,
        )
        return _Known(card, min(own.until, shared.until, listing.until))

    def _listing(self, target: Target, now: float) -> Listing:
        vendor = self._vendors.get(target.provider, "")
        if vendor not in SOURCES:
            return _UNLISTED
        return self._loaded().look_up(vendor, target.model, now) or _UNLISTED

    def _serving_vendors(self, model: str) -> tuple[str, ...]:
        rows = [
            vendor
            for provider, vendor in self._vendors.items()
            if f"{provider}/{model}" in self._overrides
        ]
        listed = [
            vendor
            for vendor in dict.fromkeys(self._vendors.values())
            if vendor in SOURCES and self._loaded().serves(vendor, model)
        ]
        listed.sort(key=lambda vendor: SOURCES[vendor].resells)
        return tuple(dict.fromkeys((*rows, *listed)))

    def _loaded(self) -> PriceTable:
        if self._table is None:
            self._table = PriceTable()
        return self._table


def _keep(memo: dict[K, V], key: K, value: V, bound: int) -> None:
    """Remember; the oldest makes room. Callers choose model names, so there is no end of them."""
    if len(memo) >= bound:
        del memo[next(iter(memo))]
    memo[key] = value
