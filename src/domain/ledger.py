"""What the ledger keeps: an intent before the provider is called, a settlement after."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hexgate.domain.attempts import Attempt
from hexgate.domain.price import Cost
from hexgate.domain.usage import Usage


class CallState(enum.Enum):
    """What became of a call. PENDING is the only state that may change, and only once."""

    PENDING = "pending"
    SETTLED = "settled"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the gateway stopped before the outcome was recorded; costs its hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A call about to be made. Times are seconds since the epoch; money is nano-USD.

    It belongs to the day and the budget windows in which it started, whenever it ends.
    """

    call_id: str  # the gateway's own UUIDv7, never the provider's
    tenant: str
    requested_model: str
    provider: str  # of the first target
    model: str
    hold_nanos: int  # the most that may be charged for it; see Ledger.extend
    price_known: bool
    started_at: float
    expires_at: float  # from then on a sweep may call it UNKNOWN
    session_id: str = ""
    agent_id: str = ""
    end_user_id: str = ""
    api_key: str = ""  # the id of the caller's key, never the key
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    streamed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The outcome of a call. `failure` is the reason of the error, empty when answered."""

    call_id: str
    state: CallState
    usage: Usage
    cost: Cost
    provider: str
    model: str
    ended_at: float
    first_token_at: float | None = None
    finish: str = ""
    failure: str = ""
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: the intent and, once known, its settlement."""

    intent: Intent
    settlement: Settlement | None = None

    @property
    def state(self) -> CallState:
        """PENDING until settled."""
        return self.settlement.state if self.settlement else CallState.PENDING


def expired(intent: Intent, now: float) -> Settlement:
    """What a sweep at `now` records for a call whose outcome was never recorded.

    The hold is charged in full, as wasted: nobody knows what was used, so the usage is zero. The
    cost is unknown where nothing was held for want of a price.
    """
    return Settlement(
        call_id=intent.call_id,
        state=CallState.UNKNOWN,
        usage=Usage(estimated=True),
        cost=Cost(
            wasted_nanos=intent.hold_nanos,
            estimated=True,
            unknown=not (intent.price_known or intent.hold_nanos),
        ),
        provider=intent.provider,
        model=intent.model,
        ended_at=now,
        failure="UNKNOWN",
    )
