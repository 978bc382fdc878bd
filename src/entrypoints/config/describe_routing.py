"""What a configuration does with a call, also on a bad day, for people to check."""

from __future__ import annotations

from collections.abc import Iterator

from hexgate.entrypoints.resilience import Alias, Breaker, FallbackRule, Health, Retry, RetryRow
from hexgate.entrypoints.settings import Settings


def describe_routing(settings: Settings) -> Iterator[str]:
    """One line each for the strategy, aliases, fallbacks, rules, retries, breakers and checks."""
    routing, models = settings.routing, settings.models
    yield f"routing: strategy {routing.strategy}, {_hedge(routing.hedge_after_s)}"
    for name, alias in models.aliases.items():
        yield f"alias {name}: {', '.join(_alias(alias, routing.strategy))}"
    for provider, wish in settings.providers.items():
        if wish.fallbacks:
            yield f"fallbacks of {provider}: {', then '.join(wish.fallbacks)}"
    if models.fallbacks:
        yield f"fallbacks of what is no alias: {', then '.join(models.fallbacks)}"
    for rule in routing.fallback:
        yield ", ".join(_rule(rule))
    yield from _retry(settings.retry, settings.max_attempts)
    yield _breaker(settings.breaker)
    yield _health(settings.health)


def _alias(alias: Alias, default: str) -> Iterator[str]:
    strategy = alias.strategy or default
    if len(alias.targets) == 1:
        yield alias.targets[0].target
    elif strategy == "order":
        tried = sorted(alias.targets, key=lambda member: member.weight == 0)
        yield ", then ".join(member.target for member in tried)
    else:
        plain = all(member.weight == 1 for member in alias.targets)
        shares = (one.target + ("" if plain else f" ({one.weight:g})") for one in alias.targets)
        yield f"{' or '.join(shares)}, by strategy {strategy}"
    if alias.hedge_after_s is not None:
        yield _hedge(alias.hedge_after_s)


def _hedge(after_s: float | None) -> str:
    return (
        f"a second attempt after {after_s:g} s" if after_s else "no second attempt beside a first"
    )


def _rule(rule: FallbackRule) -> Iterator[str]:
    of = f" of {rule.of}" if rule.of else ""
    yield f"fallback{of} on {', '.join(rule.on)}: {', then '.join(rule.to)}"
    if not rule.retry_original:
        yield "without trying the first again"
    if rule.delay_s:
        yield f"after {rule.delay_s:g} s"
    if rule.max_attempts:
        yield f"at most {rule.max_attempts} attempt{'s' * (rule.max_attempts > 1)}"


def _retry(retry: Retry, attempts: int) -> Iterator[str]:
    budget = retry.budget
    yield (
        f"retry: {retry.attempts} attempts per target and {attempts} per call; "
        f"of each provider {budget.ratio:g} retries for each call and {budget.burst} saved up; "
        f"waits of at most {retry.patience_s:g} s while another target is left"
    )
    for name in type(retry).model_fields:
        if isinstance(row := getattr(retry, name), RetryRow):
            growth = f", each {row.factor:g} times as long" if row.factor > 1 else ""
            times = f"{row.retries} at most, from {row.wait_s:g} s{growth}"
            yield f"retry after {name}: {times if row.retries else 'never'}"


def _breaker(wish: Breaker) -> str:
    share = (
        f" or {wish.failure_ratio:.4g} of at least {wish.min_calls} attempts in {wish.window_s:g} s"
    )
    return (
        f"breaker: opens after {wish.failures} failures in a row"
        f"{share if wish.failure_ratio else ''}, rests {wish.rest_s:g} s, then "
        f"{wish.probes} at a time until {wish.successes} succeed; "
        f"calls wait up to {wish.wait_s:g} s where all targets rest"
    )


def _health(wish: Health) -> str:
    if wish.interval_s is None:
        return "health: no checks"
    return (
        f"health: each provider every {wish.interval_s:g} s, {wish.jitter:.4g} of it sooner or "
        f"later; last after {wish.failures} failed checks, back after {wish.successes} good"
    )
