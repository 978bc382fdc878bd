"""From settings to the core: names, policies and use cases, by typed functions."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import structlog

from hexgate.adapters.alerts.log import AlertLog
from hexgate.adapters.observers.targets import TargetLog
from hexgate.application.alerting import Alerting
from hexgate.application.books import Books
from hexgate.application.budgets import Budgets
from hexgate.application.check import Check
from hexgate.application.complete import Complete
from hexgate.application.defaults import Defaults
from hexgate.application.embed import Embed
from hexgate.application.estimate import EstimateCost
from hexgate.application.explain import Explain
from hexgate.application.following import Follow
from hexgate.application.keys import Keys
from hexgate.application.pipeline import harden, unite
from hexgate.application.policies.cache import Cached
from hexgate.application.policies.retry import RetryRow, RetryRules
from hexgate.application.prepare import Prepare
from hexgate.application.probing import Probing, Schedule
from hexgate.application.router import Router
from hexgate.application.screen import Screen
from hexgate.application.stream import StreamComplete
from hexgate.application.targets import Targets as TargetList
from hexgate.application.usage import UsageReports
from hexgate.application.vitals import Vitals
from hexgate.domain.budget import AtLimit, Budget, Window
from hexgate.domain.call import CacheMode, Timeouts
from hexgate.domain.conditions import Condition
from hexgate.domain.routing import Routes
from hexgate.entrypoints.fields import nanos
from hexgate.entrypoints.leaves import Leaves
from hexgate.entrypoints.resilience import Retry
from hexgate.entrypoints.routes import configured, target
from hexgate.entrypoints.settings import Settings
from hexgate.entrypoints.spending import DOWNGRADE_AT, millionths, scope_of
from hexgate.entrypoints.spending import Budget as BudgetWish
from hexgate.ports.accounts import Alerts
from hexgate.ports.breaker import Breaker
from hexgate.ports.cache import CompletionCache
from hexgate.ports.catalog import ModelCatalog
from hexgate.ports.clock import Clock
from hexgate.ports.herald import Herald
from hexgate.ports.interactions import Interactions
from hexgate.ports.ledger import Ledger
from hexgate.ports.limiter import Limiter
from hexgate.ports.observer import Observer
from hexgate.ports.store import Store

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def build_vitals(clock: Clock) -> Vitals:
    """How each target fares."""
    return Vitals(clock)


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
    vitals: Vitals,
    ledger: Ledger,
    clock: Clock,
) -> Cached:
    """Every provider hardened, all of them one."""
    rules = build_rules(settings.retry)
    hardened = {
        name: harden(
            leaf,
            name=name,
            limiter=limiter,
            breaker=breaker,
            rules=rules,
            vitals=vitals,
            clock=clock,
            several_keys=name in leaves.rings,
            ledger=ledger,
        )
        for name, leaf in leaves.by_name.items()
    }
    mode = CacheMode.READ_WRITE if settings.cache.enabled else CacheMode.BYPASS
    return unite(hardened, cache, mode, settings.cache.ttl_s, clock, settings.breaker.wait_s)


def build_rules(retry: Retry) -> RetryRules:
    """The table of retries."""
    rows = {
        Condition.RATE_LIMIT: retry.rate_limit,
        Condition.ERROR: retry.error,
        Condition.UNAVAILABLE: retry.unavailable,
        Condition.OVERLOADED: retry.overloaded,
        Condition.TIMEOUT: retry.timeout,
        Condition.UNREACHABLE: retry.unreachable,
    }
    return RetryRules(
        rows={on: RetryRow(row.retries, row.wait_s, row.factor) for on, row in rows.items()},
        attempts=retry.attempts,
        patience_s=retry.patience_s,
        ratio=retry.budget.ratio,
        burst=retry.budget.burst,
    )


def build_targets(
    settings: Settings, routes: Routes, vitals: Vitals, breaker: Breaker, clock: Clock
) -> TargetList:
    """What operators see and want of targets."""
    return TargetList(
        tuple(settings.providers), configured(settings, routes), vitals, breaker, clock
    )


def build_probing(settings: Settings, check: Check, vitals: Vitals, clock: Clock) -> Probing | None:
    """Active checks, where they are configured."""
    health = settings.health
    if health.interval_s is None:
        return None
    schedule = Schedule(
        interval_s=health.interval_s,
        jitter=health.jitter,
        failures=health.failures,
        successes=health.successes,
    )
    told = TargetLog(structlog.get_logger("hexgate.probing"))
    return Probing(check, vitals, schedule, clock, random.random, told)


def build_explain(prepare: Prepare, breaker: Breaker, limiter: Limiter, leaves: Leaves) -> Explain:
    """The dry run of a call."""
    return Explain(prepare, breaker, limiter, leaves.by_name)


def build_estimate(prepare: Prepare) -> EstimateCost:
    """What a request would cost."""
    return EstimateCost(prepare)


def build_keys(settings: Settings, leaves: Leaves) -> Keys:
    """The gateway's keys."""
    return Keys(leaves.rings, tuple(settings.providers))


