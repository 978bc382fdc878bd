"""What a ledger can be asked, the same for every engine: reports, accounts, and does it add up?"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from hexgate.adapters.ledger import rows
from hexgate.adapters.ledger.auditing import CHARGED, OLDEST, Ask, findings
from hexgate.adapters.ledger.reporting import Extent, Reporting, Words
from hexgate.adapters.ledger.sheet import SINCE, totals
from hexgate.adapters.ledger.totals import account_of
from hexgate.domain.audit import MOST_ABOVE, Examined, Finding
from hexgate.domain.budget import Balance
from hexgate.domain.ledger import Entry
from hexgate.domain.report import Group, Query, day_of

_ACCOUNT = ", ".join(rows.ACCOUNT)
_FACTS = "SELECT name, value FROM facts"
_NEWEST = "SELECT coalesce(max(started_at), 0) FROM calls WHERE tenant = ?"
_BALANCES = (
    f"SELECT {_ACCOUNT} FROM accounts "
    "WHERE account >= ? AND account < ? AND account > ? ORDER BY account LIMIT ?"
)
_ABOVE = "FROM accounts WHERE spent_nanos + held_nanos > limit_nanos"
_SIZE = (
    "SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM accounts), "
    f"(SELECT count(DISTINCT day) FROM sums WHERE dimension = ''), (SELECT count(*) {_ABOVE}), "
    "(SELECT count(*) FROM calls WHERE state = 'pending' AND expires_at <= ?)"
)


class Source(Protocol):
    """Answers statements."""

    def moment(self) -> AbstractAsyncContextManager[Ask]:
        """All that is asked within is of one moment of the store. Raises StoreUnavailable."""
        ...

    async def aclose(self) -> None:
        """Let go of the store; again does nothing."""
        ...


class Reading:
    """Reports, Audit and the balances of Accounts: see the ports. Whoever opens it closes it."""

    def __init__(self, source: Source, words: Words) -> None:
        self._source = source
        self._words = words
        self._reporting = Reporting(words)

    async def summarize(
        self, query: Query, by: tuple[str, ...], after: tuple[str, ...] | None, limit: int
    ) -> tuple[Group, ...]:
        """See Reports."""
        async with self._source.moment() as ask:
            has = await _extent(ask, query)
            found = await ask(*self._reporting.summarize(query, by, after, limit, has))
        width = len(by)
        return tuple(Group(row[:width], totals([one or 0 for one in row[width:]])) for row in found)

    async def records(
        self, query: Query, before: tuple[float, str] | None, limit: int
    ) -> tuple[Entry, ...]:
        """See Reports."""
        async with self._source.moment() as ask:
            has = await _extent(ask, query)
            found = await ask(*self._reporting.records(query, before, limit, has))
        return tuple(map(rows.entry_of, found))

    async def balances(self, prefix: str, after: str, limit: int) -> tuple[Balance, ...]:
        """See Accounts."""
        async with self._source.moment() as ask:
            found = await ask(_BALANCES, (prefix, f"{prefix}\U0010ffff", after, limit))
        return tuple(account_of(row[1:]).balance(row[0]) for row in found)

    async def audit(self) -> tuple[Finding, ...]:
        """See Audit."""
        async with self._source.moment() as ask:
            return await findings(ask, self._words)

    async def examine(self, now: float) -> Examined:
        """See Audit."""
        whole = self._words.whole.format
        async with self._source.moment() as ask:
            ((oldest,),) = await ask(OLDEST, ())
            ((calls, accounts, days, above, overdue),) = await ask(_SIZE, (now,))
            lost = f"SELECT count(*), {whole(f'sum({CHARGED})')} FROM calls WHERE state = 'unknown'"
            ((unknown, charged),) = await ask(lost, ())
            some = await ask(
                f"SELECT {_ACCOUNT} {_ABOVE} ORDER BY account LIMIT ?",
                (MOST_ABOVE,),
            )
            wrong = await findings(ask, self._words)
        return Examined(
            calls=calls,
            accounts=accounts,
            days=days,
            oldest=day_of(oldest) if oldest else "",
            findings=wrong,
            above=tuple(account_of(row[1:]).balance(row[0]) for row in some),
            above_count=above,
            overdue=overdue,
            unknown=unknown,
            unknown_nanos=charged or 0,
        )

    async def aclose(self) -> None:
        """Let go of the store; again does nothing."""
        await self._source.aclose()


async def _extent(ask: Ask, query: Query) -> Extent:
    facts: dict[str, float] = dict(await ask(_FACTS, ()))
    ((newest,),) = await ask(_NEWEST, (query.tenant,))
    summed = {
        name.removeprefix(SINCE): value for name, value in facts.items() if name.startswith(SINCE)
    }
    return Extent(facts.get("oldest", 0.0), newest, summed)
