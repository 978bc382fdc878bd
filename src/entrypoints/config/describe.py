"""What a configuration amounts to, for people to check."""

from __future__ import annotations

from collections.abc import Iterator

from hexgate.entrypoints.config.describe_routing import describe_routing
from hexgate.entrypoints.config.secrets import SECRETS
from hexgate.entrypoints.interactions import Interactions
from hexgate.entrypoints.kinds import AnyProvider, Limits, Simulator
from hexgate.entrypoints.settings import Settings
from hexgate.entrypoints.spending import DOWNGRADE_AT

_SHOWN = (
    *("organization", "api_version", "region", "profile", "project", "location"),
    *("credentials_file", "control_url", "context_tokens"),
)


def describe(settings: Settings) -> list[str]:
    """One line for each thing that would be used. Of keys it says only whether they are set."""
    return [
        *_server(settings),
        *_providers(settings),
        *_models(settings),
        *describe_routing(settings),
        *_others(settings),
    ]


def _server(settings: Settings) -> Iterator[str]:
    server = settings.server
    metrics = f", metrics on {server.metrics_listen}" if server.metrics_listen else ""
    yield (
        f"server: public services on {server.listen}, admin services on {server.admin_listen}"
        + metrics
    )
    yield (
        f"server: at most {server.max_calls} calls at a time, {server.max_request_bytes} bytes and "
        f"{server.max_deadline_s:g} s each ({server.deadline_s:g} s where the caller sets no "
        f"deadline), {server.drain_s:g} s to drain, reflection {_on(server.reflection)}"
    )


def _providers(settings: Settings) -> Iterator[str]:
    for name, provider in settings.providers.items():
        timeouts = provider.timeouts
        yield f"provider {name}: {', '.join(_provider(provider))}"
        yield (
            f"provider {name}: connects within {timeouts.connect_s:g} s, first token within "
            f"{timeouts.first_token_s:g} s, next within {timeouts.between_tokens_s:g} s, "
            f"whole attempt within {timeouts.attempt_s:g} s; {_limits(provider.limits)}"
        )


def _provider(provider: AnyProvider) -> Iterator[str]:
    yield f"kind {provider.kind}"
    if isinstance(provider, Simulator):
        yield f"seed {provider.seed}"
        yield f"{provider.pace_ms:g} ms per token"
        yield f"{provider.fault_rate:.4g} of the calls fail"
    else:
        several = len(provider.api_keys)
        if several:
            yield f"{several} keys by {provider.key_order}"
        told = ("api_keys", "api_key") if several else ("api_keys",)
        for key in SECRETS:
            if key in type(provider).model_fields and key not in told:
                yield f"{key} {'set' if getattr(provider, key) else 'not set'}"
        yield f"at {provider.base_url or 'the usual address'}"
        yield f"transport {provider.transport}"
    for key in _SHOWN:
        if value := getattr(provider, key, None):
            yield f"{key} {value}"
    if provider.models:
        yield f"models {', '.join(provider.models)}"


def _limits(limits: Limits) -> str:
    parts = (
        (limits.requests_per_minute, "requests per minute"),
        (limits.tokens_per_minute, "tokens per minute"),
        (limits.concurrency, "at a time"),
    )
    return ", ".join(f"{count} {what}" for count, what in parts if count) or "no rate limit"


def _models(settings: Settings) -> Iterator[str]:
    models = settings.models
    yield f"models: default {models.default or 'none'}"
    if models.default_provider:
        yield f"models: default provider {models.default_provider}"
    tokens = models.max_output_tokens
    yield f"answers: {tokens.default} tokens unless the caller says, {tokens.with_tools} with tools"
    for target, card in models.cards.items():
        facts = sorted(card.model_fields_set)
        yield f"card {target}: {', '.join(facts) or 'nothing'}"


def _others(settings: Settings) -> Iterator[str]:
    cache = settings.cache
    yield (
        f"cache: {_on(cache.enabled)} by default, {cache.ttl_s:g} s, "
        f"at most {cache.max_entries} answers and {cache.max_mb} MiB"
    )
    fetch = settings.fetch
    yield (
        f"fetch: {_on(fetch.enabled)}, at most {fetch.max_mb} MiB and {fetch.timeout_s:g} s each"
        + (f", also from {', '.join(fetch.allow_networks)}" if fetch.allow_networks else "")
    )
    yield from _ledger(settings)
    yield from _budgets(settings)
    bound = settings.spend.max_cost_per_request_usd
    yield "spend: " + ("no bound" if bound is None else f"at most {bound:f} USD") + " per request"
    yield f"log: {settings.log.level}, {'JSON lines' if settings.log.as_json else 'text'}"
    if interactions := settings.log.interactions:
        yield _interactions(interactions)


def _interactions(wish: Interactions) -> str:
    """Nobody shall learn only later that prompts are written down."""
    what = "prompts and answers" if wish.contents else "the sizes of prompts and answers"
    redacted = f"redacted ({len(wish.patterns)} own patterns)" if wish.redact else "not redacted"
    return (
        f"interactions: {what} of {wish.sample:.4g} of the calls are written to {wish.path}, "
        f"{redacted}; {wish.max_mb} MiB, and {wish.keep} older files"
    )


def _ledger(settings: Settings) -> Iterator[str]:
    ledger = settings.ledger
    kept = ledger.retention_days
    yield (
        f"ledger: {ledger.backend}"
        + (f" {ledger.path}" if ledger.backend == "sqlite" else "")
        + (", migrated by hand" if ledger.backend == "postgres" and not ledger.migrate else "")
        + (", rows are kept for ever" if kept is None else f", rows are kept for {kept} days")
        + (f", daily sums by label {', '.join(ledger.labels)}" if ledger.labels else "")
    )


def _budgets(settings: Settings) -> Iterator[str]:
    for name, budget in settings.budgets.items():
        soft = DOWNGRADE_AT if budget.downgrade_at is None else budget.downgrade_at
        cheaper = ", ".join(budget.downgrade_to or ())
        alerts = ", ".join(f"{share.normalize():f}" for share in budget.alerts)
        yield (
            f"budget {name}: {budget.limit_usd:f} USD by {budget.window} for {budget.scope}; "
            + (f"from {soft.normalize():f} of it on {cheaper}, " if cheaper else "")
            + f"then refused; unknown prices: {budget.unpriced}; "
            + (f"alerts at {alerts}" if alerts else "no alerts")
        )
    hook = settings.alerts.webhook
    if settings.budgets:
        told = "" if hook is None else f", webhook ({'' if hook.secret else 'not '}signed)"
        yield f"alerts: log and metrics{told}"
    elif hook is not None:
        yield "alerts: none, for there are no budgets"


def _on(value: bool) -> str:
    return "on" if value else "off"
