"""Does the ledger add up?"""

from __future__ import annotations

from typing import Protocol

from hexgate.domain.audit import Examined, Finding


class Audit(Protocol):
    """Reads a whole ledger at one moment, in bounded memory. Raises StoreUnavailable."""

    async def audit(self) -> tuple[Finding, ...]:
        """Everything that should be equal and is not, at most MOST_FINDINGS of a kind; empty when
        the books are right.
        """
        ...

    async def examine(self, now: float) -> Examined:
        """The same, with what was looked at and what is to be known beside it."""
        ...
