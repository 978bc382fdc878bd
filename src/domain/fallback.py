"""When a call may go somewhere else, and where."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hexgate.domain.catalog import Target
from hexgate.domain.conditions import CALLERS_OWN, Condition

FAILING = frozenset(Condition) - CALLERS_OWN
"""What lets the next target of a plain list take over: its failures, not the caller's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """On these conditions a call that began at `of` goes on to these targets, in order.

    `of` is a target, `provider/*`, an alias, or empty for every call. `delay_s` is waited before
    the first of them. Unless `retry_original`, the target that failed is not tried again first.
    `max_attempts` bounds the attempts at all of them together, within the call's own budget.
    """

    on: frozenset[Condition]
    to: tuple[Target, ...]
    of: str = ""
    retry_original: bool = True
    delay_s: float = 0.0
    max_attempts: int | None = None

    def fits(self, name: str, first: Target) -> bool:
        """Whether it is for calls that ask for this name and begin at this target."""
        return self.of in ("", name, str(first), f"{first.provider}/*")

    def same(self, other: Rule) -> bool:
        """Whether they are one rule as configured: each target may have it narrowed."""
        return replace(self, on=other.on) == other
