"""Does the ledger add up?"""

from __future__ import annotations

from typing import Protocol

from hexgate.domain.audit import Finding


class Audit(Protocol):
    """Reads a whole ledger at one moment. Raises StoreUnavailable."""

    async def audit(self) -> tuple[Finding, ...]:
        """Everything that should be equal and is not; empty when the books are right."""
        ...
