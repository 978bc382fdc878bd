"""Where a request would go, and why, without sending it."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.application.prepare import Prepare
from hexgate.application.requests import ChatRequest
from hexgate.domain.call import Hop
from hexgate.domain.errors import GatewayError
from hexgate.domain.health import BreakerStatus
from hexgate.ports.breaker import Breaker
from hexgate.ports.limiter import Left, Limiter


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """One target. `refusal` None: it is a candidate. `cost_nanos` is None without a price."""

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


class Explain:
    """The dry run."""

    def __init__(self, prepare: Prepare, breaker: Breaker, limiter: Limiter) -> None:
        self._prepare = prepare
        self._breaker = breaker
        self._limiter = limiter

    async def __call__(self, request: ChatRequest) -> Explained:
        """What a call would find now. Raises what the call would, but for targets ruled out."""
        raise NotImplementedError
