"""A provider is asked directly, in bounded time, and by a name that exists."""

from __future__ import annotations

import asyncio
import math

import pytest

from hexgate.adapters.clock import SystemClock
from hexgate.application.check import Check
from hexgate.domain.call import Timeouts
from hexgate.domain.errors import CredentialRejected, DeadlineExceeded, TimedOut, UnknownProvider
from tests.fakes import FakeClock, FakeProvider


def checking(*leaves: FakeProvider, **limits: float) -> Check:
    """A check of the providers `fake`, `fake2` and so on."""
    names = [f"fake{number}" if number > 1 else "fake" for number in range(1, len(leaves) + 1)]
    timeouts = {name: Timeouts(**limits) for name in names}
    return Check(dict(zip(names, leaves, strict=True)), timeouts, SystemClock())


async def test_a_provider_that_answers_is_fine() -> None:
    leaf = FakeProvider()
    checked = await checking(leaf, connect_s=3, first_token_s=7, attempt_s=90)("fake", math.inf)
    assert checked.failure is None
    # What is asked for is ready, so it need not take longer than the first output of others.
    assert [(limit.connect_s, limit.attempt_s) for limit in leaf.checks] == [(3, 7)]
    assert leaf.calls == []


async def test_what_is_wrong_is_an_answer_and_no_error() -> None:
    failure = CredentialRejected("fake does not accept the key")
    checked = await checking(FakeProvider(failure))("fake", math.inf)
    assert checked.failure is failure


async def test_it_takes_as_long_as_the_clock_says() -> None:
    gate, clock = asyncio.Event(), FakeClock()
    leaf = FakeProvider(gate=gate)
    task = asyncio.create_task(Check({"fake": leaf}, {}, clock)("fake", math.inf))
    await leaf.entered.wait()
    clock.advance(1.5)
    gate.set()
    assert (await task).duration_s == 1.5


async def test_a_provider_that_hangs_is_given_up_after_its_own_time() -> None:
    hangs = FakeProvider(gate=asyncio.Event())
    checked = await checking(hangs, first_token_s=0.01)("fake", math.inf)
    assert isinstance(checked.failure, TimedOut)
    assert checked.failure.metadata == {"provider": "fake", "phase": "attempt", "limitS": "0.01"}


async def test_the_callers_time_is_no_fault_of_the_provider() -> None:
    hangs = FakeProvider(gate=asyncio.Event())
    with pytest.raises(DeadlineExceeded):
        await checking(hangs)("fake", SystemClock.monotonic() + 0.01)


async def test_a_caller_who_leaves_ends_the_check() -> None:
    hangs = FakeProvider(gate=asyncio.Event())
    task = asyncio.create_task(checking(hangs)("fake", math.inf))
    await hangs.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_unknown_name_is_refused_with_the_likeliest_ones() -> None:
    check = checking(FakeProvider(), FakeProvider())
    with pytest.raises(UnknownProvider, match="did you mean fake") as caught:
        await check("fkae", math.inf)
    assert caught.value.metadata["provider"] == "fkae"
    assert caught.value.metadata["suggestions"].split(",")[0] == "fake"
    assert check.providers == ("fake", "fake2")


async def test_a_bug_in_an_adapter_is_not_taken_for_an_answer() -> None:
    with pytest.raises(RuntimeError):
        await checking(FakeProvider(RuntimeError("secret")))("fake", math.inf)
