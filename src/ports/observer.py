"""Who is told about calls: logs and metrics."""

from __future__ import annotations

from typing import Protocol

from hexgate.domain.ledger import Intent, Settlement


class Observer(Protocol):
    """Told once per call, after its settlement is durable. Must not raise, must not block."""

    def ended(self, intent: Intent, settlement: Settlement) -> None:
        """A call ended, in whatever way."""
        ...
