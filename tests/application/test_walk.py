"""When all targets of a call rest: which is waited for, how long, and what happens then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

import pytest

from hexgate.adapters.breaker.pybreaker import Breakers, Settings
from hexgate.application.policies.fallback import Fallback
from hexgate.domain.attempts import Attempts
from hexgate.domain.chat import Text
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import AllTargetsFailed, CircuitOpen, ModelGone, Overloaded
from tests.application.paths import along, rule, ruled, united
from tests.application.stacks import aimed, hardened, hops
from tests.fakes import FakeClock, FakeProvider, SlowProvider
from tests.virtual import LoopClock, virtual


def random() -> Callable[[], float]:
    """The same chances each time."""
    return Random(1).random


def resting(clock: FakeClock, *waits: float) -> dict[str, FakeProvider]:
    """Providers a, b, ... that rest so long, and then serve."""
    return {
        name: FakeProvider(CircuitOpen(name, retry_after_s=wait_s), f"by {name}")
        for name, wait_s in zip("abc", waits, strict=False)
    }


async def test_when_all_rest_the_first_to_be_back_is_waited_for() -> None:
    clock = FakeClock()
    asked = aimed("a/m", "b/m", "c/m")
    provider = united(clock, resting(clock, 8, 3, 5), wait_s=10)
    going = asyncio.create_task(provider.complete(asked))
    await clock.until_sleeping(1)
    clock.advance(3)
    assert (await going).parts == (Text("by b"),)
    assert clock.naps == [3]


async def test_a_lone_target_that_rests_is_waited_for_too() -> None:
    clock = FakeClock()
    going = asyncio.create_task(united(clock, resting(clock, 3), wait_s=3).complete(aimed("a/m")))
    await clock.until_sleeping(1)
    clock.advance(3)
    assert (await going).parts == (Text("by a"),)


@pytest.mark.parametrize(
    ("wait_s", "left_s", "hedged"), [(2.9, 60.0, False), (10.0, 3.0, False), (10.0, 60.0, True)]
)
async def test_nobody_waits_longer_than_is_allowed_or_beside_another(
    wait_s: float, left_s: float, hedged: bool
) -> None:
    clock = FakeClock()
    asked = aimed("a/m", "b/m", deadline=clock.monotonic() + left_s, hedged=hedged)
    with pytest.raises(AllTargetsFailed) as caught:
        await united(clock, resting(clock, 3, 4), wait_s=wait_s).complete(asked)
    assert (caught.value.retry_after_s, clock.naps) == (3, [])


async def test_nobody_waits_where_something_else_went_wrong() -> None:
    clock = FakeClock()
    leaves = resting(clock, 3) | {"b": FakeProvider(ModelGone("gone"))}
    with pytest.raises(AllTargetsFailed):
        await united(clock, leaves, wait_s=10).complete(aimed("a/m", "b/m"))
    assert clock.naps == []


async def test_who_was_waited_for_and_is_still_ill_leaves_the_call_to_the_others() -> None:
    clock = FakeClock()
    leaves = resting(clock, 3, 8)
    leaves["a"] = FakeProvider(CircuitOpen("a", retry_after_s=3), Overloaded("busy"))
    asked = aimed("a/m", "b/m")
    going = asyncio.create_task(united(clock, leaves, wait_s=10).complete(asked))
    await clock.until_sleeping(1)
    clock.advance(3)
    assert (await going).parts == (Text("by b"),)
    assert clock.naps == [3]


@virtual
async def test_all_who_wait_for_a_target_are_served_when_it_is_well_again() -> None:
    """Only one at a time may try it: the others wait until it is known to be well."""
    clock = LoopClock()
    breaker = Breakers(clock, Settings(failures=1, rest_s=3, probes=1, successes=2))
    leaf = SlowProvider(0.5, "well")
    provider = Fallback({"fake": hardened(leaf, clock, breaker=breaker)}, clock, 6.0, random())
    breaker.trip("fake/m")
    calls = [aimed(deadline=60.0) for _ in range(20)]
    answers = await asyncio.gather(*(provider.complete(one) for one in calls))
    assert {one.parts for one in answers} == {(Text("well"),)}
    assert [len(one.attempts.done) for one in calls] == [1] * 20
    assert clock.monotonic() <= 6.5


async def test_once_something_else_went_wrong_nobody_waits_again() -> None:
    clock = FakeClock()
    leaves = {"a": FakeProvider(CircuitOpen("a", retry_after_s=3), Overloaded("busy"))}
    leaves["b"] = FakeProvider(CircuitOpen("b", retry_after_s=8))
    going = asyncio.create_task(united(clock, leaves, wait_s=100).complete(aimed("a/m", "b/m")))
    await clock.until_sleeping(1)
    clock.advance(3)
    with pytest.raises(AllTargetsFailed) as caught:
        await going
    assert [one.message for one in caught.value.failures] == ["busy", "b"]
    assert clock.naps == [3]


async def test_who_rests_still_or_again_is_waited_for_again_as_long_as_is_allowed() -> None:
    clock = FakeClock()
    leaves = {
        "a": FakeProvider(CircuitOpen("a", retry_after_s=3), CircuitOpen("a", retry_after_s=4)),
        "b": FakeProvider(CircuitOpen("b", retry_after_s=5), CircuitOpen("b", retry_after_s=6)),
    }
    going = asyncio.create_task(united(clock, leaves, wait_s=8).complete(aimed("a/m", "b/m")))
    for _ in range(2):
        await clock.until_sleeping(1)
        clock.advance(clock.naps[-1])
    with pytest.raises(AllTargetsFailed) as caught:
        await going
    # After 3 s `a` is asked, and then `b` too; after 7 s both again; 11 s would be too long.
    assert clock.naps == [3, 4]
    assert caught.value.retry_after_s == 4
    assert [len(leaf.calls) for leaf in leaves.values()] == [3, 3]


@pytest.mark.parametrize("delayed", [False, True])
async def test_a_wait_after_which_the_budget_is_used_up_leads_nowhere(delayed: bool) -> None:
    clock = FakeClock()
    rests = CircuitOpen("a", retry_after_s=3)
    slow = ruled(rule(Condition.UNAVAILABLE, delay_s=3.0), "b/m")
    leaves = {"a": FakeProvider(rests), "b": FakeProvider()}
    asked = along((*hops("a/m"), *(slow if delayed else ())), attempts=Attempts(1))
    going = asyncio.create_task(united(clock, leaves, wait_s=5).complete(asked))
    await clock.until_sleeping(1)
    asked.attempts.take()  # as another leg does
    clock.advance(3)
    with pytest.raises(CircuitOpen):
        await going
    assert (len(leaves["a"].calls), leaves["b"].calls) == (1, [])


@pytest.mark.parametrize(
    ("wait_s", "left_s", "napped_s"), [(10.0, 60.0, 3.3), (3.1, 60.0, 3.1), (10.0, 3.2, 3.2)]
)
async def test_those_who_wait_for_the_same_target_do_not_come_back_together(
    wait_s: float, left_s: float, napped_s: float
) -> None:
    clock = FakeClock()
    provider = united(clock, resting(clock, 3), wait_s=wait_s, chance=1.0)
    asked = aimed("a/m", deadline=clock.monotonic() + left_s)
    going = asyncio.create_task(provider.complete(asked))
    await clock.until_sleeping(1)
    assert clock.naps == [pytest.approx(napped_s)]
    going.cancel()
    await asyncio.wait([going])
