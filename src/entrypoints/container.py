"""The composition root: which adapter stands behind which port. The only user of the DI library.

Every provider below calls a typed function, because the library does not check arguments.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import structlog
from dependency_injector import containers, providers

from hexgate.adapters.breaker.pybreaker import Breakers
from hexgate.adapters.breaker.pybreaker import Settings as BreakerSettings
from hexgate.adapters.cache.memory import in_memory
from hexgate.adapters.catalog.compiled import Catalog, Override
from hexgate.adapters.clock import SystemClock
from hexgate.adapters.limiter.memory import Limits, MemoryLimiter
from hexgate.adapters.observers.logs import CallLog, Silent
from hexgate.application.books import Books
from hexgate.application.check import Check
from hexgate.application.complete import Complete
from hexgate.application.embed import Embed
from hexgate.application.pipeline import harden, unite
from hexgate.application.policies.cache import Cached
from hexgate.application.policies.retry import RetryRules
from hexgate.application.prepare import Defaults, Prepare
from hexgate.application.stream import StreamComplete
from hexgate.domain.call import CacheMode, Timeouts
from hexgate.domain.catalog import Target
from hexgate.domain.routing import Routes
from hexgate.entrypoints.logs import JsonLines
from hexgate.entrypoints.settings import Card, Settings, nanos
from hexgate.ports.breaker import Breaker
from hexgate.ports.cache import CompletionCache
from hexgate.ports.catalog import ModelCatalog
from hexgate.ports.clock import Clock
from hexgate.ports.ledger import Ledger
from hexgate.ports.limiter import Limiter
from hexgate.ports.observer import Observer
from hexgate.ports.probe import Probe
from hexgate.ports.provider import Provider


class Leaf(Provider, Probe, Protocol):
    """A provider as it is, before any policy, which can also be asked whether it would answer."""


@dataclass(frozen=True, slots=True)
class Leaves:
    """Every configured provider, by name."""

    by_name: Mapping[str, Leaf]


def build_catalog(settings: Settings, clock: Clock) -> Catalog:
    """Prices and facts, with the configuration's own on top."""
    kinds = {name: provider.kind for name, provider in settings.providers.items()}
    overrides = {f"{name}/*": FREE for name, kind in kinds.items() if kind == "ollama"}
    overrides |= {f"{name}/*": PRETEND for name, kind in kinds.items() if kind == "simulator"}
    overrides |= {name: _override(card) for name, card in settings.models.cards.items()}
    return Catalog(kinds, clock, overrides)


def _override(card: Card) -> Override:
    context, output = card.context_tokens or 0, card.max_output_tokens or 0
    price = card.price
    if price is None:
        return Override(context_tokens=context, max_output_tokens=output)
    return Override(
        input=price.input_usd_per_mtok,
        output=price.output_usd_per_mtok,
        cache_read=price.cache_read_usd_per_mtok,
        cache_write=price.cache_write_usd_per_mtok,
        cache_write_1h=price.cache_write_1h_usd_per_mtok,
        context_tokens=context,
        max_output_tokens=output,
    )


# One's own machine sends no invoice.
FREE = Override(input=Decimal(0), output=Decimal(0))
# Play money, so that limits and reports have something to work on: $1 in, $2 out per million.
PRETEND = Override(input=Decimal(1), output=Decimal(2))


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
            rest_s=wish.rest_s,
            probes=wish.probes,
            successes=wish.successes,
        ),
    )


def build_cache(settings: Settings, clock: Clock) -> CompletionCache:
    """The response cache. It is there even when off by default: a call may ask for it."""
    return in_memory(clock, settings.cache.max_entries, settings.cache.max_mb << 20)


def build_routes(settings: Settings) -> Routes:
    """The names this gateway knows. A bare name goes to the first provider that lists it."""
    models = settings.models
    aliases: dict[str, tuple[Target, ...]] = {
        name: tuple(map(target, names)) for name, names in models.aliases.items()
    }
    for provider, wish in settings.providers.items():
        for model in wish.models:
            aliases.setdefault(model, (Target(provider, model),))
    return Routes(
        providers={name: provider.kind for name, provider in settings.providers.items()},
        aliases=aliases,
        fallbacks=tuple(map(target, models.fallbacks)),
        default_provider=models.default_provider or "",
    )


