"""What an audit of the ledger finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Two numbers that should be equal: where, which, as it is kept, and as its parts sum up."""

    where: str
    what: str
    kept: int
    summed: int
