"""Time limits of an attempt, and the end of the caller's time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hexgate.application.policies.deadline import Timed
from hexgate.domain.call import ChatCall, Timeouts
from hexgate.domain.errors import DeadlineExceeded, GatewayError, TimedOut
from hexgate.ports.provider import Provider
from tests.application.stacks import aimed, hardened
from tests.fakes import FakeProvider, embed_call
from tests.virtual import LoopClock, virtual

WAYS = {
    "complete": lambda provider, asked: provider.complete(asked),
    "open": lambda provider, asked: provider.open(asked),
    "embed": lambda provider, asked: provider.embed(embed_call("one", deadline=asked.deadline)),
}
EVERY_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
Way = Callable[[Provider, ChatCall], Awaitable[object]]


async def failure(going: Awaitable[object]) -> GatewayError:
    """What it raises."""
    with pytest.raises(GatewayError) as caught:
        await going
    return caught.value


def hanging() -> FakeProvider:
    """It hears of a call and never answers."""
    return FakeProvider(gate=asyncio.Event())


@EVERY_WAY
@pytest.mark.parametrize("over_s", [0, 1])
@virtual
async def test_nothing_is_sent_once_the_time_is_up(way: Way, over_s: float) -> None:
    clock, leaf = LoopClock(), FakeProvider("at once")
    await clock.sleep(10)
    error = await failure(way(Timed(leaf, "fake", clock), aimed(deadline=10.0 - over_s)))
    assert isinstance(error, DeadlineExceeded)
    assert error.metadata["provider"] == "fake"
    assert leaf.calls == []
    assert not error.sent


@virtual
async def test_what_could_not_be_sent_any_more_was_no_attempt() -> None:
    clock = LoopClock()
    asked = aimed(deadline=0.0)
    await failure(hardened(FakeProvider("at once"), clock).complete(asked))
    assert asked.attempts.done == []


@EVERY_WAY
@virtual
async def test_the_callers_own_deadline_is_no_fault_of_the_provider(way: Way) -> None:
    clock, leaf = LoopClock(), hanging()
    error = await failure(way(Timed(leaf, "fake", clock), aimed(deadline=3.0)))
    assert isinstance(error, DeadlineExceeded)
    assert (clock.monotonic(), len(leaf.calls)) == (3, 1)


@pytest.mark.parametrize(("streamed", "phase"), [(False, "attempt"), (True, "first_token")])
@virtual
async def test_an_attempt_that_takes_too_long_times_out_by_name(streamed: bool, phase: str) -> None:
    clock = LoopClock()
    asked = aimed(timeouts=Timeouts(first_token_s=2, attempt_s=7))
    timed = Timed(hanging(), "fake", clock)
    error = await failure(timed.open(asked) if streamed else timed.complete(asked))
    assert isinstance(error, TimedOut)
    assert error.metadata["phase"] == phase
    assert clock.monotonic() == (2 if streamed else 7)


@virtual
async def test_where_both_end_at_once_it_is_the_callers_deadline() -> None:
    asked = aimed(deadline=7.0, timeouts=Timeouts(attempt_s=7))
    error = await failure(Timed(hanging(), "fake", LoopClock()).complete(asked))
    assert isinstance(error, DeadlineExceeded)


@virtual
async def test_a_stream_that_has_begun_is_not_cut_off_by_the_limit_of_its_beginning() -> None:
    clock = LoopClock()
    asked = aimed(timeouts=Timeouts(first_token_s=2))
    stream = await Timed(FakeProvider("one two"), "fake", clock).open(asked)
    await clock.sleep(60)
    assert [chunk async for chunk in stream]
    await stream.aclose()


@virtual
async def test_a_cancellation_is_neither_limit() -> None:
    leaf = hanging()
    going = asyncio.ensure_future(Timed(leaf, "fake", LoopClock()).complete(aimed()))
    await leaf.entered.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
