"""What a request would use and cost, without sending it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hexgate.application.bounds import worst, worst_cost
from hexgate.application.prepare import Prepare
from hexgate.application.requests import ChatRequest
from hexgate.domain.call import Hop
from hexgate.domain.errors import PriceUnknown, SpendLimitExceeded
from hexgate.domain.estimate import Tokens, certainty
from hexgate.domain.price import Cost, cost
from hexgate.domain.usage import Usage

# An answer has a token at the least.
FEWEST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Of the first target: `low` is the likely input with the shortest answer, `high` the most that
    the ledger would hold for the call, with every fallback and hedge. `confidence` is 0 where the
    price is not known, and 1 where tokens were counted.
    """

    hop: Hop
    tokens: Tokens
    fewest: int
    most: int
    low: Cost
    high: Cost
    confidence: float


class EstimateCost:
    """By the code that prepares calls and holds money for them. Touches nothing but memory."""

    def __init__(self, prepare: Prepare) -> None:
        self._prepare = prepare

    def __call__(self, request: ChatRequest) -> Estimate:
        """Raises what the call would before it is sent, but for bounds on money: whoever asks for a
        price wants to know by how much it is beyond them.
        """
        plan, call = self._prepare.dry(request)
        tokens = Tokens.of(request.spec)
        if call is not None:
            return _estimate(request, call.hops[0], tokens, worst(call))
        dear = (
            one.hop
            for one in plan.ruled_out
            if isinstance(one.error, SpendLimitExceeded | PriceUnknown)
        )
        hop = next(dear, None)
        if hop is None:
            raise plan.refusal(request.spec.model)
        return _estimate(request, hop, tokens, worst_cost(hop, tokens.most, request.spec))


def _estimate(request: ChatRequest, hop: Hop, tokens: Tokens, most_nanos: int) -> Estimate:
    fewest = min(FEWEST, hop.max_output_tokens)
    shortest = Usage(uncached_input=hop.reads(tokens.likely), output=fewest, estimated=True)
    longest = Usage(output=hop.max_output_tokens, estimated=True)
    answer = cost(longest, hop.price)
    # What is held beyond the answer is for the input, and for others that may take over.
    beyond = 0 if hop.price is None else most_nanos - answer.output_nanos
    return Estimate(
        hop=hop,
        tokens=tokens,
        fewest=fewest,
        most=hop.max_output_tokens,
        low=cost(shortest, hop.price),
        high=replace(answer, input_nanos=beyond),
        confidence=0.0 if hop.price is None else certainty(request.spec),
    )
