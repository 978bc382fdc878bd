"""The window counts what is in it, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.breaker.window import BUCKETS, Window

STEPS = st.lists(st.tuples(st.integers(0, 150), st.booleans()), max_size=60)


@given(STEPS)
def test_what_is_counted_is_what_happened_in_the_last_ten_buckets(
    steps: list[tuple[int, bool]],
) -> None:
    window, now, seen = Window(100), 5_000, list[tuple[int, bool]]()
    for wait, failed in steps:
        now += wait
        window.add(now, failed=failed)
        seen.append((now, failed))
        inside = [bad for at, bad in seen if now // 10 - at // 10 < BUCKETS]
        assert window.counts(now) == (len(inside), sum(inside))


@given(STEPS, st.floats(0.001, 1e6))
def test_nothing_older_than_the_window_is_counted_and_nothing_younger_than_nine_tenths_is_not(
    steps: list[tuple[int, bool]], seconds: float
) -> None:
    window, now, seen = Window(seconds), 0.0, list[float]()
    for wait, failed in steps:
        now += wait * seconds / 40
        window.add(now, failed=failed)
        seen.append(now)
    calls, failures = window.counts(now)
    assert calls <= sum(now - at <= seconds * 1.0001 for at in seen)
    assert calls >= sum(now - at < seconds * 0.8999 for at in seen)
    assert failures <= calls


@pytest.mark.parametrize("gap", [0, 1, 99, 1_000_000])
def test_a_pause_of_any_length_costs_a_turn_of_the_ring_at_most(gap: int) -> None:
    window = Window(100)
    window.add(1, failed=True)
    assert window.counts(1 + gap) == ((1, 1) if gap < 90 else (0, 0))


def test_clearing_forgets_everything() -> None:
    window = Window(100)
    window.add(1, failed=True)
    window.clear()
    assert window.counts(1) == (0, 0)
