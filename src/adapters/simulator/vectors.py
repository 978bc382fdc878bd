"""Vectors that depend on the text alone."""

from __future__ import annotations

import math

from hexgate.adapters.simulator.dice import Dice

DIMENSIONS = 64


def vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A vector of length one. Equal texts have equal vectors, on every wire."""
    dice = Dice(f"vector {dimensions} {text}")
    found = [dice.below(2001) / 1000 - 1 for _ in range(dimensions)]
    size = math.sqrt(sum(value * value for value in found)) or 1.0
    return [value / size for value in found]
