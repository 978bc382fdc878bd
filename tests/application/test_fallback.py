"""From target to target: on what, in which order, how long, how often, and what is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.domain.attempts import Attempts
from hexgate.domain.call import Hop
from hexgate.domain.chat import Text
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import (
    AllTargetsFailed,
    CircuitOpen,
    ContentFiltered,
    ContextTooLong,
    DeadlineExceeded,
    GatewayError,
    InvalidRequest,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    QuotaExhausted,
    RateLimited,
    TargetDisabled,
    TimedOut,
    Unreachable,
    Unserved,
    Unsupported,
)
from hexgate.domain.fallback import Rule
from tests.application.paths import along, rule, ruled, told, united
from tests.application.stacks import aimed, drain, hops
from tests.fakes import FakeClock, FakeProvider, embed_call

FAILING = (
    RateLimited("ours"),
    QuotaExhausted("paid out"),
    ModelGone("gone"),
    CircuitOpen("resting"),
    TargetDisabled("off"),
    Overloaded("busy"),
    Overloaded("down", http_status=503),
    Unreachable("refused"),
    TimedOut("late"),
    ProviderFailed("broken"),
    Unserved("else"),
    Unsupported("no tools"),
)
OWN = (ContextTooLong("long"), ContentFiltered("bad"), InvalidRequest("no"))


def name_of(error: GatewayError) -> str:
    """A readable test id."""
    return type(error).__name__


@pytest.mark.parametrize("failure", FAILING, ids=name_of)
async def test_a_failure_of_the_target_leads_to_the_next(failure: GatewayError) -> None:
    provider = united(FakeClock(), {"a": FakeProvider(failure), "b": FakeProvider("rescued")})
    assert (await provider.complete(aimed("a/m", "b/m"))).parts == (Text("rescued"),)
    assert (await drain(provider, aimed("a/m", "b/m")))[-2].part == Text("rescued")  # type: ignore[union-attr]  # the last but one finishes the part
    asked = embed_call(hops=hops("a/m", "b/m"))
    assert (await provider.embed(asked)).vectors == [[5.0]]


@pytest.mark.parametrize("failure", OWN, ids=name_of)
async def test_what_is_about_the_request_leads_to_nobody(failure: GatewayError) -> None:
    other = FakeProvider()
    provider = united(FakeClock(), {"a": FakeProvider(failure), "b": other})
    with pytest.raises(type(failure)) as caught:
        await provider.complete(aimed("a/m", "b/m"))
    assert caught.value is failure
    assert other.calls == []


@pytest.mark.parametrize(
    ("failure", "led"), [(ContextTooLong("long"), ["a", "c"]), (TimedOut("late"), ["a", "b"])]
)
async def test_a_rule_leads_to_its_targets_on_its_conditions_alone(
    failure: GatewayError, led: list[str]
) -> None:
    longer = ruled(rule(Condition.CONTEXT_LENGTH), "c/longer")
    leaves = {"a": FakeProvider(failure), "b": FakeProvider(), "c": FakeProvider()}
    await united(FakeClock(), leaves).complete(asked := along((*hops("a/m", "b/m"), *longer)))
    assert [name for name, leaf in leaves.items() if leaf.calls] == led
    assert leaves[led[-1]].calls[0].model == asked.hops[-1 if led[-1] == "c" else 1].model


async def test_no_rule_leads_from_a_target_to_the_same_again() -> None:
    small, large = FakeProvider(ContextTooLong("long")), FakeProvider("fits")
    provider = united(FakeClock(), {"a": FakeProvider(Unserved("gone")), "b": small, "c": large})
    longer = rule(Condition.CONTEXT_LENGTH)
    answer = await provider.complete(along((*hops("a/m", "b/m"), *ruled(longer, "b/m", "c/m"))))
    assert answer.parts == (Text("fits"),)
    assert len(small.calls) == 1


async def test_a_rule_waits_once_before_the_first_of_its_targets() -> None:
    clock = FakeClock()
    slow = ruled(rule(Condition.TIMEOUT, delay_s=5.0), "b/m", "c/m")
    late = TimedOut("late")
    leaves = {"a": FakeProvider(late), "b": FakeProvider(late), "c": FakeProvider()}
    asked = along((*hops("a/m"), *slow))
    going = asyncio.create_task(united(clock, leaves).complete(asked))
    await clock.until_sleeping(1)
    assert leaves["b"].calls == []
    clock.advance(5)
    await going
    assert clock.naps == [5.0]
    assert told(asked) == [("a", late.reason), ("b", late.reason), ("c", "")]


@pytest.mark.parametrize("left_s", [4.0, 5.0])
async def test_a_delay_that_would_outlast_the_deadline_is_not_begun(left_s: float) -> None:
    clock = FakeClock()
    late = TimedOut("late")
    other = FakeProvider()
    asked = along(
        (*hops("a/m"), *ruled(rule(Condition.TIMEOUT, delay_s=5.0), "b/m")),
        deadline=clock.monotonic() + left_s,
    )
    with pytest.raises(TimedOut) as caught:
        await united(clock, {"a": FakeProvider(late), "b": other}).complete(asked)
    assert caught.value is late
    assert (other.calls, clock.naps) == ([], [])


@pytest.mark.parametrize(
    ("most", "made"), [(None, [3, 4, 1]), (1, [3, 1, 0]), (2, [3, 1, 1]), (3, [3, 2, 1])]
)
async def test_the_targets_of_a_rule_share_its_attempts(most: int | None, made: list[int]) -> None:
    """Each leaves one to the next, of the five that the first leaves of eight."""
    busy = Overloaded("busy")
    bounded = rule(Condition.OVERLOADED, max_attempts=most)
    leaves = {name: FakeProvider(busy) for name in "abc"}
    leaves["a"] = FakeProvider(busy, busy, ModelGone("gone"))
    # Narrowed for one of its targets, it is the same rule.
    wide = replace(bounded, on=frozenset({Condition.OVERLOADED, Condition.ERROR}))
    asked = along((*hops("a/m"), *ruled(wide, "b/m"), *ruled(bounded, "c/m")))
    with pytest.raises(AllTargetsFailed):
        await united(FakeClock(), leaves, greedy=True).complete(asked)
    assert [len(leaf.calls) for leaf in leaves.values()] == made


async def test_a_leg_that_begins_at_the_target_of_a_rule_keeps_to_it() -> None:
    leaves = {name: FakeProvider(Overloaded(name)) for name in "abc"}
    bounded = rule(Condition.OVERLOADED, max_attempts=1)
    asked = along((*hops("a/m"), *ruled(bounded, "b/m", "c/m"))).to(1)
    with pytest.raises(Overloaded):
        await united(FakeClock(), leaves, greedy=True).complete(asked)
    assert [len(leaf.calls) for leaf in leaves.values()] == [0, 1, 0]


async def test_what_follows_a_rule_that_is_used_up_may_still_take_over() -> None:
    busy = Overloaded("busy")
    first = ruled(rule(Condition.OVERLOADED, max_attempts=1), "b/m", "c/m")
    second = ruled(rule(Condition.OVERLOADED, of="x", max_attempts=1), "d/m")
    leaves = {name: FakeProvider(busy) for name in "abc"} | {"d": FakeProvider()}
    asked = along((*hops("a/m"), *first, *second))
    await united(FakeClock(), leaves).complete(asked)
    assert told(asked) == [("a", busy.reason), ("b", busy.reason), ("d", "")]


async def test_a_leg_begins_at_the_target_it_is_aimed_at() -> None:
    leaves = {name: FakeProvider(Overloaded(name)) for name in "abc"}
    asked = aimed("a/m", "b/m", "c/m").to(1)
    with pytest.raises(AllTargetsFailed):
        await united(FakeClock(), leaves).complete(asked)
    assert [name for name, _ in told(asked)] == ["b", "c"]
    with pytest.raises(Overloaded, match="c"):
        await united(FakeClock(), leaves).complete(asked.to(2))


async def test_the_present_target_leaves_an_attempt_to_those_that_may_follow() -> None:
    leaves = {name: FakeProvider(Overloaded(name)) for name in "ab"}
    asked = aimed("a/m", "b/m", attempts=Attempts(3))
    with pytest.raises(AllTargetsFailed):
        await united(FakeClock(), leaves, greedy=True).complete(asked)
    assert [len(leaf.calls) for leaf in leaves.values()] == [2, 1]


def test_nothing_is_left_for_those_that_take_over_only_on_what_is_never_repeated() -> None:
    plain = hops("a/m", "b/m")
    on_timeouts = ruled(rule(Condition.TIMEOUT), "c/m")
    longer = ruled(rule(Condition.CONTEXT_LENGTH, Condition.CONTENT_FILTER), "d/m")
    asked = along((*plain, *on_timeouts, *longer))
    assert [asked.to(place).spare for place in range(4)] == [1, 1, 0, 0]


async def test_nobody_takes_over_when_the_budget_is_used_up() -> None:
    other = FakeProvider()
    asked = aimed("a/m", "b/m", attempts=Attempts(1))
    with pytest.raises(Overloaded):
        await united(FakeClock(), {"a": FakeProvider(Overloaded("")), "b": other}).complete(asked)
    assert other.calls == []


async def test_a_target_that_lacks_a_capability_uses_none_of_the_budget() -> None:
    asked = aimed("a/m", "b/m", attempts=Attempts(1))
    leaves = {"a": FakeProvider(Unsupported("no tools")), "b": FakeProvider()}
    await united(FakeClock(), leaves).complete(asked)
    assert told(asked) == [("b", "")]


async def test_nobody_takes_over_once_the_time_is_up() -> None:
    clock, gate, other = FakeClock(), asyncio.Event(), FakeProvider()
    slow = FakeProvider(Overloaded("busy"), gate=gate)
    asked = aimed("a/m", "b/m", deadline=clock.monotonic() + 5)
    going = asyncio.create_task(united(clock, {"a": slow, "b": other}).complete(asked))
    await slow.entered.wait()
    clock.advance(5)
    gate.set()
    with pytest.raises(Overloaded):
        await going
    assert other.calls == []


@pytest.mark.parametrize("last", [InvalidRequest("no"), DeadlineExceeded("late")], ids=name_of)
async def test_what_nobody_could_do_better_ends_the_call_there(last: GatewayError) -> None:
    leaves = {"a": FakeProvider(Overloaded("")), "b": FakeProvider(last), "c": FakeProvider()}
    with pytest.raises(type(last)) as caught:
        await united(FakeClock(), leaves).complete(aimed("a/m", "b/m", "c/m"))
    assert caught.value is last
    assert leaves["c"].calls == []


async def test_when_everybody_rejects_the_first_says_why() -> None:
    first = Unsupported("a has no tools")
    leaves = {"a": FakeProvider(first), "b": FakeProvider(Unsupported("nor has b"))}
    with pytest.raises(Unsupported) as caught:
        await united(FakeClock(), leaves).complete(aimed("a/m", "b/m"))
    assert caught.value is first


async def test_several_failures_are_told_together_and_when_the_first_target_is_back() -> None:
    failures = (
        Unsupported("no tools"),
        CircuitOpen("resting", retry_after_s=20),
        ProviderLimited("slower", retry_after_s=7),
        ModelGone("gone"),
    )
    leaves = {name: FakeProvider(one) for name, one in zip("abcd", failures, strict=True)}
    with pytest.raises(AllTargetsFailed) as caught:
        await united(FakeClock(), leaves).complete(aimed("a/m", "b/m", "c/m", "d/m"))
    assert caught.value.failures == failures
    assert caught.value.retry_after_s == 7
    assert caught.value.message == (
        "every target failed: a/m (UNSUPPORTED_CAPABILITY), b/m (CIRCUIT_OPEN), "
        "c/m (PROVIDER_RATE_LIMITED), d/m (MODEL_NOT_FOUND)"
    )


async def test_many_failures_are_counted_not_named() -> None:
    names = [f"p{place}/m" for place in range(20)]
    leaves = {name.removesuffix("/m"): FakeProvider(ModelGone("")) for name in names}
    asked = aimed(*names, attempts=Attempts(50))
    with pytest.raises(AllTargetsFailed, match=r"p3/m \(MODEL_NOT_FOUND\) and 16 more$") as caught:
        await united(FakeClock(), leaves).complete(asked)
    assert len(caught.value.failures) == 20


CONDITIONS = {
    Condition.TIMEOUT: TimedOut("late"),
    Condition.CONTEXT_LENGTH: ContextTooLong("long"),
    Condition.OVERLOADED: Overloaded("busy"),
    Condition.CAPABILITY: Unsupported("no tools"),
}
RULES = st.builds(
    Rule,
    on=st.frozensets(st.sampled_from(list(CONDITIONS)), min_size=1),
    to=st.just(()),
    of=st.sampled_from(["x", "y"]),
    retry_original=st.booleans(),
    max_attempts=st.none() | st.integers(1, 3),
)
OUTCOMES = st.lists(st.sampled_from([*CONDITIONS, None]), min_size=1, max_size=4)


@given(
    paths=st.lists(st.tuples(st.none() | RULES, OUTCOMES), min_size=1, max_size=5),
    budget=st.integers(1, 6),
)
async def test_every_step_is_allowed_and_within_the_budget(
    paths: list[tuple[Rule | None, list[Condition | None]]], budget: int
) -> None:
    names = [f"p{place}" for place in range(len(paths))]
    leaves = {
        name: FakeProvider(*(CONDITIONS[one] if one else "fine" for one in outcomes))
        for name, (_, outcomes) in zip(names, paths, strict=True)
    }
    path = tuple(
        Hop(provider=name, model="m", max_output_tokens=1, rule=None if place == 0 else one)
        for place, (name, (one, _)) in enumerate(zip(names, paths, strict=True))
    )
    asked = along(path, attempts=Attempts(budget))
    try:
        await united(FakeClock(), leaves, greedy=True).complete(asked)
    except GatewayError:
        assert "" not in dict(told(asked)).values()
    done = asked.attempts.done
    assert len(done) <= budget
    assert [one.hop for one in done] == sorted(one.hop for one in done)
    for bounded in {hop.rule for hop in path if hop.rule and hop.rule.max_attempts}:
        made = [one for one in done if path[one.hop].rule == bounded]
        assert len(made) <= (bounded.max_attempts or 0)
    visited = [hop for name, hop in zip(names, path, strict=True) if leaves[name].calls]
    for before, after in pairwise(visited):
        last = leaves[before.provider]
        outcomes = paths[path.index(before)][1]
        failed = outcomes[min(len(last.calls), len(outcomes)) - 1]
        assert failed is not None
        assert after.takes_over_on(failed)
