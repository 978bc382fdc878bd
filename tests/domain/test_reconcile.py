"""An export beside the ledger, figure by figure."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.domain import reconcile
from hexgate.domain.price import Cost
from hexgate.domain.reconcile import (
    CALLS,
    COST,
    INPUT,
    OUTPUT,
    READ,
    UNCACHED,
    WRITTEN,
    Billed,
    Compared,
    Key,
    Tally,
    TooMany,
    compared,
    figures_of,
    within,
)
from hexgate.domain.report import Totals
from hexgate.domain.usage import Usage

DAY, NEXT = "2025-11-30", "2025-12-01"
EXACT = Fraction(0)


def tally(*lines: Billed) -> Tally:
    """An export of these lines."""
    found = Tally()
    for line in lines:
        found.add(line)
    return found


def used(output: int = 0, *, nanos: int = 0, **counts: int) -> Totals:
    """What the ledger says; a call, unless it says how many."""
    spent = Cost(output_nanos=nanos)
    return Totals(**{"calls": 1, **counts}, usage=Usage(output=output), cost=spent)


def differing(
    export: Tally, ledger: dict[Key, Totals], days: dict[str, Totals] | None = None
) -> list[tuple[str, str, str, int]]:
    """Where something differs, and by how much."""
    return [
        (one.day, one.model, one.figure, one.difference)
        for one in compared(export, ledger, days or {}, EXACT)
        if one.beyond
    ]


def test_classes_of_tokens_are_compared_as_a_provider_counts_them() -> None:
    usage = Usage(
        uncached_input=1,
        cache_read=10,
        cache_write=100,
        cache_write_1h=1_000,
        audio_input=2,
        audio_cache_read=20,
        image_input=4,
        output=10_000,
        audio_output=20_000,
        reasoning=7,
    )
    cost = Cost(input_nanos=1, output_nanos=2, wasted_nanos=4)
    assert figures_of(Totals(calls=5, failed=2, usage=usage, cost=cost)) == {
        INPUT: 1137,
        UNCACHED: 7,
        READ: 30,
        WRITTEN: 1100,
        OUTPUT: 30_000,
        CALLS: 3,
        COST: 7,
    }


def test_only_what_the_export_tells_is_compared() -> None:
    export = tally(Billed(day=DAY, model="m", figures={OUTPUT: 5}))
    assert [*compared(export, {(DAY, "m"): used(5, nanos=9)}, {}, EXACT)] == [
        Compared(day=DAY, model="m", figure=OUTPUT, ledger=5, export=5, beyond=False)
    ]


def test_lines_of_a_day_and_model_are_added_up() -> None:
    line = Billed(day=DAY, model="m", figures={OUTPUT: 2, COST: Decimal("0.3")})
    export = tally(*[line] * 5)
    assert differing(export, {(DAY, "m"): used(10, nanos=2)}) == []  # half to even
    assert differing(export, {(DAY, "m"): used(9, nanos=1)}) == [
        (DAY, "m", OUTPUT, 1),
        (DAY, "m", COST, 1),
    ]


def test_what_only_one_side_has_differs_by_all_of_it() -> None:
    export = tally(
        Billed(day=DAY, model="theirs", figures={OUTPUT: 3}), Billed(day=NEXT, figures={})
    )
    ledger = {(DAY, "ours"): used(4), (NEXT, "ours"): used(5)}
    assert differing(export, ledger) == [
        (DAY, "ours", OUTPUT, -4),
        (DAY, "theirs", OUTPUT, 3),
        (NEXT, "ours", OUTPUT, -5),
    ]


def test_an_export_of_nothing_says_that_nothing_was_used() -> None:
    export = tally(Billed(day=DAY))
    assert differing(export, {}) == []
    assert differing(export, {(DAY, "m"): used(4, nanos=9)}) == [
        (DAY, "m", OUTPUT, -4),
        (DAY, "m", CALLS, -1),
        (DAY, "m", COST, -9),
    ]


def test_what_is_told_for_all_models_is_compared_with_the_day() -> None:
    export = tally(
        Billed(day=DAY, figures={COST: Decimal(5)}),
        Billed(day=DAY, figures={COST: Decimal(6)}),
        Billed(day=DAY, model="m", figures={OUTPUT: 1}),
    )
    ledger = {(DAY, "m"): used(1, nanos=4), (DAY, "n"): used(0, nanos=7)}
    assert differing(export, ledger, {DAY: used(1, nanos=11)}) == []
    assert differing(export, ledger, {DAY: used(1, nanos=12), NEXT: used(0, nanos=2)}) == [
        (DAY, "", COST, -1),
        (NEXT, "", COST, -2),
    ]


def test_what_has_no_model_while_others_have_is_nobodys() -> None:
    export = tally(
        Billed(day=DAY, model="m", figures={OUTPUT: 4}), Billed(day=DAY, figures={OUTPUT: 2})
    )
    assert differing(export, {(DAY, "m"): used(4)}) == [(DAY, "", OUTPUT, 2)]


@pytest.mark.parametrize("dated", ["m-2024-08-06", "m-20250514"])
def test_a_dated_name_is_the_undated_one_that_was_asked_for(dated: str) -> None:
    export = tally(
        Billed(day=DAY, model=dated, figures={OUTPUT: 4}),
        Billed(day=DAY, model="m", figures={OUTPUT: 1}),
    )
    assert differing(export, {(DAY, "m"): used(5)}) == []
    # Who asked for that version finds it under its name.
    assert differing(export, {(DAY, dated): used(4), (DAY, "m"): used(1)}) == []
    assert differing(export, {(DAY, "other"): used(5)}) != []


def test_what_may_explain_a_difference_is_beside_it() -> None:
    export = tally(Billed(day=DAY, model="m", figures={OUTPUT: 5}))
    (one,) = compared(
        export,
        {(DAY, "m"): used(4, calls=9, failed=1, unknown=2, estimated=3, unpriced=4)},
        {},
        EXACT,
    )
    assert (one.failed, one.unknown, one.estimated, one.unpriced) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("one", "other", "share", "fine"),
    [
        (1000, 995, "0.005", True),
        (1000, 994, "0.005", False),
        (994, 1000, "0.005", False),
        (0, 0, "0", True),
        (0, 1, "0.999", False),
        (-1000, -995, "0.005", True),
        (5, -5, "0.5", False),
        (10**18, 10**18 + 1, "0", False),
    ],
)
def test_the_tolerance_is_a_share_of_the_larger_side(
    one: int, other: int, share: str, fine: bool
) -> None:
    assert within(one, other, Fraction(share)) is fine


def test_the_days_of_an_export_are_its_first_and_its_last() -> None:
    assert tally().days is None
    assert tally(Billed(day=NEXT), Billed(day=DAY, model="z")).days == (DAY, NEXT)


def test_an_export_with_more_groups_than_anybody_has_is_refused() -> None:
    export = Tally()
    for number in range(reconcile.MAX_GROUPS):
        export.add(Billed(day=DAY, model=str(number)))
    export.add(Billed(day=DAY, model="7"))
    with pytest.raises(TooMany):
        export.add(Billed(day=DAY, model="one more"))


COUNTS = st.integers(0, 10**15)
USED = st.builds(
    Totals,
    calls=st.integers(1, 10**9),
    usage=st.builds(
        Usage,
        uncached_input=COUNTS,
        cache_read=COUNTS,
        cache_write=COUNTS,
        cache_write_1h=COUNTS,
        output=COUNTS,
    ),
    cost=st.builds(Cost, input_nanos=COUNTS, output_nanos=COUNTS, wasted_nanos=COUNTS),
)
KEYS = st.tuples(st.sampled_from([DAY, NEXT]), st.sampled_from(["m", "n", "-", "m-2024-08-06"]))
LEDGERS = st.dictionaries(KEYS, USED, min_size=1, max_size=6)


def exported(ledger: dict[Key, Totals], names: list[str]) -> list[Billed]:
    """An export as the ledger would write it."""
    return [
        Billed(
            day=day,
            model=model,
            figures={name: amount for name, amount in figures_of(totals).items() if name in names},
        )
        for (day, model), totals in ledger.items()
    ]


@given(LEDGERS, st.lists(st.sampled_from(reconcile.FIGURES), min_size=1, unique=True))
def test_what_the_ledger_itself_says_never_differs(
    ledger: dict[Key, Totals], names: list[str]
) -> None:
    lines = exported(ledger, names)
    found = [*compared(tally(*lines), ledger, {}, EXACT)]
    assert len(found) == len(ledger) * len(names)
    assert not any(one.difference or one.beyond for one in found)


@given(LEDGERS, st.data())
def test_any_single_change_is_found(ledger: dict[Key, Totals], data: st.DataObject) -> None:
    lines = exported(ledger, [*reconcile.FIGURES])
    place = data.draw(st.integers(0, len(lines) - 1))
    name = data.draw(st.sampled_from(reconcile.FIGURES))
    by = data.draw(st.integers(-(10**15), 10**15).filter(bool))
    line = lines[place]
    figures = {**line.figures, name: line.figures[name] + by}
    lines[place] = Billed(day=line.day, model=line.model, figures=figures)
    assert differing(tally(*lines), ledger) == [(line.day, line.model, name, by)]
