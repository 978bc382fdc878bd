"""What failures of PostgreSQL mean: for the operations of a group, and for whoever asked."""

from __future__ import annotations

import enum

import psycopg
from psycopg import errors

from hexgate.domain.errors import StoreUnavailable

STORE = "ledger"


class Verdict(enum.Enum):
    """What is to be done about a failure."""

    AGAIN = enum.auto()  # somebody else was in the way: the same again, at once
    UNFIT = enum.auto()  # a value is: one operation fails, the others do not
    AWAY = enum.auto()  # the store is: later, over a new connection


_UNFIT = (psycopg.DataError, psycopg.IntegrityError, errors.ProgramLimitExceeded)


def verdict(error: Exception) -> Verdict:
    """By the SQLSTATE. What is no failure of PostgreSQL is about the values."""
    match error:
        case errors.DeadlockDetected() | errors.SerializationFailure() | errors.UniqueViolation():
            return Verdict.AGAIN
        case errors.CheckViolation() if homeless(error):
            return Verdict.AGAIN
    if isinstance(error, _UNFIT) or not isinstance(error, psycopg.Error):
        return Verdict.UNFIT
    return Verdict.AWAY


def homeless(error: Exception) -> bool:
    """Whether a row found no partition: of all violations of checks, the one without a name."""
    return isinstance(error, errors.CheckViolation) and error.diag.constraint_name is None


def unavailable(
    what: str, *, why: BaseException | None = None, retry_after_s: float | None = None
) -> StoreUnavailable:
    """The ledger `what`. Of `why` only the name is told: PostgreSQL's message may quote values."""
    error = StoreUnavailable(
        f"the {STORE} {what}",
        metadata={"store": STORE},
        retry_after_s=retry_after_s,
        detail=type(why).__name__ if why is not None else "",
    )
    error.__cause__ = why
    return error


def said(error: psycopg.Error) -> str:
    """PostgreSQL's own words on one line, for an operator: they may quote what was written."""
    return " ".join((error.diag.message_primary or str(error)).split())


def unfit(detail: str) -> StoreUnavailable:
    """A value is beyond what its column holds; other calls are not concerned."""
    return StoreUnavailable(
        "the ledger cannot hold this call: a value is beyond what its columns hold",
        metadata={"store": STORE},
        detail=detail,
    )
