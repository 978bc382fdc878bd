"""Kinds of failure: by these, retries and fallbacks are configured."""

from __future__ import annotations

import enum


class Condition(enum.Enum):
    """Why a target did not answer. Each error of the tree knows its own, or None."""

    RATE_LIMIT = "rate_limit"  # a limit or a quota, the provider's or the gateway's own
    UNAVAILABLE = "unavailable"  # 503, or resting behind its breaker
    OVERLOADED = "overloaded"  # 529, or what the wire has in its place
    UNREACHABLE = "unreachable"  # no connection, or it broke
    TIMEOUT = "timeout"
    ERROR = "error"  # whatever else is wrong with the provider, our key or the model there
    CONTEXT_LENGTH = "context_length"  # the input does not fit this model
    CONTENT_FILTER = "content_filter"
    CAPABILITY = "capability"  # it lacks what the request needs; nothing was sent


CALLERS_OWN: frozenset[Condition] = frozenset({Condition.CONTEXT_LENGTH, Condition.CONTENT_FILTER})
"""What is about the request: another target is tried only where a rule says so."""
