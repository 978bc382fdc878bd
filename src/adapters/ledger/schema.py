"""The schema of the SQLite ledger, as the steps that lead to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from hexgate.adapters.ledger.sheet import SINCE, SUMS
from hexgate.domain.attribution import LABEL
from hexgate.domain.report import DAY_S

# The first step, and what a file of version 1 has.
_CALLS = """
CREATE TABLE calls (
    call_id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    hold_nanos INTEGER NOT NULL,
    price_known INTEGER NOT NULL,
    started_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    session_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    end_user_id TEXT NOT NULL,
    labels TEXT NOT NULL,
    streamed INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    uncached_input INTEGER,
    cache_read INTEGER,
    cache_write INTEGER,
    cache_write_1h INTEGER,
    output INTEGER,
    reasoning INTEGER,
    usage_estimated INTEGER,
    input_nanos INTEGER,
    output_nanos INTEGER,
    wasted_nanos INTEGER,
    price_version TEXT,
    cost_estimated INTEGER,
    cost_unknown INTEGER,
    served_provider TEXT,
    served_model TEXT,
    ended_at REAL,
    first_token_at REAL,
    finish TEXT,
    failure TEXT,
    attempts TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX calls_open ON calls (expires_at) WHERE state = 'pending';
CREATE INDEX calls_recent ON calls (tenant, started_at);
"""

_SUMS = ", ".join(f"{name} INTEGER NOT NULL" for name in SUMS)
_DAY = "strftime('%Y-%m-%d', started_at, 'unixepoch')"
_CALLS_SUMMED = ", ".join(
    (
        "count(*)",
        *(f"sum(state = '{state}')" for state in ("failed", "cancelled", "unknown")),
        "sum(cost_unknown)",
        "sum(usage_estimated OR cost_estimated)",
        *(f"sum({name})" for name in SUMS[6:16]),
        *(f"sum(CASE WHEN cost_unknown THEN 0 ELSE {name} END)" for name in SUMS[16:]),
    )
)

# Budgets with their accounts, daily sums, alerts, and what retention has removed.
_BOOKS = f"""
ALTER TABLE calls ADD COLUMN api_key TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN accounts TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN audio_input INTEGER;
ALTER TABLE calls ADD COLUMN audio_cache_read INTEGER;
ALTER TABLE calls ADD COLUMN image_input INTEGER;
ALTER TABLE calls ADD COLUMN audio_output INTEGER;
UPDATE calls SET audio_input = 0, audio_cache_read = 0, image_input = 0, audio_output = 0
    WHERE state <> 'pending';
CREATE INDEX calls_session ON calls (session_id, started_at) WHERE session_id <> '';
CREATE TABLE accounts (
    account TEXT PRIMARY KEY,
    limit_nanos INTEGER NOT NULL,
    alerts TEXT NOT NULL,
    spent_nanos INTEGER NOT NULL,
    held_nanos INTEGER NOT NULL,
    opening_nanos INTEGER NOT NULL,
    alerted_nanos INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE sums (
    dimension TEXT NOT NULL,
    day TEXT NOT NULL,
    value TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    tenant TEXT NOT NULL,
    {_SUMS},
    PRIMARY KEY (dimension, day, value, provider, model, tenant)
) STRICT, WITHOUT ROWID;
CREATE INDEX sums_value ON sums (dimension, value, day) WHERE dimension <> '';
CREATE TABLE alerts (
    account TEXT NOT NULL,
    threshold_nanos INTEGER NOT NULL,
    limit_nanos INTEGER NOT NULL,
    spent_nanos INTEGER NOT NULL,
    raised_at REAL NOT NULL,
    claims INTEGER NOT NULL DEFAULT 0,
    claimed_until REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (account, threshold_nanos)
) STRICT, WITHOUT ROWID;
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""


def _summing(dimension: str, value: str) -> str:
    """Make the sums of a dimension from the rows that are there."""
    return (
        f"INSERT INTO sums SELECT '{dimension}', {_DAY}, {value}, served_provider, served_model, "
        f"tenant, {_CALLS_SUMMED} FROM calls WHERE state <> 'pending' GROUP BY 2, 3, 4, 5, 6;"
    )


STEPS = (
    _CALLS,
    _BOOKS
    + _summing("", "''")
    + _summing("agent", "agent_id")
    + _summing("end_user", "end_user_id")
    + _summing("api_key", "api_key"),
)
"""What leads from each version of the schema to the next. Never change one that was released."""


def upgrade(db: sqlite3.Connection, version: int, application_id: int) -> None:
    """Lead a file of this version to the newest, in one transaction."""
    steps = "".join(STEPS[version:])
    if steps:
        db.executescript(
            f"BEGIN IMMEDIATE; {steps} PRAGMA application_id = {application_id}; "
            f"PRAGMA user_version = {len(STEPS)}; COMMIT;"
        )


def mark(db: sqlite3.Connection, labels: Sequence[str]) -> None:
    """Note from when on each of these labels is in all daily sums: from the first midnight after
    the calls that were there when it was first told. One that is not told any more begins anew.
    """
    told = {f"{SINCE}{LABEL}{key}" for key in labels}
    known = {name for (name,) in db.execute("SELECT name FROM facts") if name.startswith(SINCE)}
    if told == known:
        return
    (newest,) = db.execute("SELECT max(started_at) FROM calls").fetchone()
    first = 0.0 if newest is None else (newest // DAY_S + 1) * DAY_S
    db.execute("BEGIN IMMEDIATE")
    db.executemany("DELETE FROM facts WHERE name = ?", [(name,) for name in known - told])
    db.executemany("INSERT INTO facts VALUES (?, ?)", [(name, first) for name in told - known])
    db.execute("COMMIT")
