"""What the writer of a SQLite ledger does: calls in and out, within its groups."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from hexgate.adapters.ledger import rows
from hexgate.adapters.ledger.reporting import Statement
from hexgate.adapters.ledger.totals import Pending, Totals
from hexgate.domain.budget import Alert, Budget, Charge, window_end
from hexgate.domain.errors import BudgetExceeded, StoreUnavailable
from hexgate.domain.ledger import CallState, Intent, Settlement, expired
from hexgate.domain.report import DAY_S

GROUP = 500
"""Rows that one operation sweeps or prunes at most, so that calls need not wait for all of them."""

_MOST = 2**63 - 1
_INTENT = ", ".join(rows.INTENT)
_BEGIN = (
    f"INSERT INTO calls ({_INTENT}, {rows.ACCOUNTS}) "
    f"VALUES ({', '.join('?' * (len(rows.INTENT) + 1))}) ON CONFLICT DO NOTHING"
)
_SETTLE = f"UPDATE calls SET {', '.join(f'{name} = ?' for name in rows.OUTCOME)} WHERE call_id = ?"
_OPEN = f"SELECT {_INTENT}, {rows.ACCOUNTS}, state FROM calls"
_ONE = f"{_OPEN} WHERE call_id = ?"
_EXPIRED = f"{_OPEN} WHERE state = 'pending' AND expires_at <= ? ORDER BY expires_at LIMIT ?"
_GET = f"SELECT {_INTENT}, {', '.join(rows.OUTCOME)} FROM calls WHERE call_id = ?"
_HOLD = "UPDATE calls SET hold_nanos = ? WHERE call_id = ?"
_OLD = (
    "SELECT call_id FROM calls WHERE tenant = ? AND started_at < ? AND state <> 'pending' LIMIT ?"
)
_OLDEST = (
    "INSERT INTO facts VALUES ('oldest', ?) "
    "ON CONFLICT DO UPDATE SET value = max(value, excluded.value)"
)
_UNCLAIMED = (
    "SELECT account, threshold_nanos, limit_nanos, spent_nanos, raised_at, claims FROM alerts "
    "WHERE claimed_until <= ? ORDER BY raised_at, account, threshold_nanos LIMIT ?"
)
# What SQLite says of a number beyond 64 bits, of text that is no UTF-8, and of one without end.
_NO_VALUE = (OverflowError, UnicodeEncodeError, sqlite3.DataError)


class Beginning(NamedTuple):
    """An intent, and what it asks of accounts."""

    totals: Totals
    intent: Intent
    charges: Sequence[Charge]


class Settling(NamedTuple):
    """An outcome."""

    totals: Totals
    settlement: Settlement


class Extending(NamedTuple):
    """A hold that is to be as large as this."""

    totals: Totals
    call_id: str
    hold_nanos: int


class Dated(NamedTuple):
    """A moment, in seconds since the epoch."""

    totals: Totals
    at: float


class Adopting(NamedTuple):
    """Budgets, and the moment whose windows count; `spent` is how the store is asked what was."""

    totals: Totals
    spent: Callable[[str, float], Statement]
    budgets: Sequence[Budget]
    now: float


def begin(db: sqlite3.Connection, op: Beginning) -> None:
    """Raises BudgetExceeded; what was begun before is left as it is."""
    (totals, intent, charges), sheet = op, op.totals.sheet
    try:
        sheet.admit(charges, intent.hold_nanos, intent.started_at)
    except BudgetExceeded:
        if db.execute(_ONE, (intent.call_id,)).fetchone():
            return
        raise
    names = tuple(charge.account for charge in charges)
    try:
        new = db.execute(_BEGIN, (*rows.intent_row(intent), rows.names_text(names))).rowcount
    except _NO_VALUE as error:
        raise _unfit(error) from error
    if new:
        sheet.hold(charges, intent.hold_nanos)
        totals.pending[intent.call_id] = Pending(intent, names)


def settle(db: sqlite3.Connection, op: Settling) -> bool | None:
    """True for the first, False for a later one, None for a call that was never begun."""
    call_id = op.settlement.call_id
    pending = _pending(db, op.totals, call_id)
    if pending is None:
        return False if db.execute(_ONE, (call_id,)).fetchone() else None
    _settle(db, op.totals, pending, op.settlement)
    return True


def extend(db: sqlite3.Connection, op: Extending) -> None:
    """Raises BudgetExceeded, and KeyError for a call that is not pending."""
    totals, call_id, hold = op
    pending = _pending(db, totals, call_id)
    if pending is None:
        raise KeyError(call_id)
    if hold > _MOST:
        raise _unfit(OverflowError())
    more = hold - pending.intent.hold_nanos
    if more > 0:
        totals.sheet.extend(pending.accounts, more)
        db.execute(_HOLD, (hold, call_id))
        longer = replace(pending.intent, hold_nanos=hold)
        totals.pending[call_id] = Pending(longer, pending.accounts)


def get(db: sqlite3.Connection, call_id: str) -> tuple[Any, ...] | None:
    """The whole row."""
    row: tuple[Any, ...] | None = db.execute(_GET, (call_id,)).fetchone()
    return row


def sweep(db: sqlite3.Connection, op: Dated) -> int:
    """Settle a group of those that expired."""
    return _charge(db, op, op.at)


def recover(db: sqlite3.Connection, op: Dated) -> int:
    """Settle a group of those that are pending, expired or not."""
    return _charge(db, op, float("inf"))


def prune(db: sqlite3.Connection, op: Dated) -> int:
    """Remove a group of rows from before a day; with the last of them also old accounts."""
    before = op.at // DAY_S * DAY_S
    db.execute(_OLDEST, (before,))
    removed = 0
    for (tenant,) in db.execute("SELECT DISTINCT tenant FROM sums WHERE dimension = ''").fetchall():
        old = db.execute(_OLD, (tenant, before, GROUP - removed)).fetchall()
        db.executemany("DELETE FROM calls WHERE call_id = ?", old)
        removed += len(old)
    if removed < GROUP:
        for (name,) in db.execute("SELECT account FROM accounts WHERE held_nanos = 0").fetchall():
            ends_at = window_end(name.split("|", 2)[1])
            if ends_at is not None and ends_at <= before:
                db.execute("DELETE FROM accounts WHERE account = ?", (name,))
                op.totals.sheet.remove(name)
    return removed


def adopt(db: sqlite3.Connection, op: Adopting) -> None:
    """See Accounts."""
    for budget in op.budgets:
        scope, first = budget.scope, budget.window.bounds_at(op.now)[0]
        found = db.execute(*op.spent(scope.dimension, first)).fetchall()
        for value, spent in found:
            if not scope.dimension or (value and scope.value in ("", value)):
                op.totals.sheet.adopt(budget.on(scope.of(value or ""), op.now), spent, op.now)


def claim(db: sqlite3.Connection, op: tuple[float, float, int]) -> list[tuple[Any, ...]]:
    """Rows of alerts that are the caller's until a moment."""
    now, until, limit = op
    found = db.execute(_UNCLAIMED, (now, limit)).fetchall()
    db.executemany(
        "UPDATE alerts SET claimed_until = ?, claims = claims + 1 "
        "WHERE account = ? AND threshold_nanos = ?",
        [(until, *row[:2]) for row in found],
    )
    return found


