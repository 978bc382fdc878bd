"""Token counts, as far as they can be believed."""

from __future__ import annotations

from hexgate.adapters.providers.lenient import MOST_TOKENS
from hexgate.domain.json import JsonObject


def count(value: object) -> int | None:
    """The count; None, as if none was reported, for what cannot be one."""
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def object_of(value: object) -> JsonObject:
    """The object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}
