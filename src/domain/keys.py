"""The gateway's keys at a provider, without the keys."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass

PREFIX_CHARS = 12


class KeyState(enum.Enum):
    """What a key is doing."""

    ACTIVE = "active"
    LIMITED = "limited"  # resting after a rate limit or a used-up quota
    REJECTED = "rejected"  # not accepted by the provider


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """One key, known by the prefix of its hash alone. Times are seconds since the epoch."""

    hash_prefix: str
    state: KeyState
    retry_at: float | None = None  # when a resting key serves again
    used_at: float | None = None


def hash_prefix(key: str) -> str:
    """The first 12 hexadecimal digits of the key's SHA-256: enough to tell keys apart, no more."""
    return hashlib.sha256(key.encode()).hexdigest()[:PREFIX_CHARS]
