"""The price data of genai-prices, turned into the gateway's integers one model at a time."""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from hexgate.domain.price import Price, Rates, Tier

if TYPE_CHECKING:
    from genai_prices import types as listed


class _Source(NamedTuple):
    provider: str  # its id in genai-prices
    resells: bool = False  # other vendors' models too


SOURCES = {
    "openai": _Source("openai"),
    "anthropic": _Source("anthropic"),
    "gemini": _Source("google"),
    "cohere": _Source("cohere"),
    "deepseek": _Source("deepseek"),
    "mistral": _Source("mistral", resells=True),
    "xai": _Source("x-ai"),
    "azure": _Source("azure", resells=True),
    "vertex": _Source("google", resells=True),
    "bedrock": _Source("aws", resells=True),
    "groq": _Source("groq", resells=True),
    "together": _Source("together", resells=True),
    "fireworks": _Source("fireworks", resells=True),
    "cerebras": _Source("cerebras", resells=True),
    "openrouter": _Source("openrouter", resells=True),
}

_INPUT, _OUTPUT = "input_mtok", "output_mtok"
_READ, _WRITE = "cache_read_mtok", "cache_write_mtok"
_WRITE_5M, _WRITE_1H = "cache_write_5m_mtok", "cache_write_1h_mtok"
_AUDIO, _AUDIO_READ = "input_audio_mtok", "cache_audio_read_mtok"
_IMAGE, _AUDIO_OUT = "input_image_mtok", "output_audio_mtok"
_CLASSES = frozenset(
    (
        *(_INPUT, _OUTPUT, _READ, _WRITE, _WRITE_5M, _WRITE_1H),
        *(_AUDIO, _AUDIO_READ, _IMAGE, _AUDIO_OUT),
    )
)
# Usage has no class for video: the price tells that it costs something else than text.
_VIDEO = "input_video_mtok"
# Below every tier, where the base price holds.
_BELOW_ALL = -1


@dataclass(frozen=True, slots=True)
class Listing:
    """What the table says of a model at one time. 0 and None mean: it does not say.

    `until` is when the price changes next, in seconds since the epoch.
    """

    context_tokens: int
    price: Price | None
    until: float


class PriceTable:
    """All models of genai-prices. Making the first one imports the data, which blocks.

    The import takes 0.1 s of CPU and 6 MB in a process that has pydantic and aiohttp already;
    without byte code (installed without compiling, on a read-only disk) 1.3 s and 27 MB each time.
    """

    def __init__(self) -> None:
        # Here and not above, because a gateway that needs no prices shall not pay for it.
        from genai_prices.data import providers

        self._providers = {provider.id: provider for provider in providers}
        self.version = f"genai-prices {importlib.metadata.version('genai-prices')}"

    def serves(self, vendor: str, model: str) -> bool:
        """Whether the vendor is known to serve the model."""
        return self._find(vendor, model) is not None

    def look_up(self, vendor: str, model: str, now: float) -> Listing | None:
        """A vendor's model at a time, seconds since the epoch; None for an unknown one.

        The price is the standard one: what a service tier, batching or a search adds or takes off
        is not in it. It is None when the table has none, or one that counts other things than the
        classes of Usage (per request, images made, images from the cache), or is no whole number
        of nano-USD.
        """
        info = self._find(vendor, model)
        if info is None:
            return None
        at = datetime.fromtimestamp(now, UTC)
        return Listing(
            context_tokens=info.context_window or 0,
            price=_price(info.get_prices(at), self.version),
            until=next_change(info.prices, at) if isinstance(info.prices, list) else math.inf,
        )

    def _find(self, vendor: str, model: str) -> listed.ModelInfo | None:
        source = SOURCES.get(vendor)
        if source is None:
            return None
        others = [*self._providers.values()] if source.resells else None
        if others is None and self._maker(model.lower()) not in ("", source.provider):
            # The package lists what Vertex resells beside Google's own; the Gemini API has it not.
            return None
        return self._providers[source.provider].find_model(model, all_providers=others)

    def _maker(self, model: str) -> str:
        """The provider to whom a name such as claude-3 belongs; empty when it tells nothing."""
        for provider in self._providers.values():
            if provider.model_match is not None and provider.model_match.is_match(model):
                return provider.id
        return ""


