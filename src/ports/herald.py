"""Who is told of alerts."""

from __future__ import annotations

from typing import Protocol

from hexgate.domain.budget import Alert

TRY_S = 30.0
"""How long one delivery takes at most, in seconds."""


class Herald(Protocol):
    """Carries an alert to somebody outside of this process."""

    async def deliver(self, alert: Alert) -> str:
        """Empty when it has arrived, else why it has not, in a word or two without secrets: it is
        carried again later, so whoever hears may hear twice. Takes at most TRY_S; raises nothing
        but cancellation.
        """
        ...


class Witness(Protocol):
    """Told of an alert within this process: a log, a metric. Must not raise, must not block."""

    def raised(self, alert: Alert) -> None:
        """A budget reached a share of its limit. Told once, unless a process died meanwhile."""
        ...

    def undelivered(self, alert: Alert, why: str, *, for_good: bool) -> None:
        """It did not arrive; it is carried again, unless that has been going on for too long."""
        ...
