"""A ledger in this process's memory: as durable as the process, for trials and for tests."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from hexgate.adapters.ledger.sheet import SUMS, Account, Sheet, charged, summed, totals
from hexgate.domain import attribution
from hexgate.domain.budget import Alert, Balance, Budget, Charge, window_end
from hexgate.domain.errors import BudgetExceeded, StoreUnavailable
from hexgate.domain.ledger import Entry, Intent, Settlement, expired
from hexgate.domain.report import DAY_S, Group, Query, day_of, hour_of


@dataclass(frozen=True, slots=True)
class _Kept:
    entry: Entry
    accounts: tuple[str, ...]


class MemoryLedger:
    """Keeps at most `max_entries` rows: the first settled leave first, pending ones never. Reports
    know of the rows that are kept, and look at each of them.

    A row that has left is unknown: settling it again raises KeyError. When every row is pending,
    `begin` raises StoreUnavailable. Raises ValueError for a bound below 1.
    """

    def __init__(self, max_entries: int = 100_000) -> None:
        if max_entries < 1:
            raise ValueError(f"max_entries is {max_entries}; it must be at least 1")
        self._max_entries = max_entries
        self._open: dict[str, _Kept] = {}
        self._closed: OrderedDict[str, _Kept] = OrderedDict()
        self._accounts: dict[str, Account] = {}
        self._sheet = Sheet(self._accounts.get)
        self._alerts: dict[tuple[str, int], tuple[Alert, float]] = {}

    async def begin(self, intent: Intent, charges: Sequence[Charge] = ()) -> None:
        """See Ledger."""
        if intent.call_id in self._open or intent.call_id in self._closed:
            return
        try:
            self._sheet.admit(charges, intent.hold_nanos, intent.started_at)
        except BudgetExceeded:
            self._write()
            raise
        if len(self._open) + len(self._closed) >= self._max_entries:
            self._make_room()
        names = tuple(charge.account for charge in charges)
        self._open[intent.call_id] = _Kept(Entry(intent), names)
        self._sheet.hold(charges, intent.hold_nanos)
        self._write()

    async def extend(self, call_id: str, hold_nanos: int) -> None:
        """See Ledger."""
        kept = self._open[call_id]
        intent = kept.entry.intent
        if hold_nanos > intent.hold_nanos:
            self._sheet.extend(kept.accounts, hold_nanos - intent.hold_nanos)
            longer = Entry(replace(intent, hold_nanos=hold_nanos))
            self._open[call_id] = _Kept(longer, kept.accounts)
            self._write()

    async def settle(self, settlement: Settlement) -> bool:
        """See Ledger."""
        kept = self._open.pop(settlement.call_id, None)
        if kept is None:
            if settlement.call_id in self._closed:
                return False
            raise KeyError(settlement.call_id)
        intent = kept.entry.intent
        self._closed[settlement.call_id] = _Kept(Entry(intent, settlement), kept.accounts)
        self._sheet.settle(kept.accounts, intent, settlement)
        self._write()
        return True

    async def get(self, call_id: str) -> Entry | None:
        """See Ledger."""
        kept = self._open.get(call_id) or self._closed.get(call_id)
        return None if kept is None else kept.entry

    async def sweep(self, now: float) -> int:
        """See Ledger."""
        open_now = [kept.entry.intent for kept in self._open.values()]
        lost = [intent for intent in open_now if intent.expires_at <= now]
        for intent in lost:
            await self.settle(expired(intent, now))
        return len(lost)

    async def prune(self, before: float) -> int:
        """See Ledger."""
        day = before // DAY_S * DAY_S
        old = [one for one, kept in self._closed.items() if kept.entry.intent.started_at < day]
        for call_id in old:
            del self._closed[call_id]
        for name, account in list(self._accounts.items()):
            ends_at = window_end(name.split("|", 2)[1])
            if ends_at is not None and ends_at <= day and not account.held_nanos:
                del self._accounts[name]
                self._sheet.remove(name)
        return len(old)

    async def summarize(
        self, query: Query, by: tuple[str, ...], after: tuple[str, ...] | None, limit: int
    ) -> tuple[Group, ...]:
        """See Reports."""
        found: dict[tuple[str, ...], list[int]] = {} if by else {(): [0] * len(SUMS)}
        for kept in self._closed.values():
            entry = kept.entry
            if entry.settlement is None or not _matches(query, entry):
                continue
            sums = found.setdefault(tuple(_value(entry, one) for one in by), [0] * len(SUMS))
            for place, amount in enumerate(summed(entry.settlement)):
                sums[place] += amount
        beyond = (values for values in sorted(found) if after is None or values > after)
        return tuple(Group(values, totals(found[values])) for values in islice(beyond, limit))

    async def records(
        self, query: Query, before: tuple[float, str] | None, limit: int
    ) -> tuple[Entry, ...]:
        """See Reports."""
        rows = (kept.entry for kept in (*self._closed.values(), *self._open.values()))
        mine = (row for row in rows if _matches(query, row))
        older = (row for row in mine if before is None or _age(row) < before)
        return tuple(heapq.nlargest(limit, older, key=_age))

    async def adopt(self, budgets: Sequence[Budget], now: float) -> None:
        """See Accounts."""
        for budget in budgets:
            first = budget.window.bounds_at(now)[0]
            spent: dict[str, int] = {}
            for kept in self._closed.values():
                intent, settlement = kept.entry.intent, kept.entry.settlement
                subject = budget.scope.subject(intent)
                if settlement is not None and subject is not None and intent.started_at >= first:
                    spent[subject] = spent.get(subject, 0) + charged(settlement.cost)
            for subject, nanos in spent.items():
                self._sheet.adopt(budget.on(subject, now), nanos, now)
        self._write()

    async def balances(self, prefix: str, after: str, limit: int) -> tuple[Balance, ...]:
        """See Accounts."""
        names = sorted(name for name in self._accounts if name.startswith(prefix) and name > after)
        return tuple(self._accounts[name].balance(name) for name in names[:limit])

    async def claim(self, now: float, until: float, limit: int) -> tuple[Alert, ...]:
        """See Alerts."""
        free = [alert for alert, claimed in self._alerts.values() if claimed <= now]
        free.sort(key=lambda one: (one.raised_at, one.account, one.threshold_nanos))
        for alert in free[:limit]:
            again = replace(alert, claims=alert.claims + 1)
            self._alerts[alert.account, alert.threshold_nanos] = (again, until)
        return tuple(free[:limit])

    async def delivered(self, alert: Alert) -> None:
        """See Alerts."""
        self._alerts.pop((alert.account, alert.threshold_nanos), None)

    def _write(self) -> None:
        self._accounts.update(self._sheet.dirty)
        for alert in self._sheet.alerts:
            self._alerts.setdefault((alert.account, alert.threshold_nanos), (alert, 0.0))
        self._sheet.written()

    def _make_room(self) -> None:
        if not self._closed:
            raise StoreUnavailable(
                f"the ledger in memory holds {self._max_entries} pending calls, its maximum; "
                "try again when some have ended",
                metadata={"store": "ledger", "max_entries": str(self._max_entries)},
                retry_after_s=1.0,
            )
        self._closed.popitem(last=False)


def _matches(query: Query, entry: Entry) -> bool:
    intent, settlement = entry.intent, entry.settlement
    provider, model = ("", "") if settlement is None else (settlement.provider, settlement.model)
    asked = (
        (query.provider, provider),
        (query.model, model),
        (query.session_id, intent.session_id),
        (query.agent_id, intent.agent_id),
        (query.end_user_id, intent.end_user_id),
        (query.api_key, intent.api_key),
        (query.call_id, intent.call_id),
        *((value, intent.labels.get(key, "")) for key, value in query.labels.items()),
    )
    return (
        query.tenant == intent.tenant
        and query.start <= intent.started_at < query.end
        and all(not wanted or wanted == found for wanted, found in asked)
    )


def _value(entry: Entry, dimension: str) -> str:
    """The value of a dimension of a call that has ended."""
    intent, settlement = entry.intent, entry.settlement
    assert settlement is not None
    match dimension:
        case "provider":
            return settlement.provider
        case "model":
            return settlement.model
        case "day":
            return day_of(intent.started_at)
        case "hour":
            return hour_of(intent.started_at)
        case _:
            return attribution.value(intent, dimension)


def _age(entry: Entry) -> tuple[float, str]:
    return entry.intent.started_at, entry.intent.call_id
