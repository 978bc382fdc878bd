"""Arithmetic on the summaries of a report: in which order, how many, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hexgate.v1 import usage_service_pb2 as pb

Measure = Literal["cost", "tokens", "calls"]
COUNTS = (
    "call_count",
    "failed_call_count",
    "cancelled_call_count",
    "unknown_call_count",
    "unpriced_call_count",
    "estimated_call_count",
)
TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "image_input_tokens",
)
AMOUNTS = ("total_nanos", "input_nanos", "output_nanos", "wasted_nanos")
MEASURES: Mapping[Measure, Callable[[pb.UsageSummary], int]] = {
    "cost": lambda one: one.cost.total_nanos,
    "tokens": lambda one: one.usage.input_tokens + one.usage.output_tokens,
    "calls": lambda one: one.call_count,
}
_IN_TIME = ("day", "hour")


@dataclass(frozen=True, slots=True)
class Lines:
    """What to show, what the `others` come to, of which there may be none, and all together."""

    shown: Sequence[pb.UsageSummary]
    others: pb.UsageSummary
    folded: int
    total: pb.UsageSummary


def lined_up(
    found: Sequence[pb.UsageSummary], by: tuple[str, ...], measure: Measure, top: int
) -> Lines:
    """The dearest first; days and hours in their order. At most `top` are shown, the dearest or the
    latest; 0 is all.
    """
    if by and by[0] in _IN_TIME:
        first = len(found) - top if 0 < top < len(found) else 0
        shown, rest = found[first:], found[:first]
    else:
        dearest = sorted(found, key=MEASURES[measure], reverse=True)
        shown, rest = (dearest[:top], dearest[top:]) if top else (dearest, [])
    return Lines(shown, merged(rest), len(rest), merged(found))


def merged(found: Iterable[pb.UsageSummary]) -> pb.UsageSummary:
    """All of these as one."""
    total = pb.UsageSummary()
    for one in found:
        for name in COUNTS:
            setattr(total, name, getattr(total, name) + getattr(one, name))
        for name in TOKENS:
            setattr(total.usage, name, getattr(total.usage, name) + getattr(one.usage, name))
        for name in AMOUNTS:
            setattr(total.cost, name, getattr(total.cost, name) + getattr(one.cost, name))
    total.cost.price_unknown = 0 < total.call_count == total.unpriced_call_count
    return total
