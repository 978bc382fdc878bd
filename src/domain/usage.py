"""Tokens: disjoint classes, so that nothing is ever counted or billed twice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts. All classes but `reasoning` are disjoint; reasoning lies inside output.

    Media that a provider does not tell apart are in `uncached_input`, `cache_read` and `output`.
    """

    uncached_input: int = 0
    cache_read: int = 0
    cache_write: int = 0  # lifetime of five minutes, or the provider's only one
    cache_write_1h: int = 0
    audio_input: int = 0  # not from the cache
    audio_cache_read: int = 0
    image_input: int = 0  # not from the cache
    output: int = 0
    audio_output: int = 0
    reasoning: int = 0
    # The gateway counted some of these itself.
    estimated: bool = False

    @property
    def input(self) -> int:
        """All input tokens, cached or not, of whatever kind."""
        return (
            self.uncached_input
            + self.cache_read
            + self.cache_write
            + self.cache_write_1h
            + self.audio_input
            + self.audio_cache_read
            + self.image_input
        )

    @property
    def written(self) -> int:
        """All output tokens, of whatever kind."""
        return self.output + self.audio_output

    @property
    def total(self) -> int:
        """Input and output."""
        return self.input + self.written

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            uncached_input=self.uncached_input + other.uncached_input,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
            cache_write_1h=self.cache_write_1h + other.cache_write_1h,
            audio_input=self.audio_input + other.audio_input,
            audio_cache_read=self.audio_cache_read + other.audio_cache_read,
            image_input=self.image_input + other.image_input,
            output=self.output + other.output,
            audio_output=self.audio_output + other.audio_output,
            reasoning=self.reasoning + other.reasoning,
            estimated=self.estimated or other.estimated,
        )
