"""What a call came to: where it went, what it used, what it cost, how long it took."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.domain.attempts import Attempt
from hexgate.domain.price import Cost
from hexgate.domain.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Handed to the caller with the answer, or with the error that took its place.

    Times are seconds; `accepted_at` is since the epoch, None when no provider accepted.
    """

    call_id: str
    provider: str = ""
    model: str = ""
    attempts: tuple[Attempt, ...] = ()
    usage: Usage
    cost: Cost
    accepted_at: float | None = None
    total_s: float = 0.0
    first_token_s: float | None = None
    provider_s: float = 0.0
    delivered_chars: int = 0
    cache_hit: bool = False
