"""How many retries a provider may still get: what makes an outage worse is not begun."""

from __future__ import annotations

_ONE = 1_000_000  # counted in millionths: sums of floats would drift


class Allowance:
    """Begins with `burst` retries, which is also the most that it holds; each `earn` adds `ratio`.

    So however many are spent, they are at most `burst` and `ratio` for each that was earned.
    """

    __slots__ = ("_earned", "_left", "_most")

    def __init__(self, ratio: float, burst: int) -> None:
        self._earned = round(ratio * _ONE)
        self._left = self._most = burst * _ONE

    def earn(self) -> None:
        """The provider was asked by a call that had not asked it before."""
        if self._left < self._most:
            self._left = min(self._left + self._earned, self._most)

    def spend(self) -> bool:
        """Use up one retry; False when there is none."""
        if self._left < _ONE:
            return False
        self._left -= _ONE
        return True
