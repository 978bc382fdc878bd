"""Tokens: disjoint classes, so that nothing is ever counted or billed twice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts. All classes but `reasoning` are disjoint; reasoning lies inside output."""

    uncached_input: int = 0
    cache_read: int = 0
    cache_write: int = 0  # lifetime of five minutes, or the provider's only one
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    # The gateway counted some of these itself.
    estimated: bool = False

    @property
    def input(self) -> int:
        """All input tokens, cached or not."""
        return self.uncached_input + self.cache_read + self.cache_write + self.cache_write_1h

    @property
    def total(self) -> int:
        """Input and output."""
        return self.input + self.output

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            uncached_input=self.uncached_input + other.uncached_input,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
            cache_write_1h=self.cache_write_1h + other.cache_write_1h,
            output=self.output + other.output,
            reasoning=self.reasoning + other.reasoning,
            estimated=self.estimated or other.estimated,
        )
