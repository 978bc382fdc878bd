"""How a call may end: what its caller is told, and what else may then be done about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace


class Says(enum.Enum):
    """What the text that arrived is, beside that of a good answer."""

    WHOLE = "the answer"
    PART = "the beginning of the answer"
    TWICE = "the answer, a piece of it twice"
    ODD = "what the provider sent"
    NOTHING = "no text"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One way to end: OK, or the reason of the error.

    `on` is the kind of failure by which a rule takes over; `again` is whether the same target may
    be tried again, `listed` whether a plain list of fallbacks takes over. `counted` is whether the
    tokens of the attempt are estimated although it gave no answer: the provider may bill them.
    `cause` is the reason of the attempt, where it is not that of the call.
    """

    reason: str = "OK"
    code: str = "OK"
    on: str = ""
    again: bool = False
    listed: bool = False
    counted: bool = False
    says: Says = Says.NOTHING
    finish: str = ""
    estimated: bool = False
    cause: str = ""

    @property
    def attempt(self) -> str:
        """The reason for which the attempt failed, or empty."""
        return self.cause or ("" if self.fine else self.reason)

    @property
    def fine(self) -> bool:
        """Whether the call succeeded."""
        return self.reason == "OK"

    @property
    def broken(self) -> bool:
        """Whether a stream broke after output: nothing may be repeated silently."""
        return self.reason == "STREAM_INTERRUPTED"


def _failure(reason: str, on: str, *, code: str = "UNAVAILABLE", again: bool = True) -> End:
    return End(reason=reason, code=code, on=on, again=again, listed=True)


FINE = End(says=Says.WHOLE, finish="STOP")
UNCOUNTED = replace(FINE, estimated=True)
TWICE = replace(FINE, says=Says.TWICE)
EMPTY = replace(FINE, says=Says.NOTHING)
FILTERED_AT_ONCE = replace(
    EMPTY, finish="CONTENT_FILTER", on="content_filter", cause="CONTENT_FILTERED"
)
FILTERED_AT_END = replace(FILTERED_AT_ONCE, says=Says.PART)
FILTERED_AFTER_OUTPUT = replace(FILTERED_AT_END, on="")

NO_CONNECTION = _failure("PROVIDER_ERROR", "unavailable")
FAILED = _failure("PROVIDER_ERROR", "error")
UNAVAILABLE = _failure("PROVIDER_OVERLOADED", "unavailable")
OVERLOADED = _failure("PROVIDER_OVERLOADED", "overloaded")
LATE = replace(_failure("PROVIDER_TIMEOUT", "timeout"), counted=True)
NONSENSE = _failure("PROVIDER_BAD_RESPONSE", "error", code="INTERNAL")
PACED = _failure("PROVIDER_RATE_LIMITED", "rate_limit", code="RESOURCE_EXHAUSTED")
SPENT = _failure("PROVIDER_QUOTA_EXHAUSTED", "rate_limit", code="FAILED_PRECONDITION", again=False)
REJECTED = _failure("PROVIDER_AUTH_FAILED", "error", code="FAILED_PRECONDITION", again=False)
GONE = _failure("MODEL_NOT_FOUND", "error", code="NOT_FOUND", again=False)
TOO_LONG = End(reason="CONTEXT_WINDOW_EXCEEDED", code="INVALID_ARGUMENT", on="context_length")
REFUSED = End(reason="CONTENT_FILTERED", code="INVALID_ARGUMENT", on="content_filter")
ALL_FAILED = replace(FAILED, reason="ALL_TARGETS_FAILED", on="", again=False)
NOT_READ = End(reason="SLOW_READER", code="ABORTED")
TIME_IS_UP = End(reason="DEADLINE_EXCEEDED", code="DEADLINE_EXCEEDED")
OTHERS = (ALL_FAILED, TIME_IS_UP, NOT_READ)
"""Ends that no single attempt has."""


def broken(by: End, says: Says = Says.PART) -> End:
    """A stream that broke after output, by what would have been the end before it."""
    return End(
        reason="STREAM_INTERRUPTED", code="ABORTED", counted=True, says=says, cause=by.reason
    )