def delivered(db: sqlite3.Connection, alert: Alert) -> None:
    """Remove an alert."""
    db.execute(
        "DELETE FROM alerts WHERE account = ? AND threshold_nanos = ?",
        (alert.account, alert.threshold_nanos),
    )


def label_path(key: str) -> str:
    """Where json_extract finds a label. A key of a label needs no escape: see validation."""
    return f'$."{key}"'


def _charge(db: sqlite3.Connection, op: Dated, expired_at: float) -> int:
    lost = db.execute(_EXPIRED, (expired_at, GROUP)).fetchall()
    for row in lost:
        pending = _of(row)
        _settle(db, op.totals, pending, expired(pending.intent, op.at))
    return len(lost)


def _pending(db: sqlite3.Connection, totals: Totals, call_id: str) -> Pending | None:
    """What is known of a call that is pending; read only where another process began it."""
    known = totals.pending.get(call_id)
    if known is not None:
        return known
    row = db.execute(_ONE, (call_id,)).fetchone()
    return None if row is None or row[-1] != CallState.PENDING.value else _of(row)


def _of(row: tuple[Any, ...]) -> Pending:
    return Pending(rows.intent_of(row), rows.names_of(row[-2]))


def _settle(
    db: sqlite3.Connection, totals: Totals, pending: Pending, settlement: Settlement
) -> None:
    try:
        db.execute(_SETTLE, (*rows.outcome_row(settlement), settlement.call_id))
    except _NO_VALUE as error:
        raise _unfit(error) from error
    totals.pending.pop(settlement.call_id, None)
    totals.sheet.settle(pending.accounts, pending.intent, settlement)


def _unfit(error: Exception) -> StoreUnavailable:
    """The row has a value that no column holds; the others of its commit are not concerned."""
    return StoreUnavailable(
        "the ledger cannot hold this call: a value is beyond what its columns hold",
        metadata={"store": "ledger"},
        detail=type(error).__name__,
    )
