"""The gateway's keys at a provider, without the keys."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hexgate.domain.errors import Violation

PREFIX_CHARS = 12
MAX_KEYS = 100
MAX_KEY_CHARS = 8192


class KeyState(enum.Enum):
    """What a key is doing."""

    ACTIVE = "active"
    LIMITED = "limited"  # resting after a rate limit or a used-up quota
    REJECTED = "rejected"  # not accepted by the provider


class KeyOrder(enum.Enum):
    """Which of the keys that do not rest is used next."""

    ROUND_ROBIN = "round_robin"
    LEAST_RECENTLY_USED = "least_recently_used"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """One key, known by the prefix of its hash alone. Times are seconds since the epoch.

    A key that rests for one model alone counts as resting. An only key has no `retry_at`: it is
    used whatever its state.
    """

    hash_prefix: str
    state: KeyState
    retry_at: float | None = None  # when a resting key serves again
    used_at: float | None = None  # when it last served


def hash_prefix(key: str) -> str:
    """The first 12 hexadecimal digits of the key's SHA-256: enough to tell keys apart, no more."""
    return hashlib.sha256(key.encode()).hexdigest()[:PREFIX_CHARS]


def sendable(key: str) -> bool:
    """Whether this can be a key: 1 to 8192 visible ASCII characters."""
    return 0 < len(key) <= MAX_KEY_CHARS and all("!" <= c <= "~" for c in key)


def unfit(keys: Sequence[str]) -> Iterator[Violation]:
    """What is wrong with these as all the keys of a provider. It never repeats a key."""
    if not keys:
        yield Violation("keys", "needs at least one key", "REQUIRED")
    if len(keys) > MAX_KEYS:
        yield Violation("keys", f"has {len(keys)}, at most {MAX_KEYS}", "TOO_MANY")
        return
    seen: dict[str, int] = {}
    for place, key in enumerate(keys):
        first = seen.setdefault(key, place)
        if not sendable(key):
            found = f"expected 1 to {MAX_KEY_CHARS} visible ASCII characters"
            yield Violation(f"keys[{place}]", found, "FORMAT")
        elif first != place:
            yield Violation(f"keys[{place}]", f"is the same as keys[{first}]", "DUPLICATE")
