"""One provider's bad day is nobody else's: thousands of calls through bad days, by a seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from hexgate.adapters.limiter.memory import Limits
from hexgate.application.policies.retry import RetryRules
from hexgate.domain.health import BreakerState
from hexgate.ports.clock import Clock
from hexgate.ports.ledger import Ledger
from tests.soak.soaking import soak
from tests.soak.weather import Weather
from tests.soak.world import Plan, Soaked

HALF_SICK = Plan(
    weathers={
        "sick": Weather(fails=0.5),
        "ill": Weather(fails=0.5),
        "well": Weather(),
        "fine": Weather(),
    },
    calls=10_000,
)
ALL_AT_ONCE = Plan(
    weathers={
        "flaky": Weather(fails=0.3, breaks=0.1, mute=0.02),
        "slow": Weather(wait_s=4.0),
        "limited": Weather(per_s=3, retry_after_s=3.0),
        "dying": Weather(dead=((30, 90), (150, 165))),
    },
    calls=4_000,
    leave=0.1,
    hurry=0.1,
    restart=0.3,
    limits={
        "flaky": Limits(concurrency=5),
        "limited": Limits(requests_per_minute=240, concurrency=4),
    },
)
DOWN = Weather(dead=((0, 1e9),))


def repeats(soaked: Soaked, provider: str) -> tuple[int, int]:
    """How many calls reached it, and how often one came again."""
    by_call = Counter(one.call_id for one in soaked.at(provider))
    return len(by_call), by_call.total() - len(by_call)


def bounded(soaked: Soaked, provider: str) -> None:
    """What a sick target has to bear: its share, and a tenth of it more in repeats; and once its
    breaker has opened, nothing but the probes that may close it again.

    For plans without hedges, restarts and queues, whose attempts come once more, or late.
    """
    plan, seen = soaked.plan, soaked.at(provider)
    rules, share = plan.retries, plan.calls / len(plan.weathers)
    first, again = repeats(soaked, provider)
    assert again <= rules.burst + rules.ratio * first
    assert len(seen) <= rules.burst + (1 + rules.ratio) * share
    states = Counter(one.state for one in seen)
    assert states[BreakerState.OPEN] == 0
    assert states[BreakerState.HALF_OPEN] <= plan.breaker.successes * soaked.rests[provider]


def test_with_half_of_the_targets_failing_half_of_the_time_callers_do_not_notice() -> None:
    soaked = soak(HALF_SICK)
    assert len(soaked.lost()) <= HALF_SICK.calls / 1000
    for name in ("sick", "ill"):
        bounded(soaked, name)
        assert soaked.rests[name] >= 2, "it never opened, so nothing was tried here"
        # What breakers save: without them it is all of the share, and the repeats.
        assert len(soaked.at(name)) < HALF_SICK.calls / 4 / 3
    assert soaked.rests["well"] == soaked.rests["fine"] == 0


@pytest.mark.parametrize("hedge_after_s", [0.0, 2.0], ids=["alone", "hedged"])
def test_whatever_comes_together_every_call_ends_once_and_nothing_is_left(
    hedge_after_s: float,
) -> None:
    soaked = soak(replace(ALL_AT_ONCE, hedge_after_s=hedge_after_s))
    ends = Counter(soaked.ends.values())
    # All of it has been tried, and yet most calls are answered.
    assert {"OK", "LEFT", "DEADLINE_EXCEEDED", "STREAM_INTERRUPTED"} <= set(ends)
    assert ends["OK"] > ALL_AT_ONCE.calls * 3 / 4
    assert any(one.hedged for one in soaked.seen) == bool(hedge_after_s)


def test_when_all_is_down_calls_fail_at_once_and_hardly_anything_is_sent() -> None:
    names = ("north", "east", "south", "west")
    soaked = soak(Plan(weathers=dict.fromkeys(names, DOWN), calls=2_000))
    assert len(soaked.lost()) == 2_000
    for name in names:
        bounded(soaked, name)
        # A failing probe ends each rest, and until the first one some were on their way.
        assert len(soaked.at(name)) < 10 * soaked.plan.breaker.failures


def test_repeats_stay_within_their_allowance_where_no_breaker_helps() -> None:
    patient = replace(HALF_SICK.breaker, failures=10**6, failure_ratio=0.0)
    rules = RetryRules(ratio=0.2, burst=3)
    soaked = soak(replace(HALF_SICK, calls=2_000, breaker=patient, retries=rules))
    for name in HALF_SICK.weathers:
        first, again = repeats(soaked, name)
        assert again <= 3 + 0.2 * first
    assert repeats(soaked, "sick")[1] > 3


def test_the_same_seed_tells_the_same_story_and_another_one_another() -> None:
    plan = replace(ALL_AT_ONCE, calls=500, hedge_after_s=2.0)
    once, again, other = soak(plan, "1"), soak(plan, "1"), soak(plan, "2")
    assert (once.seen, once.ends) == (again.seen, again.ends)
    assert once.seen != other.seen


def test_what_fails_says_its_seed() -> None:
    def lost(_: Clock) -> Ledger:
        raise AssertionError("no ledger")

    with pytest.raises(AssertionError) as caught:
        soak(replace(HALF_SICK, ledger=lost), "77")
    assert caught.value.__notes__ == ["HEXGATE_SOAK_SEED=77"]
