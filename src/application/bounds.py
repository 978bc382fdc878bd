"""What an attempt may cost at most, and whether the bounds on money and price allow it."""

from __future__ import annotations

from collections.abc import Sequence

from hexgate.application.requests import Request
from hexgate.domain.call import Hop, Options
from hexgate.domain.conditions import Condition
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.errors import NoEligibleTarget, PriceUnknown, Rejected, SpendLimitExceeded
from hexgate.domain.estimate import SHORT_S, apart_tokens, longest_mark_s
from hexgate.domain.price import cost
from hexgate.domain.spec import Spec
from hexgate.domain.usage import Usage


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


def tighter(options: Options, most: int | None) -> int | None:
    """The caller's bound on one attempt and the gateway's as one, in nano-USD; None is no bound."""
    bounds = (options.max_cost_nanos, most)
    return min((bound for bound in bounds if bound is not None), default=None)


def refusal(hop: Hop, request: Request, bound: int | None, tokens: int) -> Rejected | None:
    """Why an attempt at this hop is not within the caller's prices and the bound, or None."""
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


def affords_two(hops: Sequence[Hop], request: Request, bound: int | None, tokens: int) -> bool:
    """Whether the bound holds for the two dearest attempts that may run side by side."""
    return bound is None or worst_two(hops, tokens, request.spec) <= bound


def worst_two(hops: Sequence[Hop], tokens: int, spec: Spec | EmbedSpec) -> int:
    """The most that two attempts side by side can cost, in nano-USD.

    Where nothing takes over from the first target when it is slow, both may run there.
    """
    costs = [worst_cost(hop, tokens, spec) for hop in hops]
    dearest = sum(sorted(costs)[-2:])
    if not any(hop.takes_over_on(Condition.TIMEOUT) for hop in hops[1:]):
        dearest = max(dearest, 2 * costs[0])
    return dearest


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
