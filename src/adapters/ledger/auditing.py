"""Does a ledger add up? Sums against rows, holds against accounts; the same for every engine.

The engine compares and only what differs is fetched, so the memory that it takes is bounded however
much is in the ledger. What is older than the rows that are kept cannot be compared with them: for
such days the sums of each dimension are compared with those over everything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from hexgate.adapters.ledger.reporting import Words, adds
from hexgate.adapters.ledger.sheet import ALL, SUMMED, SUMS
from hexgate.domain.attribution import FIELDS, LABEL
from hexgate.domain.audit import MOST_FINDINGS, Finding
from hexgate.domain.report import day_of

Rows: TypeAlias = list[tuple[Any, ...]]
Ask: TypeAlias = Callable[[str, tuple[Any, ...]], Awaitable[Rows]]
"""A statement, and its values in place of each `?`; what is asked of one is all of one moment."""

OLDEST = "SELECT coalesce((SELECT value FROM facts WHERE name = 'oldest'), 0)"
CHARGED = f"CASE WHEN cost_unknown THEN 0 ELSE {' + '.join(SUMS[-3:])} END"

_ENDED = "<> 'pending'"
_LABELS = "SELECT DISTINCT dimension FROM sums WHERE dimension LIKE 'label:%' ORDER BY 1"
_KEYS = ("day", "value", "provider", "model", "tenant")
_WHAT = (
    SUMS[0],
    *(f"{name} calls" for name in SUMS[1:6]),
    *(f"{name} tokens" for name in SUMS[6:16]),
    *(f"{name.removesuffix('_nanos')}, in nano-USD" for name in SUMS[16:]),
)


@dataclass(frozen=True, slots=True)
class Side:
    """A SELECT of keys and figures, by the same names on both sides, and its values."""

    sql: str
    given: tuple[str | float, ...] = ()


async def findings(ask: Ask, words: Words) -> tuple[Finding, ...]:
    """Everything that should be equal and is not, at most MOST_FINDINGS of a kind."""
    ((oldest,),) = await ask(OLDEST, ())
    labels = [name for (name,) in await ask(_LABELS, ())]
    found = [
        *_account_findings("held", await ask(*_held(words))),
        *_account_findings("spent", await ask(*_spent(words, oldest))),
    ]
    for dimension in (ALL, *SUMMED, *labels):
        found += _sum_findings(dimension, await ask(*_by_rows(words, dimension, oldest)))
    for dimension in (*SUMMED, *labels):
        found += _sum_findings(dimension, await ask(*_by_sums(words, dimension, oldest)))
    return tuple(found)


def _held(words: Words) -> tuple[str, tuple[Any, ...]]:
    kept = Side("SELECT account, held_nanos AS amount FROM accounts")
    pending = Side(_of_calls(words, "hold_nanos", "= 'pending'"))
    return _compared(words, ("account",), ("amount",), kept, pending)


def _spent(words: Words, oldest: float) -> tuple[str, tuple[Any, ...]]:
    """Of windows that begin before the oldest rows not all calls are there any more."""
    begins = (
        f"CASE WHEN {words.window} = 'total' THEN '{day_of(0)}' "
        f"ELSE substr({words.window} || '-01', 1, 10) END"
    )
    kept = Side("SELECT account, spent_nanos AS amount FROM accounts")
    ended = Side(
        "SELECT account, opening_nanos AS amount FROM accounts "
        f"UNION ALL {_of_calls(words, CHARGED, _ENDED)}"
    )
    where = Side(f"{begins} >= ?", (day_of(oldest),))
    return _compared(words, ("account",), ("amount",), kept, ended, where=where)


def _of_calls(words: Words, amount: str, state: str) -> str:
    return (
        f"SELECT each.value AS account, sum({amount}) AS amount FROM calls, {words.members} "
        f"WHERE state {state} GROUP BY each.value"
    )


def _by_rows(words: Words, dimension: str, oldest: float) -> tuple[str, tuple[Any, ...]]:
    """Sums of a dimension that are not those of the rows. A label may have been told later than
    its calls were made, so it is wrong only where its sums are larger.
    """
    kept = Side(
        f"SELECT {', '.join((*_KEYS, *SUMS))} FROM sums WHERE dimension = ? AND day >= ?",
        (dimension, day_of(oldest)),
    )
    value, given = FIELDS.get(dimension, "''"), tuple[str, ...]()
    if dimension.startswith(LABEL):
        value, given = words.label, (words.label_key(dimension.removeprefix(LABEL)),)
    sums = (f"sum({one}) AS {name}" for one, name in zip(adds(words), SUMS, strict=True))
    rows = Side(
        f"SELECT {words.day} AS day, {value} AS value, served_provider AS provider, "
        f"served_model AS model, tenant, {', '.join(sums)} FROM calls "
        "WHERE state <> 'pending' AND started_at >= ? GROUP BY 1, 2, 3, 4, 5",
        (*given, oldest),
    )
    return _compared(words, _KEYS, SUMS, kept, rows, wrong=_wrong(dimension))


def _by_sums(words: Words, dimension: str, oldest: float) -> tuple[str, tuple[Any, ...]]:
    """Sums of a dimension over days without rows that are not those over everything."""
    keys = tuple(name for name in _KEYS if name != "value")
    sides = (
        Side(
            f"SELECT {', '.join((*keys, *SUMS))} FROM sums WHERE dimension = ? AND day < ?",
            (one, day_of(oldest)),
        )
        for one in (dimension, ALL)
    )
    return _compared(words, keys, SUMS, *sides, wrong=_wrong(dimension))


def _wrong(dimension: str) -> str:
    return ">" if dimension.startswith(LABEL) else "<>"


def _compared(
    words: Words,
    keys: Sequence[str],
    figures: Sequence[str],
    kept: Side,
    summed: Side,
    *,
    wrong: str = "<>",
    where: Side = Side("1 = 1"),
) -> tuple[str, tuple[Any, ...]]:
    """The groups in which a figure is wrong: keys, each figure as kept and as summed, and how many
    rows are kept of it.
    """
    left = [f"sum(kept * {name})" for name in figures]
    right = [f"sum((1 - kept) * {name})" for name in figures]
    amounts = (words.whole.format(one) for one in (*left, *right, "sum(kept)"))
    differ = (f"{one} {wrong} {other}" for one, other in zip(left, right, strict=True))
    names = ", ".join(keys)
    columns = ", ".join((*keys, *figures))
    sql = (
        f"SELECT {names}, {', '.join(amounts)} FROM ("
        f"SELECT 1 AS kept, {columns} FROM ({kept.sql}) AS a "
        f"UNION ALL SELECT 0 AS kept, {columns} FROM ({summed.sql}) AS b) AS sides "
        f"WHERE {where.sql} GROUP BY {names} HAVING {' OR '.join(differ)} "
        f"ORDER BY {names} LIMIT {MOST_FINDINGS}"
    )
    return sql, (*kept.given, *summed.given, *where.given)


def _account_findings(amount: str, rows: Rows) -> Iterator[Finding]:
    for name, kept, summed, known in rows:
        there = "" if known else ", on no account"
        yield Finding(str(name), f"{amount}, in nano-USD{there}", kept, summed)


def _sum_findings(dimension: str, rows: Rows) -> Iterator[Finding]:
    return islice(_each_sum(dimension, rows), MOST_FINDINGS)


def _each_sum(dimension: str, rows: Rows) -> Iterator[Finding]:
    wide, only_more = len(SUMS), dimension.startswith(LABEL)
    for row in rows:
        keys = len(row) - 2 * wide - 1
        kept_sums, summed_sums = row[keys : keys + wide], row[keys + wide : -1]
        for what, kept, summed in zip(_WHAT, kept_sums, summed_sums, strict=True):
            if kept > summed or (kept < summed and not only_more):
                yield Finding(_where(dimension, row[:keys]), what, kept, summed)


def _where(dimension: str, key: Sequence[object]) -> str:
    day, *value, provider, model, tenant = map(str, key)
    split = " ".join((dimension, *(one or "(none)" for one in value))) if dimension else ""
    return f"{day}, {split + ', ' if split else ''}{provider}/{model} of {tenant}"
