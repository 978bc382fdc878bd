"""The policies, one by one and together: the provider's contract holds through all."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hexgate.adapters.breaker.pybreaker import Breakers, Settings
from hexgate.adapters.cache.memory import in_memory
from hexgate.adapters.clock import SystemClock
from hexgate.adapters.limiter.memory import Limits
from hexgate.application.pipeline import unite
from hexgate.domain.attempts import Attempts
from hexgate.domain.call import CacheMode, Options, Timeouts
from hexgate.domain.chat import Text
from hexgate.domain.errors import (
    AllTargetsFailed,
    BadResponse,
    CircuitOpen,
    InvalidRequest,
    ProviderFailed,
    RateLimited,
    TimedOut,
    Unserved,
)
from hexgate.domain.health import BreakerState
from hexgate.ports.provider import Provider
from tests.application.stacks import (
    CUT,
    ONCE,
    HardenedContract,
    aimed,
    drain,
    hardened,
    settled,
)
from tests.fakes import FakeClock, FakeProvider, script


class TestHardened(HardenedContract):
    pass


class TestUnited(HardenedContract):
    def stack(self, leaf: FakeProvider) -> Provider:
        cache = in_memory(SystemClock())
        return unite({"fake": super().stack(leaf)}, cache, CacheMode.BYPASS, 60, SystemClock())


class TestUnitedWithCache(HardenedContract):
    def stack(self, leaf: FakeProvider) -> Provider:
        cache = in_memory(SystemClock())
        return unite({"fake": super().stack(leaf)}, cache, CacheMode.READ_WRITE, 60, SystemClock())


async def test_one_budget_bounds_retries_and_fallbacks_together() -> None:
    clock = FakeClock()
    leaves = {name: FakeProvider(ProviderFailed(name)) for name in "abc"}
    united = unite(
        {name: hardened(leaf, clock, name=name) for name, leaf in leaves.items()},
        in_memory(clock),
        CacheMode.BYPASS,
        60,
        clock,
    )
    asked = aimed("a/m", "b/m", "c/m", attempts=Attempts(4))
    error = await settled(clock, united, asked)
    assert isinstance(error, AllTargetsFailed)
    assert [len(leaf.calls) for leaf in leaves.values()] == [3, 1, 0]
    assert len(asked.attempts.done) == 4


async def test_the_next_target_takes_over_with_its_own_model_and_bound() -> None:
    clock = FakeClock()
    first, second = FakeProvider(Unserved("gone")), FakeProvider("rescued")
    united = unite(
        {"a": hardened(first, clock), "b": hardened(second, clock)},
        in_memory(clock),
        CacheMode.BYPASS,
        60,
        clock,
    )
    asked = aimed("a/m", "b/other")
    asked = replace(asked, hops=(asked.hops[0], replace(asked.hops[1], max_output_tokens=7)))
    answer = await united.complete(asked)
    assert answer.parts == (Text("rescued"),)
    assert (second.calls[0].model, second.calls[0].max_output_tokens) == ("other", 7)


async def test_one_failed_target_is_that_failure_and_several_are_all_of_them() -> None:
    clock = FakeClock()
    gone = Unserved("gone")
    united = unite(
        {"a": FakeProvider(gone), "b": FakeProvider(Unserved("too", retry_after_s=3))},
        in_memory(clock),
        CacheMode.BYPASS,
        60,
        clock,
    )
    with pytest.raises(Unserved) as one:
        await united.complete(aimed("a/m"))
    assert one.value is gone
    with pytest.raises(AllTargetsFailed) as both:
        await united.complete(aimed("a/m", "b/m"))
    assert [failure.message for failure in both.value.failures] == ["gone", "too"]
    assert both.value.retry_after_s == 3


async def test_a_rejected_request_goes_to_nobody_else() -> None:
    second = FakeProvider("fine")
    united = unite(
        {"a": FakeProvider(InvalidRequest("no")), "b": second},
        in_memory(FakeClock()),
        CacheMode.BYPASS,
        60,
        FakeClock(),
    )
    with pytest.raises(InvalidRequest):
        await united.complete(aimed("a/m", "b/m"))
    assert second.calls == []


async def test_streams_that_always_break_open_the_breaker() -> None:
    clock = FakeClock()
    breaker = Breakers(clock, Settings(failures=2))
    provider = hardened(FakeProvider(CUT), clock, breaker=breaker)
    for _ in range(2):
        with pytest.raises(BadResponse):
            await drain(provider, aimed())
    assert breaker.status("fake/m").state is BreakerState.OPEN
    with pytest.raises(CircuitOpen):
        await provider.open(aimed())


async def test_a_probe_is_judged_when_its_stream_opens_and_again_when_it_breaks() -> None:
    clock = FakeClock()
    breaker = Breakers(clock, Settings(failures=1, rest_s=10, successes=1))
    leaf = FakeProvider(CUT, script("one two"), CUT)
    provider = hardened(leaf, clock, breaker=breaker)
    with pytest.raises(BadResponse):
        await drain(provider, aimed())
    clock.advance(11)
    stream = await provider.open(aimed())
    assert breaker.status("fake/m").state is BreakerState.CLOSED
    await stream.aclose()
    with pytest.raises(BadResponse):
        await drain(provider, aimed())
    assert breaker.status("fake/m").state is BreakerState.OPEN


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_cancelled_call_says_nothing_about_the_providers_health(streamed: bool) -> None:
    clock = SystemClock()
    breaker = Breakers(clock, Settings(failures=1))
    leaf = FakeProvider(gate=asyncio.Event())
    provider = hardened(leaf, clock, breaker=breaker)
    asked = aimed()
    going = provider.open(asked) if streamed else provider.complete(asked)
    task: asyncio.Task[object] = asyncio.create_task(going)
    await leaf.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert breaker.status("fake/m").state is BreakerState.CLOSED
    assert [one.failure for one in asked.attempts.done] == ["CANCELLED"]


async def test_a_slot_is_held_until_the_stream_is_closed() -> None:
    clock = FakeClock()
    provider = hardened(FakeProvider(), clock, limits=Limits(concurrency=1))
    stream = await provider.open(aimed())
    with pytest.raises(RateLimited):
        await provider.complete(aimed())
    await stream.aclose()
    assert await provider.complete(aimed())


async def test_reserved_tokens_are_settled_at_what_was_used() -> None:
    clock = FakeClock()
    provider = hardened(FakeProvider("one two"), clock, limits=Limits(tokens_per_minute=200))
    # Each call reserves 110 and uses 12, so two reservations at once would not fit.
    for _ in range(3):
        await provider.complete(aimed())
        await drain(provider, aimed())
    with pytest.raises(RateLimited):
        await provider.complete(aimed(input_tokens=200))


async def test_a_callers_own_impatience_rests_nobody_elses_target() -> None:
    clock = SystemClock()
    breaker = Breakers(clock, Settings(failures=1))
    provider = hardened(FakeProvider(gate=asyncio.Event()), clock, breaker=breaker, rules=ONCE)
    brief = Timeouts(attempt_s=0.01)
    hasty = aimed(timeouts=brief, options=Options(timeouts=brief))
    with pytest.raises(TimedOut):
        await provider.complete(hasty)
    assert breaker.status("fake/m").state is BreakerState.CLOSED
    with pytest.raises(TimedOut):
        await provider.complete(aimed(timeouts=brief))
    assert breaker.status("fake/m").state is BreakerState.OPEN


async def test_each_target_has_its_own_time_limits() -> None:
    second = FakeProvider("rescued")
    united = unite(
        {"a": FakeProvider(Unserved("gone")), "b": second},
        in_memory(FakeClock()),
        CacheMode.BYPASS,
        60,
        FakeClock(),
    )
    asked = aimed("a/m", "b/m")
    patient = Timeouts(attempt_s=300)
    asked = replace(asked, hops=(asked.hops[0], replace(asked.hops[1], timeouts=patient)))
    await united.complete(asked)
    assert second.calls[0].timeouts == patient


async def test_a_target_at_our_own_limit_leaves_the_call_to_the_next() -> None:
    clock = FakeClock()
    busy = hardened(FakeProvider("a"), clock, name="a", limits=Limits(requests_per_minute=1))
    united = unite(
        {"a": busy, "b": FakeProvider("b")}, in_memory(clock), CacheMode.BYPASS, 60, SystemClock()
    )
    for name in "ab":
        answer = await united.complete(aimed("a/m", "b/m"))
        assert answer.parts == (Text(name),)
    with pytest.raises(RateLimited):
        await united.complete(aimed("a/m"))
