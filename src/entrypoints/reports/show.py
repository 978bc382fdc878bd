"""What `hexgate usage` and `hexgate budgets` print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grpc import aio

from hexgate.client import dial
from hexgate.entrypoints.lines import Cell, CsvLines, JsonLines
from hexgate.entrypoints.reports import asking, tables
from hexgate.entrypoints.reports.asking import Asking, Wish
from hexgate.entrypoints.reports.out import Out, opened
from hexgate.entrypoints.reports.period import Unclear
from hexgate.entrypoints.reports.sums import AMOUNTS, COUNTS, TOKENS, Lines, Measure, lined_up
from hexgate.v1 import usage_service_pb2 as pb
from hexgate.v1.usage_service_pb2_grpc import UsageServiceStub

Form = Literal["table", "csv", "jsonl"]
_EXPORTED = {"csv": pb.EXPORT_FORMAT_CSV, "jsonl": pb.EXPORT_FORMAT_JSON_LINES}
_PLOT_CELLS = 80
_BAR_FITS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to show it. `top` is the most lines that a table or a chart has; 0 is all of them."""

    by: tuple[str, ...] = ()
    measure: Measure = "cost"
    plot: bool = False
    records: bool = False
    form: Form | None = None
    output: Path | None = None
    top: int = 50

    def check(self) -> None:
        """Raises Unclear for what does not go together."""
        if self.plot and (self.records or self.form in ("csv", "jsonl")):
            raise Unclear("--plot draws sums; leave out --records, and any --format but table")
        if self.records and self.by:
            raise Unclear("--by splits sums; leave it out, or leave out --records")

    def form_on(self, out: Out) -> Form:
        """A table for people, lines for programs, unless it is said."""
        if self.form is not None:
            return self.form
        if self.plot or out.terminal:
            return "table"
        return "jsonl" if self.output and self.output.suffix == ".jsonl" else "csv"


async def usage(address: str, wish: Wish, manner: Manner, *, now: float, timeout_s: float) -> str:
    """Show what was used. Returns a problem, or nothing; raises BrokenPipeError."""
    try:
        manner.check()
        period, matching = wish.period(now), wish.filter()
        async with dial(address) as channel:
            ask = Asking(UsageServiceStub(channel), period, matching, timeout_s)
            with opened(manner.output) as out:
                await (_calls if manner.records else _sums)(ask, manner, out)
    except Unclear as error:
        return str(error)
    except aio.AioRpcError as error:
        return asking.problem(address, error)
    return ""


async def budgets(address: str, timeout_s: float) -> str:
    """Show what is left of every budget. Returns a problem, or nothing; raises BrokenPipeError."""
    try:
        async with dial(address) as channel:
            found = await asking.budgets(UsageServiceStub(channel), timeout_s)
    except aio.AioRpcError as error:
        return asking.problem(address, error)
    with opened(None) as out:
        if not found:
            out.show("no budgets are configured")
            return ""
        out.show(tables.budgets(found, bar=out.columns() >= _BAR_FITS))
    return ""


async def _sums(ask: Asking, how: Manner, out: Out) -> None:
    found = await ask.summaries(how.by)
    form = how.form_on(out)
    if form == "table":
        _draw(lined_up(found, how.by, how.measure, how.top), ask.title, how, out)
        return
    names = (*how.by, *COUNTS, *TOKENS, "currency_code", *AMOUNTS)
    lines = CsvLines(names) if form == "csv" else JsonLines(names)
    out.write(lines.head() + b"".join(lines.line(_row(one, how.by)) for one in found))


def _draw(lines: Lines, title: str, how: Manner, out: Out) -> None:
    if not lines.total.call_count:
        out.show(f"no calls have ended, {title}")
    elif not how.plot:
        out.show(title, tables.sums(lines, how.by))
    else:
        split = f" by {', '.join(how.by)}" if how.by else ""
        chart = tables.bars(lines, how.by, how.measure)
        end = tables.summed_up(lines.total, how.measure)
        out.show(f"{how.measure}{split}, {title}", chart, end, width=_PLOT_CELLS)


async def _calls(ask: Asking, how: Manner, out: Out) -> None:
    form = how.form_on(out)
    if form != "table":
        async for piece in ask.export(_EXPORTED[form]):
            out.write(piece)
        return
    page = await ask.newest(how.top)
    if not page.records:
        out.show(f"no calls, {ask.title}")
        return
    more = ["older ones are left out: see --top, or --format csv"] if page.next_page_token else []
    out.show(ask.title, tables.calls(page.records), *more)


def _row(one: pb.UsageSummary, by: tuple[str, ...]) -> tuple[Cell, ...]:
    amounts = (getattr(one.cost, name) for name in AMOUNTS)
    return (
        *(one.group[name] for name in by),
        *(getattr(one, name) for name in COUNTS),
        *(getattr(one.usage, name) for name in TOKENS),
        one.cost.currency_code,
        *(None if one.cost.price_unknown else amount for amount in amounts),
    )
