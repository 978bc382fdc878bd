"""Circuit breakers on pybreaker keep the contract, whatever the order of events."""

from __future__ import annotations

import asyncio

import pybreaker
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from hexgate.adapters.breaker.pybreaker import Breakers, Settings
from hexgate.domain.errors import CircuitOpen
from hexgate.domain.health import BreakerState
from hexgate.ports.breaker import Breaker, Outcome, Permit
from tests.contracts.breaker import FAILURE, KEY, NEUTRAL, SUCCESS, BreakerContract
from tests.fakes import FakeClock

STRICT = Settings(failures=3, rest_s=10, probes=2, successes=3)


class TestBreakers(BreakerContract):
    clock: FakeClock

    def make(self) -> Breaker:
        self.clock = FakeClock()
        return Breakers(self.clock, STRICT)

    def elapse(self, seconds: float) -> None:
        self.clock.advance(seconds)


class Model(RuleBasedStateMachine):
    """The rules once more, written plainly, beside the real thing."""

    permits = Bundle("permits")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(monotonic=0)
        self.breaker = Breakers(self.clock, STRICT)
        self.state = BreakerState.CLOSED
        self.streak = self.passed = self.probing = self.epoch = 0
        self.rested_at = 0.0

    def turn(self, state: BreakerState) -> None:
        self.state = state
        self.epoch += 1
        self.streak = self.passed = self.probing = 0
        if state is BreakerState.OPEN:
            self.rested_at = self.clock.monotonic() + STRICT.rest_s

    @rule(target=permits)
    def admit(self) -> tuple[Permit, int] | None:
        if self.state is BreakerState.OPEN and self.clock.monotonic() >= self.rested_at:
            self.turn(BreakerState.HALF_OPEN)
        half_open = self.state is BreakerState.HALF_OPEN
        if self.state is BreakerState.OPEN or (half_open and self.probing == STRICT.probes):
            with pytest.raises(CircuitOpen) as refused:
                self.breaker.admit(KEY)
            assert 0 < (refused.value.retry_after_s or 0) <= STRICT.rest_s
            return None
        permit = self.breaker.admit(KEY)
        assert permit.probe is half_open
        self.probing += half_open
        return permit, self.epoch

    @rule(held=consumes(permits), outcome=st.sampled_from(Outcome), again=st.booleans())
    def settle(self, held: tuple[Permit, int] | None, outcome: Outcome, again: bool) -> None:
        if held is None:
            return
        permit, epoch = held
        permit.settle(outcome)
        if again:
            permit.settle(Outcome.FAILURE)
        if epoch != self.epoch:
            return
        half_open = self.state is BreakerState.HALF_OPEN
        self.probing -= half_open
        if outcome is FAILURE:
            self.streak += 1
            if half_open or self.streak == STRICT.failures:
                self.turn(BreakerState.OPEN)
        elif outcome is SUCCESS:
            self.streak = 0
            self.passed += half_open
            if self.passed == STRICT.successes:
                self.turn(BreakerState.CLOSED)

    @rule()
    def fail_until_open(self) -> None:
        for _ in range(STRICT.failures):
            self.settle(self.admit(), FAILURE, again=False)

    @rule(seconds=st.sampled_from([0, 1, 9, 10, 11]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def both_agree(self) -> None:
        rested = self.state is BreakerState.OPEN and self.clock.monotonic() >= self.rested_at
        assert self.breaker.status(KEY).state is (BreakerState.HALF_OPEN if rested else self.state)
        assert 0 <= self.probing <= STRICT.probes


Model.TestCase.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)


TestModel = Model.TestCase


class Asked(pybreaker.CircuitBreakerListener):
    """Counts what pybreaker is asked."""

    times = 0

    def before_call(self, cb: object, func: object, *args: object, **kwargs: object) -> None:
        self.times += 1


def test_a_healthy_target_costs_pybreaker_nothing() -> None:
    breakers, asked = Breakers(FakeClock()), Asked()
    breakers.admit(KEY).settle(SUCCESS)
    breakers._gates[KEY]._machine.add_listener(asked)
    for outcome in (SUCCESS, NEUTRAL, SUCCESS):
        breakers.admit(KEY).settle(outcome)
    assert asked.times == 0
    for outcome in (FAILURE, SUCCESS, SUCCESS):
        breakers.admit(KEY).settle(outcome)
    assert asked.times == 2


def test_the_number_of_keys_is_bounded_and_healthy_ones_go_first() -> None:
    breakers = Breakers(FakeClock(), Settings(failures=1), max_keys=3)
    breakers.admit("ill").settle(FAILURE)
    for number in range(100):
        breakers.admit(f"well-{number}").settle(SUCCESS)
    assert len(breakers._gates) == 3
    assert breakers.status("ill").state is BreakerState.OPEN
    for number in range(3):
        breakers.admit(f"ill-{number}").settle(FAILURE)
    assert len(breakers._gates) == 3
    assert breakers.status("ill").state is BreakerState.CLOSED


def test_asking_for_a_state_remembers_no_key() -> None:
    breakers = Breakers(FakeClock())
    for number in range(10):
        assert breakers.status(f"k{number}").state is BreakerState.CLOSED
    assert not breakers._gates


@pytest.mark.parametrize("setting", ["failures", "probes", "successes", "rest_s"])
def test_a_setting_out_of_range_is_named(setting: str) -> None:
    with pytest.raises(ValueError, match=f"{setting} is 0"):
        Settings(**{setting: 0})
    with pytest.raises(ValueError, match="max_keys is 0"):
        Breakers(FakeClock(), max_keys=0)


def test_the_refusal_names_provider_and_model_in_its_metadata() -> None:
    breakers = Breakers(FakeClock(), Settings(failures=1))
    for key, metadata in (
        ("sim", {"provider": "sim"}),
        ("hub/org/model", {"provider": "hub", "model": "org/model"}),
    ):
        breakers.admit(key).settle(FAILURE)
        with pytest.raises(CircuitOpen, match="is resting") as refused:
            breakers.admit(key)
        assert refused.value.metadata == metadata


@pytest.mark.parametrize("turns", range(3))
async def test_calls_cancelled_at_any_await_change_nothing(turns: int) -> None:
    """The way in which a policy uses a permit, cut off at the start and at each await."""
    clock = FakeClock()
    breakers = Breakers(clock, STRICT)

    async def guarded() -> None:
        permit = breakers.admit(KEY)
        outcome = NEUTRAL
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            outcome = SUCCESS
        finally:
            permit.settle(outcome)

    async def cut_off() -> None:
        going = asyncio.create_task(guarded())
        for _ in range(turns):
            await asyncio.sleep(0)
        going.cancel()
        await asyncio.wait([going])

    for _ in range(2):
        breakers.admit(KEY).settle(FAILURE)
    for _ in range(10):
        await cut_off()
    breakers.admit(KEY).settle(FAILURE)
    assert breakers.status(KEY).state is BreakerState.OPEN
    clock.advance(10)
    for _ in range(10):
        await cut_off()
    assert breakers.status(KEY).state is BreakerState.HALF_OPEN
    assert [breakers.admit(KEY).probe, breakers.admit(KEY).probe] == [True, True]
