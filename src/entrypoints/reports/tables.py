"""Reports as people read them: tables, and bars."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.bar import Bar
from rich.table import Table

from hexgate.entrypoints.reports.period import told
from hexgate.entrypoints.reports.sums import MEASURES, Lines, Measure
from hexgate.entrypoints.reports.words import clean, dollars, places
from hexgate.v1 import accounting_pb2, error_pb2
from hexgate.v1 import usage_service_pb2 as pb

_BAR_CELLS = 10
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


def budgets(found: Sequence[pb.Budget]) -> Table:
    """Each account with what is left of it, and a bar of what is not."""
    table = _table(
        "budget",
        "scope",
        "window",
        numbers=("limit", "spent", "held", "left"),
        rest=("used", "", "resets (UTC)"),
    )
    decimals = places(n for one in found for n in (one.limit_nanos, one.spent_nanos, _left(one)))
    for one in found:
        used = one.spent_nanos + one.reserved_nanos
        amounts = (one.limit_nanos, one.spent_nanos, one.reserved_nanos, _left(one))
        table.add_row(
            clean(one.name),
            clean(one.scope),
            pb.BudgetWindow.Name(one.window).removeprefix("BUDGET_WINDOW_").lower(),
            *(dollars(nanos, decimals) for nanos in amounts),
            Bar(one.limit_nanos or 1, 0, used, width=_BAR_CELLS, color=_colour(one)),
            f"{used * 100 // one.limit_nanos}%" if one.limit_nanos else "",
            told(one.reset_time.ToSeconds()) if one.HasField("reset_time") else "never",
        )
    return table


def _table(*names: str, numbers: tuple[str, ...], rest: tuple[str, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
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


def _colour(one: pb.Budget) -> str:
    return "red" if _left(one) <= 0 else "cyan"
