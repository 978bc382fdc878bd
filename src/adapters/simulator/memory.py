"""What prompt prefixes have been seen before, as a provider's prompt cache remembers them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from hexgate.adapters.simulator import tokens
from hexgate.adapters.simulator.chat import Ask

LEAST_AUTOMATIC = 1024  # OpenAI caches no shorter prompt
_STEP = 128  # and counts its cached tokens in steps of this
_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Cached:
    """How many of the prompt's tokens were read from the cache, and written to it by lifetime."""

    read: int = 0
    written_5m: int = 0
    written_1h: int = 0


class Memory:
    """The last few thousand prefixes, forgotten in the order of their last use."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def automatic(self, ask: Ask) -> Cached:
        """Cached without being asked: the longest known start of at least 1,024 tokens."""
        read = 0
        for key, _, so_far in _prefixes(ask):
            if so_far >= LEAST_AUTOMATIC and self._note(key):
                read = so_far
        return Cached(read - read % _STEP)

    def marked(self, ask: Ask) -> Cached:
        """Cached where the prompt says so; here, unlike elsewhere, a prefix may be short."""
        read, last = 0, 0
        written = {"5m": 0, "1h": 0}
        for key, ttl, so_far in _prefixes(ask):
            if not ttl:
                continue
            if self._note(key):
                read = so_far
                written = {"5m": 0, "1h": 0}
            else:
                written[ttl] += so_far - last
            last = so_far
        return Cached(read, written["5m"], written["1h"])

    def _note(self, key: bytes) -> bool:
        known = key in self._seen
        self._seen[key] = None
        self._seen.move_to_end(key)
        if len(self._seen) > _LIMIT:
            self._seen.popitem(last=False)
        return known


def _prefixes(ask: Ask) -> list[tuple[bytes, str, int]]:
    digest = hashlib.sha256(ask.model.encode())
    found = []
    for text, ttl, size, pictures in tokens.prefixes(ask):
        digest.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
        so_far = -(-size // tokens.BYTES) + pictures * tokens.MEDIA
        found.append((digest.copy().digest(), ttl, so_far))
    return found
