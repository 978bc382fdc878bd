"""From a request to a call: checked, routed, bounded and priced, before anything is spent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hexgate.application.requests import ChatRequest, EmbedRequest, Request
from hexgate.domain.answer import Warned
from hexgate.domain.call import Attempts, Call, ChatCall, EmbedCall, Hop, Options, Timeouts
from hexgate.domain.catalog import ModelCard, Target
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.errors import (
    NoEligibleTarget,
    PriceUnknown,
    SpendLimitExceeded,
)
from hexgate.domain.estimate import (
    SHORT_S,
    apart_tokens,
    embedded_tokens,
    input_tokens,
    longest_mark_s,
)
from hexgate.domain.price import cost
from hexgate.domain.routing import Routes
from hexgate.domain.spec import Spec
from hexgate.domain.usage import Usage
from hexgate.domain.validation import validate
from hexgate.ports.catalog import ModelCatalog
from hexgate.ports.clock import Clock

C = TypeVar("C", bound=Call)
# The longest answer that one attempt at a model may give, in tokens.
Longest = Callable[[ModelCard], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What applies where the caller says nothing. Tokens, attempts, nano-USD."""

    model: str = ""
    max_output_tokens: int = 2048
    max_output_tokens_with_tools: int = 1024
    max_attempts: int = 4
    max_cost_nanos: int | None = None
    timeouts: dict[str, Timeouts] = field(default_factory=dict)  # by provider


class Prepare:
    """Turns requests into calls. Raises Rejected errors; touches nothing but memory."""

    def __init__(
        self, routes: Routes, catalog: ModelCatalog, clock: Clock, defaults: Defaults
    ) -> None:
        self._routes = routes
        # Vectors of two models do not compare: only a target that was named may take over.
        self._named = replace(routes, fallbacks=())
        self._catalog = catalog
        self._clock = clock
        self._defaults = defaults

    def chat(self, request: ChatRequest) -> ChatCall:
        """The call for a completion, with its hops in order."""
        spec = request.spec
        if not spec.model and self._defaults.model:
            spec = replace(spec, model=self._defaults.model)
            request = replace(request, spec=spec)
        validate(spec, request.options)

        def longest(card: ModelCard) -> int:
            return self._max_output(spec, card)

        call = self._call(ChatCall, request, self._routes, input_tokens(spec), longest)
        warnings = (*_clamped(spec, call.hops[0]), *_strangers(spec, self._routes.providers))
        return replace(call, warnings=warnings) if warnings else call

    def embed(self, request: EmbedRequest) -> EmbedCall:
        """The call for embeddings, with its hops in order. The default model writes: it is no help
        here.
        """
        validate(request.spec, request.options)
        tokens = embedded_tokens(request.spec)
        return self._call(EmbedCall, request, self._named, tokens, _nothing)

    def _call(
        self, kind: type[C], request: Request, routes: Routes, tokens: int, longest: Longest
    ) -> C:
        """A call of this kind: routed, priced and bounded."""
        spec, options = request.spec, request.options
        targets = routes.targets(spec.model, options, self._catalog.vendors_of)
        hops = self._affordable(targets, request, tokens, longest)
        first = hops[0]
        return kind(
            call_id=request.call_id,
            tenant=request.tenant,
            model=first.model,
            spec=spec,
            options=options,
            deadline=request.deadline,
            max_output_tokens=first.max_output_tokens,
            attempts=Attempts(self._attempts(options)),
            timeouts=first.timeouts,
            input_tokens=tokens,
            hops=hops,
            started=self._clock.monotonic(),
            started_at=self._clock.now(),
        )

    def _affordable(
        self, targets: tuple[Target, ...], request: Request, tokens: int, longest: Longest
    ) -> tuple[Hop, ...]:
        """The hops within the caller's spending bounds; raises the first refusal when none is."""
        options = request.options
        refusals: list[NoEligibleTarget | PriceUnknown | SpendLimitExceeded] = []
        hops: list[Hop] = []
        for target in targets:
            card = self._catalog.card(target)
            hop = Hop(
                provider=target.provider,
                model=target.model,
                max_output_tokens=longest(card),
                price=card.price,
                timeouts=self._timeouts(target, options),
            )
            refusal = _refusal(hop, request, self._bound(options), tokens)
            if refusal is None:
                hops.append(hop)
            else:
                refusals.append(refusal)
        if not hops:
            raise refusals[0]
        return tuple(hops)

    def _timeouts(self, target: Target, options: Options) -> Timeouts:
        limits = self._defaults.timeouts.get(target.provider, _TIMEOUTS)
        return limits.tightened(options.timeouts)

    def _attempts(self, options: Options) -> int:
        """A caller may lower the gateway's budget, never raise it."""
        most = self._defaults.max_attempts
        return most if options.max_attempts is None else min(most, options.max_attempts)

    def _bound(self, options: Options) -> int | None:
        bounds = (options.max_cost_nanos, self._defaults.max_cost_nanos)
        return min((bound for bound in bounds if bound is not None), default=None)

    def _max_output(self, spec: Spec, card: ModelCard) -> int:
        wanted = spec.params.max_output_tokens
        if wanted is None:
            defaults = self._defaults
            tools = defaults.max_output_tokens_with_tools
            wanted = tools if spec.tools else defaults.max_output_tokens
        return min(wanted, card.max_output_tokens) if card.max_output_tokens else wanted


