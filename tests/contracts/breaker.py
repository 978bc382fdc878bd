"""What every Breaker must do."""

from __future__ import annotations

import abc

import pytest

from hexgate.domain.errors import CircuitOpen
from hexgate.domain.health import BreakerState
from hexgate.ports.breaker import Breaker, Outcome, Permit

KEY = "openai/gpt-x"
SUCCESS, FAILURE, NEUTRAL = Outcome.SUCCESS, Outcome.FAILURE, Outcome.NEUTRAL


class BreakerContract(abc.ABC):
    """Subclasses give a breaker that opens after 3 failures in a row, or when half of at least 10
    attempts within 100 seconds failed, rests 10 seconds, lets 2 probes through at a time and closes
    after 3 successes, and a way to let time pass.
    """

    @abc.abstractmethod
    def make(self) -> Breaker:
        """A breaker in its first state."""

    @abc.abstractmethod
    def elapse(self, seconds: float) -> None:
        """Let time pass."""

    def opened(self) -> Breaker:
        """A breaker that has just opened for KEY."""
        breaker = self.make()
        for _ in range(3):
            breaker.admit(KEY).settle(FAILURE)
        return breaker

    def half_open(self) -> tuple[Breaker, Permit]:
        """A breaker on probation for KEY, and its first probe."""
        breaker = self.opened()
        self.elapse(10)
        return breaker, breaker.admit(KEY)

    def test_an_unknown_key_is_closed(self) -> None:
        breaker = self.make()
        assert breaker.status("never/seen").state is BreakerState.CLOSED
        assert not breaker.admit("never/seen").probe

    def test_opens_after_so_many_failures_in_a_row(self) -> None:
        breaker = self.make()
        for outcome in (FAILURE, FAILURE, SUCCESS, FAILURE, FAILURE):
            breaker.admit(KEY).settle(outcome)
        assert breaker.status(KEY).state is BreakerState.CLOSED
        breaker.admit(KEY).settle(FAILURE)
        assert breaker.status(KEY).state is BreakerState.OPEN

    def test_refuses_while_open_and_says_how_long(self) -> None:
        breaker = self.opened()
        self.elapse(4)
        with pytest.raises(CircuitOpen) as refused:
            breaker.admit(KEY)
        assert refused.value.retry_after_s == pytest.approx(6)
        assert refused.value.metadata["provider"] == "openai"

    def test_keys_do_not_affect_each_other(self) -> None:
        breaker = self.opened()
        breaker.admit("openai/gpt-y").settle(SUCCESS)
        assert breaker.status("openai/gpt-y").state is BreakerState.CLOSED
        assert breaker.status(KEY).state is BreakerState.OPEN

    def test_is_half_open_once_the_rest_is_over(self) -> None:
        breaker = self.opened()
        self.elapse(10)
        assert breaker.status(KEY).state is BreakerState.HALF_OPEN
        assert breaker.admit(KEY).probe

    def test_lets_only_so_many_probes_through_at_a_time(self) -> None:
        breaker, first = self.half_open()
        breaker.admit(KEY)
        for _ in range(100):
            with pytest.raises(CircuitOpen) as refused:
                breaker.admit(KEY)
            assert (refused.value.retry_after_s or 0) > 0
        first.settle(NEUTRAL)
        assert breaker.admit(KEY).probe

    def test_closes_after_so_many_successful_probes(self) -> None:
        breaker, first = self.half_open()
        first.settle(SUCCESS)
        breaker.admit(KEY).settle(SUCCESS)
        assert breaker.status(KEY).state is BreakerState.HALF_OPEN
        breaker.admit(KEY).settle(SUCCESS)
        assert breaker.status(KEY).state is BreakerState.CLOSED
        assert not breaker.admit(KEY).probe

    def test_one_failed_probe_opens_it_again_for_the_whole_rest(self) -> None:
        breaker, first = self.half_open()
        first.settle(FAILURE)
        self.elapse(9)
        assert breaker.status(KEY).state is BreakerState.OPEN
        self.elapse(1)
        assert breaker.status(KEY).state is BreakerState.HALF_OPEN

    def test_failures_before_the_probation_are_forgotten_when_it_closes(self) -> None:
        breaker, first = self.half_open()
        first.settle(SUCCESS)
        for outcome in (SUCCESS, SUCCESS, FAILURE, FAILURE):
            breaker.admit(KEY).settle(outcome)
        assert breaker.status(KEY).state is BreakerState.CLOSED

    def test_a_neutral_outcome_neither_opens_nor_forgives(self) -> None:
        breaker = self.make()
        for outcome in (NEUTRAL, FAILURE, NEUTRAL, FAILURE, NEUTRAL, NEUTRAL):
            breaker.admit(KEY).settle(outcome)
        assert breaker.status(KEY).state is BreakerState.CLOSED
        breaker.admit(KEY).settle(FAILURE)
        assert breaker.status(KEY).state is BreakerState.OPEN

    def test_a_neutral_probe_decides_nothing(self) -> None:
        breaker, first = self.half_open()
        first.settle(NEUTRAL)
        for _ in range(5):
            breaker.admit(KEY).settle(NEUTRAL)
        assert breaker.status(KEY).state is BreakerState.HALF_OPEN

    def test_a_second_report_is_ignored(self) -> None:
        breaker = self.make()
        permit = breaker.admit(KEY)
        for _ in range(10):
            permit.settle(FAILURE)
        assert breaker.status(KEY).state is BreakerState.CLOSED

    def test_a_probe_gives_its_place_back_only_once(self) -> None:
        breaker, first = self.half_open()
        breaker.admit(KEY)
        first.settle(NEUTRAL)
        first.settle(NEUTRAL)
        breaker.admit(KEY)
        with pytest.raises(CircuitOpen):
            breaker.admit(KEY)

    def test_a_straggler_from_before_the_opening_does_not_prolong_the_rest(self) -> None:
        breaker = self.make()
        straggler = breaker.admit(KEY)
        for _ in range(3):
            breaker.admit(KEY).settle(FAILURE)
        self.elapse(9)
        straggler.settle(FAILURE)
        self.elapse(1)
        assert breaker.status(KEY).state is BreakerState.HALF_OPEN

    def test_stragglers_do_not_decide_a_probation(self) -> None:
        breaker = self.make()
        stragglers = [breaker.admit(KEY) for _ in range(6)]
        for _ in range(3):
            breaker.admit(KEY).settle(FAILURE)
        self.elapse(10)
        breaker.admit(KEY)
        for straggler, outcome in zip(stragglers, [SUCCESS] * 3 + [FAILURE] * 3, strict=True):
            straggler.settle(outcome)
            assert breaker.status(KEY).state is BreakerState.HALF_OPEN
        # Nor do they give back a place that they never took.
        breaker.admit(KEY)
        with pytest.raises(CircuitOpen):
            breaker.admit(KEY)

    def test_a_probe_lost_in_an_earlier_probation_takes_no_place_in_the_next(self) -> None:
        breaker, first = self.half_open()
        breaker.admit(KEY)  # never settled
        first.settle(FAILURE)
        self.elapse(10)
        assert [breaker.admit(KEY).probe, breaker.admit(KEY).probe] == [True, True]
        with pytest.raises(CircuitOpen):
            breaker.admit(KEY)

    def test_a_late_probe_does_not_close_what_another_probe_opened_again(self) -> None:
        breaker, first = self.half_open()
        second = breaker.admit(KEY)
        second.settle(FAILURE)
        for _ in range(3):
            first.settle(SUCCESS)
        assert breaker.status(KEY).state is BreakerState.OPEN

    def settled(self, breaker: Breaker, *outcomes: Outcome) -> BreakerState:
        """The state after attempts that ended so."""
        for outcome in outcomes:
            breaker.admit(KEY).settle(outcome)
        return breaker.status(KEY).state

    def test_opens_when_too_large_a_share_of_the_window_failed(self) -> None:
        breaker = self.make()
        assert self.settled(breaker, *(FAILURE, FAILURE, SUCCESS) * 3) is BreakerState.CLOSED
        assert self.settled(breaker, FAILURE) is BreakerState.OPEN
        assert breaker.status(KEY).rest_s == pytest.approx(10)

    def test_stays_closed_below_that_share_however_many_fail(self) -> None:
        breaker = self.make()
        for _ in range(30):
            assert self.settled(breaker, FAILURE, SUCCESS, SUCCESS) is BreakerState.CLOSED

    def test_what_happened_before_the_window_counts_no_more(self) -> None:
        breaker = self.make()
        self.settled(breaker, *(FAILURE, FAILURE, SUCCESS) * 3)
        self.elapse(111)
        assert breaker.status(KEY).failure_ratio == 0
        assert self.settled(breaker, FAILURE) is BreakerState.CLOSED
        assert breaker.status(KEY).failure_ratio == 1

    def test_the_window_slides(self) -> None:
        breaker = self.make()
        for _ in range(3):
            self.settled(breaker, FAILURE, FAILURE, SUCCESS)
            self.elapse(20)
        assert self.settled(breaker, FAILURE) is BreakerState.OPEN

    def test_tells_the_share_of_failures_and_neutral_outcomes_are_none(self) -> None:
        breaker = self.make()
        assert breaker.status(KEY).failure_ratio == 0
        self.settled(breaker, FAILURE, SUCCESS, NEUTRAL, SUCCESS, SUCCESS, NEUTRAL)
        assert breaker.status(KEY).failure_ratio == pytest.approx(0.25)

    def test_neutral_outcomes_do_not_fill_the_window(self) -> None:
        breaker = self.make()
        self.settled(breaker, *(FAILURE, FAILURE, SUCCESS) * 2, *(NEUTRAL,) * 10)
        assert self.settled(breaker, FAILURE) is BreakerState.CLOSED

    def test_the_window_begins_empty_after_a_close(self) -> None:
        breaker = self.make()
        self.settled(breaker, *(FAILURE, FAILURE, SUCCESS) * 3, FAILURE)
        self.elapse(10)
        assert self.settled(breaker, SUCCESS, SUCCESS, SUCCESS) is BreakerState.CLOSED
        assert breaker.status(KEY).failure_ratio == 0
        assert self.settled(breaker, *(FAILURE, FAILURE, SUCCESS) * 3) is BreakerState.CLOSED

    def test_an_open_one_still_tells_what_opened_it(self) -> None:
        assert self.opened().status(KEY).failure_ratio == 1

    def test_can_be_opened_from_outside_and_recovers_by_itself(self) -> None:
        breaker = self.make()
        breaker.trip(KEY)
        assert breaker.status(KEY).state is BreakerState.OPEN
        assert breaker.status("openai/gpt-y").state is BreakerState.CLOSED
        with pytest.raises(CircuitOpen) as refused:
            breaker.admit(KEY)
        assert refused.value.retry_after_s == pytest.approx(10)
        self.elapse(10)
        assert self.settled(breaker, SUCCESS, SUCCESS, SUCCESS) is BreakerState.CLOSED

    def test_opened_again_from_outside_it_rests_anew(self) -> None:
        breaker = self.opened()
        self.elapse(6)
        breaker.trip(KEY)
        assert breaker.status(KEY).rest_s == pytest.approx(10)

    def test_probes_that_are_out_when_it_is_opened_from_outside_decide_nothing(self) -> None:
        breaker, first = self.half_open()
        second = breaker.admit(KEY)
        breaker.trip(KEY)
        self.elapse(10)
        first.settle(FAILURE)
        second.settle(SUCCESS)
        assert breaker.status(KEY).state is BreakerState.HALF_OPEN
        assert self.settled(breaker, SUCCESS, SUCCESS) is BreakerState.HALF_OPEN
        assert self.settled(breaker, SUCCESS) is BreakerState.CLOSED

    def test_what_began_before_it_was_opened_from_outside_does_not_count(self) -> None:
        breaker = self.make()
        straggler = breaker.admit(KEY)
        breaker.trip(KEY)
        self.elapse(9)
        straggler.settle(FAILURE)
        self.elapse(1)
        assert breaker.status(KEY).state is BreakerState.HALF_OPEN

    def test_a_probe_that_outlasts_a_rest_gives_its_place_to_the_next(self) -> None:
        breaker, _ = self.half_open()
        self.elapse(5)
        breaker.admit(KEY)
        self.elapse(5)
        assert breaker.admit(KEY).probe
        with pytest.raises(CircuitOpen):
            breaker.admit(KEY)
        self.elapse(5)
        assert breaker.admit(KEY).probe

    def test_a_probe_that_lost_its_place_still_tells_and_gives_back_none(self) -> None:
        breaker, slow = self.half_open()
        breaker.admit(KEY)
        self.elapse(10)
        breaker.admit(KEY)
        breaker.admit(KEY)
        slow.settle(SUCCESS)
        with pytest.raises(CircuitOpen):
            breaker.admit(KEY)
        again, slow = self.half_open()
        self.elapse(10)
        again.admit(KEY)
        again.admit(KEY)
        slow.settle(FAILURE)
        assert again.status(KEY).state is BreakerState.OPEN
