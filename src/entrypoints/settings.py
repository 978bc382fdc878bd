"""What the gateway is told: one frozen object, checked whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from hexgate.entrypoints.fields import (
    Address,
    AliasName,
    BudgetName,
    CardName,
    Count,
    LabelName,
    Level,
    Many,
    ModelName,
    Network,
    ProviderName,
    Seconds,
    Secret,
    TargetName,
    expected,
)
from hexgate.entrypoints.interactions import Interactions
from hexgate.entrypoints.kinds import AnyProvider
from hexgate.entrypoints.prices import Price, Prices
from hexgate.entrypoints.references import Key, dangling
from hexgate.entrypoints.resilience import AnyAlias, Breaker, Health, Retry, Routing
from hexgate.entrypoints.section import Section
from hexgate.entrypoints.spending import Alerts, Budget, Spend


class Server(Section):
    """The gRPC server."""

    listen: Address = Field(
        default="127.0.0.1:50051", description="host:port of the public services."
    )
    admin_listen: Address = Field(
        default="127.0.0.1:50052", description="host:port of the admin services."
    )
    metrics_listen: Address | None = Field(
        default=None,
        description="host:port where Prometheus finds /metrics, over HTTP; nowhere when absent.",
    )
    max_request_bytes: int = Field(
        default=32 * 1024**2, ge=1024, le=256 * 1024**2, description="Largest request, in bytes."
    )
    max_calls: Count = Field(
        default=1000, description="Calls in flight; one more is refused as overload."
    )
    max_deadline_s: Seconds = Field(
        default=600,
        description="Longest time of a call, in seconds; a longer deadline is cut to it.",
    )
    default_deadline_s: Seconds | None = Field(
        default=None,
        description="Time of a call whose caller sets no deadline, in seconds; "
        "max_deadline_s when absent.",
    )
    drain_s: float = Field(
        default=30,
        ge=0,
        le=3600,
        description="Time that running calls get at shutdown, in seconds.",
    )
    write_timeout_s: Seconds = Field(
        default=30,
        description="Time a caller may take to read one message of a stream, in seconds.",
    )
    reflection: bool = Field(default=True, description="Whether clients may ask for the schema.")

    @property
    def deadline_s(self) -> float:
        """The time of a call whose caller sets no deadline, in seconds."""
        return self.max_deadline_s if self.default_deadline_s is None else self.default_deadline_s

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.deadline_s > self.max_deadline_s:
            raise expected(
                f"default_deadline_s ({self.deadline_s:g}) to be at most "
                f"max_deadline_s ({self.max_deadline_s:g})"
            )
        if self.listen == self.admin_listen and not self.listen.endswith(":0"):
            raise expected(f"different addresses, but listen and admin_listen are {self.listen}")
        return self


class OutputTokens(Section):
    """How long an answer may be when the caller does not say; a model's own limit caps it."""

    default: Many = Field(default=2048, description="Without tools, in tokens.")
    with_tools: Many = Field(default=1024, description="With tools, in tokens.")


class Card(Section):
    """Facts about one model; they win over what the gateway knows by itself."""

    context_tokens: Many | None = Field(default=None, description="Size of the context, in tokens.")
    max_output_tokens: Many | None = Field(default=None, description="Longest answer, in tokens.")
    quality: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Rank among models, 0 to 100, the better the higher, where quality decides.",
    )
    price: Price | None = None
    prices: Prices = Field(
        default=(),
        description="Instead of price: what it costs from which day on, {from: 2026-12-01, "
        "input_usd_per_mtok, …} in rising order. Until the first, the built-in price counts.",
    )

    @model_validator(mode="after")
    def _priced_once(self) -> Self:
        if self.price is not None and self.prices:
            raise expected("price or prices, not both")
        return self


class Models(Section):
    """What the names of models stand for."""

    default: ModelName | None = Field(
        default=None,
        description="Model of a request that names none: an alias, provider/model or a name.",
    )
    default_provider: ProviderName | None = Field(
        default=None,
        description="Provider of a bare model name that several, or none, are known to serve.",
    )
    aliases: Mapping[AliasName, AnyAlias] = Field(
        default={},
        max_length=1000,
        description="Name to provider/model, to a list of them, or to {targets, strategy}.",
    )
    fallbacks: tuple[TargetName, ...] = Field(
        default=(),
        max_length=16,
        description="Each provider/model tried, in order, after any model that is not an alias.",
    )
    max_output_tokens: OutputTokens = OutputTokens()
    cards: Mapping[CardName, Card] = Field(
        default={}, max_length=10_000, description="Facts by provider/model, or provider/* for all."
    )


class Fetch(Section):
    """Fetching what a request links to, for providers that take bytes alone; by https alone."""

    enabled: bool = Field(
        default=True, description="Whether the gateway fetches; else such a request is refused."
    )
    max_mb: int = Field(
        default=20, ge=1, le=256, description="All files of one request together, in MiB."
    )
    timeout_s: Seconds = Field(default=10, description="Time for one file, in seconds.")
    allow_networks: tuple[Network, ...] = Field(
        default=(),
        max_length=64,
        description="Networks such as 10.20.0.0/16 to fetch from although they are private.",
    )


