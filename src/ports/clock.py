"""Time comes in as an argument."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Two scales: `monotonic` for durations and deadlines, `now` for records."""

    def monotonic(self) -> float:
        """Seconds on a scale that never steps."""
        ...

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait at least so long."""
        ...