def build_router(
    routes: Routes,
    catalog: ModelCatalog,
    breaker: Breaker,
    vitals: Vitals,
    defaults: Defaults,
    budgets: Budgets,
    clock: Clock,
) -> Router:
    """Where each call goes."""
    screen = Screen(vitals, defaults, budgets)
    return Router(routes, catalog, screen, breaker, vitals, clock, random.random)


def build_prepare(router: Router, clock: Clock, defaults: Defaults) -> Prepare:
    """From requests to calls."""
    return Prepare(router, clock, defaults)


def build_budgets(settings: Settings) -> Budgets:
    """What may be spent."""
    return Budgets(_budget(name, wish) for name, wish in settings.budgets.items())


def _budget(name: str, wish: BudgetWish) -> Budget:
    soft = DOWNGRADE_AT if wish.downgrade_at is None else wish.downgrade_at
    return Budget(
        name=name,
        limit_nanos=nanos(wish.limit_usd),
        window=Window(wish.window),
        scope=scope_of(wish.scope),
        at_limit=AtLimit(wish.at_limit),
        cheaper=tuple(map(target, wish.downgrade_to or ())),
        downgrade_share=millionths(soft),
        alert_shares=tuple(map(millionths, wish.alerts)),
        unpriced=wish.unpriced == "allow",
    )


def build_books(
    ledger: Ledger, clock: Clock, observer: Observer, budgets: Budgets, prepare: Prepare
) -> Books:
    """The account of each call."""
    return Books(ledger, clock, observer, budgets, prepare.cheaper)


def build_alerting(
    ledger: Alerts, registry: CollectorRegistry | None, herald: Herald, clock: Clock
) -> Alerting:
    """Who hears of budgets."""
    log = AlertLog(structlog.get_logger("hexgate.budgets"))
    if registry is None:
        return Alerting(ledger, (log,), herald, clock)
    from hexgate.adapters.alerts.metrics import AlertMetrics

    return Alerting(ledger, (log, AlertMetrics(registry)), herald, clock)


def build_usage(store: Store, clock: Clock, budgets: Budgets) -> UsageReports:
    """What was used and what is left."""
    return UsageReports(store, clock, budgets.all)


def build_follow(interactions: Interactions, clock: Clock) -> Follow:
    """Which calls are told to the interaction log."""
    return Follow(interactions, clock)


def build_complete(
    prepare: Prepare, provider: Cached, books: Books, clock: Clock, follow: Follow
) -> Complete:
    """One call, one answer."""
    return Complete(prepare, provider, books, clock, follow)


def build_stream(
    prepare: Prepare, provider: Cached, books: Books, clock: Clock, follow: Follow
) -> StreamComplete:
    """One call, many chunks."""
    return StreamComplete(prepare, provider, books, clock, follow)


def build_embed(prepare: Prepare, provider: Cached, books: Books, follow: Follow) -> Embed:
    """One call, one vector for each input."""
    return Embed(prepare, provider, books, follow)


def build_check(leaves: Leaves, defaults: Defaults, clock: Clock) -> Check:
    """Does a provider answer?"""
    return Check(leaves.by_name, defaults.timeouts, clock)
