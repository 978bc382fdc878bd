"""Reports as SQL, the same for every engine but for a few words.

Daily sums answer for whole days where they have the dimensions asked for; rows answer for the rest:
the beginning and the end of a period that begins or ends within a day, hours, sessions, and more
dimensions at once than there are sums of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from hexgate.adapters.ledger.rows import INTENT, OUTCOME, Value
from hexgate.adapters.ledger.sheet import ALL, SUMMED, SUMS
from hexgate.domain.attribution import FIELDS, LABEL
from hexgate.domain.errors import PeriodPruned, Violation
from hexgate.domain.report import DAY_S, Query, day_of

Statement = tuple[str, tuple[Value, ...]]

# What the served target is called in rows, which have the first one of the intent as well.
_SERVED = {"provider": "served_provider", "model": "served_model"}
# What one row adds to each of the sums: truth values first, then numbers.
_FLAGS = (
    "state = 'failed'",
    "state = 'cancelled'",
    "state = 'unknown'",
    "cost_unknown",
    "usage_estimated OR cost_estimated",
)
_TOKENS = SUMS[1 + len(_FLAGS) : -3]
_MONEY = tuple(f"CASE WHEN cost_unknown THEN 0 ELSE {name} END" for name in SUMS[-3:])


@dataclass(frozen=True, slots=True)
class Words:
    """What engines say differently. Text in braces is filled in.

    `label` reads one label out of the column `labels`: text, empty where there is none; its one
    parameter is what `label_key` makes of the key. `day` and `hour` are those of `started_at`.
    `members` is a table `each` with a column `value`: the names in the column `accounts`. `window`
    is the name of the window in the column `account`. Text sorts as in Python.
    """

    label: str
    label_key: Callable[[str], str]
    day: str
    hour: str
    members: str
    flag: str = "({})"  # a truth value as a number
    whole: str = "{}"  # a sum as an integer
    window: str = "split_part(account, '|', 2)"


@dataclass(frozen=True, slots=True)
class Extent:
    """What is kept: rows from `oldest` on, the newest of the tenant's at `newest`; and daily sums
    by labels, `summed`, each with the first moment from which on every call is in them.
    """

    oldest: float
    newest: float
    summed: Mapping[str, float]


class Reporting:
    """Makes statements."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._adds = adds(words)

    def summarize(
        self,
        query: Query,
        by: tuple[str, ...],
        after: tuple[str, ...] | None,
        limit: int,
        has: Extent,
    ) -> Statement:
        """One row for each group: its values, then SUMS. Without dimensions there is one row, whose
        sums are NULL where there was no call. Raises PeriodPruned.
        """
        parts = list(self._parts(query, by, has))
        values = [f"g{place}" for place in range(len(by))]
        text = " UNION ALL ".join(part for part, _ in parts)
        given = [value for _, found in parts for value in found]
        sums = ", ".join(f"{self._words.whole.format(f'sum({name})')} AS {name}" for name in SUMS)
        sql = f"SELECT {', '.join([*values, sums])} FROM ({text}) AS parts"
        if by:
            listed = ", ".join(values)
            if after is not None:
                sql += f" WHERE ({listed}) > ({', '.join('?' * len(by))})"
                given += after
            sql += f" GROUP BY {listed} ORDER BY {listed} LIMIT ?"
            given.append(limit)
        return sql, tuple(given)

    def spent(self, dimension: str, start: float) -> Statement:
        """Each value of a dimension of attribution, ALL for everything, and what was spent for it
        by calls that started from a midnight on, in nano-USD; of all tenants.
        """
        whole = self._words.whole
        if dimension in (ALL, *SUMMED):
            money = whole.format(f"sum({' + '.join(SUMS[-3:])})")
            where = "dimension = ? AND day >= ?"
            sql = f"SELECT value, {money} FROM sums WHERE {where} GROUP BY value"
            return sql, (dimension, day_of(start))
        # Sums of a label may have begun later, and of sessions there are none.
        column, given = self._column(dimension)
        money = whole.format(f"sum({' + '.join(_MONEY)})")
        sql = (
            f"SELECT {column} AS value, {money} FROM calls "
            "WHERE state <> 'pending' AND started_at >= ? GROUP BY 1"
        )
        return sql, (*given, start)

    def records(
        self, query: Query, before: tuple[float, str] | None, limit: int, has: Extent
    ) -> Statement:
        """Rows of INTENT and OUTCOME, newest first. Raises PeriodPruned."""
        _check(query, has, "of single calls")
        where, given = self._matching(query, query.start, query.end)
        if before is not None:
            where += " AND (started_at, call_id) < (?, ?)"
            given += before
        sql = (
            f"SELECT {', '.join((*INTENT, *OUTCOME))} FROM calls WHERE {where} "
            f"ORDER BY started_at DESC, call_id DESC LIMIT ?"
        )
        return sql, (*given, limit)

    def _parts(self, query: Query, by: tuple[str, ...], has: Extent) -> Iterator[Statement]:
        dimension = self._dimension(query, by, has)
        begin = max(query.start, has.summed.get(dimension or ALL, 0.0))
        first = -(-begin // DAY_S) * DAY_S
        # A period that reaches beyond the newest call has all of that call's day.
        last = (query.end if query.end <= has.newest else query.end + DAY_S - 1) // DAY_S * DAY_S
        if dimension is None or first >= last:
            _check(query, has, _named(by) if dimension is None else _PART)
            yield self._of_rows(query, by, query.start, query.end)
            return
        if query.start < first:
            _check(query, has, _PART)
            yield self._of_rows(query, by, query.start, first)
        yield self._of_sums(query, by, dimension, first, last)
        if last < query.end:
            yield self._of_rows(query, by, last, query.end)

    def _dimension(self, query: Query, by: tuple[str, ...], has: Extent) -> str | None:
        """The dimension whose sums answer; ALL for those over everything, None where none do."""
        if query.call_id or query.session_id:
            return None
        asked = {one for one in by if one not in ("provider", "model", "day")}
        asked |= {f"{LABEL}{key}" for key in query.labels}
        asked |= {name for name in SUMMED if getattr(query, FIELDS[name])}
        if len(asked) > 1 or not asked <= {*SUMMED, *has.summed}:
            return None
        return next(iter(asked), ALL)

    def _of_sums(
        self, query: Query, by: tuple[str, ...], dimension: str, start: float, end: float
    ) -> Statement:
        columns = [
            f"{one if one in ('provider', 'model', 'day') else 'value'} AS g{place}"
            for place, one in enumerate(by)
        ]
        where = "tenant = ? AND dimension = ? AND day >= ? AND day < ?"
        given: list[Value] = [query.tenant, dimension, day_of(start), day_of(end)]
        for name in ("provider", "model"):
            if value := getattr(query, name):
                where += f" AND {name} = ?"
                given.append(value)
        if value := self._value(query, dimension):
            where += " AND value = ?"
            given.append(value)
        return f"SELECT {', '.join((*columns, *SUMS))} FROM sums WHERE {where}", tuple(given)

    def _of_rows(self, query: Query, by: tuple[str, ...], start: float, end: float) -> Statement:
        columns: list[str] = []
        first: list[Value] = []
        for place, one in enumerate(by):
            text, given = self._column(one)
            columns.append(f"{text} AS g{place}")
            first += given
        where, rest = self._matching(query, start, end)
        adds = (f"{value} AS {name}" for value, name in zip(self._adds, SUMS, strict=True))
        sql = (
            f"SELECT {', '.join((*columns, *adds))} FROM calls WHERE state <> 'pending' AND {where}"
        )
        return sql, (*first, *rest)

    def _column(self, dimension: str) -> Statement:
        if dimension.startswith(LABEL):
            key = self._words.label_key(dimension.removeprefix(LABEL))
            return self._words.label, (key,)
        if dimension in ("day", "hour"):
            return getattr(self._words, dimension), ()
        return _SERVED.get(dimension) or FIELDS[dimension], ()

    def _matching(self, query: Query, start: float, end: float) -> Statement:
        where = "tenant = ? AND started_at >= ? AND started_at < ?"
        given: list[Value] = [query.tenant, start, end]
        columns = (*FIELDS.values(), "call_id")
        for name, column in (*_SERVED.items(), *zip(columns, columns, strict=True)):
            if value := getattr(query, name):
                where += f" AND {column} = ?"
                given.append(value)
        for key, value in query.labels.items():
            where += f" AND {self._words.label} = ?"
            given += (self._words.label_key(key), value)
        return where, tuple(given)

    @staticmethod
    def _value(query: Query, dimension: str) -> str:
        if dimension.startswith(LABEL):
            return query.labels.get(dimension.removeprefix(LABEL), "")
        value: str = getattr(query, FIELDS[dimension]) if dimension else ""
        return value


def adds(words: Words) -> tuple[str, ...]:
    """What a row of a call that has ended adds to each of SUMS."""
    return ("1", *map(words.flag.format, _FLAGS), *_TOKENS, *_MONEY)


_PART = "of a part of a day"


def _named(by: tuple[str, ...]) -> str:
    return f"by {', '.join(by)}" if by else "of what daily sums do not know"


def _check(query: Query, has: Extent, what: str) -> None:
    """Raises PeriodPruned for a period that begins before the oldest rows that are kept."""
    if query.start >= has.oldest:
        return
    text = (
        f"begins before {day_of(has.oldest)}, the first day whose rows retention has kept; a "
        f"report {what} needs rows: begin it later, or ask for whole days by provider, model, "
        "agent, end_user or api_key"
    )
    raise PeriodPruned(
        f"period.start_time {text}",
        (Violation("period.start_time", text, "PRUNED"),),
        metadata={"oldestDay": day_of(has.oldest)},
    )
