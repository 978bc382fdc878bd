"""Single calls of both sides, matched by the provider's request id, in a file that is nobody's.

There may be millions of them, so they are on disk: SQLite makes a file for itself and removes it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

_TABLES = """
PRAGMA journal_mode = OFF;
CREATE TABLE billed (id TEXT PRIMARY KEY, day TEXT, model TEXT, times INTEGER) WITHOUT ROWID;
CREATE TABLE kept (id TEXT PRIMARY KEY, day TEXT, model TEXT, call TEXT, due INTEGER) WITHOUT ROWID;
"""
_ALONE = """
SELECT id, billed.day, billed.model, coalesce(call, ''), times, call IS NOT NULL
    FROM billed LEFT JOIN kept USING (id) WHERE call IS NULL OR times > 1
UNION ALL
SELECT id, day, model, call, 0, 1 FROM kept WHERE due AND id NOT IN (SELECT id FROM billed)
ORDER BY 2, 3, 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """A request that only one side has, or that the provider has `billed` more than once."""

    request_id: str
    day: str
    model: str
    call_id: str
    billed: int
    kept: int


class Matching:
    """`close` it in the end. Used by one thread."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_TABLES)
        self._db.execute("BEGIN")
        self.any = False

    def billed(self, request_id: str, day: str, model: str) -> None:
        """The provider's side."""
        self.any = True
        self._db.execute(
            "INSERT INTO billed VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1",
            (request_id, day, model),
        )

    def kept(self, request_id: str, day: str, model: str, call_id: str, *, due: bool) -> None:
        """The ledger's side; a request that is `due` should be on the other as well."""
        self._db.execute(
            "INSERT INTO kept VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET due = due OR ?",
            (request_id, day, model, call_id, due, due),
        )

    def alone(self) -> Iterator[Single]:
        """Those that do not match, by day and model."""
        for request_id, day, model, call_id, billed, kept in self._db.execute(_ALONE):
            yield Single(
                request_id=request_id,
                day=day,
                model=model,
                call_id=call_id,
                billed=billed,
                kept=kept,
            )

    def close(self) -> None:
        """Let go of the file; again does nothing."""
        self._db.close()
