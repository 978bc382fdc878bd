"""In which order the targets of a route are tried: pure, so that a dry run tells the truth."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from hexgate.domain.catalog import Target


class Strategy(enum.Enum):
    """How the targets of a group are ordered."""

    ORDER = "order"
    ROUND_ROBIN = "round_robin"
    WEIGHTED = "weighted"
    LEAST_LOADED = "least_loaded"
    LATENCY = "latency"
    COST = "cost"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class Member:
    """A target of a group, and its share beside the others'."""

    target: Target
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Targets that a name stands for. `hedge_after_s` 0 is never."""

    members: tuple[Member, ...]
    strategy: Strategy = Strategy.ORDER
    hedge_after_s: float = 0.0
