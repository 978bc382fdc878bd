"""What `hexgate ledger reconcile` does: a provider's usage export beside the ledger."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from hexgate.adapters.exports.fields import Broken
from hexgate.adapters.exports.matching import Matching
from hexgate.adapters.exports.reading import lines
from hexgate.domain.errors import InvalidRequest, PeriodPruned
from hexgate.domain.reconcile import MAX_GROUPS, Key, Tally, TooMany, compared
from hexgate.domain.report import DAY_S, Query, Totals, day_of
from hexgate.entrypoints.grpc.completion import TENANT
from hexgate.entrypoints.recovery.differences import Manner, Shown, show
from hexgate.entrypoints.recovery.opening import CannotTell, opened
from hexgate.entrypoints.reports.out import opened as opened_out
from hexgate.entrypoints.reports.period import Unclear, moment
from hexgate.entrypoints.settings import Ledger
from hexgate.ports.reports import Reports

PAGE = 1000
_SHARE = re.compile(r"(\d{1,2}(?:\.\d{1,9})?)%")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to compare, as the command line says it; what is empty is everything."""

    file: Path
    provider: str = ""
    since: str = ""
    until: str = ""
    tolerance: str = "0.5%"

    @property
    def share(self) -> Fraction:
        """The tolerance as a share. Raises Unclear."""
        found = _SHARE.fullmatch(self.tolerance)
        if found is None:
            raise Unclear(f"--tolerance: found {self.tolerance!r}; expected a share such as 0.5%")
        return Fraction(found[1]) / 100

    def days(self, now: float) -> tuple[str, str]:
        """The first and the last day, whole; empty where that is the export's. Raises Unclear."""
        first, last = "", ""
        if self.since:
            first = day_of(moment("--since", self.since, now))
        if self.until:
            last = day_of(math.ceil(moment("--until", self.until, now) / DAY_S) * DAY_S - 1)
        return first, last


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in UTC, the first and the last one."""

    first: str
    last: str

    @property
    def query(self) -> Query:
        """Which calls: there is one tenant until callers are told apart by their credentials."""
        start, end = (moment("", day, 0) for day in (self.first, self.last))
        return Query(tenant=TENANT, start=start, end=end + DAY_S)


async def reconcile(
    ledger: Ledger, wish: Wish, manner: Manner, note: Callable[[str], None], now: float
) -> bool:
    """Show what differs; True where nothing does. Raises CannotTell and BrokenPipeError."""
    try:
        with closing(Matching()) as matching:
            share, (first, last) = wish.share, wish.days(now)
            tally = _read(wish.file, matching, first, last, note)
            period = _period(tally, first, last, wish.file)
            async with opened(ledger) as reports:
                by_model, by_day = await _kept(reports, period, wish.provider, tally)
                if matching.any:
                    await _match(reports, period, wish.provider, matching)
            what = Shown(
                title=f"{wish.file}: {period.first} to {period.last}, "
                f"{wish.provider or 'all providers'}, {wish.tolerance} tolerated",
                lines=compared(tally, by_model, by_day, share),
                singles=matching.alone(),
                by_day=tally.by_day,
            )
            with opened_out(manner.output) as out:
                return show(what, manner, out)
    except (Broken, Unclear) as error:
        raise CannotTell(str(error)) from error
    except InvalidRequest as error:
        raise CannotTell(error.message) from error


def _read(
    file: Path, matching: Matching, first: str, last: str, note: Callable[[str], None]
) -> Tally:
    tally = Tally()

    def unfinished() -> None:
        note(f"{file}: its last page says has_more: fetch the pages behind it as well")

    try:
        for line in lines(file, unfinished):
            if (first and line.day < first) or (last and line.day > last):
                continue
            tally.add(line)
            if line.request_id:
                matching.billed(line.request_id, line.day, line.model)
    except TooMany:
        raise CannotTell(
            f"{file}: more than {MAX_GROUPS} days and models; narrow it by --since and --until"
        ) from None
    return tally


def _period(tally: Tally, first: str, last: str, file: Path) -> Period:
    if tally.days is not None:
        first, last = first or tally.days[0], last or tally.days[1]
    if not first or not last:
        raise CannotTell(f"{file}: found no usage; expected some, or --since and --until")
    if last < first:
        raise CannotTell(f"--until: found {last} as the last day; expected {first} or later")
    return Period(first, last)


async def _kept(
    reports: Reports, period: Period, provider: str, tally: Tally
) -> tuple[dict[Key, Totals], dict[str, Totals]]:
    """What the ledger has by day and model, and by day alone where that is asked for."""
    query = replace(period.query, provider=provider)
    by_model = await _groups(reports, query, ("day", "model"))
    by_day = await _groups(reports, query, ("day",)) if tally.by_day else {}
    return (
        {(day, model): totals for (day, model), totals in by_model.items()},
        {day: totals for (day,), totals in by_day.items()},
    )


async def _groups(
    reports: Reports, query: Query, by: tuple[str, ...]
) -> dict[tuple[str, ...], Totals]:
    found: dict[tuple[str, ...], Totals] = {}
    after: tuple[str, ...] | None = None
    while page := await reports.summarize(query, by, after, PAGE):
        found.update((group.values, group.totals) for group in page)
        after = page[-1].values
    return found


async def _match(reports: Reports, period: Period, provider: str, matching: Matching) -> None:
    """Every attempt of the period; those that were answered are due on the other side. A call of
    the day before may have reached its provider after midnight.
    """
    query = period.query
    await _attempts(reports, query, provider, matching, due=True)
    before = replace(query, start=query.start - DAY_S, end=query.start)
    with suppress(PeriodPruned):
        await _attempts(reports, before, provider, matching, due=False)


async def _attempts(
    reports: Reports, query: Query, provider: str, matching: Matching, *, due: bool
) -> None:
    before: tuple[float, str] | None = None
    while page := await reports.records(query, before, PAGE):
        for entry in page:
            call_id, day = entry.intent.call_id, day_of(entry.intent.started_at)
            for one in entry.settlement.attempts if entry.settlement else ():
                if one.request_id and provider in ("", one.provider):
                    answered = due and not one.failure
                    matching.kept(one.request_id, day, one.model, call_id, due=answered)
        before = (page[-1].intent.started_at, page[-1].intent.call_id)
