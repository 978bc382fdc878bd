"""The SQL of the writer. Many rows are one parameter: a JSON list of lists, whatever their number.

(As arrays, one for each column, the same rows cost PostgreSQL 1.4 times as much and Python 2.5
times.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hexgate.adapters.ledger.rows import ACCOUNT, ACCOUNTS, INTENT, OUTCOME
from hexgate.adapters.ledger.sheet import SUMS

_FLAGS = ("price_known", "streamed", "usage_estimated", "cost_estimated", "cost_unknown")
_TIMES = ("started_at", "expires_at", "ended_at", "first_token_at", "raised_at")
_AMOUNTS = frozenset(
    (
        "hold_nanos",
        "limit_nanos",
        "spent_nanos",
        "held_nanos",
        "opening_nanos",
        "alerted_nanos",
        "threshold_nanos",
    )
).union(SUMS)
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(_FLAGS, "boolean"),
    **dict.fromkeys(_TIMES, "double precision"),
    **dict.fromkeys(_AMOUNTS, "bigint"),
}
SUM_KEY = ("dimension", "day", "value", "provider", "model", "tenant")
ALERT = ("account", "threshold_nanos", "limit_nanos", "spent_nanos", "raised_at")
KEY = ("call_id", "started_at")


def _given(columns: Sequence[str]) -> str:
    """The rows of the parameter."""
    values = ", ".join(
        f"(one ->> {place})::{_TYPES.get(name, 'text')} AS {name}"
        for place, name in enumerate(columns)
    )
    return f"SELECT {values} FROM jsonb_array_elements(%s::jsonb) AS one"


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) {_given(columns)}"


def _update(table: str, key: Sequence[str], columns: Sequence[str]) -> str:
    changes = ", ".join(f"{name} = given.{name}" for name in columns)
    same = " AND ".join(f"{table}.{name} = given.{name}" for name in key)
    return f"UPDATE {table} SET {changes} FROM ({_given((*key, *columns))}) AS given WHERE {same}"


CALL = f"SELECT {', '.join((*INTENT, *OUTCOME, ACCOUNTS))} FROM calls"

# In one order everywhere, so that no two gateways ever wait for each other.
LOCK_CALLS = (
    f"{CALL} WHERE call_id = ANY(%s) AND started_at >= %s AND started_at < %s "
    "ORDER BY call_id FOR UPDATE"
)
LOCK_EXPIRED = (
    f"{CALL} WHERE state = 'pending' AND expires_at <= %s "
    "ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED"
)
LOCK_ACCOUNTS = (
    f"SELECT {', '.join(ACCOUNT)} FROM accounts WHERE account = ANY(%s) ORDER BY account FOR UPDATE"
)
# No ON CONFLICT: who meets a row that was not there before has to look at it.
BEGIN_CALLS = _insert("calls", (*INTENT, ACCOUNTS))
OPEN_ACCOUNTS = _insert("accounts", ACCOUNT)
HOLD = _update("calls", KEY, ("hold_nanos",))
SETTLE = _update("calls", KEY, OUTCOME)
SAVE_ACCOUNTS = _update("accounts", ACCOUNT[:1], ACCOUNT[1:])
ADD_SUMS = (
    f"{_insert('sums', (*SUM_KEY, *SUMS))} ON CONFLICT ({', '.join(SUM_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = sums.{name} + excluded.{name}" for name in SUMS)
)
RAISE_ALERTS = f"{_insert('alerts', ALERT)} ON CONFLICT DO NOTHING"

CLAIM = (
    "UPDATE alerts SET claimed_until = %s, claims = claims + 1 "
    "FROM (SELECT account, threshold_nanos FROM alerts WHERE claimed_until <= %s "
    "ORDER BY raised_at, account, threshold_nanos LIMIT %s FOR UPDATE SKIP LOCKED) AS free "
    "WHERE alerts.account = free.account "
    "AND alerts.threshold_nanos = free.threshold_nanos "
    f"RETURNING {', '.join(f'alerts.{name}' for name in ALERT)}, claims - 1"
)
DELIVERED = "DELETE FROM alerts WHERE account = %s AND threshold_nanos = %s"
MARK = (
    "INSERT INTO facts (name, value) VALUES ('oldest', %s) "
    "ON CONFLICT (name) DO UPDATE SET value = greatest(facts.value, excluded.value)"
)
PRUNE_CALLS = (
    "DELETE FROM calls USING (SELECT call_id, started_at FROM calls "
    "WHERE tenant = %s AND started_at < %s AND state <> 'pending' "
    "ORDER BY started_at LIMIT %s FOR UPDATE SKIP LOCKED) AS old "
    "WHERE calls.call_id = old.call_id AND calls.started_at = old.started_at"
)
# Names of windows of one kind are of one length, and sort as the windows do.
PRUNE_ACCOUNTS = (
    "DELETE FROM accounts USING (SELECT account FROM accounts, split_part(account, '|', 2) AS win "
    "WHERE held_nanos = 0 AND (length(win) = length(%(day)s) AND win < %(day)s "
    "OR length(win) = length(%(month)s) AND win < %(month)s) "
    "ORDER BY account LIMIT %(limit)s FOR UPDATE OF accounts SKIP LOCKED) AS old "
    "WHERE accounts.account = old.account"
)
