"""Circuit breakers on pybreaker keep the contract, whatever the order of events."""

from __future__ import annotations

import asyncio

import pybreaker
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from hexgate.adapters.breaker.pybreaker import Breakers, Settings
from hexgate.adapters.breaker.window import BUCKETS
from hexgate.domain.errors import CircuitOpen
from hexgate.domain.health import BreakerState
from hexgate.ports.breaker import Breaker, Outcome, Permit
from tests.contracts.breaker import FAILURE, KEY, NEUTRAL, SUCCESS, BreakerContract
from tests.fakes import FakeClock

STRICT = Settings(
    failures=3, failure_ratio=0.5, window_s=100, min_calls=10, rest_s=10, probes=2, successes=3
)
BUCKET_S = STRICT.window_s / BUCKETS


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
        self.streak = self.passed = self.epoch = 0
        self.probing: dict[Permit, float] = {}
        self.window: list[tuple[int, bool]] = []
        self.rested_at = 0.0

    def turn(self, state: BreakerState) -> None:
        self.state = state
        self.epoch += 1
        self.streak = self.passed = 0
        self.probing.clear()
        if state is BreakerState.OPEN:
            self.rested_at = self.clock.monotonic() + STRICT.rest_s
        if state is BreakerState.CLOSED:
            self.window.clear()

    def share(self) -> tuple[int, float]:
        """Attempts in the window, and the share of failures."""
        slot = int(self.clock.monotonic() / BUCKET_S)
        seen = [failed for began, failed in self.window if slot - began < BUCKETS]
        return len(seen), sum(seen) / len(seen) if seen else 0.0

    @rule(target=permits)
    def admit(self) -> tuple[Permit, int] | None:
        now = self.clock.monotonic()
        if self.state is BreakerState.OPEN and now >= self.rested_at:
            self.turn(BreakerState.HALF_OPEN)
        full = len(self.probing) == STRICT.probes
        if full and now - min(self.probing.values()) >= STRICT.rest_s:
            self.probing.pop(min(self.probing, key=lambda one: self.probing[one]))
            full = False
        half_open = self.state is BreakerState.HALF_OPEN
        if self.state is BreakerState.OPEN or (half_open and full):
            with pytest.raises(CircuitOpen) as refused:
                self.breaker.admit(KEY)
            assert 0 < (refused.value.retry_after_s or 0) <= STRICT.rest_s
            return None
        permit = self.breaker.admit(KEY)
        assert permit.probe is half_open
        if half_open:
            self.probing[permit] = now
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
        self.probing.pop(permit, None)
        if outcome is not NEUTRAL:
            self.window.append((int(self.clock.monotonic() / BUCKET_S), outcome is FAILURE))
        calls, share = self.share()
        if outcome is FAILURE:
            self.streak += 1
            many = calls >= STRICT.min_calls and share >= STRICT.failure_ratio
            if half_open or self.streak == STRICT.failures or many:
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

    @rule()
    def come_and_go(self) -> None:
        for outcome in (SUCCESS, FAILURE, FAILURE, SUCCESS):
            self.settle(self.admit(), outcome, again=False)

    @rule()
    def trip(self) -> None:
        self.breaker.trip(KEY)
        self.turn(BreakerState.OPEN)

    @rule(seconds=st.sampled_from([0, 1, 9, 10, 11, 95]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def both_agree(self) -> None:
        rested = self.state is BreakerState.OPEN and self.clock.monotonic() >= self.rested_at
        status = self.breaker.status(KEY)
        assert status.state is (BreakerState.HALF_OPEN if rested else self.state)
        assert status.failure_ratio == self.share()[1]
        assert len(self.probing) <= STRICT.probes


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


@pytest.mark.parametrize(
    "setting", ["failures", "min_calls", "probes", "successes", "rest_s", "window_s"]
)
def test_a_setting_out_of_range_is_named(setting: str) -> None:
    with pytest.raises(ValueError, match=f"{setting} is 0"):
        Settings(**{setting: 0})
    with pytest.raises(ValueError, match=r"failure_ratio is 1\.5; it must be from 0 to 1"):
        Settings(failure_ratio=1.5)
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


def test_every_change_of_state_is_told_once_with_its_key() -> None:
    clock, told = FakeClock(), list[tuple[str, BreakerState, BreakerState]]()
    wish = Settings(failures=1, rest_s=10, successes=1)
    breakers = Breakers(clock, wish, changed=lambda *change: told.append(change))
    breakers.admit(KEY).settle(FAILURE)
    clock.advance(5)
    breakers.trip(KEY)
    clock.advance(10)
    assert breakers.status(KEY).state is BreakerState.HALF_OPEN
    breakers.admit(KEY).settle(SUCCESS)
    breakers.trip("other")
    assert told == [
        (KEY, BreakerState.CLOSED, BreakerState.OPEN),
        (KEY, BreakerState.OPEN, BreakerState.HALF_OPEN),
        (KEY, BreakerState.HALF_OPEN, BreakerState.CLOSED),
        ("other", BreakerState.CLOSED, BreakerState.OPEN),
    ]


def test_a_share_of_zero_never_opens() -> None:
    breakers = Breakers(FakeClock(), Settings(failures=1000, failure_ratio=0, min_calls=1))
    for _ in range(100):
        breakers.admit(KEY).settle(FAILURE)
    assert breakers.status(KEY).state is BreakerState.CLOSED
    assert breakers.status(KEY).failure_ratio == 1


def test_probes_of_a_key_that_made_room_for_others_decide_nothing() -> None:
    clock, told = FakeClock(), list[str]()
    wish = Settings(failures=1, rest_s=10, successes=1)
    breakers = Breakers(clock, wish, max_keys=1, changed=lambda key, *_: told.append(key))
    breakers.admit(KEY).settle(FAILURE)
    clock.advance(10)
    probe = breakers.admit(KEY)
    breakers.admit("other").settle(SUCCESS)
    told.clear()
    probe.settle(SUCCESS)
    assert told == []
    late = breakers.admit(KEY)
    breakers.trip("other")
    told.clear()
    late.settle(FAILURE)
    assert told == []
    assert breakers.status(KEY).state is BreakerState.CLOSED


def test_failures_in_a_row_are_kept_however_long_ago_they_were() -> None:
    clock = FakeClock()
    breakers = Breakers(clock, Settings(failures=2, window_s=10), max_keys=2)
    breakers.admit(KEY).settle(FAILURE)
    clock.advance(1000)
    for number in range(5):
        breakers.admit(f"well-{number}").settle(SUCCESS)
    breakers.admit(KEY).settle(FAILURE)
    assert breakers.status(KEY).state is BreakerState.OPEN


def test_what_failed_lately_makes_room_only_when_nothing_else_can() -> None:
    breakers = Breakers(FakeClock(), Settings(failures=2), max_keys=3)
    for key, outcomes in (
        ("open", (FAILURE, FAILURE)),
        ("shaky", (FAILURE,)),
        ("well", (SUCCESS,)),
    ):
        for outcome in outcomes:
            breakers.admit(key).settle(outcome)
    breakers.admit("a").settle(FAILURE)
    assert set(breakers._gates) == {"open", "shaky", "a"}
    breakers.admit("b").settle(FAILURE)
    assert set(breakers._gates) == {"open", "a", "b"}