class Cache(Section):
    """Answers kept for equal requests, in memory."""

    enabled: bool = Field(
        default=False, description="Whether answers are kept unless a request says so."
    )
    ttl_s: float = Field(
        default=3600, ge=1, le=31_536_000, description="Life of an answer, in seconds."
    )
    max_entries: Count = Field(default=10_000, description="Most answers kept.")
    max_mb: int = Field(default=64, ge=1, le=65_536, description="Most memory used, in MiB.")


class Ledger(Section):
    """Where the record of every call is kept."""

    backend: Literal["sqlite", "postgres", "memory"] = Field(
        default="sqlite",
        description="sqlite: durable, one file, one process; postgres: durable, shared by "
        "replicas; memory: gone at exit.",
    )
    path: str = Field(
        default="hexgate.db",
        min_length=1,
        max_length=4096,
        description="The file of the sqlite ledger.",
    )
    url: Secret | None = Field(
        default=None,
        description="Where the postgres ledger is, such as postgresql://host/database: text, "
        "{env: NAME} or {file: path}.",
    )
    migrate: bool = Field(
        default=True,
        description="Whether the postgres ledger is led to the newest schema at start; else "
        "`hexgate ledger migrate` does it.",
    )
    retention_days: int | None = Field(
        default=None,
        ge=2,
        le=36_500,
        description="How long the rows of single calls are kept, in days; the sums of days stay. "
        "For ever when absent.",
    )
    labels: tuple[LabelName, ...] = Field(
        default=(),
        max_length=16,
        description="Labels of which sums are kept by day, so that reports by them are quick.",
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if (self.backend == "postgres") != (self.url is not None):
            raise expected("url where backend is postgres, and there alone")
        return self


class Log(Section):
    """The log, on standard error."""

    level: Level = Field(default="info", description="Least severe level that is written.")
    as_json: bool = Field(default=True, alias="json", description="JSON lines, or text for people.")
    interactions: Interactions | None = Field(
        default=None, description="Prompts and answers, to a file of their own; absent: not."
    )


class Settings(Section):
    """Everything the gateway is told. Each section but `providers` may be absent."""

    server: Server = Server()
    providers: Mapping[ProviderName, AnyProvider] = Field(
        min_length=1,
        max_length=64,
        description="Providers by name, at least one, such as sim: {kind: simulator}.",
    )
    models: Models = Models()
    fetch: Fetch = Fetch()
    routing: Routing = Routing()
    retry: Retry = Retry()
    max_attempts: int = Field(
        default=6,
        ge=1,
        le=100,
        description="Attempts of one call, all its targets and retries together.",
    )
    breaker: Breaker = Breaker()
    health: Health = Health()
    cache: Cache = Cache()
    ledger: Ledger = Ledger()
    spend: Spend = Spend()
    budgets: Mapping[BudgetName, Budget] = Field(
        default={}, max_length=256, description="Bounds on spending, by name."
    )
    alerts: Alerts = Alerts()
    log: Log = Log(json=True)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        named = self.model_dump(
            mode="json",
            include={
                "providers": {"__all__": {"kind", "fallbacks"}},
                "models": True,
                "routing": True,
                "budgets": {"__all__": {"downgrade_to"}},
            },
        )
        found = [*dangling(named), *self._idle()]
        problems = [
            InitErrorDetails(type=expected(what), loc=key, input=None) for key, what in found
        ]
        if problems:
            raise ValidationError.from_exception_data("Settings", problems, hide_input=True)
        return self

    def _idle(self) -> Iterator[tuple[Key, str]]:
        """Each setting that nothing could come of beside the others, and what was expected."""
        yield from self._too_late()
        default = self.routing.strategy
        orders: list[tuple[Key, str | None]] = [(("routing", "strategy"), default)]
        for name, alias in self.models.aliases.items():
            key: Key = ("models", "aliases", name)
            strategy = alias.strategy or default
            orders.append(((*key, "strategy"), alias.strategy))
            shares = any(member.weight not in (0, 1) for member in alias.targets)
            if shares and strategy not in ("weighted", "least_loaded"):
                yield (
                    key,
                    (f"strategy: weighted or least_loaded, for by {strategy} weights mean nothing"),
                )
        if not any(card.quality for card in self.models.cards.values()):
            for key, wish in orders:
                if wish == "quality":
                    yield key, "another strategy, or the quality of models in models.cards"

    def _too_late(self) -> Iterator[tuple[Key, str]]:
        waits: list[tuple[Key, float | None]] = [
            (("routing", "hedge_after_s"), self.routing.hedge_after_s)
        ]
        for place, rule in enumerate(self.routing.fallback):
            waits.append((("routing", "fallback", place, "delay_s"), rule.delay_s))
        for name, alias in self.models.aliases.items():
            waits.append((("models", "aliases", name, "hedge_after_s"), alias.hedge_after_s))
        longest = self.server.max_deadline_s
        for key, wait_s in waits:
            if wait_s is not None and wait_s >= longest:
                yield key, f"less than server.max_deadline_s ({longest:g})"
