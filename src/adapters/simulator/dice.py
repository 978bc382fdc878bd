"""Choices that depend on what is asked and on nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """An endless row of numbers out of one text: the same on every machine and version."""

    def __init__(self, text: str) -> None:
        self._key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        self._drawn = 0

    def below(self, bound: int) -> int:
        """The next number, from 0 to `bound` - 1."""
        self._drawn += 1
        block = hashlib.sha256(self._key + self._drawn.to_bytes(8)).digest()
        return int.from_bytes(block[:8]) % bound

    def one(self, options: Sequence[T]) -> T:
        """The next choice among `options`, which is not empty."""
        return options[self.below(len(options))]

    def chance(self, share: float) -> bool:
        """True in about `share` of all draws."""
        return self.below(1 << 32) < share * (1 << 32)

    def token(self, length: int) -> str:
        """`length` letters and digits."""
        return "".join(self.one(_ALPHABET) for _ in range(length))


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
