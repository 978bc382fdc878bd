"""Earlier answers, by the fingerprint of what was asked."""

from __future__ import annotations

from typing import Protocol

from hexgate.domain.answer import Completion


class CompletionCache(Protocol):
    """Bounded. A broken cache is a miss, never an error."""

    async def get(self, key: str) -> Completion | None:
        """The answer kept under `key`, equal to what was set, or None."""
        ...

    async def set(self, key: str, completion: Completion, ttl_s: float) -> None:
        """Keep an answer for `ttl_s` seconds (> 0), or refuse silently when it is too large."""
        ...

    async def purge(self, prefix: str) -> int:
        """Drop every entry whose key starts with `prefix`; returns how many."""
        ...
