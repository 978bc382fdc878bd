"""The policies, one by one and together: the provider's contract holds through all of them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from hexgate.adapters.breaker.pybreaker import Breakers, Settings
from hexgate.adapters.cache.memory import in_memory
from hexgate.adapters.clock import SystemClock
from hexgate.adapters.limiter.memory import Limits, MemoryLimiter
from hexgate.application.pipeline import harden, unite
from hexgate.application.policies.cache import Replay
from hexgate.application.policies.deadline import Timed
from hexgate.application.policies.retry import RetryRules
from hexgate.domain.answer import Chunk, Finish
from hexgate.domain.call import Attempts, CacheMode, Call, Hop, Options, Timeouts
from hexgate.domain.chat import Message, Role, Text
from hexgate.domain.errors import (
    AllTargetsFailed,
    BadResponse,
    CircuitOpen,
    DeadlineExceeded,
    GatewayError,
    InvalidRequest,
    Overloaded,
    ProviderLimited,
    RateLimited,
    TimedOut,
    Unserved,
)
from hexgate.domain.spec import Spec
from hexgate.ports.breaker import BreakerState
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Provider
from tests.contracts.provider import ProviderContract
from tests.fakes import FakeClock, FakeProvider, Script, call, script

RULES = RetryRules(attempts=3, base_s=1.0, max_s=4.0)
ONCE = RetryRules(attempts=1)
CUT = Script(script("one two three").chunks[:2], BadResponse("no terminal marker"))


def hops(*names: str) -> tuple[Hop, ...]:
    """Targets written as provider/model."""
    pairs = (name.split("/") for name in names)
    return tuple(Hop(provider=p, model=m, max_output_tokens=100) for p, m in pairs)


def aimed(*names: str, **overrides: Any) -> Call:
    """A call with these hops."""
    chosen = hops(*(names or ("fake/m",)))
    return call(hops=chosen, model=chosen[0].model, **overrides)


def hardened(
    leaf: Provider,
    clock: Clock,
    *,
    name: str = "fake",
    limits: Limits | None = None,
    breaker: Breakers | None = None,
    rules: RetryRules = RULES,
) -> Provider:
    """A leaf with every policy on."""
    return harden(
        leaf,
        name=name,
        limiter=MemoryLimiter({name: limits} if limits else {}, clock),
        breaker=breaker or Breakers(clock),
        rules=rules,
        clock=clock,
        chance=lambda: 0.0,
    )


class HardenedContract(ProviderContract):
    """The suite over a stack; subclasses say which."""

    fake: FakeProvider

    def stack(self, leaf: FakeProvider) -> Provider:
        self.fake = leaf
        return hardened(leaf, SystemClock(), limits=Limits(concurrency=1))

    def make(self) -> Provider:
        return self.stack(FakeProvider("one two three"))

    def failing(self) -> Provider:
        return self.stack(FakeProvider(InvalidRequest("no")))

    def truncated(self) -> Provider:
        return self.stack(FakeProvider(CUT))

    def stalled(self) -> Provider:
        return self.stack(FakeProvider(gate=asyncio.Event()))

    async def until_stalled(self) -> None:
        await self.fake.entered.wait()

    async def released(self) -> None:
        assert self.fake.opened == self.fake.closed

    def call(self) -> Call:
        return aimed()


class TestHardened(HardenedContract):
    pass


class TestUnited(HardenedContract):
    def stack(self, leaf: FakeProvider) -> Provider:
        cache = in_memory(SystemClock())
        return unite({"fake": super().stack(leaf)}, cache, CacheMode.BYPASS, 60)


class TestUnitedWithCache(HardenedContract):
    def stack(self, leaf: FakeProvider) -> Provider:
        cache = in_memory(SystemClock())
        return unite({"fake": super().stack(leaf)}, cache, CacheMode.READ_WRITE, 60)


async def drain(provider: Provider, asked: Call) -> list[Chunk]:
    """Read one stream whole."""
    async with aclosing(await provider.open(asked)) as stream:
        return [chunk async for chunk in stream]


async def passing(clock: FakeClock) -> None:
    """Let time pass whenever everybody sleeps."""
    while True:
        await clock.until_sleeping(1)
        clock.advance(60)
        await asyncio.sleep(0)


async def settled(clock: FakeClock, provider: Provider, asked: Call) -> object:
    """The answer or the error, with time flying."""
    flying = asyncio.create_task(passing(clock))
    try:
        return await provider.complete(asked)
    except GatewayError as error:
        return error
    finally:
        flying.cancel()


async def test_a_transient_failure_is_retried_and_written_down() -> None:
    clock = FakeClock()
    leaf = FakeProvider(Overloaded("busy", http_status=503, request_id="r1"), "fine")
    asked = aimed()
    answer = await settled(clock, hardened(leaf, clock), asked)
    assert not isinstance(answer, Exception)
    failures = [(one.failure, one.http_status, one.request_id) for one in asked.attempts.done]
    assert failures == [("PROVIDER_OVERLOADED", 503, "r1"), ("", 200, "fake-1")]


async def test_a_wait_that_the_provider_asked_for_is_kept() -> None:
    clock = FakeClock()
    busy = ProviderLimited("slow down", retry_after_s=7.0)
    leaf = FakeProvider(busy, busy, "fine")
    await settled(clock, hardened(leaf, clock), aimed())
    assert clock.naps == [7.0, 7.0]


async def test_waits_without_advice_stay_within_their_bounds() -> None:
    clock = FakeClock()
    leaf = FakeProvider(Overloaded("busy"))
    await settled(clock, hardened(leaf, clock), aimed())
    assert len(clock.naps) == 2
    assert all(0 <= nap <= RULES.max_s for nap in clock.naps)


async def test_what_is_not_transient_is_not_retried() -> None:
    leaf = FakeProvider(InvalidRequest("no"))
    with pytest.raises(InvalidRequest):
        await hardened(leaf, FakeClock()).complete(aimed())
    assert len(leaf.calls) == 1


async def test_one_budget_bounds_retries_and_fallbacks_together() -> None:
    clock = FakeClock()
    leaves = {name: FakeProvider(Overloaded(name)) for name in "abc"}
    united = unite(
        {name: hardened(leaf, clock, name=name) for name, leaf in leaves.items()},
        in_memory(clock),
        CacheMode.BYPASS,
        60,
    )
    asked = aimed("a/m", "b/m", "c/m", attempts=Attempts(4))
    error = await settled(clock, united, asked)
    assert isinstance(error, AllTargetsFailed)
    assert [len(leaf.calls) for leaf in leaves.values()] == [3, 1, 0]
    assert len(asked.attempts.done) == 4


async def test_no_retry_would_outlast_the_deadline() -> None:
    clock = FakeClock()
    leaf = FakeProvider(ProviderLimited("slow down", retry_after_s=30.0))
    with pytest.raises(ProviderLimited):
        await hardened(leaf, clock).complete(aimed(deadline=clock.monotonic() + 20))
    assert len(leaf.calls) == 1
    assert clock.naps == []


async def test_the_next_target_takes_over_with_its_own_model_and_bound() -> None:
    clock = FakeClock()
    first, second = FakeProvider(Unserved("gone")), FakeProvider("rescued")
    united = unite(
        {"a": hardened(first, clock), "b": hardened(second, clock)},
        in_memory(clock),
        CacheMode.BYPASS,
        60,
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
    assert breaker.state("fake/m") is BreakerState.OPEN
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
    assert breaker.state("fake/m") is BreakerState.CLOSED
    await stream.aclose()
    with pytest.raises(BadResponse):
        await drain(provider, aimed())
    assert breaker.state("fake/m") is BreakerState.OPEN


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
    assert breaker.state("fake/m") is BreakerState.CLOSED
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


async def test_an_attempt_that_takes_too_long_times_out_by_name() -> None:
    hanging = Timed(FakeProvider(gate=asyncio.Event()), "fake", SystemClock())
    brief = Timeouts(first_token_s=0.01, attempt_s=0.01)
    with pytest.raises(TimedOut) as whole:
        await hanging.complete(aimed(timeouts=brief))
    assert whole.value.metadata["phase"] == "attempt"
    with pytest.raises(TimedOut) as first:
        await hanging.open(aimed(timeouts=brief))
    assert first.value.metadata["phase"] == "first_token"


async def test_the_callers_own_deadline_is_no_fault_of_the_provider() -> None:
    clock = SystemClock()
    hanging = Timed(FakeProvider(gate=asyncio.Event()), "fake", clock)
    with pytest.raises(DeadlineExceeded):
        await hanging.complete(aimed(deadline=clock.monotonic() + 0.01))


def said(text: str, **options: Any) -> Call:
    """A call that says this."""
    spec = Spec(model="m", messages=(Message(Role.USER, (Text(text),)),))
    return aimed(spec=spec, options=Options(**options))


async def test_a_callers_own_impatience_rests_nobody_elses_target() -> None:
    clock = SystemClock()
    breaker = Breakers(clock, Settings(failures=1))
    provider = hardened(FakeProvider(gate=asyncio.Event()), clock, breaker=breaker, rules=ONCE)
    brief = Timeouts(attempt_s=0.01)
    hasty = aimed(timeouts=brief, options=Options(timeouts=brief))
    with pytest.raises(TimedOut):
        await provider.complete(hasty)
    assert breaker.state("fake/m") is BreakerState.CLOSED
    with pytest.raises(TimedOut):
        await provider.complete(aimed(timeouts=brief))
    assert breaker.state("fake/m") is BreakerState.OPEN


async def test_a_breaker_that_opens_between_retries_does_not_hide_what_opened_it() -> None:
    clock = FakeClock()
    breaker = Breakers(clock, Settings(failures=1, rest_s=1e6))
    provider = hardened(FakeProvider(Overloaded("busy")), clock, breaker=breaker)
    assert isinstance(await settled(clock, provider, aimed()), Overloaded)


async def test_each_target_has_its_own_time_limits() -> None:
    second = FakeProvider("rescued")
    united = unite(
        {"a": FakeProvider(Unserved("gone")), "b": second},
        in_memory(FakeClock()),
        CacheMode.BYPASS,
        60,
    )
    asked = aimed("a/m", "b/m")
    patient = Timeouts(attempt_s=300)
    asked = replace(asked, hops=(asked.hops[0], replace(asked.hops[1], timeouts=patient)))
    await united.complete(asked)
    assert second.calls[0].timeouts == patient


async def test_a_target_at_our_own_limit_leaves_the_call_to_the_next() -> None:
    clock = FakeClock()
    busy = hardened(FakeProvider("a"), clock, name="a", limits=Limits(requests_per_minute=1))
    united = unite({"a": busy, "b": FakeProvider("b")}, in_memory(clock), CacheMode.BYPASS, 60)
    for name in "ab":
        answer = await united.complete(aimed("a/m", "b/m"))
        assert answer.parts == (Text(name),)
    with pytest.raises(RateLimited):
        await united.complete(aimed("a/m"))


async def test_nobody_waits_long_for_one_target_while_another_is_left() -> None:
    clock = FakeClock()
    slow = FakeProvider(ProviderLimited("later", retry_after_s=RULES.max_s + 1))
    united = unite(
        {"a": hardened(slow, clock, name="a"), "b": FakeProvider("b")},
        in_memory(clock),
        CacheMode.BYPASS,
        60,
    )
    answer = await united.complete(aimed("a/m", "b/m"))
    assert answer.parts == (Text("b"),)
    assert clock.naps == []


async def test_an_answer_is_kept_and_given_again() -> None:
    leaf = FakeProvider("one two")
    united = unite({"fake": leaf}, in_memory(FakeClock()), CacheMode.READ_WRITE, 60)
    assert await united.hit(said("a")) is None
    answer = await united.complete(said("a"))
    assert await united.hit(said("a")) == answer
    assert await united.hit(said("b")) is None


async def test_a_finished_stream_is_kept_and_replayed_alike() -> None:
    leaf = FakeProvider("one two")
    united = unite({"fake": leaf}, in_memory(FakeClock()), CacheMode.READ_WRITE, 60)
    chunks = await drain(united, said("a"))
    kept = await united.hit(said("a"))
    assert kept is not None
    assert kept.parts == (Text("one two"),)
    assert [chunk async for chunk in Replay(kept)][-1] == chunks[-1]


async def test_a_broken_or_abandoned_stream_is_not_kept() -> None:
    united = unite({"fake": FakeProvider(CUT)}, in_memory(FakeClock()), CacheMode.READ_WRITE, 60)
    with pytest.raises(BadResponse):
        await drain(united, said("a"))
    stream = await united.open(said("a"))
    await stream.aclose()
    assert await united.hit(said("a")) is None


@pytest.mark.parametrize(
    ("mode", "kept", "found"),
    [
        (CacheMode.BYPASS, False, False),
        (CacheMode.READ_ONLY, False, True),
        (CacheMode.REFRESH, True, False),
        (CacheMode.READ_WRITE, True, True),
    ],
)
async def test_each_mode_reads_and_writes_as_it_says(
    mode: CacheMode, kept: bool, found: bool
) -> None:
    united = unite({"fake": FakeProvider()}, in_memory(FakeClock()), CacheMode.READ_WRITE, 60)
    await united.complete(said("a", cache_mode=mode))
    assert (await united.hit(said("a")) is not None) is kept
    await united.complete(said("a"))
    assert (await united.hit(said("a", cache_mode=mode)) is not None) is found


async def test_an_answer_that_was_cut_off_is_not_kept() -> None:
    leaf = FakeProvider(script("one two", Finish.LENGTH))
    united = unite({"fake": leaf}, in_memory(FakeClock()), CacheMode.READ_WRITE, 60)
    await united.complete(said("a"))
    assert await united.hit(said("a")) is None


async def test_tenants_and_partitions_never_share_an_answer() -> None:
    united = unite({"fake": FakeProvider()}, in_memory(FakeClock()), CacheMode.READ_WRITE, 60)
    await united.complete(said("a"))
    assert await united.hit(replace(said("a"), tenant="other")) is None
    assert await united.hit(said("a", cache_partition="other")) is None
    await united.complete(replace(said("a", cache_partition="b:c"), tenant="a"))
    assert await united.hit(replace(said("a", cache_partition="c"), tenant="a:b")) is None
