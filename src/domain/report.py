"""Reports: what is asked of the ledger, and the totals it answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from hexgate.domain.price import Cost
from hexgate.domain.usage import Usage

DAY_S = 86_400
HOUR_S = 3_600
DIMENSIONS = ("provider", "model", "agent", "session", "end_user", "api_key", "day", "hour")
"""What a report may be split by, besides `label:<key>`. Days and hours are in UTC."""

MAX_GROUP_BY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which calls: those of a tenant that started from `start` on and before `end`, in seconds
    since the epoch, and match every field that is not empty.

    `provider` and `model` are those that served, `labels` pairs that must all be there.
    """

    tenant: str
    start: float
    end: float
    provider: str = ""
    model: str = ""
    session_id: str = ""
    agent_id: str = ""
    end_user_id: str = ""
    api_key: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over calls that have ended. The money of an `unpriced` call is not in `cost`.

    `failed`, `cancelled` and `unknown` are outcomes, and parts of `calls`; so is `estimated`, the
    calls whose usage or cost the gateway had to estimate.
    """

    calls: int = 0
    failed: int = 0
    cancelled: int = 0
    unknown: int = 0
    unpriced: int = 0
    estimated: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True, slots=True)
class Group:
    """One line of a report: the values of its dimensions, in the order asked, and its totals."""

    values: tuple[str, ...]
    totals: Totals


def day_of(at: float) -> str:
    """The day of a moment, such as 2026-11-30, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def hour_of(at: float) -> str:
    """The hour of a moment, such as 2026-11-30T14, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H")
