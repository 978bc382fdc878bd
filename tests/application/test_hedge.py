"""A second leg beside a slow first one, in virtual time: every way in which the two can meet."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from hexgate.application.policies.fallback import Fallback
from hexgate.application.policies.hedge import Hedged
from hexgate.application.policies.record import Recorded
from hexgate.application.vitals import Vitals
from hexgate.domain.answer import Completion
from hexgate.domain.attempts import Attempt, Attempts
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Text
from hexgate.domain.conditions import Condition
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import (
    AllTargetsFailed,
    ContextTooLong,
    DeadlineExceeded,
    GatewayError,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
)
from hexgate.domain.fallback import Rule
from hexgate.domain.usage import Usage
from hexgate.ports.provider import Provider, Stream
from tests.application.stacks import aimed, hops
from tests.fakes import FakeProvider, SlowProvider, call, embed_call
from tests.virtual import LoopClock, in_virtual_time, virtual

INPUT = Usage(uncached_input=10, estimated=True)
BUSY = Overloaded("busy", http_status=529)
DOWN = ProviderFailed("down", http_status=500)
LATE = DeadlineExceeded("late")
Answer: TypeAlias = Completion | Stream | Embedded
WAYS = ["complete", "open", "embed"]


def hedged(**leaves: FakeProvider) -> Hedged:
    """These providers, of which each attempt is recorded, with a fallback and a hedge."""
    clock = LoopClock()
    vitals = Vitals(clock)
    recorded = {name: Recorded(leaf, name, vitals, clock) for name, leaf in leaves.items()}
    return Hedged(Fallback(recorded, clock, 0.0, lambda: 0.0), clock)


def slow(*names: str, **overrides: Any) -> ChatCall:
    """A call along these targets whose second leg starts after two seconds."""
    fields: dict[str, Any] = {"hedge_after_s": 2.0, "deadline": 100.0}
    return aimed(*names, **(fields | overrides))


def ask(provider: Provider, way: str, asked: ChatCall) -> Coroutine[Any, Any, Answer]:
    """Ask in this way, for the same hops."""
    if way == "complete":
        return provider.complete(asked)
    if way == "open":
        return provider.open(asked)
    fields = ("hops", "hop", "attempts", "deadline", "hedge_after_s")
    return provider.embed(embed_call(**{name: getattr(asked, name) for name in fields}))


def told(asked: ChatCall) -> list[tuple[str, str, bool]]:
    """Provider, failure and hedged, of each attempt."""
    return [(one.provider, one.failure, one.hedged) for one in asked.attempts.done]


def billed(asked: ChatCall) -> list[Usage | None]:
    """What each attempt was billed for."""
    return [one.billed for one in asked.attempts.done]


def now() -> float:
    """Virtual seconds."""
    return asyncio.get_running_loop().time()


def at_rest(*leaves: SlowProvider, kept: int = 0) -> None:
    """Nothing is left but so many streams."""
    assert [leaf.at_work for leaf in leaves] == [0] * len(leaves)
    assert sum(leaf.opened - leaf.closed for leaf in leaves) == kept


@virtual
async def test_without_a_hedge_it_is_the_inner_call_itself() -> None:
    class Inner(FakeProvider):
        def complete(self, call: ChatCall) -> Coroutine[Any, Any, Completion]:
            self.made = super().complete(call)
            return self.made

    inner = Inner()
    made = Hedged(inner, LoopClock()).complete(call())
    assert made is inner.made
    await made


@virtual
async def test_who_answers_in_time_runs_alone() -> None:
    a, b = SlowProvider(1.9), SlowProvider(1)
    asked = slow("a/m", "b/m")
    await hedged(a=a, b=b).complete(asked)
    assert (told(asked), b.calls, now()) == ([("a", "", False)], [], 1.9)


@pytest.mark.parametrize("way", WAYS)
def test_a_slow_first_leg_is_overtaken_at_the_next_target(way: str) -> None:
    async def story() -> None:
        a, b = SlowProvider(50), SlowProvider(1)
        asked = slow("a/m", "b/n")
        answer = await ask(hedged(a=a, b=b), way, asked)
        assert now() == 3
        assert told(asked) == [("a", "CANCELLED", False), ("b", "", True)]
        assert billed(asked) == [INPUT, None]
        assert [(one.model, one.hop, one.hedged) for one in b.calls] == [("n", 1, True)]
        at_rest(a, b, kept=way == "open")
        if way == "open":
            assert not isinstance(answer, Completion | Embedded)
            await answer.aclose()
            at_rest(a, b)

    in_virtual_time(story())


@pytest.mark.parametrize("way", WAYS)
def test_a_first_leg_that_still_answers_first_is_kept_and_noted_last(way: str) -> None:
    async def story() -> None:
        a, b = SlowProvider(3), SlowProvider(50)
        asked = slow("a/m", "b/m")
        await ask(hedged(a=a, b=b), way, asked)
        assert now() == 3
        assert told(asked) == [("b", "CANCELLED", True), ("a", "", False)]
        assert billed(asked) == [INPUT, None]
        at_rest(a, b, kept=way == "open")

    in_virtual_time(story())


@virtual
async def test_it_is_the_same_target_where_none_takes_over_from_a_slow_one() -> None:
    class Once(SlowProvider):
        """Slow once."""

        async def complete(self, call: ChatCall) -> Completion:
            if call.hedged:
                self._after_s = 1
            return await super().complete(call)

    a, b = Once(50), SlowProvider(1)
    rule = Rule(on=frozenset({Condition.CONTEXT_LENGTH}), to=())
    first, second = hops("a/m", "b/m")
    asked = call(
        hops=(first, replace(second, rule=rule)), hedge_after_s=2.0, deadline=100.0, model="m"
    )
    await hedged(a=a, b=b).complete(asked)
    assert told(asked) == [("a", "CANCELLED", False), ("a", "", True)]
    assert b.calls == []


@pytest.mark.parametrize("way", WAYS)
def test_two_answers_at_once_are_one_and_the_other_is_closed_and_paid(way: str) -> None:
    async def story() -> None:
        a, b = SlowProvider(3), SlowProvider(1)
        first, second = hops("a/m", "b/m")
        # Of the ten tokens the second reads no more than fit.
        path = (first, replace(second, context_tokens=4))
        asked = call(hops=path, hedge_after_s=2.0, deadline=100.0)
        await ask(hedged(a=a, b=b), way, asked)
        assert told(asked) == [("b", "CANCELLED", True), ("a", "", False)]
        known = {
            "complete": Usage(uncached_input=10, output=2),
            "open": replace(INPUT, uncached_input=4),
            "embed": Usage(uncached_input=1),
        }
        assert billed(asked) == [known[way], None]
        assert a.closed == 0
        at_rest(a, b, kept=way == "open")

    in_virtual_time(story())


@virtual
async def test_what_fails_before_the_second_leg_has_started_is_raised_at_once() -> None:
    a, b = SlowProvider(1, BUSY), SlowProvider(0.5, DOWN)
    asked = slow("a/m", "b/m")
    with pytest.raises(GatewayError) as caught:
        await hedged(a=a, b=b).complete(asked)
    assert caught.value.reason == "ALL_TARGETS_FAILED"
    assert now() == 1.5
    assert not any(one.hedged for one in asked.attempts.done)


@virtual
async def test_when_the_second_leg_fails_the_first_goes_on() -> None:
    a, b = SlowProvider(10), SlowProvider(1, DOWN)
    asked = slow("a/m", "b/m")
    await hedged(a=a, b=b).complete(asked)
    assert told(asked) == [("b", "PROVIDER_ERROR", True), ("a", "", False)]
    assert now() == 10


@pytest.mark.parametrize("error", [BUSY, ContextTooLong("too long"), ProviderLimited("full")])
def test_when_the_first_leg_fails_the_second_goes_on(error: GatewayError) -> None:
    async def story() -> None:
        a, b = SlowProvider(3, error), SlowProvider(5)
        asked = slow("a/m", "b/m", attempts=Attempts(2))
        await hedged(a=a, b=b).complete(asked)
        assert told(asked) == [("a", error.reason, False), ("b", "", True)]
        assert now() == 7

    in_virtual_time(story())


@pytest.mark.parametrize(("first_s", "second_s"), [(3.0, 5.0), (5.0, 1.0), (3.0, 1.0)])
def test_when_both_fail_it_is_the_error_of_the_first(first_s: float, second_s: float) -> None:
    async def story() -> None:
        a, b = SlowProvider(first_s, BUSY), SlowProvider(second_s, DOWN)
        asked = slow("a/m", "b/m", attempts=Attempts(2))
        with pytest.raises(Overloaded):
            await hedged(a=a, b=b).complete(asked)
        assert sorted(told(asked)) == [
            ("a", "PROVIDER_OVERLOADED", False),
            ("b", "PROVIDER_ERROR", True),
        ]
        assert now() == max(first_s, 2 + second_s)
        at_rest(a, b)

    in_virtual_time(story())


@virtual
async def test_the_second_leg_has_all_attempts_that_are_left() -> None:
    a, b, c = SlowProvider(5, BUSY), SlowProvider(1, DOWN), SlowProvider(1, DOWN)
    d = SlowProvider(3)
    asked = slow("a/m", "b/m", "c/m", "d/m", attempts=Attempts(4))
    await hedged(a=a, b=b, c=c, d=d).complete(asked)
    failed = "PROVIDER_ERROR"
    assert told(asked) == [
        ("b", failed, True),
        ("c", failed, True),
        ("a", BUSY.reason, False),
        ("d", "", True),
    ]


@virtual
async def test_the_first_leg_has_what_a_failed_second_one_left() -> None:
    a, b, c = SlowProvider(5, BUSY), SlowProvider(1, ContextTooLong("too long")), SlowProvider(1)
    asked = slow("a/m", "b/m", "c/m", attempts=Attempts(3))
    with pytest.raises(AllTargetsFailed):
        await hedged(a=a, b=b, c=c).complete(asked)
    assert [one.provider for one in asked.attempts.done] == ["b", "a", "b"]


@virtual
async def test_an_attempt_that_the_first_leg_waits_to_make_is_not_given_away() -> None:
    a, b = SlowProvider(0), SlowProvider(1)
    asked = slow("a/m", "b/m", attempts=Attempts(1))
    inner = hedged(a=a, b=b)._inner

    class Queued(FakeProvider):
        async def complete(self, call: ChatCall) -> Completion:
            if not call.hedged:
                await asyncio.sleep(5)  # as one does in a limiter's queue, or before a retry
            return await inner.complete(call)

    await Hedged(Queued(), LoopClock()).complete(asked)
    assert (told(asked), b.calls) == ([("a", "", False)], [])
    asked = slow("a/m", "b/m", attempts=Attempts(2))
    await Hedged(Queued(), LoopClock()).complete(asked)
    assert told(asked) == [("b", "", True)]


@pytest.mark.parametrize(
    ("attempts", "deadline"), [(1, 100.0), (8, 2.0), (8, 1.0)], ids=["budget", "at", "before"]
)
def test_no_second_leg_without_an_attempt_or_time(attempts: int, deadline: float) -> None:
    async def story() -> None:
        a, b = SlowProvider(10), SlowProvider(1)
        await hedged(a=a, b=b).complete(
            slow("a/m", "b/m", attempts=Attempts(attempts), deadline=deadline)
        )
        assert (b.calls, now()) == ([], 10)

    in_virtual_time(story())


@virtual
async def test_no_second_leg_when_the_first_has_used_the_budget_by_then() -> None:
    a, b, c = SlowProvider(1, DOWN), SlowProvider(10), SlowProvider(1)
    asked = slow("a/m", "b/m", "c/m", attempts=Attempts(2))
    await hedged(a=a, b=b, c=c).complete(asked)
    assert told(asked) == [("a", "PROVIDER_ERROR", False), ("b", "", False)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("at_s", [0.0, 1.0, 2.0, 2.5, 3.0])
def test_a_caller_who_leaves_ends_both_legs_wherever_they_are(way: str, at_s: float) -> None:
    async def story() -> None:
        a, b = SlowProvider(3), SlowProvider(1)
        asked = slow("a/m", "b/m")
        asking = asyncio.create_task(ask(hedged(a=a, b=b), way, asked))
        await asyncio.sleep(at_s)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert now() == at_s
        at_rest(a, b)
        both = at_s > 2
        assert {one.failure for one in asked.attempts.done} <= {"CANCELLED"}
        assert not both or None not in billed(asked)

    in_virtual_time(story())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("first_s", [2.5, 50.0], ids=["first wins", "second wins"])
def test_a_caller_who_leaves_while_the_loser_ends_gets_nothing(way: str, first_s: float) -> None:
    async def story() -> None:
        a, b = SlowProvider(first_s, last_s=1), SlowProvider(1, last_s=1)
        asked = slow("a/m", "b/m")
        asking = asyncio.create_task(ask(hedged(a=a, b=b), way, asked))
        await asyncio.sleep(min(first_s, 3.0) + 0.5)
        for _ in range(3):  # whoever is told again and again does not leave sooner
            asking.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert now() == min(first_s, 3.0) + 1
        at_rest(a, b)
        assert {one.failure for one in asked.attempts.done} == {"CANCELLED"}
        assert None not in billed(asked)

    in_virtual_time(story())


@pytest.mark.parametrize(("first_s", "second_s"), [(3.0, 9.0), (9.0, 1.0)])
def test_a_defect_is_raised_at_once_and_ends_the_other_leg(first_s: float, second_s: float) -> None:
    async def story() -> None:
        broken, fine = SlowProvider(3.0, KeyError("a bug")), SlowProvider(9.0)
        a, b = (broken, fine) if first_s < second_s else (fine, SlowProvider(1, KeyError("a bug")))
        with pytest.raises(KeyError):
            await hedged(a=a, b=b).complete(slow("a/m", "b/m"))
        assert now() == 3
        at_rest(a, b)

    in_virtual_time(story())


class Defective(SlowProvider):
    """Breaks when it is cancelled, and so do its streams when they are closed."""

    async def complete(self, call: ChatCall) -> Completion:
        try:
            return await super().complete(call)
        except asyncio.CancelledError:
            raise KeyError("a bug") from None


def test_a_defect_of_the_loser_costs_no_answer_and_is_not_hidden() -> None:
    async def story() -> None:
        answer = await hedged(a=Defective(50), b=SlowProvider(1)).complete(slow("a/m", "b/m"))
        assert answer.parts == (Text("Hello there"),)
        answered.append(True)

    answered: list[bool] = []
    with pytest.raises(KeyError):
        in_virtual_time(story())
    assert answered


@virtual
async def test_a_call_that_is_cut_off_by_its_deadline_pays_for_both_legs() -> None:
    a, b = SlowProvider(5, LATE), SlowProvider(3, LATE)
    asked = slow("a/m", "b/m", attempts=Attempts(2))
    with pytest.raises(GatewayError):
        await hedged(a=a, b=b).complete(asked)
    assert billed(asked) == [INPUT, INPUT]


def test_a_budget_that_is_lent_stays_one_budget() -> None:
    own = Attempts(5)
    lent = own.lend()
    assert (own.left, lent.left) == (1, 4)
    own.join(lent)
    assert (own.left, lent.left) == (5, 0)
    own.take()
    lent = own.lend()
    assert (own.left, lent.left) == (0, 4)
    lent.done.append(Attempt(provider="a", model="m"))
    assert own.done == lent.done
    assert Attempts(0).lend().left == 0
