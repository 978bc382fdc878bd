"""What `hexgate ledger verify` prints."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from rich import box
from rich.table import Table

from hexgate.domain.audit import Examined, Finding
from hexgate.entrypoints.recovery.opening import named, opened
from hexgate.entrypoints.reports.out import opened as opened_out
from hexgate.entrypoints.reports.words import clean, dollars
from hexgate.entrypoints.settings import Ledger


async def verify(wish: Ledger, now: float, *, as_json: bool) -> bool:
    """Say whether the ledger adds up, and return it. Raises CannotTell and BrokenPipeError."""
    async with opened(wish) as ledger:
        found = await ledger.examine(now)
    with opened_out(None) as out:
        if as_json:
            out.write(msgspec.json.encode(told(found)) + b"\n")
        else:
            out.show(*_lines(named(wish), found))
            if found.findings:
                out.show(_table(found.findings))
            out.show(*_notes(found))
    return not found.findings


def told(found: Examined) -> dict[str, object]:
    """The same for programs. Amounts are nano-USD."""
    return {
        "adds_up": not found.findings,
        "calls": found.calls,
        "accounts": found.accounts,
        "days": found.days,
        "oldest_day": found.oldest or None,
        "findings": [
            {
                "where": one.where,
                "what": one.what,
                "kept": one.kept,
                "summed": one.summed,
                "difference": one.difference,
            }
            for one in found.findings
        ],
        "above_limit_count": found.above_count,
        "above_limit": [
            {
                "account": one.account,
                "limit_nanos": one.limit_nanos,
                "spent_nanos": one.spent_nanos,
                "held_nanos": one.held_nanos,
            }
            for one in found.above
        ],
        "overdue_calls": found.overdue,
        "unknown_calls": found.unknown,
        "unknown_nanos": found.unknown_nanos,
    }


def _lines(name: str, found: Examined) -> Iterator[str]:
    yield (
        f"checked in {clean(name)}: calls {found.calls:,}, accounts {found.accounts:,}, "
        f"days of sums {found.days:,}"
    )
    if found.oldest:
        yield f"rows are kept since {found.oldest}: earlier sums were compared with one another"
    wrong = len(found.findings)
    yield f"figures that do not add up: {wrong:,}" if wrong else "everything adds up"


def _table(findings: tuple[Finding, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("where", overflow="fold")
    table.add_column("what", overflow="fold")
    for name in ("kept", "summed", "difference"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in findings:
        figures = (f"{one.kept:,}", f"{one.summed:,}", f"{one.difference:+,}")
        table.add_row(clean(one.where), clean(one.what), *figures)
    return table


def _notes(found: Examined) -> Iterator[str]:
    """What is odd, and no error."""
    if found.above_count:
        yield f"accounts that have spent and hold more than their limit: {found.above_count:,}"
        for one in found.above:
            used = f"{dollars(one.spent_nanos)} spent and {dollars(one.held_nanos)} held"
            yield f"  {clean(one.account)}: {used} of {dollars(one.limit_nanos)}"
        if found.above_count > len(found.above):
            yield "  and others"
    if found.overdue:
        yield f"calls pending beyond their expiry, which no gateway swept yet: {found.overdue:,}"
    if found.unknown:
        charged = f"charged {dollars(found.unknown_nanos)}, as held"
        yield f"calls without a recorded outcome: {found.unknown:,}, {charged}"
