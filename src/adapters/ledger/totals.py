"""The accounts, sums and alerts of a SQLite ledger: what a group of calls comes to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from hexgate.adapters.ledger.rows import ACCOUNT
from hexgate.adapters.ledger.sheet import SUMS, Account, Sheet
from hexgate.domain.ledger import Intent

_LOAD = f"SELECT {', '.join(ACCOUNT[1:])} FROM accounts WHERE account = ?"
_SAVE = (
    f"INSERT OR REPLACE INTO accounts ({', '.join(ACCOUNT)}) "
    f"VALUES ({', '.join('?' * len(ACCOUNT))})"
)
_ADD = (
    f"INSERT INTO sums VALUES ({', '.join('?' * (6 + len(SUMS)))}) ON CONFLICT DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
)
_RAISE = (
    "INSERT INTO alerts (account, threshold_nanos, limit_nanos, spent_nanos, raised_at) "
    "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)

_encode = msgspec.json.Encoder().encode
_amounts = msgspec.json.Decoder(tuple[int, ...]).decode


class Pending(NamedTuple):
    """A call that is begun and not settled, and the accounts that it is held on."""

    intent: Intent
    accounts: tuple[str, ...]


class Totals:
    """The sheet of one connection, and how it is written. See Sum.

    `pending` are the calls that this process has begun, so that settling need not read them again.
    """

    def __init__(self, db: sqlite3.Connection, labels: Iterable[str]) -> None:
        self._db = db
        self.sheet = Sheet(self._load, labels)
        self.pending: dict[str, Pending] = {}

    def write(self, db: sqlite3.Connection) -> None:
        """See Sum."""
        sheet = self.sheet
        if not sheet:
            return
        db.executemany(_SAVE, [account_row(name, one) for name, one in sheet.dirty.items()])
        db.executemany(_ADD, [(*key, *amounts) for key, amounts in sheet.sums.items()])
        for alert in sheet.alerts:
            db.execute(
                _RAISE,
                (
                    alert.account,
                    alert.threshold_nanos,
                    alert.limit_nanos,
                    alert.spent_nanos,
                    alert.raised_at,
                ),
            )

    def written(self) -> None:
        """See Sum."""
        self.sheet.written()

    def forget(self) -> None:
        """See Sum."""
        self.sheet.forget()
        self.pending.clear()

    def _load(self, name: str) -> Account | None:
        row = self._db.execute(_LOAD, (name,)).fetchone()
        return None if row is None else account_of(row)


def account_row(name: str, account: Account) -> tuple[str, int, str, int, int, int, int]:
    """An account as a row of its table."""
    return (
        name,
        account.limit_nanos,
        _encode(account.alerts).decode(),
        account.spent_nanos,
        account.held_nanos,
        account.opening_nanos,
        account.alerted_nanos,
    )


def account_of(row: tuple[int, str, int, int, int, int]) -> Account:
    """The account in a row, without its name."""
    return Account(row[0], _amounts(row[1]), *row[2:])
