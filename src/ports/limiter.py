"""Rate limits: requests, tokens and concurrency, taken in one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Lease(Protocol):
    """What one admitted attempt holds."""

    async def settle(self, tokens: int) -> None:
        """Give the slot back and correct the tokens reserved to those used. Repeats do nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Left:
    """What one limit leaves now. `dimension` is requests, tokens or concurrency.

    `limit` is per minute, or at once for concurrency; `remaining` is at least 0.
    """

    dimension: str
    limit: int
    remaining: int


class Limiter(Protocol):
    """Admits attempts. A refusal consumes nothing."""

    async def acquire(self, key: str, tokens: int, wait_s: float) -> Lease:
        """Take one request, `tokens` tokens and one slot of `key`, waiting at most `wait_s`.

        An estimate above the burst is clamped to it. A key without limits is always admitted.
        Raises RateLimited with `retry_after_s` and metadata `limit` and `scope`.
        """
        ...

    async def left(self, key: str) -> tuple[Left, ...]:
        """What the limits of a key leave now; nothing for a key without limits."""
        ...
