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
    """Subclasses give a breaker that opens after 3 failures in a row, rests 10 seconds, lets 2
    probes through at a time and closes after 3 successes, and a way to let time pass.
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
