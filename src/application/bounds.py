"""What an attempt may cost at most, and whether the bounds on money and price allow it."""

from __future__ import annotations

from collections.abc import Sequence

from hexgate.application.requests import Request
from hexgate.domain.call import Call, Hop, Options
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.errors import NoEligibleTarget, PriceUnknown, Rejected, SpendLimitExceeded
from hexgate.domain.estimate import MOST, SHORT_S, Tokens, apart_tokens, longest_mark_s
from hexgate.domain.price import ceiling, cost
from hexgate.domain.spec import Spec
from hexgate.domain.usage import Usage

_ANSWERED = 200


def worst_cost(hop: Hop, tokens: int, spec: Spec | EmbedSpec) -> int:
    """The most that one attempt at a hop can cost whose input has at most so many tokens, in
    nano-USD; 0 where the price is unknown. No input is larger than the model's context.
    """
    price = hop.price
    if price is None:
        return 0
    tokens = hop.reads(tokens)
    kinds = price.kinds(tokens)
    media = min(tokens, apart_tokens(spec, kinds, MOST)) if kinds else 0
    worst = ceiling(Usage(uncached_input=tokens, output=hop.max_output_tokens), price, media)
    if any(rates.writes for rates in price.up_to(tokens)):
        worst = max(worst, ceiling(_written(hop, tokens, spec), price, media))
    return worst


def tighter(options: Options, most: int | None) -> int | None:
    """The caller's bound on one attempt and the gateway's as one, in nano-USD; None is no bound."""
    bounds = (options.max_cost_nanos, most)
    return min((bound for bound in bounds if bound is not None), default=None)


def refusal(
    hop: Hop, request: Request, bound: int | None, tokens: Tokens, *, budgeted: bool = False
) -> Rejected | None:
    """Why an attempt at this hop is not within the caller's prices and the bound, or None. A call
    that is `budgeted` has to have a price.
    """
    options = request.options
    prices = (options.max_input_price, options.max_output_price)
    if bound is None and prices == (None, None) and not budgeted:
        return None
    name = f"{hop.provider}/{hop.model}"
    if hop.price is None:
        return PriceUnknown(
            f"a {'budget' if budgeted else 'spending bound'} applies and the price of {name} is "
            "not known; add it under models.cards in the configuration, or lift the bound",
            metadata={"model": name},
        )
    worst = worst_cost(hop, tokens.most, request.spec)
    if bound is not None and worst > bound:
        return SpendLimitExceeded(
            f"{name} may cost {worst} nano-USD, the limit is {bound}; "
            "lower max_output_tokens or raise options.spend.max_cost_nanos",
            metadata={"model": name, "estimateNanos": str(worst), "limitNanos": str(bound)},
        )
    rates = hop.price.rates_for(tokens.likely)
    for rate, most, side in zip(
        (rates.input, rates.output), prices, ("input", "output"), strict=True
    ):
        if most is not None and rate > most:
            return NoEligibleTarget(
                f"{side} of {name} costs {rate} nano-USD per million tokens, the limit is {most}",
                metadata={"model": name, "constraint": f"max_{side}_price_nanos_per_mtok"},
            )
    return None


def worst(call: Call) -> int:
    """The most that attempts of a call can cost which run at a time, in nano-USD."""
    if call.hedge_after_s > 0:
        return worst_two(call.hops, call.most_input_tokens, call.spec)
    return max(worst_cost(hop, call.most_input_tokens, call.spec) for hop in call.hops)


def risked(call: Call) -> int:
    """The most that the attempts made so far may be charged, in nano-USD.

    What a provider answered and then took back counts in full until it is known what was delivered.
    """
    total = 0
    for one in call.attempts.done:
        hop = call.hops[one.hop]
        if one.billed is not None:
            total += cost(one.billed, hop.price).total_nanos
        elif one.failure and one.http_status == _ANSWERED:
            total += worst_cost(hop, call.most_input_tokens, call.spec)
    return total


def affords_two(hops: Sequence[Hop], request: Request, bound: int | None, tokens: int) -> bool:
    """Whether the bound holds for two attempts that may run side by side, of an input of at most so
    many tokens.
    """
    return bound is None or worst_two(hops, tokens, request.spec) <= bound


def worst_two(hops: Sequence[Hop], tokens: int, spec: Spec | EmbedSpec) -> int:
    """The most that two attempts side by side can cost, in nano-USD.

    Both may run at the dearest target: a leg that waits to try again may follow the other there.
    """
    return 2 * max(worst_cost(hop, tokens, spec) for hop in hops)


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
