"""What an audit of the ledger finds."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.domain.budget import Balance

MOST_FINDINGS = 1000
"""How many findings of a kind an audit names; where there are more, the books are wrong anyway."""

MOST_ABOVE = 100
"""How many accounts above their limits it names."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Two numbers that should be equal: where, which, as it is kept, and as its parts sum up."""

    where: str
    what: str
    kept: int
    summed: int

    @property
    def difference(self) -> int:
        """What is kept beyond its parts."""
        return self.kept - self.summed


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What an audit looked at, what it found, and what is to be known beside it.

    `oldest` is the first day whose rows are kept, empty where all are; sums of days before it are
    compared with one another alone. `above` are accounts that have spent and hold more than their
    limit, the first of `above_count`: a cost above its hold is recorded all the same, and a limit
    may have been lowered. `overdue` calls are pending beyond their expiry: no sweep came by.
    `unknown` ones have no recorded outcome and were charged `unknown_nanos`.
    """

    calls: int
    accounts: int
    days: int
    oldest: str
    findings: tuple[Finding, ...]
    above: tuple[Balance, ...]
    above_count: int
    overdue: int
    unknown: int
    unknown_nanos: int
