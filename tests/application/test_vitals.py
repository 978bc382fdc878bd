"""How targets fare: peaks count at once, failing fast is not fast, and nothing grows for ever."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.application.vitals import (
    ALL,
    DECAY_S,
    FORGET_S,
    MAX_WISHES,
    PENALTY_S,
    Vital,
    Vitals,
)
from hexgate.domain.errors import InvalidRequest
from hexgate.domain.health import TargetState, Wish
from tests.fakes import FakeClock

DISABLED = Wish(state=TargetState.DISABLED)
DRAINING = Wish(state=TargetState.DRAINING)


def test_nothing_is_known_before_the_first_attempt() -> None:
    vital = Vital()
    assert (vital.latency_s(), vital.expected_s(1.0), vital.first_token_s()) == (None, None, None)


def test_a_peak_counts_at_once_and_fades_with_time() -> None:
    vital = Vital()
    vital.answered(1.0, 0.0)
    vital.answered(9.0, 1.0)
    assert vital.latency_s() == 9.0
    vital.answered(1.0, 1.0 + DECAY_S)
    assert vital.latency_s() == pytest.approx(1 + 8 / math.e)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=30))
def test_the_average_stays_between_the_shortest_and_the_longest_wait(
    steps: list[tuple[float, float]],
) -> None:
    vital, now = Vital(), 0.0
    for gap, wait in steps:
        now += gap
        vital.answered(wait, now)
    waits = [wait for _, wait in steps]
    latency_s = vital.latency_s()
    assert latency_s is not None
    assert min(waits) - 1e-9 <= latency_s <= max(waits) + 1e-9
    assert latency_s >= waits[-1] - 1e-9


def test_failing_fast_is_never_faster_than_answering() -> None:
    fails, answers = Vital(), Vital()
    for second in range(20):
        answers.answered(0.3, second)
        fails.answered(0.3, second) if second < 10 else fails.failed("X", 0.001, second)
    assert (fails.latency_s() or 0) > (answers.latency_s() or 0)
    never = Vital()
    never.failed("X", 0.001, 0.0)
    assert never.latency_s() == 1.0


def test_a_thousand_failures_do_not_add_up_beyond_the_penalty() -> None:
    vital = Vital()
    for moment in range(1000):
        vital.failed("X", 0.001, moment / 1000)
    assert vital.latency_s() == PENALTY_S
    vital.failed("X", 100.0, 2.0)
    assert vital.latency_s() == 100.0
    vital.failed("X", 0.001, 2.0 + DECAY_S)
    assert PENALTY_S < (vital.latency_s() or 0) < 100


def test_what_was_cut_off_took_at_least_so_long() -> None:
    vital = Vital()
    vital.left(30.0, 0.0)
    assert vital.latency_s() == 30.0
    vital = Vital()
    vital.answered(2.0, 0.0)
    vital.left(0.01, 100.0)
    assert vital.latency_s() == 2.0
    vital.left(5.0, 100.0)
    assert vital.latency_s() == 5.0
    assert (vital.attempts, vital.failures) == (3, 0)


def test_while_nobody_asks_a_peak_fades_into_what_is_usual() -> None:
    vital = Vital()
    for second in range(100):
        vital.answered(2.0, second)
    vital.answered(60.0, 99.0)
    assert vital.expected_s(99.0) == pytest.approx(60, rel=0.01)
    after_s = 5 * DECAY_S
    expected_s = vital.expected_s(99.0 + after_s) or 0
    assert 1.5 < expected_s < 3
    assert vital.latency_s() == 60


def test_what_is_usual_is_forgotten_slowly_so_that_rare_calls_still_find_the_fast_one() -> None:
    fast, slow = Vital(), Vital()
    fast.answered(1.0, 0.0)
    slow.answered(5.0, 0.0)
    fast.answered(1.0, 60.0)
    assert (slow.expected_s(90.0) or 0) > (fast.expected_s(90.0) or 0)
    # But not for ever: it may have become fast meanwhile.
    fast.answered(1.0, 4 * FORGET_S)
    assert (slow.expected_s(4 * FORGET_S) or 0) < (fast.expected_s(4 * FORGET_S) or 0)


def test_nothing_is_forgotten_while_a_call_is_out_there() -> None:
    vital = Vital()
    vital.answered(5.0, 0.0)
    vital.active = 1
    assert vital.expected_s(1000.0) == 5.0


def test_the_median_is_that_of_first_tokens_alone() -> None:
    vital = Vital()
    for wait_s in (0.1, 0.2, 9.0):
        vital.answered(wait_s, 0.0)
    vital.answered(100.0, 0.0, streamed=False)
    assert vital.first_token_s() == 0.2
    for _ in range(1000):
        vital.answered(7.0, 0.0)
    assert vital.first_token_s() == 7.0
    assert len(vital.firsts) < 1000


def test_the_latest_failure_is_kept_with_its_moment() -> None:
    vital = Vital()
    vital.failed("PROVIDER_ERROR", 0.1, 5.0)
    vital.broke("PROVIDER_TIMEOUT", 6.0)
    assert (vital.failure, vital.failed_at) == ("PROVIDER_TIMEOUT", 6.0)
    assert (vital.attempts, vital.failures) == (1, 2)


def test_of_many_targets_those_not_heard_of_for_longest_go_and_active_ones_never() -> None:
    clock = FakeClock()
    vitals = Vitals(clock)
    vitals.of("p", "busy").active = 1
    for number in range(5000):
        vitals.of("p", "used").answered(1.0, float(number))
        vitals.of("p", f"once-{number}")
    assert len(list(vitals.called())) <= 4096
    assert vitals.known("p", "busy") is not None
    assert vitals.known("p", "used") is not None
    assert vitals.known("p", "once-4999") is not None
    assert vitals.known("p", "once-0") is None


def test_asking_makes_nothing() -> None:
    vitals = Vitals(FakeClock())
    assert vitals.known("p", "m") is None
    assert vitals.wish("p", "m") == Wish()
    assert list(vitals.seen()) == []


def test_the_stricter_wish_holds_and_of_equal_ones_the_longer() -> None:
    clock = FakeClock()
    vitals = Vitals(clock)
    vitals.set("p", ALL, DRAINING)
    assert vitals.wish("p", "m").state is TargetState.DRAINING
    assert vitals.wish("q", "m").state is TargetState.ENABLED
    vitals.set("p", "m", DISABLED)
    assert vitals.wish("p", "m").state is TargetState.DISABLED
    vitals.set("p", ALL, DISABLED)
    vitals.set("p", "m", Wish(state=TargetState.DISABLED, until=clock.monotonic() + 5))
    assert vitals.wish("p", "m").until is None
    vitals.set("p", ALL, Wish())
    assert vitals.wish("p", "m").until == clock.monotonic() + 5


def test_a_wish_ends_by_itself_and_then_all_is_quiet() -> None:
    clock = FakeClock()
    vitals = Vitals(clock)
    vitals.set("p", ALL, Wish(state=TargetState.DISABLED, until=clock.monotonic() + 5))
    assert not vitals.quiet
    assert not vitals.in_rotation("p")
    clock.advance(4.9)
    assert not vitals.in_rotation("p")
    clock.advance(0.1)
    assert vitals.in_rotation("p")
    assert vitals.quiet
    assert list(vitals.seen()) == []


def test_it_is_quiet_only_while_nothing_is_wished_and_no_probe_fails() -> None:
    vitals = Vitals(FakeClock())
    assert vitals.quiet
    vitals.probed("p", healthy=False)
    vitals.set("q", "m", DISABLED)
    vitals.probed("p", healthy=True)
    assert not vitals.quiet
    vitals.set("q", "m", Wish())
    assert vitals.quiet
    vitals.probed("p", healthy=False)
    assert not vitals.quiet


def test_it_is_quiet_again_after_a_wish_of_which_nobody_asks_any_more() -> None:
    clock = FakeClock()
    vitals = Vitals(clock)
    vitals.set("p", "forgotten", Wish(state=TargetState.DISABLED, until=clock.monotonic() + 5))
    clock.advance(4.9)
    vitals.expire()
    assert not vitals.quiet
    clock.advance(0.1)
    vitals.expire()
    assert vitals.quiet


def test_a_provider_is_in_rotation_unless_it_is_out_as_a_whole() -> None:
    vitals = Vitals(FakeClock())
    vitals.set("p", "m", DISABLED)
    vitals.probed("p", healthy=False)
    assert vitals.in_rotation("p")
    vitals.set("p", ALL, DRAINING)
    assert not vitals.in_rotation("p")


def test_the_number_of_wishes_is_bounded_and_those_that_ended_do_not_count() -> None:
    clock = FakeClock()
    vitals = Vitals(clock)
    for number in range(MAX_WISHES):
        until = clock.monotonic() + 5 + number
        vitals.set("p", f"m{number}", Wish(state=TargetState.DISABLED, until=until))
    with pytest.raises(InvalidRequest, match="put some back") as refused:
        vitals.set("p", "one-more", DISABLED)
    assert [one.field for one in refused.value.violations] == ["target"]
    vitals.set("p", "m7", DRAINING)
    clock.advance(5)
    vitals.set("p", "one-more", DISABLED)
    assert vitals.wish("p", "one-more").state is TargetState.DISABLED
