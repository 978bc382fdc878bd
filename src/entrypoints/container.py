"""The composition root. The only user of the DI library.

Every provider below calls a typed function, because the library does not check arguments.
"""

from __future__ import annotations

from dependency_injector import containers, providers

from hexgate.adapters.clock import SystemClock
from hexgate.entrypoints.core import (
    build_alerting,
    build_books,
    build_budgets,
    build_check,
    build_complete,
    build_defaults,
    build_embed,
    build_estimate,
    build_explain,
    build_follow,
    build_keys,
    build_prepare,
    build_probing,
    build_provider,
    build_router,
    build_stream,
    build_targets,
    build_usage,
    build_vitals,
)
from hexgate.entrypoints.engines import (
    build_breaker,
    build_cache,
    build_catalog,
    build_limiter,
    build_observer,
    build_registry,
)
from hexgate.entrypoints.leaves import Leaves
from hexgate.entrypoints.routes import build_routes
from hexgate.entrypoints.settings import Settings
from hexgate.ports.herald import Herald
from hexgate.ports.interactions import Interactions
from hexgate.ports.store import Store


class Container(containers.DeclarativeContainer):
    """Holes are filled by the server, which opens and closes what has a lifetime."""

    # Given
    settings = providers.Dependency(instance_of=Settings)
    leaves = providers.Dependency(instance_of=Leaves)
    ledger: providers.Dependency[Store] = providers.Dependency()
    interactions: providers.Dependency[Interactions] = providers.Dependency()
    herald: providers.Dependency[Herald] = providers.Dependency()

    # Engines
    clock = providers.Singleton(SystemClock)
    catalog = providers.Singleton(build_catalog, settings, clock)
    limiter = providers.Singleton(build_limiter, settings, clock)
    vitals = providers.Singleton(build_vitals, clock)
    breaker = providers.Singleton(build_breaker, settings, clock)
    cache = providers.Singleton(build_cache, settings, clock)
    observer = providers.Singleton(build_observer, settings)
    registry = providers.Singleton(build_registry, settings)

    # Core
    routes = providers.Singleton(build_routes, settings)
    defaults = providers.Singleton(build_defaults, settings)
    provider = providers.Singleton(
        build_provider, settings, leaves, limiter, breaker, cache, vitals, ledger, clock
    )
    budgets = providers.Singleton(build_budgets, settings)
    router = providers.Singleton(
        build_router, routes, catalog, breaker, vitals, defaults, budgets, clock
    )
    prepare = providers.Singleton(build_prepare, router, clock, defaults)
    books = providers.Singleton(build_books, ledger, clock, observer, budgets, prepare)

    # Use cases
    follow = providers.Singleton(build_follow, interactions, clock)
    complete = providers.Singleton(build_complete, prepare, provider, books, clock, follow)
    stream = providers.Singleton(build_stream, prepare, provider, books, clock, follow)
    embed = providers.Singleton(build_embed, prepare, provider, books, follow)
    check = providers.Singleton(build_check, leaves, defaults, clock)
    targets = providers.Singleton(build_targets, settings, routes, vitals, breaker, clock)
    keys = providers.Singleton(build_keys, settings, leaves)
    estimate = providers.Singleton(build_estimate, prepare)
    explain = providers.Singleton(build_explain, prepare, breaker, limiter, leaves)
    alerting = providers.Singleton(build_alerting, ledger, registry, herald, clock)
    usage = providers.Singleton(build_usage, ledger, clock, budgets)
    probing = providers.Singleton(build_probing, settings, check, vitals, clock)
