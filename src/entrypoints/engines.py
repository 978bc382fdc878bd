"""Which adapter stands behind which port, as the settings say."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import structlog

from hexgate.adapters.breaker.pybreaker import Breakers
from hexgate.adapters.breaker.pybreaker import Settings as BreakerSettings
from hexgate.adapters.cache.memory import in_memory
from hexgate.adapters.catalog.compiled import Catalog, Override, configured
from hexgate.adapters.limiter.memory import Limits, MemoryLimiter
from hexgate.adapters.observers.logs import CallLog, Silent
from hexgate.adapters.observers.targets import TargetLog
from hexgate.domain.price import Rates
from hexgate.domain.pricebook import Dated, PriceBook
from hexgate.entrypoints.logs import JsonLines
from hexgate.entrypoints.settings import Card, Settings
from hexgate.ports.breaker import Breaker
from hexgate.ports.cache import CompletionCache
from hexgate.ports.clock import Clock
from hexgate.ports.limiter import Limiter
from hexgate.ports.observer import Observer

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def build_catalog(settings: Settings, clock: Clock) -> Catalog:
    """Prices and facts, with the configuration's own on top."""
    kinds = {name: provider.kind for name, provider in settings.providers.items()}
    overrides = {f"{name}/*": FREE for name, kind in kinds.items() if kind == "ollama"}
    overrides |= {f"{name}/*": PRETEND for name, kind in kinds.items() if kind == "simulator"}
    overrides |= {name: _override(card) for name, card in settings.models.cards.items()}
    return Catalog(kinds, clock, overrides)


def _override(card: Card) -> Override:
    return Override(
        prices=_book(card),
        context_tokens=card.context_tokens or 0,
        max_output_tokens=card.max_output_tokens or 0,
        quality=card.quality,
    )


def _book(card: Card) -> PriceBook:
    if card.price is not None:
        return PriceBook.of(configured(card.price.rates(), card.price.steps()))
    return PriceBook(
        tuple(Dated(each.since, configured(each.rates(), each.steps())) for each in card.prices)
    )


# One's own machine sends no invoice.
FREE = Override(prices=PriceBook.of(configured(Rates(input=0, output=0))))


# Play money, so that limits and reports have something to work on: $1 in, $2 out per million.
PRETEND = Override(prices=PriceBook.of(configured(Rates(input=10**9, output=2 * 10**9))))


def build_limiter(settings: Settings, clock: Clock) -> Limiter:
    """Limits by provider."""
    limits = {
        name: Limits(
            requests_per_minute=provider.limits.requests_per_minute,
            tokens_per_minute=provider.limits.tokens_per_minute,
            concurrency=provider.limits.concurrency,
        )
        for name, provider in settings.providers.items()
    }
    return MemoryLimiter(limits, clock)


def build_breaker(settings: Settings, clock: Clock) -> Breaker:
    """A breaker for each provider and model."""
    wish = settings.breaker
    return Breakers(
        clock,
        BreakerSettings(
            failures=wish.failures,
            failure_ratio=wish.failure_ratio,
            window_s=wish.window_s,
            min_calls=wish.min_calls,
            rest_s=wish.rest_s,
            probes=wish.probes,
            successes=wish.successes,
        ),
        changed=TargetLog(structlog.get_logger("hexgate.breaker")).turned,
    )


def build_cache(settings: Settings, clock: Clock) -> CompletionCache:
    """The response cache. It is there even when off by default: a call may ask for it."""
    return in_memory(clock, settings.cache.max_entries, settings.cache.max_mb << 20)


def build_observer(settings: Settings) -> Observer:
    """One log line per call, where calls are worth a line."""
    if settings.log.level in ("warning", "error"):
        return Silent()
    if settings.log.as_json:
        return CallLog(JsonLines(sys.stderr.buffer))
    return CallLog(structlog.get_logger("hexgate.calls"))


def build_registry(settings: Settings) -> CollectorRegistry | None:
    """Where metrics are counted; nowhere when nobody may read them."""
    if settings.server.metrics_listen is None:
        return None
    from prometheus_client import CollectorRegistry

    return CollectorRegistry()
