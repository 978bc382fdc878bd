"""From settings to the names that this gateway knows, and to what follows them."""

from __future__ import annotations

from collections.abc import Mapping

from hexgate.domain.balance import Group, Member, Strategy
from hexgate.domain.catalog import Target
from hexgate.domain.conditions import Condition
from hexgate.domain.fallback import Rule
from hexgate.domain.routing import Routes
from hexgate.entrypoints.resilience import Alias, FallbackRule, Routing
from hexgate.entrypoints.settings import Settings

_ON: Mapping[str, tuple[Condition, ...]] = {
    "rate_limit": (Condition.RATE_LIMIT,),
    "unavailable": (Condition.UNAVAILABLE, Condition.UNREACHABLE),
    "overloaded": (Condition.OVERLOADED,),
    "timeout": (Condition.TIMEOUT,),
    "error": (Condition.ERROR,),
    "context_length": (Condition.CONTEXT_LENGTH,),
    "content_filter": (Condition.CONTENT_FILTER,),
}


def build_routes(settings: Settings) -> Routes:
    """The names this gateway knows."""
    models, routing = settings.models, settings.routing
    listed: dict[str, tuple[str, ...]] = {}
    for name, provider in settings.providers.items():
        for model in provider.models:
            listed[model] = (*listed.get(model, ()), name)
    return Routes(
        providers={name: provider.kind for name, provider in settings.providers.items()},
        aliases={name: _group(alias, routing) for name, alias in models.aliases.items()},
        listed=listed,
        own={
            name: tuple(Target(name, model) for model in provider.fallbacks)
            for name, provider in settings.providers.items()
            if provider.fallbacks
        },
        fallbacks=tuple(map(target, models.fallbacks)),
        rules=tuple(map(_rule, routing.fallback)),
        strategy=Strategy(routing.strategy),
        hedge_after_s=routing.hedge_after_s or 0.0,
        default_provider=models.default_provider or "",
    )


def target(name: str) -> Target:
    """`provider/model`, as the settings have checked it."""
    provider, _, model = name.partition("/")
    return Target(provider, model)


def configured(settings: Settings, routes: Routes) -> tuple[Target, ...]:
    """Every target that the configuration names, without repeats."""
    named = [member.target for group in routes.aliases.values() for member in group.members]
    named += routes.fallbacks
    named += [one for rule in routes.rules for one in rule.to]
    for budget in settings.budgets.values():
        named += map(target, budget.downgrade_to or ())
    for provider, wish in settings.providers.items():
        named += [Target(provider, model) for model in (*wish.models, *wish.fallbacks)]
    named += [target(name) for name in settings.models.cards]
    return tuple(one for one in dict.fromkeys(named) if one.model != "*")


def _group(alias: Alias, routing: Routing) -> Group:
    after_s = routing.hedge_after_s if alias.hedge_after_s is None else alias.hedge_after_s
    return Group(
        members=tuple(Member(target(one.target), one.weight) for one in alias.targets),
        strategy=Strategy(alias.strategy or routing.strategy),
        hedge_after_s=after_s or 0.0,
    )


def _rule(row: FallbackRule) -> Rule:
    return Rule(
        on=frozenset(condition for name in row.on for condition in _ON[name]),
        to=tuple(map(target, row.to)),
        of=row.of or "",
        retry_original=row.retry_original,
        delay_s=row.delay_s,
        max_attempts=row.max_attempts,
    )
