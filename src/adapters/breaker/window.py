"""How many attempts of the last seconds failed, in constant memory."""

from __future__ import annotations

BUCKETS = 10


class Window:
    """Counts over the last `seconds`, above 0.

    Time is cut into buckets of a tenth of that, so what is counted is between nine and ten tenths
    of it old at most. `now` is on any scale that never goes back.
    """

    __slots__ = ("_calls", "_failures", "_per_s", "_slot")

    def __init__(self, seconds: float) -> None:
        self._per_s = BUCKETS / seconds
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._calls = [0] * BUCKETS
        self._failures = [0] * BUCKETS
        self._slot = 0

    def add(self, now: float, *, failed: bool) -> None:
        """Count one attempt."""
        slot = int(now * self._per_s)
        if slot != self._slot:
            self._turn(slot)
        self._calls[slot % BUCKETS] += 1
        if failed:
            self._failures[slot % BUCKETS] += 1

    def counts(self, now: float) -> tuple[int, int]:
        """Attempts, and how many of them failed."""
        self._turn(int(now * self._per_s))
        return sum(self._calls), sum(self._failures)

    def _turn(self, slot: int) -> None:
        for stale in range(max(self._slot, slot - BUCKETS) + 1, slot + 1):
            self._calls[stale % BUCKETS] = self._failures[stale % BUCKETS] = 0
        self._slot = slot
