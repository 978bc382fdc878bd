"""The differences between an export and the ledger: a table for people, lines for programs."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich import box
from rich.table import Table

from hexgate.adapters.exports.matching import Single
from hexgate.domain.reconcile import COST, Compared
from hexgate.entrypoints.lines import Cell, CsvLines, JsonLines
from hexgate.entrypoints.reports.out import Out
from hexgate.entrypoints.reports.words import clean, dollars

Form = Literal["table", "csv", "jsonl"]
NAMES = (
    "day",
    "model",
    "figure",
    "ledger",
    "export",
    "difference",
    "beyond",
    "failed_calls",
    "unknown_calls",
    "estimated_calls",
    "unpriced_calls",
    "request_id",
    "call_id",
)
"""What a line for programs has. One of a single request has the figure `request`."""

MOST_SINGLES = 50
"""Single requests that a table shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to show it."""

    form: Form | None = None
    output: Path | None = None

    def form_on(self, out: Out) -> Form:
        """A table on a terminal, else lines, unless it is said."""
        if self.form is not None:
            return self.form
        if out.terminal:
            return "table"
        return "jsonl" if self.output and self.output.suffix == ".jsonl" else "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What to show. Figures of `by_day` are of all models together where there is no model."""

    title: str
    lines: Iterable[Compared]
    singles: Iterable[Single]
    by_day: Set[str]


def show(what: Shown, manner: Manner, out: Out) -> bool:
    """True where nothing differs by more than is tolerated."""
    form = manner.form_on(out)
    if form == "table":
        return _draw(what, out)
    lines = CsvLines(NAMES) if form == "csv" else JsonLines(NAMES)
    out.write(lines.head())
    fine = True
    for one in what.lines:
        fine &= not one.beyond
        out.write(lines.line(_row(one)))
    for single in what.singles:
        fine = False
        out.write(lines.line(_single(single)))
    return fine


def _row(one: Compared) -> tuple[Cell, ...]:
    return (
        one.day,
        one.model,
        one.figure,
        one.ledger,
        one.export,
        one.difference,
        one.beyond,
        one.failed,
        one.unknown,
        one.estimated,
        one.unpriced,
        None,
        None,
    )


def _single(one: Single) -> tuple[Cell, ...]:
    told = (one.day, one.model, "request", one.kept, one.billed, one.billed - one.kept, True)
    return (*told, None, None, None, None, one.request_id, one.call_id or None)


def _draw(what: Shown, out: Out) -> bool:
    out.show(what.title)
    checked, differ, beyond = 0, 0, 0
    table = _table("day", "model", "figure", numbers=("ledger", "export", "difference", ""))
    table.add_column("of the ledger's calls", overflow="fold")
    for one in what.lines:
        checked += 1
        if one.difference:
            differ += 1
            beyond += one.beyond
            table.add_row(*_cells(one, what.by_day), style="red" if one.beyond else "")
    if differ:
        out.show(table)
    out.show(f"figures compared: {checked:,}; different: {differ:,}; not tolerated: {beyond:,}")
    return not _draw_singles(what.singles, out) and not beyond


def _draw_singles(singles: Iterable[Single], out: Out) -> int:
    count = 0
    table = _table("day", "model", "request", "call", numbers=("ledger", "export"))
    for count, one in enumerate(singles, 1):
        if count <= MOST_SINGLES:
            names = (one.day, clean(one.model), clean(one.request_id), clean(one.call_id))
            table.add_row(*names, str(one.kept), str(one.billed))
    if count:
        out.show(table)
        some = f"; {MOST_SINGLES} are shown, see --format csv" if count > MOST_SINGLES else ""
        out.show(f"single requests that do not match: {count:,}{some}")
    return count


def _cells(one: Compared, by_day: Set[str]) -> tuple[str, ...]:
    model = one.model or ("(all)" if one.figure in by_day else "")
    sides = (_amount(one, one.ledger), _amount(one, one.export), _amount(one, one.difference))
    mark = "!" if one.beyond else ""
    return (one.day, clean(model), one.figure.removesuffix("_nanos"), *sides, mark, _why(one))


def _amount(one: Compared, amount: int) -> str:
    return dollars(amount) if one.figure == COST else f"{amount:,}"


def _why(one: Compared) -> str:
    """What may explain it."""
    told = (
        (one.failed, "failed"),
        (one.unknown, "without an outcome"),
        (one.estimated, "estimated"),
        (one.unpriced, "of unknown price"),
    )
    return ", ".join(f"{count:,} {words}" for count, words in told if count)


def _table(*names: str, numbers: tuple[str, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table
