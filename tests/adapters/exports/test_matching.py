"""Single calls of both sides, matched by their request ids."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.exports.matching import Matching, Single

IDS = st.sampled_from([f"r{number}" for number in range(6)])


@pytest.fixture
def matching() -> Iterator[Matching]:
    with closing(Matching()) as matching:
        yield matching


def test_what_only_one_side_has_is_told_in_the_order_of_days(matching: Matching) -> None:
    matching.billed("both", "2025-11-30", "m")
    matching.billed("theirs", "2025-12-01", "m")
    matching.kept("both", "2025-11-30", "m", "c1", due=True)
    matching.kept("ours", "2025-11-30", "m", "c2", due=True)
    matching.kept("refused", "2025-11-30", "m", "c3", due=False)
    assert [*matching.alone()] == [
        Single(request_id="ours", day="2025-11-30", model="m", call_id="c2", billed=0, kept=1),
        Single(request_id="theirs", day="2025-12-01", model="m", call_id="", billed=1, kept=0),
    ]


def test_a_request_that_was_billed_twice_does_not_match(matching: Matching) -> None:
    matching.billed("twice", "2025-11-30", "m")
    matching.billed("twice", "2025-11-30", "m")
    matching.kept("twice", "2025-11-30", "m", "c", due=True)
    (one,) = matching.alone()
    assert (one.request_id, one.billed, one.kept, one.call_id) == ("twice", 2, 1, "c")


def test_a_failed_attempt_that_was_billed_all_the_same_matches(matching: Matching) -> None:
    matching.billed("late", "2025-11-30", "m")
    matching.kept("late", "2025-11-30", "m", "c", due=False)
    assert [*matching.alone()] == []


@given(st.lists(IDS, max_size=8), st.lists(st.tuples(IDS, st.booleans()), max_size=8))
def test_it_is_arithmetic_of_sets(billed: list[str], kept: list[tuple[str, bool]]) -> None:
    with closing(Matching()) as matching:
        for one in billed:
            matching.billed(one, "d", "m")
        for one, due in kept:
            matching.kept(one, "d", "m", "c", due=due)
        alone = {one.request_id for one in matching.alone()}
    due_ones = {one for one, due in kept if due}
    twice = {one for one in billed if billed.count(one) > 1}
    theirs = {*billed} - {one for one, _ in kept}
    assert alone == theirs | (due_ones - {*billed}) | twice
    assert matching.any is bool(billed)