def target(name: str) -> Target:
    """`provider/model`, as the settings have checked it."""
    provider, _, model = name.partition("/")
    return Target(provider, model)


def build_defaults(settings: Settings) -> Defaults:
    """What applies where a caller says nothing."""
    most = settings.spend.max_cost_per_request_usd
    return Defaults(
        model=settings.models.default or "",
        max_output_tokens=settings.models.max_output_tokens.default,
        max_output_tokens_with_tools=settings.models.max_output_tokens.with_tools,
        max_attempts=settings.max_attempts,
        max_cost_nanos=None if most is None else nanos(most),
        timeouts={
            name: Timeouts(
                connect_s=provider.timeouts.connect_s,
                first_token_s=provider.timeouts.first_token_s,
                between_tokens_s=provider.timeouts.between_tokens_s,
                attempt_s=provider.timeouts.attempt_s,
            )
            for name, provider in settings.providers.items()
        },
    )


def build_provider(
    settings: Settings,
    leaves: Leaves,
    limiter: Limiter,
    breaker: Breaker,
    cache: CompletionCache,
    clock: Clock,
) -> Cached:
    """Every provider hardened, all of them one."""
    retry = settings.retry
    rules = RetryRules(attempts=retry.attempts, base_s=retry.base_s, max_s=retry.max_s)
    hardened = {
        name: harden(leaf, name=name, limiter=limiter, breaker=breaker, rules=rules, clock=clock)
        for name, leaf in leaves.by_name.items()
    }
    mode = CacheMode.READ_WRITE if settings.cache.enabled else CacheMode.BYPASS
    return unite(hardened, cache, mode, settings.cache.ttl_s)


def build_observer(settings: Settings) -> Observer:
    """One log line per call, where calls are worth a line."""
    if settings.log.level in ("warning", "error"):
        return Silent()
    if settings.log.as_json:
        return CallLog(JsonLines(sys.stderr.buffer))
    return CallLog(structlog.get_logger("hexgate.calls"))


def build_prepare(
    routes: Routes, catalog: ModelCatalog, clock: Clock, defaults: Defaults
) -> Prepare:
    """From requests to calls."""
    return Prepare(routes, catalog, clock, defaults)


def build_books(ledger: Ledger, clock: Clock, observer: Observer) -> Books:
    """The account of each call."""
    return Books(ledger, clock, observer)


def build_complete(prepare: Prepare, provider: Cached, books: Books, clock: Clock) -> Complete:
    """One call, one answer."""
    return Complete(prepare, provider, books, clock)


def build_stream(prepare: Prepare, provider: Cached, books: Books, clock: Clock) -> StreamComplete:
    """One call, many chunks."""
    return StreamComplete(prepare, provider, books, clock)


def build_embed(prepare: Prepare, provider: Cached, books: Books) -> Embed:
    """One call, one vector for each input."""
    return Embed(prepare, provider, books)


def build_check(leaves: Leaves, defaults: Defaults, clock: Clock) -> Check:
    """Does a provider answer?"""
    return Check(leaves.by_name, defaults.timeouts, clock)


class Container(containers.DeclarativeContainer):
    """Holes are filled by the server, which opens and closes what has a lifetime."""

    # Given
    settings = providers.Dependency(instance_of=Settings)
    leaves = providers.Dependency(instance_of=Leaves)
    ledger: providers.Dependency[Ledger] = providers.Dependency()

    # Engines
    clock = providers.Singleton(SystemClock)
    catalog = providers.Singleton(build_catalog, settings, clock)
    limiter = providers.Singleton(build_limiter, settings, clock)
    breaker = providers.Singleton(build_breaker, settings, clock)
    cache = providers.Singleton(build_cache, settings, clock)
    observer = providers.Singleton(build_observer, settings)

    # Core
    routes = providers.Singleton(build_routes, settings)
    defaults = providers.Singleton(build_defaults, settings)
    provider = providers.Singleton(build_provider, settings, leaves, limiter, breaker, cache, clock)
    prepare = providers.Singleton(build_prepare, routes, catalog, clock, defaults)
    books = providers.Singleton(build_books, ledger, clock, observer)

    # Use cases
    complete = providers.Singleton(build_complete, prepare, provider, books, clock)
    stream = providers.Singleton(build_stream, prepare, provider, books, clock)
    embed = providers.Singleton(build_embed, prepare, provider, books)
    check = providers.Singleton(build_check, leaves, defaults, clock)