def worst_cost(hop: Hop, tokens: int, spec: Spec | EmbedSpec) -> int:
    """The most that one attempt at a hop can cost, in nano-USD; 0 where the price is unknown."""
    price = hop.price
    worst = cost(Usage(uncached_input=tokens, output=hop.max_output_tokens), price).total_nanos
    if price is None:
        return worst
    rates = price.rates_for(tokens)
    if rates.cache_write is not None or rates.cache_write_1h is not None:
        worst = max(worst, cost(_written(hop, tokens, spec), price).total_nanos)
    if not price.apart:
        return worst
    dearer = max(0, price.apart_input - rates.input)
    return worst + -(-apart_tokens(spec, price.apart) * dearer // 1_000_000)


def _written(hop: Hop, tokens: int, spec: Spec | EmbedSpec) -> Usage:
    """All of the input written to the provider's cache, for as long as the request can mean.

    The provider's own options may say so in words that only its dialect knows.
    """
    opaque = isinstance(spec, Spec) and hop.provider in spec.provider_options
    if opaque or longest_mark_s(spec) > SHORT_S:
        return Usage(cache_write_1h=tokens, output=hop.max_output_tokens)
    if longest_mark_s(spec):
        return Usage(cache_write=tokens, output=hop.max_output_tokens)
    return Usage(uncached_input=tokens, output=hop.max_output_tokens)


def _refusal(
    hop: Hop, request: Request, bound: int | None, tokens: int
) -> NoEligibleTarget | PriceUnknown | SpendLimitExceeded | None:
    options = request.options
    prices = (options.max_input_price, options.max_output_price)
    if bound is None and prices == (None, None):
        return None
    name = f"{hop.provider}/{hop.model}"
    if hop.price is None:
        return PriceUnknown(
            f"a spending bound applies and the price of {name} is not known; "
            "add it under models.cards in the configuration, or lift the bound",
            metadata={"model": name},
        )
    worst = worst_cost(hop, tokens, request.spec)
    if bound is not None and worst > bound:
        return SpendLimitExceeded(
            f"{name} may cost {worst} nano-USD, the limit is {bound}; "
            "lower max_output_tokens or raise options.spend.max_cost_nanos",
            metadata={"model": name, "estimateNanos": str(worst), "limitNanos": str(bound)},
        )
    rates = hop.price.rates_for(tokens)
    for rate, most, side in zip(
        (rates.input, rates.output), prices, ("input", "output"), strict=True
    ):
        if most is not None and rate > most:
            return NoEligibleTarget(
                f"{side} of {name} costs {rate} nano-USD per million tokens, the limit is {most}",
                metadata={"model": name, "constraint": f"max_{side}_price_nanos_per_mtok"},
            )
    return None


def _nothing(_card: ModelCard) -> int:
    """An embedding model writes no answer."""
    return 0


def _clamped(spec: Spec, hop: Hop) -> Iterator[Warned]:
    wanted = spec.params.max_output_tokens
    if wanted is not None and wanted > hop.max_output_tokens:
        yield Warned(
            "PARAM_CLAMPED",
            f"{hop.model} writes at most {hop.max_output_tokens} tokens; {wanted} was asked",
            "spec.params.max_output_tokens",
        )


def _strangers(spec: Spec, providers: Mapping[str, str]) -> Iterator[Warned]:
    for name in spec.provider_options:
        if name not in providers:
            yield Warned(
                "UNKNOWN_PROVIDER",
                f"no provider is called {name[:32]!r}, so its options are for nobody",
                "spec.provider_options",
            )


_TIMEOUTS = Timeouts()
