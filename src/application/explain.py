"""Where a request would go, and why, without sending it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import dropwhile

from hexgate.application.bounds import worst_cost
from hexgate.application.prepare import Prepare
from hexgate.application.requests import ChatRequest
from hexgate.domain.call import ChatCall, Hop
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import GatewayError, Unsupported
from hexgate.domain.estimate import MOST, input_tokens
from hexgate.domain.health import BreakerStatus
from hexgate.ports.breaker import Breaker
from hexgate.ports.limiter import Left, Limiter
from hexgate.ports.provider import Fitting


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """One target. `refusal` None: it is a candidate, and the higher its `score`, the sooner it is
    tried. `cost_nanos` is the worst of one attempt, None without a price.
    """

    hop: Hop
    score: float = 0.0
    why: str = ""
    cost_nanos: int | None = None
    refusal: GatewayError | None = None
    breaker: BreakerStatus
    limits: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Candidates in the order in which they are tried, and those that were ruled out."""

    candidates: tuple[Considered, ...]
    rejected: tuple[Considered, ...]


def _for_failures_alone(one: Considered) -> bool:
    return not one.hop.takes_over_on(Condition.CAPABILITY)


class Explain:
    """The dry run: the same preparation as of a call, and what each target says of itself."""

    def __init__(
        self,
        prepare: Prepare,
        breaker: Breaker,
        limiter: Limiter,
        fitting: Mapping[str, Fitting],
    ) -> None:
        self._prepare = prepare
        self._breaker = breaker
        self._limiter = limiter
        self._fitting = fitting

    async def __call__(self, request: ChatRequest) -> Explained:
        """What a call would find now. Raises what the call would, but for targets ruled out."""
        plan, call = self._prepare.dry(request)
        tokens = input_tokens(request.spec, MOST)
        candidates: list[Considered] = []
        rejected = [
            await self._considered(request, tokens, one.hop, one.error.message, one.error)
            for one in plan.ruled_out
        ]
        for place, (hop, note) in enumerate(zip(plan.hops, plan.notes, strict=True)):
            lacking = None if call is None else self._lacking(call, place)
            why = note if lacking is None else lacking.message
            found = await self._considered(request, tokens, hop, why, lacking)
            (candidates if lacking is None else rejected).append(found)
        if candidates and candidates[0].hop is not plan.hops[0]:
            # What was named could not do it, and a rule is for failures alone.
            candidates = [*dropwhile(_for_failures_alone, candidates)]
        count = len(candidates)
        return Explained(
            candidates=tuple(
                replace(one, score=float(count - place)) for place, one in enumerate(candidates)
            ),
            rejected=tuple(rejected),
        )

    def _lacking(self, call: ChatCall, place: int) -> Unsupported | None:
        """What the target of this place could not do, as it would say itself."""
        try:
            self._fitting[call.hops[place].provider].fits(call.to(place))
        except Unsupported as error:
            return error
        return None

    async def _considered(
        self, request: ChatRequest, tokens: int, hop: Hop, why: str, error: GatewayError | None
    ) -> Considered:
        known = hop.price is not None
        return Considered(
            hop=hop,
            why=why,
            cost_nanos=worst_cost(hop, tokens, request.spec) if known else None,
            refusal=error,
            breaker=self._breaker.status(f"{hop.provider}/{hop.model}"),
            limits=await self._limiter.left(hop.provider),
        )
