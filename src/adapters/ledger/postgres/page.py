"""What one transaction has locked of the ledger, and what it has to write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from hexgate.adapters.ledger import rows
from hexgate.adapters.ledger.postgres import statements
from hexgate.adapters.ledger.postgres.link import Db
from hexgate.adapters.ledger.rows import Row
from hexgate.adapters.ledger.sheet import Account, Sheet
from hexgate.adapters.ledger.totals import account_of, account_row
from hexgate.domain.budget import Charge
from hexgate.domain.ledger import Intent, Settlement

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Kept:
    """A call as it is, and the names of the accounts that it is held on."""

    intent: Intent
    names: tuple[str, ...]
    settlement: Settlement | None = None


class Page:
    """Calls and accounts that are locked; `labels` have daily sums of their own."""

    def __init__(
        self, calls: dict[str, Kept], accounts: Mapping[str, Account], labels: Sequence[str]
    ) -> None:
        self.calls = calls
        self.sheet = Sheet(accounts.get, labels)
        self._accounts = accounts
        self._begun: list[Row] = []
        self._grown: dict[str, Kept] = {}
        self._settled: list[Row] = []

    def account(self, name: str) -> Account | None:
        """An account as it is by now."""
        return self.sheet.dirty.get(name) or self._accounts.get(name)

    def begin(self, intent: Intent, row: Row, charges: Sequence[Charge]) -> None:
        """Raises BudgetExceeded, and then nothing is changed. `row` is INTENT and ACCOUNTS."""
        self.sheet.admit(charges, intent.hold_nanos, intent.started_at)
        self.sheet.hold(charges, intent.hold_nanos)
        self.calls[intent.call_id] = Kept(intent, tuple(charge.account for charge in charges))
        self._begun.append(row)

    def grow(self, call: Kept, hold_nanos: int) -> None:
        """Raises BudgetExceeded, and then nothing is changed."""
        intent = call.intent
        self.sheet.extend(call.names, hold_nanos - intent.hold_nanos)
        call.intent = replace(intent, hold_nanos=hold_nanos)
        self._grown[intent.call_id] = call

    def settle(self, call: Kept, settlement: Settlement, row: Row) -> None:
        """A call that is pending. `row` is OUTCOME."""
        self.sheet.settle(call.names, call.intent, settlement)
        call.settlement = settlement
        self._settled.append((call.intent.call_id, call.intent.started_at, *row))

    async def write(self, db: Db) -> None:
        """A few statements, whatever there is; in a pipeline they cost no round trip."""
        sheet = self.sheet
        new = [(name, one) for name, one in sheet.dirty.items() if name not in self._accounts]
        old = [(name, one) for name, one in sheet.dirty.items() if name in self._accounts]
        grown = [
            (call_id, one.intent.started_at, one.intent.hold_nanos)
            for call_id, one in self._grown.items()
        ]
        alerts = [
            (
                one.account,
                one.threshold_nanos,
                one.limit_nanos,
                one.spent_nanos,
                one.raised_at,
            )
            for one in sheet.alerts
        ]
        for sql, given in (
            (statements.BEGIN_CALLS, self._begun),
            (statements.HOLD, grown),
            (statements.SETTLE, self._settled),
            (statements.OPEN_ACCOUNTS, [account_row(*one) for one in new]),
            (statements.SAVE_ACCOUNTS, [account_row(*one) for one in old]),
            # Some are truth values, which JSON tells apart from numbers.
            (statements.ADD_SUMS, [(*key, *map(int, sums)) for key, sums in sheet.sums.items()]),
            (statements.RAISE_ALERTS, alerts),
        ):
            if given:
                # Every gateway takes its locks in this order, so that none waits in a circle.
                await db.execute(sql, (_encode(sorted(given)).decode(),))


async def lock_calls(db: Db, call_ids: Sequence[str], start: float, end: float) -> dict[str, Kept]:
    """Those of these calls that are there and started within this time."""
    if not call_ids:
        return {}
    found = await db.execute(statements.LOCK_CALLS, (list(call_ids), start, end))
    return kept(await found.fetchall())


async def lock_accounts(db: Db, names: Iterable[str]) -> dict[str, Account]:
    """Those of these accounts that are there."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    found = await db.execute(statements.LOCK_ACCOUNTS, (wanted,))
    return {row[0]: account_of(row[1:]) for row in await found.fetchall()}


def kept(found: Iterable[tuple[Any, ...]]) -> dict[str, Kept]:
    """Rows of CALL, by their ids."""
    calls = {}
    for row in found:
        entry = rows.entry_of(row)
        calls[entry.intent.call_id] = Kept(entry.intent, rows.names_of(row[-1]), entry.settlement)
    return calls
