"""Tables and bars, as text."""

from __future__ import annotations

import io
import re

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, RenderableType

from hexgate.entrypoints.reports import tables
from hexgate.entrypoints.reports.sums import lined_up, merged
from hexgate.v1 import accounting_pb2, error_pb2
from hexgate.v1 import usage_service_pb2 as pb

FULL = "\u2588"
BLOCKS = re.compile("[\u2580-\u259f]")


def drawn(what: RenderableType, width: int = 100) -> list[str]:
    """The lines of a drawing, without space at their ends."""
    paper = io.StringIO()
    Console(file=paper, width=width, markup=False).print(what)
    return [line.rstrip() for line in paper.getvalue().splitlines()]


def group(model: str, nanos: int, calls: int = 1, tokens: int = 10, **more: int) -> pb.UsageSummary:
    """One line of a report by model."""
    return pb.UsageSummary(
        group={"model": model},
        call_count=calls,
        usage=accounting_pb2.Usage(input_tokens=tokens, output_tokens=2 * tokens),
        cost=accounting_pb2.Cost(
            total_nanos=nanos, price_unknown=more.get("unpriced_call_count", 0) == calls
        ),
        **more,
    )


def test_the_dearest_comes_first_and_the_total_last() -> None:
    found = [group("a", 5_000), group("b", 1_500_000_000, calls=1_200), group("c", 70)]
    lines = drawn(tables.sums(lined_up(found, ("model",), "cost", 0), ("model",)))
    assert [line.split() for line in lines if line and "\u2500" not in line] == [
        ["model", "calls", "input", "output", "cost", "of", "these"],
        ["b", "1,200", "10", "20", "$1.50000000"],
        ["a", "1", "10", "20", "$0.00000500"],
        ["c", "1", "10", "20", "$0.00000007"],
        ["total", "1,202", "30", "60", "$1.50000507"],
    ]


def test_unknown_prices_and_estimates_are_said_and_never_shown_as_zero() -> None:
    found = [
        group("a", 0, calls=2, unpriced_call_count=2),
        group("b", 30, calls=9, unpriced_call_count=1, estimated_call_count=3),
        group("c", 20, calls=4, failed_call_count=1, cancelled_call_count=2, unknown_call_count=1),
    ]
    text = "\n".join(drawn(tables.sums(lined_up(found, ("model",), "cost", 0), ("model",)), 140))
    assert "unknown  2 of unknown price\n" in text
    assert "$0.00000003  1 of unknown price, 3 estimated\n" in text
    assert "$0.00000002  1 failed, 2 cancelled, 1 without an outcome\n" in text
    assert "$0.00000005  3 of unknown price, 3 estimated, 1 failed" in text
    assert "$0.00 " not in text


def test_lines_beyond_the_top_are_one_line_that_still_counts() -> None:
    found = [group(name, nanos) for name, nanos in (("a", 1), ("b", 4), ("c", 3), ("d", 2))]
    lines = drawn(tables.sums(lined_up(found, ("model",), "cost", 2), ("model",)))
    words = [line.split() for line in lines if line and "\u2500" not in line][1:]
    assert [line[0] for line in words] == ["b", "c", "2", "total"]
    assert words[2] == ["2", "others", "2", "20", "40", "$0.000000003"]
    assert words[3][-1] == "$0.000000010"


def test_days_stay_in_their_order_and_the_latest_are_shown() -> None:
    days = [
        pb.UsageSummary(
            group={"day": f"2025-11-2{n}"},
            call_count=n,
            cost=accounting_pb2.Cost(total_nanos=9 - n),
        )
        for n in range(5)
    ]
    shown = lined_up(days, ("day",), "cost", 3)
    assert [one.group["day"] for one in shown.shown] == ["2025-11-22", "2025-11-23", "2025-11-24"]
    assert (shown.folded, shown.others.call_count, shown.total.call_count) == (2, 1, 10)
    for top in (0, 5, 6):
        shown = lined_up(days, ("day",), "calls", top)
        assert [one.call_count for one in shown.shown] == list(range(5))


def test_lines_are_in_the_order_of_what_is_measured() -> None:
    found = [group("a", 3, calls=1, tokens=5), group("b", 2, calls=2, tokens=9), group("c", 1)]
    for measure, order in (("cost", "abc"), ("tokens", "cba"), ("calls", "bac")):
        shown = lined_up(found, ("model",), measure, 0).shown  # type: ignore[arg-type]  # a Measure
        assert "".join(one.group["model"] for one in shown) == order


def test_bars_are_as_long_as_shares_of_the_longest_in_any_width() -> None:
    found = [group("half", 50), group("whole", 100), group("none", 0)]
    lines = lined_up(found, ("model",), "cost", 0)
    for width in (40, 80, 120):
        whole, half, none = drawn(tables.bars(lines, ("model",), "cost"), width)
        assert {len(whole), len(half), len(none)} == {width}
        room = width - len("whole  $0.00000010")
        assert whole == f"whole {FULL * room} $0.00000010"
        assert half.count(FULL) == room // 2
        assert none == f"none{' ' * room}   $0.00000000"


