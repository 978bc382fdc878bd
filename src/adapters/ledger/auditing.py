"""Does a ledger add up? Sums against rows, holds against accounts; the same for every engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from hexgate.adapters.ledger.reporting import Words
from hexgate.adapters.ledger.sheet import ALL, SUMMED, SUMS
from hexgate.domain.audit import Finding
from hexgate.domain.budget import window_start
from hexgate.domain.report import day_of

Rows: TypeAlias = list[tuple[Any, ...]]
AtOnce: TypeAlias = Callable[..., Awaitable[tuple[Rows, ...]]]
Sums: TypeAlias = Mapping[tuple[str, ...], tuple[int, ...]]

_TOKENS = " + ".join(name for name in SUMS[6:15])  # reasoning lies inside output
_MONEY = " + ".join(SUMS[-3:])
_WHAT = ("calls", "tokens", "nano-USD")
_CHARGED = f"CASE WHEN cost_unknown THEN 0 ELSE {_MONEY} END"


async def audit(at_once: AtOnce, words: Words) -> tuple[Finding, ...]:
    """Everything that should be equal and is not. `at_once` answers statements of one moment.

    What is older than the rows that are kept cannot be compared with them, and is left out.
    """
    ((oldest,),), *found = await at_once(
        ("SELECT coalesce((SELECT value FROM facts WHERE name = 'oldest'), 0)", ()),
        *((sql, ()) for sql in _statements(words)),
    )
    accounts, held, spent, rows, sums, apart = found
    findings = [
        *_accounts(accounts, dict(held), dict(spent), oldest),
        *_days(_keyed(rows, 4), _keyed(sums, 4), day_of(oldest)),
        *_dimensions(_keyed(apart, 2)),
    ]
    return tuple(findings)


def _statements(words: Words) -> Iterator[str]:
    whole = words.whole.format
    yield "SELECT account, spent_nanos, held_nanos, opening_nanos FROM accounts ORDER BY account"
    for amount, state in (("hold_nanos", "= 'pending'"), (_CHARGED, "<> 'pending'")):
        yield (
            f"SELECT each.value, {whole(f'sum({amount})')} FROM calls, {words.members} "  # noqa: S608 # constants
            f"WHERE state {state} GROUP BY each.value"
        )
    yield (
        f"SELECT {words.day}, served_provider, served_model, tenant, count(*), "  # noqa: S608 # constants
        f"{whole(f'sum({_TOKENS})')}, {whole(f'sum({_CHARGED})')} "
        "FROM calls WHERE state <> 'pending' GROUP BY 1, 2, 3, 4"
    )
    summed = ", ".join(whole(f"sum({amount})") for amount in ("calls", _TOKENS, _MONEY))
    yield (
        f"SELECT day, provider, model, tenant, {summed} FROM sums WHERE dimension = '' "  # noqa: S608 # constants
        "GROUP BY 1, 2, 3, 4"
    )
    yield f"SELECT dimension, day, {summed} FROM sums GROUP BY 1, 2"  # noqa: S608 # constants


def _accounts(
    accounts: Rows, held: Mapping[str, int], spent: Mapping[str, int], oldest: float
) -> Iterator[Finding]:
    known = {row[0] for row in accounts}
    for name, spent_nanos, held_nanos, opening_nanos in accounts:
        summed = held.get(name, 0)
        if held_nanos != summed:
            yield Finding(name, "held, in nano-USD", held_nanos, summed)
        summed = opening_nanos + spent.get(name, 0)
        if spent_nanos != summed and window_start(name.split("|", 2)[1]) >= oldest:
            yield Finding(name, "spent, in nano-USD", spent_nanos, summed)
    for name in sorted(held.keys() - known):
        yield Finding(name, "held, in nano-USD, on no account", 0, held[name])


def _days(rows: Sums, sums: Sums, oldest: str) -> Iterator[Finding]:
    nothing = (0, 0, 0)
    for key in sorted(rows.keys() | sums.keys()):
        if key[0] >= oldest:
            yield from _compared(" ".join(key), sums.get(key, nothing), rows.get(key, nothing))


def _dimensions(sums: Sums) -> Iterator[Finding]:
    """Every dimension sums up to all calls of a day. Labels may have begun later."""
    nothing = (0, 0, 0)
    for (dimension, day), whole in sorted(sums.items()):
        if dimension == ALL:
            for other in SUMMED:
                yield from _compared(f"{day} by {other}", sums.get((other, day), nothing), whole)


def _compared(where: str, kept: Iterable[int], summed: Iterable[int]) -> Iterator[Finding]:
    for what, left, right in zip(_WHAT, kept, summed, strict=True):
        if left != right:
            yield Finding(where, what, left, right)


def _keyed(rows: Rows, width: int) -> Sums:
    return {row[:width]: row[width:] for row in rows}
