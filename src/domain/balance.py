"""In which order the targets of a group are tried: pure, so that a dry run tells the truth."""

from __future__ import annotations

import enum
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
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


STICKY = frozenset(
    {Strategy.ROUND_ROBIN, Strategy.WEIGHTED, Strategy.LEAST_LOADED, Strategy.LATENCY}
)
"""Those that let a session stay where it is, so that its provider's prompt cache stays warm."""


@dataclass(frozen=True, slots=True)
class Member:
    """A target of a group, and its share beside the others'; 0: only when the others fail."""

    target: Target
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Targets that a name stands for. `hedge_after_s` 0 is never."""

    members: tuple[Member, ...]
    strategy: Strategy = Strategy.ORDER
    hedge_after_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A target and the signals that place it.

    `preferred` is its place among the caller's wishes, None where it is not wished. One that is
    `resting` would refuse at once. `latency_s` None was never called; `cost_nanos` None has no
    known price.
    """

    target: Target
    weight: float = 1.0
    preferred: int | None = None
    resting: bool = False
    active: int = 0
    latency_s: float | None = None
    cost_nanos: int | None = None
    quality: int = 0


def ranked(
    candidates: Iterable[Candidate], strategy: Strategy, turn: int, affinity: str
) -> list[Candidate]:
    """All of them, the best first.

    What the caller prefers goes before all others, weight 0 after them, and what rests last of
    all. Equal `affinity` keys, unless empty, give the same order where the strategy is sticky, so
    that a session also stays together while its target is out; where it is not, they break ties.
    Without one, `turn` does.
    """
    tiers: dict[tuple[bool, float, bool], list[Candidate]] = {}
    for one in candidates:
        wished = math.inf if one.preferred is None else one.preferred
        tiers.setdefault((one.resting, wished, one.weight == 0), []).append(one)
    return [one for key in sorted(tiers) for one in _ordered(tiers[key], strategy, turn, affinity)]


def _ordered(
    tier: list[Candidate], strategy: Strategy, turn: int, affinity: str
) -> list[Candidate]:
    if len(tier) == 1 or strategy is Strategy.ORDER:
        return tier
    if affinity:
        tier = by_weight(tier, affinity)
        return tier if strategy in STICKY else sorted(tier, key=_BURDENS[strategy])
    if strategy is Strategy.WEIGHTED:
        return by_weight(tier, str(turn))
    start = turn % len(tier)
    return sorted(tier[start:] + tier[:start], key=_BURDENS[strategy])


def by_weight(candidates: Iterable[Candidate], key: str) -> list[Candidate]:
    """Weighted rendezvous hashing: equal keys give equal orders, and over many keys each target
    is first as often as its weight says.

    When one weight grows, keys move to that target alone. The formula, -weight / ln(hash), is the
    logarithmic method of Schindelhauer and Schomaker, "Weighted distributed hash tables" (2005).
    """

    def score(one: Candidate) -> float:
        digest = hashlib.blake2b(f"{key}\0{one.target}".encode(), digest_size=8).digest()
        # 52 bits and a half: a float holds it exactly, and it is neither 0 nor 1.
        drawn = ((int.from_bytes(digest) >> 12) + 0.5) / (1 << 52)
        return -(one.weight or 1.0) / math.log(drawn)

    return sorted(candidates, key=score, reverse=True)


def _load(one: Candidate) -> float:
    return one.active / (one.weight or 1.0)


def _latency(one: Candidate) -> float:
    """Peak EWMA, as in Finagle: what is expected times those who wait; the unknown is tried, once
    at a time.
    """
    if one.latency_s is None:
        return math.inf if one.active else 0.0
    return one.latency_s * (one.active + 1)


def _cost(one: Candidate) -> float:
    return math.inf if one.cost_nanos is None else one.cost_nanos


def _quality(one: Candidate) -> float:
    return -one.quality


_BURDENS: Mapping[Strategy, Callable[[Candidate], float]] = {
    Strategy.ROUND_ROBIN: lambda _: 0.0,
    Strategy.LEAST_LOADED: _load,
    Strategy.LATENCY: _latency,
    Strategy.COST: _cost,
    Strategy.QUALITY: _quality,
}


def why(one: Candidate, strategy: Strategy, affinity: str) -> str:
    """What places it, for people."""
    parts = [f"{strategy.value}: {_SIGNALS[strategy](one)}"]
    if affinity and strategy in STICKY:
        parts.append("calls with this affinity key stay together")
    if one.preferred is not None:
        parts.append("preferred by the caller")
    if one.weight == 0:
        parts.append("weight 0, so after the others")
    if one.resting:
        parts.append("last, because it rests or its provider fails its probes")
    return "; ".join(parts)


def _said_latency(one: Candidate) -> str:
    if one.latency_s is None:
        return f"not called yet, {one.active} active"
    return f"{one.latency_s:.3f} s expected, {one.active} active"


def _said_cost(one: Candidate) -> str:
    known = one.cost_nanos is not None
    return f"at most {one.cost_nanos} nano-USD" if known else "its price is not known"


_SIGNALS: Mapping[Strategy, Callable[[Candidate], str]] = {
    Strategy.ORDER: lambda _: "as listed",
    Strategy.ROUND_ROBIN: lambda _: "in turn",
    Strategy.WEIGHTED: lambda one: f"weight {one.weight:g}",
    Strategy.LEAST_LOADED: lambda one: f"{one.active} active, weight {one.weight:g}",
    Strategy.LATENCY: _said_latency,
    Strategy.COST: _said_cost,
    Strategy.QUALITY: lambda one: f"rank {one.quality}",
}