def test_a_bar_of_unknown_price_is_none_and_is_said() -> None:
    lines = lined_up([group("a", 0, unpriced_call_count=1)], ("model",), "cost", 0)
    (line,) = drawn(tables.bars(lines, ("model",), "cost"), 60)
    assert line.split() == ["a", "unknown"]
    assert tables.summed_up(lines.total, "cost") == "total unknown, 1 of unknown price"


def test_bars_count_tokens_or_calls_as_well() -> None:
    lines = lined_up([group("a", 1, calls=1_000, tokens=5_000)], ("model",), "calls", 0)
    assert drawn(tables.bars(lines, ("model",), "calls"), 60)[0].endswith(" 1,000")
    assert drawn(tables.bars(lines, ("model",), "tokens"), 60)[0].endswith(" 15,000")


def test_names_are_shown_as_they_are_and_do_nothing() -> None:
    lines = lined_up([group("[red]x[/nope]\x1b[2J", 1)], ("model",), "cost", 0)
    for table in (tables.sums(lines, ("model",)), tables.bars(lines, ("model",), "cost")):
        text = "\n".join(drawn(table))
        assert "[red]x[/nope]\\x1b[2J" in text
        assert "\x1b" not in text


def test_what_is_merged_adds_up() -> None:
    total = merged([group("a", 2**62, calls=2, unpriced_call_count=1), group("b", 1, calls=3)])
    assert (total.call_count, total.cost.total_nanos) == (5, 2**62 + 1)
    assert (total.usage.input_tokens, total.unpriced_call_count) == (20, 1)
    assert not total.cost.price_unknown
    assert not merged([]).cost.price_unknown


def record(state: pb.CallState.ValueType, nanos: int = 1_000) -> pb.UsageRecord:
    """A call in this state."""
    return pb.UsageRecord(
        response_id="r-1",
        start_time=Timestamp(seconds=1_763_700_000),
        requested_model="best",
        state=state,
        cost=accounting_pb2.Cost(total_nanos=nanos),
    )


def test_calls_are_shown_with_their_state_and_those_under_way_with_their_hold() -> None:
    failed = record(pb.CALL_STATE_FAILED)
    failed.route.provider, failed.route.provider_model = "openai", "gpt-4o"
    failed.failure = error_pb2.ERROR_REASON_PROVIDER_TIMEOUT
    failed.duration.FromMilliseconds(1_500)
    failed.session_id, failed.end_user_id = "s-1", "u-1"
    free = record(pb.CALL_STATE_SETTLED, 0)
    free.route.provider, free.route.provider_model = "local", "m"
    free.cost.price_unknown = True
    lines = drawn(tables.calls([record(pb.CALL_STATE_PENDING), failed, free]), 160)
    assert [line.split() for line in lines if line.startswith(" 2025")] == [
        ["2025-11-21", "04:40:00", "best", "pending", "0", "0", "$0.000001", "held"],
        [
            *("2025-11-21", "04:40:00", "openai/gpt-4o", "failed:", "PROVIDER_TIMEOUT"),
            *("0", "0", "$0.000001", "1.50", "session", "s-1,", "user", "u-1"),
        ],
        ["2025-11-21", "04:40:00", "local/m", "settled", "0", "0", "unknown"],
    ]


def test_budgets_show_what_is_left_and_when_it_begins_again() -> None:
    month = pb.Budget(
        name="team",
        scope="label:team=search",
        window=pb.BUDGET_WINDOW_MONTH,
        limit_nanos=2_000_000_000,
        spent_nanos=500_000_000,
        reserved_nanos=10_000_000,
        reset_time=Timestamp(seconds=1_764_547_200),
    )
    over = pb.Budget(
        name="all",
        scope="global",
        window=pb.BUDGET_WINDOW_TOTAL,
        limit_nanos=1_000_000_000,
        spent_nanos=1_250_000_000,
    )
    zero = pb.Budget(name="no", scope="global", window=pb.BUDGET_WINDOW_DAY)
    lines = drawn(tables.budgets([month, over, zero], bar=True), 160)
    bars = [line.count(FULL) for line in lines if "$" in line]
    assert [BLOCKS.sub(" ", line).split() for line in lines if "$" in line] == [
        [
            *("team", "label:team=search", "month", "$2.00", "$0.50", "$0.01", "$1.49"),
            *("25%", "2025-12-01"),
        ],
        ["all", "global", "total", "$1.00", "$1.25", "$0.00", "-$0.25", "125%", "never"],
        ["no", "global", "day", "$0.00", "$0.00", "$0.00", "$0.00", "never"],
    ]
    assert bars == [2, 10, 0]
