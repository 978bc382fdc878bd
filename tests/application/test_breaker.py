"""What stands around each attempt counts it, judges it, and keeps away from what was disabled."""

from __future__ import annotations

import asyncio

import pytest

from hexgate.adapters.breaker.pybreaker import Breakers, Settings
from hexgate.adapters.clock import SystemClock
from hexgate.adapters.limiter.memory import Limits, MemoryLimiter
from hexgate.application.pipeline import harden
from hexgate.application.vitals import Vital, Vitals
from hexgate.domain.attempts import Attempts
from hexgate.domain.call import Options, Timeouts
from hexgate.domain.errors import (
    BadResponse,
    InvalidRequest,
    ProviderFailed,
    ProviderLimited,
    TargetDisabled,
    TimedOut,
    Unsupported,
)
from hexgate.domain.health import BreakerState, TargetState, Wish
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Provider
from tests.application.stacks import CUT, ONCE, aimed, drain
from tests.fakes import FakeClock, FakeProvider, embed_call, script


class Stand:
    """One hardened provider, and what is known of it."""

    def __init__(
        self,
        leaf: FakeProvider,
        settings: Settings | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.vitals = Vitals(self.clock)
        self.breaker = Breakers(self.clock, settings)
        self.provider: Provider = harden(
            leaf,
            name="fake",
            limiter=MemoryLimiter({"fake": limits} if limits else {}, self.clock),
            breaker=self.breaker,
            rules=ONCE,
            vitals=self.vitals,
            clock=self.clock,
        )

    @property
    def vital(self) -> Vital:
        """Of the one target."""
        return self.vitals.of("fake", "m")

    def wish(self, state: TargetState, model: str = "m") -> None:
        """What the operator wants of it."""
        self.vitals.set("fake", model, Wish(state=state))


async def test_a_call_is_active_until_it_ends() -> None:
    gate = asyncio.Event()
    leaf = FakeProvider(gate=gate)
    stand = Stand(leaf)
    going = asyncio.ensure_future(stand.provider.complete(aimed()))
    await leaf.entered.wait()
    assert stand.vital.active == 1
    gate.set()
    await going
    assert (stand.vital.active, stand.vital.attempts, stand.vital.failures) == (0, 1, 0)


async def test_a_stream_is_active_until_it_ends_or_is_closed() -> None:
    stand = Stand(FakeProvider("one two"))
    stream = await stand.provider.open(aimed())
    other = await stand.provider.open(aimed())
    assert stand.vital.active == 2
    async for _ in stream:
        pass
    assert stand.vital.active == 1
    await stream.aclose()
    await other.aclose()
    await other.aclose()
    assert stand.vital.active == 0


@pytest.mark.parametrize("error", [ProviderFailed("no"), InvalidRequest("no"), Unsupported("no")])
async def test_whatever_fails_is_active_no_more(error: Exception) -> None:
    stand = Stand(FakeProvider(error))
    for attempt in (
        stand.provider.complete(aimed()),
        stand.provider.open(aimed()),
        stand.provider.embed(embed_call(hops=aimed().hops)),
    ):
        with pytest.raises(type(error)):
            await attempt
    assert stand.vital.active == 0


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_is_cancelled_is_active_no_more_and_has_not_failed(streamed: bool) -> None:
    leaf = FakeProvider(gate=asyncio.Event())
    stand = Stand(leaf)
    going = stand.provider.open(aimed()) if streamed else stand.provider.complete(aimed())
    task: asyncio.Task[object] = asyncio.create_task(going)
    await leaf.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (stand.vital.active, stand.vital.attempts, stand.vital.failures) == (0, 1, 0)


async def test_a_stream_that_breaks_is_active_no_more_and_has_failed() -> None:
    stand = Stand(FakeProvider(CUT))
    with pytest.raises(BadResponse):
        await drain(stand.provider, aimed())
    assert (stand.vital.active, stand.vital.attempts, stand.vital.failures) == (0, 1, 1)
    assert stand.vital.failure == "PROVIDER_BAD_RESPONSE"


async def test_what_was_refused_was_never_active() -> None:
    stand = Stand(FakeProvider("fine"))
    stand.breaker.trip("fake/m")
    with pytest.raises(Exception, match="is resting"):
        await stand.provider.complete(aimed())
    assert (stand.vital.active, stand.vital.attempts) == (0, 0)


@pytest.mark.parametrize("model", ["m", "*"])
async def test_a_disabled_target_is_refused_without_an_attempt(model: str) -> None:
    leaf = FakeProvider()
    stand = Stand(leaf)
    stand.wish(TargetState.DISABLED, model)
    asked = aimed()
    for attempt in (stand.provider.complete(asked), stand.provider.open(asked)):
        with pytest.raises(TargetDisabled, match="disabled fake/m") as refused:
            await attempt
        assert refused.value.metadata == {"provider": "fake", "model": "m"}
    assert leaf.calls == []
    assert (asked.attempts.left, asked.attempts.done) == (8, [])
    assert stand.breaker.status("fake/m").state is BreakerState.CLOSED
    stand.wish(TargetState.ENABLED, model)
    assert await stand.provider.complete(asked)


async def test_what_was_routed_to_a_draining_target_goes_on() -> None:
    stand = Stand(FakeProvider())
    stand.wish(TargetState.DRAINING)
    assert await stand.provider.complete(aimed())


async def test_a_disabled_neighbour_disturbs_nobody() -> None:
    stand = Stand(FakeProvider())
    stand.wish(TargetState.DISABLED, "other")
    assert await stand.provider.complete(aimed())


async def test_a_provider_that_fails_too_often_is_left_alone_though_some_calls_succeed() -> None:
    leaf = FakeProvider(*(ProviderFailed("no"), "fine", ProviderFailed("no")) * 5)
    stand = Stand(leaf, Settings(failures=100, failure_ratio=0.5, min_calls=10))
    for _ in range(15):
        try:
            await stand.provider.complete(aimed())
        except ProviderFailed:
            continue
        except Exception:
            break
    assert len(leaf.calls) == 10
    status = stand.breaker.status("fake/m")
    assert status.state is BreakerState.OPEN
    assert status.failure_ratio == 0.7


async def test_a_cancelled_probe_leaves_its_place_to_the_next() -> None:
    gate = asyncio.Event()
    gate.set()
    leaf = FakeProvider(ProviderFailed("no"), "hangs", "fine", gate=gate)
    stand = Stand(leaf, Settings(failures=1, rest_s=10, successes=1))
    with pytest.raises(ProviderFailed):
        await stand.provider.complete(aimed())
    assert isinstance(stand.clock, FakeClock)
    stand.clock.advance(10)
    gate.clear()
    leaf.entered.clear()
    probe = asyncio.ensure_future(stand.provider.complete(aimed()))
    await leaf.entered.wait()
    probe.cancel()
    await asyncio.wait([probe])
    gate.set()
    assert await stand.provider.complete(aimed())
    assert stand.breaker.status("fake/m").state is BreakerState.CLOSED


async def test_the_first_token_of_streams_and_whole_answers_are_told_apart() -> None:
    stand = Stand(FakeProvider("one"))
    await stand.provider.complete(aimed())
    assert stand.vital.first_token_s() is None
    assert stand.vital.latency_s() == 0
    await drain(stand.provider, aimed())
    assert stand.vital.first_token_s() == 0


async def test_a_limit_of_the_provider_is_a_failure_of_the_target_but_opens_nothing() -> None:
    stand = Stand(FakeProvider(ProviderLimited("slow down")), Settings(failures=1))
    with pytest.raises(ProviderLimited):
        await stand.provider.complete(aimed())
    assert (stand.vital.failures, stand.vital.failure) == (1, "PROVIDER_RATE_LIMITED")
    assert stand.breaker.status("fake/m").state is BreakerState.CLOSED


async def test_the_impatience_of_a_caller_is_no_failure() -> None:
    leaf = FakeProvider(script("one two"), gate=asyncio.Event())
    stand = Stand(leaf, Settings(failures=1), clock=SystemClock())
    brief = Timeouts(attempt_s=0.01, first_token_s=0.01)
    asked = aimed(timeouts=brief, options=Options(timeouts=brief))
    for attempt in (stand.provider.complete(asked), stand.provider.open(asked)):
        with pytest.raises(TimedOut):
            await attempt
    assert (stand.vital.attempts, stand.vital.failures) == (2, 0)
    with pytest.raises(TimedOut):
        await stand.provider.complete(aimed(timeouts=brief))
    assert stand.vital.failures == 1


@pytest.mark.parametrize(
    ("phase", "status", "own", "counts"),
    [
        ("first_token", 0, {}, False),
        ("first_token", 0, {"first_token_s": 90.0, "attempt_s": 900.0}, True),
        ("attempt", 0, {"first_token_s": 90.0}, False),
        ("attempt", 504, {}, True),
        ("connect", 0, {}, False),
        ("connect", 0, {"connect_s": 9.0}, True),
        ("between_tokens", 0, {}, False),
        ("between_tokens", 0, {"between_tokens_s": 90.0}, True),
    ],
)
async def test_only_a_limit_that_is_the_callers_own_is_impatience(
    phase: str, status: int, own: dict[str, float], counts: bool
) -> None:
    late = TimedOut("late", http_status=status, metadata={"phase": phase})
    stand = Stand(FakeProvider(late), Settings(failures=1))
    asked = aimed(options=Options(timeouts=Timeouts(**own)))
    with pytest.raises(TimedOut):
        await stand.provider.complete(asked)
    assert stand.breaker.status("fake/m").state is (
        BreakerState.OPEN if counts else BreakerState.CLOSED
    )
    assert stand.vital.failures == counts


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_was_never_sent_costs_neither_an_attempt_nor_tokens(streamed: bool) -> None:
    leaf = FakeProvider(Unsupported("no pictures"))
    stand = Stand(leaf, limits=Limits(tokens_per_minute=110))
    asked = aimed()
    for _ in range(5):
        with pytest.raises(Unsupported):
            await (stand.provider.open(asked) if streamed else stand.provider.complete(asked))
    assert (asked.attempts.left, asked.attempts.done) == (8, [])
    assert (stand.vital.attempts, stand.vital.failures) == (0, 0)


async def test_an_attempt_that_the_budget_did_not_pay_for_is_not_paid_back() -> None:
    stand = Stand(FakeProvider(Unsupported("no pictures")))
    asked = aimed(attempts=Attempts(0))
    with pytest.raises(Unsupported):
        await stand.provider.complete(asked)
    assert asked.attempts.left == 0
