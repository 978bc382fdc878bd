"""Whatever two legs meet, behind all policies: one answer or one error, and nothing left over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.breaker.pybreaker import Breakers
from hexgate.adapters.limiter.memory import Limits, MemoryLimiter
from hexgate.application.pipeline import harden
from hexgate.application.policies.fallback import Fallback
from hexgate.application.policies.hedge import Hedged
from hexgate.application.policies.retry import RetryRules
from hexgate.application.vitals import Vitals
from hexgate.domain.answer import Completion
from hexgate.domain.attempts import Attempts
from hexgate.domain.call import ChatCall, FallbackMode, Options, Timeouts
from hexgate.domain.chat import Text
from hexgate.domain.errors import (
    ContextTooLong,
    GatewayError,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    Unsupported,
)
from hexgate.domain.health import BreakerState
from hexgate.ports.provider import Stream
from tests.application.stacks import hops
from tests.fakes import Outcome, SlowProvider, call
from tests.virtual import LoopClock, in_virtual_time

NAMES = ("a", "b", "c")
DEADLINE = 12.0
# Halves of seconds, so that things often happen at once.
SECONDS = st.integers(0, 12).map(lambda halves: halves / 2)
OUTCOMES = st.sampled_from(
    (
        *("answer",) * 3,
        ProviderFailed("down", http_status=500),
        Overloaded("busy", http_status=529),
        ProviderLimited("slow down", http_status=429, retry_after_s=1.0),
        ContextTooLong("too long"),
        Unsupported("not here"),
    )
)


@dataclass(frozen=True, slots=True)
class Story:
    """What happens to one call. `left` is when its caller leaves."""

    after_s: tuple[float, ...]
    last_s: tuple[float, ...]
    outcomes: tuple[tuple[str | Exception, ...], ...]
    hedge_after_s: float
    budget: int
    targets: int
    left: float | None
    streamed: bool
    concurrency: int


STORIES = st.builds(
    Story,
    after_s=st.tuples(SECONDS, SECONDS, SECONDS),
    last_s=st.tuples(*(st.sampled_from((0.0, 0.0, 0.5)),) * 3),
    outcomes=st.tuples(*(st.lists(OUTCOMES, min_size=1, max_size=3).map(tuple),) * 3),
    hedge_after_s=st.integers(1, 8).map(lambda halves: halves / 2),
    budget=st.integers(1, 5),
    targets=st.integers(1, 3),
    left=st.sampled_from((None, None, None, None, 0.5, 1.5, 2.0, 3.0, 4.5, 6.0)),
    streamed=st.booleans(),
    concurrency=st.integers(1, 2),
)


def leaf(story: Story, place: int) -> SlowProvider:
    """The provider at that place; its answers are its name."""
    said = (NAMES[place] if one == "answer" else one for one in story.outcomes[place])
    outcomes: list[Outcome] = list(said)
    return SlowProvider(story.after_s[place], *outcomes, last_s=story.last_s[place])


async def told(story: Story) -> None:
    """Tell the story, and look at what is left."""
    clock = LoopClock()
    vitals, breakers = Vitals(clock), Breakers(clock)
    limiter = MemoryLimiter({n: Limits(concurrency=story.concurrency) for n in NAMES}, clock)
    leaves = {name: leaf(story, place) for place, name in enumerate(NAMES)}
    hardened = {
        name: harden(
            one,
            name=name,
            limiter=limiter,
            breaker=breakers,
            rules=RetryRules(),
            vitals=vitals,
            clock=clock,
            chance=lambda: 0.0,
        )
        for name, one in leaves.items()
    }
    targets = hops(*(f"{name}/m" for name in NAMES[: story.targets]))
    asked = call(
        hops=targets,
        hedge_after_s=story.hedge_after_s,
        deadline=DEADLINE,
        attempts=Attempts(story.budget),
        options=Options(fallback_mode=FallbackMode.BEFORE_OUTPUT, max_queue_wait_s=2.0),
        timeouts=Timeouts(attempt_s=5.0, first_token_s=5.0),
    )
    provider = Hedged(Fallback(hardened, clock, 0.0, lambda: 0.0), clock)
    answer = await outcome(provider, asked, story)
    assert clock.monotonic() <= DEADLINE + sum(story.last_s)
    assert [one.at_work for one in leaves.values()] == [0, 0, 0]
    check_attempts(asked, story, answer)
    if answer is not None and not isinstance(answer, Completion):
        assert sum(one.opened - one.closed for one in leaves.values()) == 1
        await answer.aclose()
    assert sum(one.opened - one.closed for one in leaves.values()) == 0
    for name in NAMES:
        assert [one.remaining for one in await limiter.left(name)] == [story.concurrency]
        assert vitals.of(name, "m").active == 0
        if breakers.status(f"{name}/m").state is BreakerState.CLOSED:
            breakers.admit(f"{name}/m")


async def outcome(provider: Hedged, asked: ChatCall, story: Story) -> Completion | Stream | None:
    """The one answer; None for an error, or when the caller has left."""
    go = provider.open(asked) if story.streamed else provider.complete(asked)
    asking: asyncio.Task[Completion | Stream] = asyncio.create_task(go)
    if story.left is not None:
        asyncio.get_running_loop().call_later(story.left, asking.cancel)
    await asyncio.wait((asking,))
    if asking.cancelled():
        assert story.left is not None
        return None
    error = asking.exception()
    if error is None:
        return asking.result()
    assert isinstance(error, GatewayError)
    return None


def check_attempts(asked: ChatCall, story: Story, answer: Completion | Stream | None) -> None:
    """Within the budget, and the one that answered is the last."""
    done = asked.attempts.done
    assert len(done) <= story.budget
    good = [place for place, one in enumerate(done) if not one.failure]
    assert good == ([] if answer is None else [len(done) - 1])
    if isinstance(answer, Completion):
        assert answer.parts == (Text(done[-1].provider),)
    if any(one.hedged for one in done):
        assert all(one.billed for one in done if one.failure == "CANCELLED")


@given(STORIES)
def test_two_legs_give_one_outcome_and_leave_nothing_behind(story: Story) -> None:
    in_virtual_time(told(story))