def nanos(usd: Decimal) -> int:
    """USD per million tokens as nano-USD per million tokens, exactly.

    Raises ValueError for what is negative, not finite or no whole number of nano-USD.
    """
    if usd.is_finite() and usd >= 0:
        exact = Fraction(usd) * 1_000_000_000
        if exact.denominator == 1:
            return exact.numerator
    raise ValueError(f"{usd} USD per million tokens; expected 0 or more, at most 9 decimals")


def next_change(prices: Iterable[listed.ConditionalPrice], at: datetime) -> float:
    """When another of these prices may become valid, in seconds since the epoch; else infinity."""
    later = (change for change in _changes(prices, at) if change > at)
    return min((change.timestamp() for change in later), default=math.inf)


def _changes(prices: Iterable[listed.ConditionalPrice], at: datetime) -> Iterator[datetime]:
    from genai_prices.types import StartDateConstraint, TimeOfDateConstraint

    for price in prices:
        match price.constraint:
            case StartDateConstraint(start_date):
                yield datetime.combine(start_date, time(), UTC)
            case TimeOfDateConstraint(start, end):
                for day in (at.date(), at.date() + timedelta(days=1)):
                    for edge in (start, end):
                        yield datetime.combine(day, edge, edge.tzinfo or UTC)
            case None:
                pass


def _price(prices: listed.ModelPrice, version: str) -> Price | None:
    found: dict[str, Decimal | listed.TieredPrices] = {
        key: value for key, value in vars(prices).items() if value is not None
    }
    # Some models bill neither: what they do bill, Usage does not count.
    if _INPUT not in found or not all(_counted(key) for key in found):
        return None
    starts = sorted({tier.start for value in found.values() for tier in _tiers(value)})
    video = found.get(_VIDEO, found[_INPUT])
    apart = video != found[_INPUT]
    try:
        return Price(
            rates=_rates(found, _BELOW_ALL),
            tiers=tuple(Tier(start, _rates(found, start)) for start in starts),
            version=version,
            apart=frozenset({"video"} if apart else ()),
            apart_input=max(_rate(video, start) for start in (_BELOW_ALL, *starts)) if apart else 0,
        )
    except ValueError:
        return None


def _counted(key: str) -> bool:
    """Whether Usage has a class for it, or knows of it. A caller switches searches on by a
    provider's own option, and is warned of their price.
    """
    return key in _CLASSES or key == _VIDEO or "search" in key


def _tiers(value: Decimal | listed.TieredPrices) -> list[listed.Tier]:
    return [] if isinstance(value, Decimal) else value.tiers


def _rates(found: dict[str, Decimal | listed.TieredPrices], start: int) -> Rates:
    """The rates of a request whose input is just larger than `start` tokens."""

    def rate(*keys: str) -> int | None:
        for key in keys:
            if key in found:
                return _rate(found[key], start)
        return None

    # Embedding models bill their input alone.
    return Rates(
        input=rate(_INPUT) or 0,
        output=rate(_OUTPUT) or 0,
        cache_read=rate(_READ),
        cache_write=rate(_WRITE_5M, _WRITE),
        cache_write_1h=rate(_WRITE_1H, _WRITE),
        audio_input=rate(_AUDIO),
        audio_cache_read=rate(_AUDIO_READ),
        image_input=rate(_IMAGE),
        audio_output=rate(_AUDIO_OUT),
    )


def _rate(value: Decimal | listed.TieredPrices, start: int) -> int:
    base = value if isinstance(value, Decimal) else value.base
    return nanos(next((t.price for t in reversed(_tiers(value)) if t.start <= start), base))
