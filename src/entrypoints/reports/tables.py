"""Reports as people read them: tables, and bars."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.bar import Bar
from rich.table import Table

from hexgate.entrypoints.reports.sums import MEASURES, Lines, Measure
from hexgate.entrypoints.reports.words import clean, dollars, places
from hexgate.v1 import accounting_pb2, error_pb2
from hexgate.v1 import usage_service_pb2 as pb

_BAR_CELLS = 10
_DAY = len("2026-11-30")  # windows end with days
_NOTES = (
    ("unpriced_call_count", "of unknown price"),
    ("estimated_call_count", "estimated"),
    ("failed_call_count", "failed"),
    ("cancelled_call_count", "cancelled"),
    ("unknown_call_count", "without an outcome"),
)


def sums(lines: Lines, by: tuple[str, ...]) -> Table:
    """One line per group, and the total."""
    table = _table(*by, numbers=("calls", "input", "output", "cost"), rest=("of these",))
    decimals = places(one.cost.total_nanos for one in (*lines.shown, lines.others, lines.total))
    for one in lines.shown:
        table.add_row(*(clean(one.group[name]) for name in by), *_figures(one, decimals))
    if lines.folded:
        table.add_row(*_across(by, f"{lines.folded} others"), *_figures(lines.others, decimals))
    if by:
        table.add_section()
    table.add_row(*_across(by, "total"), *_figures(lines.total, decimals), style="bold")
    return table


def bars(lines: Lines, by: tuple[str, ...], measure: Measure) -> Table:
    """One bar per group, as long as its share of the longest."""
    of = MEASURES[measure]
    others = [lines.others] if lines.folded else []
    names = [" / ".join(clean(one.group[name]) for name in by) or "total" for one in lines.shown]
    names += [f"{lines.folded} others"] * len(others)
    drawn = [*lines.shown, *others]
    longest = max(map(of, drawn), default=0) or 1
    decimals = places(one.cost.total_nanos for one in (*drawn, lines.total))
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(overflow="fold", max_width=40)
    table.add_column(ratio=1, min_width=_BAR_CELLS)
    table.add_column(justify="right", no_wrap=True)
    for name, one in zip(names, drawn, strict=True):
        bar = Bar(longest, 0, of(one), color="cyan")
        table.add_row(name, bar, _measured(one, measure, decimals))
    return table


def summed_up(total: pb.UsageSummary, measure: Measure) -> str:
    """The total below the bars, with what is to be known of it."""
    text = f"total {_measured(total, measure, 0)}"
    return f"{text}, {told_apart}" if (told_apart := _notes(total)) else text


def calls(found: Sequence[pb.UsageRecord]) -> Table:
    """Single calls."""
    table = _table(
        "started (UTC)",
        "model",
        "state",
        numbers=("input", "output", "cost", "seconds"),
        rest=("for",),
    )
    decimals = places(one.cost.total_nanos for one in found)
    for one in found:
        table.add_row(
            one.start_time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S"),
            clean(_model(one)),
            _state(one),
            str(one.usage.input_tokens),
            str(one.usage.output_tokens),
            _cost(one.cost, decimals) + (" held" if _under_way(one) else ""),
            f"{one.duration.ToMicroseconds() / 1e6:.2f}" if one.HasField("duration") else "",
            clean(_whom(one)) if _whom(one) else "",
        )
    return table


def budgets(found: Sequence[pb.Budget], *, bar: bool) -> Table:
    """Each account with what is left of it, and where there is room for a `bar` its share."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("budget", "scope"):
        table.add_column(name, overflow="fold")
    table.add_column("window", no_wrap=True)
    for name in ("limit", "spent", "held", "left", *(("used",) if bar else ())):
        table.add_column(name, justify="right", no_wrap=True)
    if bar:
        table.add_column(width=_BAR_CELLS)
    table.add_column("resets", no_wrap=True)
    amounts = [(one.limit_nanos, one.spent_nanos, one.reserved_nanos, _left(one)) for one in found]
    decimals = [places(column) for column in zip(*amounts, strict=True)]
    for one, row in zip(found, amounts, strict=True):
        table.add_row(
            clean(one.name),
            clean(one.scope),
            pb.BudgetWindow.Name(one.window).removeprefix("BUDGET_WINDOW_").lower(),
            *map(dollars, row, decimals),
            *(_used(one) if bar else ()),
            one.reset_time.ToJsonString()[:_DAY] if one.HasField("reset_time") else "never",
        )
    return table


def _table(*names: str, numbers: tuple[str, ...], rest: tuple[str, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for name in rest:
        table.add_column(name, overflow="fold")
    return table


def _across(by: tuple[str, ...], text: str) -> tuple[str, ...]:
    return (text, *("" for _ in by[1:])) if by else ()


def _figures(one: pb.UsageSummary, decimals: int) -> tuple[str, ...]:
    return (
        f"{one.call_count:,}",
        f"{one.usage.input_tokens:,}",
        f"{one.usage.output_tokens:,}",
        _cost(one.cost, decimals),
        _notes(one),
    )


def _measured(one: pb.UsageSummary, measure: Measure, decimals: int) -> str:
    if measure == "cost":
        return _cost(one.cost, decimals)
    return f"{MEASURES[measure](one):,}"


def _cost(cost: accounting_pb2.Cost, decimals: int) -> str:
    return "unknown" if cost.price_unknown else dollars(cost.total_nanos, decimals)


def _notes(one: pb.UsageSummary) -> str:
    told_apart = ((getattr(one, name), words) for name, words in _NOTES)
    return ", ".join(f"{count:,} {words}" for count, words in told_apart if count)


def _under_way(one: pb.UsageRecord) -> bool:
    return one.state == pb.CALL_STATE_PENDING


def _model(one: pb.UsageRecord) -> str:
    if _under_way(one):
        return one.requested_model
    return f"{one.route.provider}/{one.route.provider_model}"


def _state(one: pb.UsageRecord) -> str:
    state = pb.CallState.Name(one.state).removeprefix("CALL_STATE_").lower()
    reason = error_pb2.ErrorReason.Name(one.failure).removeprefix("ERROR_REASON_")
    return f"{state}: {reason}" if one.state == pb.CALL_STATE_FAILED else state


def _whom(one: pb.UsageRecord) -> str:
    said = (
        ("session", one.session_id),
        ("agent", one.agent_id),
        ("user", one.end_user_id),
        ("key", one.api_key),
    )
    return ", ".join(f"{name} {value}" for name, value in said if value)


def _left(one: pb.Budget) -> int:
    return one.limit_nanos - one.spent_nanos - one.reserved_nanos


def _used(one: pb.Budget) -> tuple[str, Bar]:
    """The share of the limit that is spent or held."""
    used, limit = one.spent_nanos + one.reserved_nanos, one.limit_nanos
    bar = Bar(limit or 1, 0, used, color="red" if _left(one) <= 0 else "cyan")
    return f"{used * 100 // limit}%" if limit else "", bar
