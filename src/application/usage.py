"""What was used and what is left: reports of the ledger, checked before they are asked for."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

from hexgate.domain.attribution import LABEL, LABEL_KEY
from hexgate.domain.budget import Budget
from hexgate.domain.errors import Violation
from hexgate.domain.ledger import Entry
from hexgate.domain.report import DIMENSIONS, MAX_GROUP_BY, Group, Query
from hexgate.domain.validation import refused
from hexgate.ports.clock import Clock
from hexgate.ports.store import Store

T = TypeVar("T")

PAGE = 100
MAX_PAGE = 1000
# Rows of an export are decoded by the event loop, beside the calls: a few milliseconds at a time.
EXPORT_PAGE = 100
NOW = math.inf
"""The end of a query that reaches to whenever it is asked."""
# 9999-01-01: no date that follows from one before it is beyond what a date can be.
_MAX_END = 253_370_764_800.0


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of what was asked for. There is `more` behind it or not; `end` is that of its period, in
    seconds since the epoch, which has to be the end of the query for the next page as well.
    """

    items: tuple[T, ...]
    more: bool
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One account of a budget in the present window, in nano-USD. `resets_at` None is never."""

    budget: Budget
    subject: str
    spent_nanos: int = 0
    held_nanos: int = 0
    resets_at: float | None


class UsageReports:
    """Raises InvalidRequest by the path of the field, and StoreUnavailable. `budgets` are shown in
    this order; their names differ.
    """

    def __init__(self, store: Store, clock: Clock, budgets: Sequence[Budget]) -> None:
        self._store = store
        self._clock = clock
        self._budgets = budgets

    async def summarize(
        self, query: Query, by: tuple[str, ...], after: tuple[str, ...] | None, size: int
    ) -> Page[Group]:
        """Totals of the calls that have ended; the first page is after None. See Reports."""
        query, size = self._checked(query, by), _sized(size)
        found = await self._store.summarize(query, by, after, size + 1)
        return Page(found[:size], len(found) > size, query.end)

    async def records(
        self, query: Query, before: tuple[float, str] | None, size: int
    ) -> Page[Entry]:
        """Calls, newest first, those under way as well; the first page is before None."""
        query, size = self._checked(query), _sized(size)
        found = await self._store.records(query, before, size + 1)
        return Page(found[:size], len(found) > size, query.end)

    async def ended(self, query: Query) -> AsyncIterator[tuple[Entry, ...]]:
        """All calls that have ended, newest first, some at a time."""
        query = self._checked(query)
        before: tuple[float, str] | None = None
        while found := await self._store.records(query, before, EXPORT_PAGE):
            yield tuple(entry for entry in found if entry.settlement is not None)
            last = found[-1].intent
            before = (last.started_at, last.call_id)

    async def budgets(self, after: tuple[str, str] | None, size: int) -> Page[Standing]:
        """The accounts of all budgets; those after a budget's name and a subject of it."""
        size, now = _sized(size), self._clock.now()
        name, shown = after or ("", "")
        found: list[Standing] = []
        for budget in self._from(name):
            if len(found) <= size:
                found += await self._standings(budget, shown, now, size + 1 - len(found))
            shown = ""
        return Page(tuple(found[:size]), len(found) > size, now)

    def _from(self, name: str) -> Sequence[Budget]:
        """The budgets from this one on; all of them without a name."""
        for place, budget in enumerate(self._budgets):
            if name in ("", budget.name):
                return self._budgets[place:]
        if not name:
            return ()
        text = f"goes on behind the budget {name}, which is there no more; begin without it"
        raise refused(Violation("page_token", text, "STALE"))

    async def _standings(
        self, budget: Budget, shown: str, now: float, limit: int
    ) -> list[Standing]:
        """The accounts of one budget that come after this subject; where it has none, one of zeros.

        Names of accounts end with their subjects, so those of each value have one beginning.
        """
        scope, resets_at = budget.scope, budget.window.bounds_at(now)[1]
        each = bool(scope.dimension) and not scope.value
        account = budget.on(scope.of(scope.value), now).account
        after = budget.on(shown, now).account if shown else ""
        found = await self._store.balances(account, after, limit if each else 1)
        standings = [
            Standing(
                budget=budget,
                subject=balance.subject,
                spent_nanos=balance.spent_nanos,
                held_nanos=balance.held_nanos,
                resets_at=resets_at,
            )
            for balance in found
            if each or balance.account == account
        ]
        if standings or shown:
            return standings
        return [Standing(budget=budget, subject=str(scope), resets_at=resets_at)]

    def _checked(self, query: Query, by: tuple[str, ...] = ()) -> Query:
        """The query with an end. Raises InvalidRequest with everything that is wrong."""
        if query.end == NOW:
            query = replace(query, end=self._clock.now())
        wrong = (*_period(query), *_labels(query), *_dimensions(by))
        if wrong:
            raise refused(*wrong)
        return query


def _sized(size: int) -> int:
    """How many a page has. Raises InvalidRequest below 0."""
    if size < 0:
        text = f"is {size}; expected 0 to {MAX_PAGE}, where 0 is {PAGE}"
        raise refused(Violation("page_size", text, "OUT_OF_RANGE"))
    return min(size or PAGE, MAX_PAGE)


def _period(query: Query) -> Iterator[Violation]:
    for field, at in (("period.start_time", query.start), ("period.end_time", query.end)):
        if not 0 <= at <= _MAX_END:
            text = f"is {at:.0f} s after 1970 began; expected a time from 1970 to 9998"
            yield Violation(field, text, "OUT_OF_RANGE")
            return
    if query.start >= query.end:
        text = f"is {_told(query.start)}; expected before the end, {_told(query.end)}"
        yield Violation("period.start_time", text, "OUT_OF_RANGE")


def _labels(query: Query) -> Iterator[Violation]:
    for key in query.labels:
        if not LABEL_KEY.fullmatch(key):
            text = f"has the key {key[:64]!r}; a key must match {LABEL_KEY.pattern}"
            yield Violation("filter.labels", text, "FORMAT")


def _dimensions(by: tuple[str, ...]) -> Iterator[Violation]:
    if len(by) > MAX_GROUP_BY:
        yield Violation("group_by", f"has {len(by)}, at most {MAX_GROUP_BY}", "TOO_MANY")
        return
    for place, one in enumerate(by):
        field, found = f"group_by[{place}]", f"is {one[:72]!r}"
        if one in by[:place]:
            yield Violation(field, f"{found} again; name each once", "DUPLICATE")
        elif one.startswith(LABEL):
            if not LABEL_KEY.fullmatch(one.removeprefix(LABEL)):
                text = f"{found}; expected {LABEL}<key>, a key matching {LABEL_KEY.pattern}"
                yield Violation(field, text, "FORMAT")
        elif one not in DIMENSIONS:
            text = f"{found}; expected one of: {', '.join(DIMENSIONS)}, {LABEL}<key>"
            yield Violation(field, text, "UNKNOWN")


def _told(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
