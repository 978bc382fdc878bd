"""A stream that breaks off begins again elsewhere, for those who asked, and they are told."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.cache.memory import in_memory
from hexgate.adapters.limiter.memory import Limits
from hexgate.application.pipeline import unite
from hexgate.application.policies.restart import Restarting
from hexgate.domain.answer import (
    Chunk,
    Finish,
    Finished,
    Logprob,
    PartFinished,
    RouteChanged,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Warned,
)
from hexgate.domain.assemble import Assembler
from hexgate.domain.attempts import Attempt, Attempts
from hexgate.domain.call import CacheMode, ChatCall, FallbackMode, Options
from hexgate.domain.chat import Text, ToolCall
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import (
    BadResponse,
    CircuitOpen,
    DeadlineExceeded,
    GatewayError,
    InvalidRequest,
    ModelGone,
    Overloaded,
    ProviderFailed,
    RateLimited,
    StoreUnavailable,
    TimedOut,
)
from tests.application.paths import RESTART, along, rule, ruled, told, united
from tests.application.stacks import aimed, drain, hardened, hops
from tests.fakes import FakeClock, FakeProvider, Script, SlowProvider, script
from tests.virtual import LoopClock, virtual

LATE = TimedOut("silence")
CUT = Script(script("one two three").chunks[:2], LATE)
WHOLE = script("four five")


def asking(*names: str, **overrides: Any) -> ChatCall:
    """A call with these targets that wants its stream restarted."""
    return aimed(*names, options=RESTART, **overrides)


def sketch(chunks: list[Chunk]) -> list[str]:
    """What was read, in short."""
    said: list[str] = []
    for chunk in chunks:
        match chunk:
            case TextDelta():
                said.append(chunk.text.strip())
            case RouteChanged():
                said.append(f"{chunk.failed.failure} -> {chunk.provider}/{chunk.model}")
            case Finished():
                said.append(".")
            case _:
                pass
    return said


async def test_the_next_target_begins_anew_and_the_reader_is_told() -> None:
    leaves = {"a": FakeProvider(CUT), "b": FakeProvider(WHOLE)}
    asked = asking("a/m", "b/n")
    chunks = await drain(united(FakeClock(), leaves), asked)
    assert sketch(chunks) == ["one", "two", "PROVIDER_TIMEOUT -> b/n", "four", "five", "."]
    assert told(asked) == [("a", "PROVIDER_TIMEOUT"), ("b", "")]
    assert [chunk.failed for chunk in chunks if isinstance(chunk, RouteChanged)] == [
        asked.attempts.done[0]
    ]
    assert [leaf.closed for leaf in leaves.values()] == [1, 1]


@pytest.mark.parametrize("mode", [FallbackMode.BEFORE_OUTPUT, FallbackMode.DISABLED])
async def test_who_did_not_ask_gets_what_broke_it(mode: FallbackMode) -> None:
    leaves = {"a": FakeProvider(CUT), "b": FakeProvider()}
    with pytest.raises(TimedOut) as caught:
        await drain(
            united(FakeClock(), leaves), aimed("a/m", "b/m", options=Options(fallback_mode=mode))
        )
    assert caught.value is LATE
    assert leaves["b"].calls == []


async def test_whole_answers_and_streams_that_do_not_break_are_as_without() -> None:
    leaves = {"a": FakeProvider(WHOLE), "b": FakeProvider()}
    provider = united(FakeClock(), leaves)
    assert (await provider.complete(asking("a/m", "b/m"))).parts == (Text("four five"),)
    assert tuple(await drain(provider, asking("a/m", "b/m"))) == WHOLE.chunks
    assert leaves["b"].calls == []


async def test_only_a_target_that_takes_over_on_that_is_gone_to() -> None:
    slow = ruled(rule(Condition.TIMEOUT, delay_s=2.0), "c/m")
    busy = ruled(rule(Condition.OVERLOADED), "b/m")
    leaves = {"a": FakeProvider(CUT), "b": FakeProvider(), "c": FakeProvider(WHOLE)}
    clock = FakeClock()
    asked = along((*hops("a/m"), *busy, *slow), options=RESTART)
    going = asyncio.create_task(drain(united(clock, leaves), asked))
    await clock.until_sleeping(1)
    # Whoever waits for the next holds nothing of the one before.
    assert leaves["a"].closed == 1
    clock.advance(2)
    assert sketch(await going)[2:] == ["PROVIDER_TIMEOUT -> c/m", "four", "five", "."]
    assert leaves["b"].calls == []


async def test_where_nobody_takes_over_the_same_target_begins_again() -> None:
    asked = asking("a/m")
    chunks = await drain(united(FakeClock(), {"a": FakeProvider(CUT, CUT, WHOLE)}), asked)
    again = "PROVIDER_TIMEOUT -> a/m"
    assert sketch(chunks) == ["one", "two", again, "one", "two", again, "four", "five", "."]
    assert told(asked) == [("a", "PROVIDER_TIMEOUT")] * 2 + [("a", "")]


async def test_what_is_not_transient_does_not_begin_again_at_the_same_target() -> None:
    gone = ModelGone("retired")
    leaf = FakeProvider(replace(CUT, error=gone), WHOLE)
    with pytest.raises(ModelGone):
        await drain(united(FakeClock(), {"a": leaf}), asking("a/m"))
    assert len(leaf.calls) == 1


@pytest.mark.parametrize("names", [("a/m",), ("a/m", "b/m", "c/m")])
async def test_restarts_are_bounded_by_the_budget(names: tuple[str, ...]) -> None:
    leaves = {name: FakeProvider(CUT) for name in "abc"}
    asked = asking(*names, attempts=Attempts(2))
    with pytest.raises(TimedOut):
        await drain(united(FakeClock(), leaves), asked)
    assert [failure for _, failure in told(asked)] == ["PROVIDER_TIMEOUT"] * 2


async def test_nothing_begins_again_once_the_time_is_up() -> None:
    clock = FakeClock()
    leaves = {"a": FakeProvider(CUT), "b": FakeProvider()}
    asked = asking("a/m", "b/m", deadline=clock.monotonic() + 5)
    async with aclosing(await united(clock, leaves).open(asked)) as stream:
        await anext(stream)
        await anext(stream)
        clock.advance(5)
        with pytest.raises(TimedOut):
            await anext(stream)
    assert leaves["b"].calls == []


async def test_targets_that_fail_on_the_way_are_passed() -> None:
    leaves = {"a": FakeProvider(CUT), "b": FakeProvider(Overloaded("")), "c": FakeProvider(WHOLE)}
    asked = asking("a/m", "b/m", "c/m")
    chunks = await drain(united(FakeClock(), leaves), asked)
    assert sketch(chunks)[2:] == ["PROVIDER_TIMEOUT -> c/m", "four", "five", "."]
    assert [failure for _, failure in told(asked)] == [
        "PROVIDER_TIMEOUT",
        "PROVIDER_OVERLOADED",
        "",
    ]


@pytest.mark.parametrize("then", [Overloaded("busy"), InvalidRequest("no")])
async def test_when_nobody_can_go_on_it_ends_with_what_broke_it(then: GatewayError) -> None:
    leaves = {"a": FakeProvider(CUT), "b": FakeProvider(then), "c": FakeProvider(then)}
    with pytest.raises(TimedOut) as caught:
        await drain(united(FakeClock(), leaves), asking("a/m", "b/m", "c/m"))
    assert caught.value is LATE


@pytest.mark.parametrize("then", [DeadlineExceeded("late"), RuntimeError("a bug")])
async def test_what_is_nobodys_failure_ends_it_as_itself(then: Exception) -> None:
    leaves = {"a": FakeProvider(CUT), "b": FakeProvider(then)}
    with pytest.raises(type(then)):
        await drain(united(FakeClock(), leaves), asking("a/m", "b/m"))


@pytest.mark.parametrize(
    "error", [StoreUnavailable("full"), DeadlineExceeded("late"), RateLimited("ours")]
)
async def test_what_no_target_did_is_no_reason_to_begin_again(error: GatewayError) -> None:
    leaves = {"a": FakeProvider(replace(CUT, error=error)), "b": FakeProvider()}
    with pytest.raises(type(error)):
        await drain(united(FakeClock(), leaves), asking("a/m", "b/m"))
    assert leaves["b"].calls == []


async def test_who_waited_for_a_resting_target_may_still_begin_again() -> None:
    clock = FakeClock()
    rests = CircuitOpen("resting", retry_after_s=3)
    provider = united(clock, {"a": FakeProvider(rests, CUT, WHOLE)}, wait_s=3)
    going = asyncio.create_task(drain(provider, asking("a/m")))
    await clock.until_sleeping(1)
    clock.advance(3)
    assert sketch(await going)[2:] == ["PROVIDER_TIMEOUT -> a/m", "four", "five", "."]


async def test_no_stream_goes_on_as_one_that_was_filtered_before() -> None:
    withheld = Script((Finished(finish=Finish.CONTENT_FILTER, usage=None, model="m"),))
    leaves = {"a": FakeProvider(withheld), "b": FakeProvider(CUT, ModelGone("gone"))}
    filtering = ruled(rule(Condition.CONTENT_FILTER), "b/m")
    asked = along((*hops("a/m"), *filtering), options=RESTART)
    with pytest.raises(TimedOut):
        await drain(united(FakeClock(), leaves), asked)


class Odd(FakeProvider):
    """Its streams play these chunks, and then stop or break as no adapter should."""

    def __init__(self, chunks: tuple[Chunk, ...], error: Exception) -> None:
        super().__init__()
        self._odd = (*chunks, error)

    async def open(self, call: ChatCall) -> Any:
        self.calls.append(call)
        left = list(self._odd)

        class Stream:
            request_id = "odd-1"

            async def __anext__(self) -> Chunk:
                item = left.pop(0)
                if isinstance(item, Exception):
                    raise item
                return item

            async def aclose(self) -> None:
                pass

        return Stream()


async def test_a_stream_that_only_stops_has_broken_off() -> None:
    leaves = {"a": Odd(CUT.chunks, StopAsyncIteration()), "b": FakeProvider(WHOLE)}
    chunks = await drain(united(FakeClock(), leaves), asking("a/m", "b/m"))
    assert sketch(chunks)[2] == f"{BadResponse.reason} -> b/m"


@pytest.mark.parametrize("after", [StopAsyncIteration(), ProviderFailed("afterwards")])
async def test_nothing_begins_again_after_the_end(after: Exception) -> None:
    leaves = {"a": Odd(WHOLE.chunks, after), "b": FakeProvider()}
    stream = await united(FakeClock(), leaves).open(asking("a/m", "b/m"))
    assert [await anext(stream) for _ in WHOLE.chunks] == list(WHOLE.chunks)
    with pytest.raises(type(after)):
        await anext(stream)
    assert leaves["b"].calls == []


async def test_who_leaves_while_it_begins_again_leaves_nothing_open() -> None:
    second = FakeProvider(WHOLE, gate=asyncio.Event())
    leaves = {"a": FakeProvider(CUT), "b": second}
    asked = asking("a/m", "b/m")
    stream = await united(FakeClock(), leaves).open(asked)
    assert isinstance(stream, Restarting)
    await anext(stream)
    await anext(stream)
    reading = asyncio.ensure_future(anext(stream))
    await second.entered.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await stream.aclose()
    assert (leaves["a"].closed, second.opened) == (1, 0)
    assert told(asked) == [("a", "PROVIDER_TIMEOUT"), ("b", "CANCELLED")]


async def test_what_ran_beside_another_begins_again_alone() -> None:
    leaves = {"a": FakeProvider(CUT), "b": FakeProvider(WHOLE)}
    asked = asking("a/m", "b/m", hedged=True)
    await drain(united(FakeClock(), leaves), asked)
    assert [one.hedged for one in asked.attempts.done] == [True, False]


@virtual
async def test_what_won_against_another_may_begin_again_with_what_that_one_left() -> None:
    asked = asking("a/m", hedge_after_s=2.0, attempts=Attempts(3))
    chunks = await drain(united(LoopClock(), {"a": SlowProvider(3, CUT, WHOLE)}), asked)
    assert sketch(chunks)[2:] == ["PROVIDER_TIMEOUT -> a/m", "four", "five", "."]
    assert told(asked) == [("a", "CANCELLED"), ("a", "PROVIDER_TIMEOUT"), ("a", "")]


async def test_a_stream_is_known_by_the_request_that_serves_it_now() -> None:
    leaves = {"a": FakeProvider(CUT, request_id="r1"), "b": FakeProvider(WHOLE, request_id="r2")}
    async with aclosing(await united(FakeClock(), leaves).open(asking("a/m", "b/m"))) as stream:
        known = [(stream.request_id, await anext(stream)) for _ in range(3)]
        assert [request_id for request_id, _ in known] == ["r1", "r1", "r1"]
        assert stream.request_id == "r2"


async def test_only_what_began_anew_is_kept() -> None:
    odd = TextDelta(0, "one", (Logprob("one", -1.0),))
    broken = Script((Warned("OLD", "o"), odd, ToolCallStarted(1, "c", "f")), ProviderFailed("x"))
    fresh = Script((Warned("NEW", "n"), *WHOLE.chunks))
    leaves = {"a": FakeProvider(broken), "b": FakeProvider(fresh)}
    provider = united(FakeClock(), leaves, mode=CacheMode.READ_WRITE)
    await drain(provider, asking("a/m", "b/m"))
    kept = await provider.hit(asking("a/m", "b/m"))
    assert kept is not None
    assert (kept.parts, kept.warnings) == ((Text("four five"),), (Warned("NEW", "n"),))


def test_parts_of_an_answer_that_broke_off_are_forgotten() -> None:
    assembler = Assembler()
    for chunk in (
        TextDelta(0, "one"),
        PartFinished(0, Text("one")),
        ToolCallStarted(1, "c", "f"),
        ToolCallDelta(1, "{"),
    ):
        assembler.add(chunk)
    assert assembler.parts() == (Text("one"), ToolCall("c", "f", "{"))
    assembler.add(RouteChanged(Attempt(provider="a", model="m", failure="X"), "b", "m"))
    assert assembler.parts() == ()
    assembler.add(TextDelta(0, "two"))
    assert assembler.parts() == (Text("two"),)


async def test_what_broke_off_gives_back_its_slot_before_it_begins_again() -> None:
    clock = FakeClock()
    leaf = hardened(FakeProvider(CUT, WHOLE), clock, limits=Limits(concurrency=1))
    provider = unite({"fake": leaf}, in_memory(clock), CacheMode.BYPASS, 60, clock)
    chunks = await drain(provider, asking())
    assert sketch(chunks)[3:] == ["four", "five", "."]


@given(cuts=st.lists(st.integers(1, 3), max_size=5), budget=st.integers(1, 6))
async def test_wherever_streams_break_the_answer_is_one_streams_own(
    cuts: list[int], budget: int
) -> None:
    broken = [replace(CUT, chunks=WHOLE.chunks[:cut]) for cut in cuts]
    asked = asking("a/m", attempts=Attempts(budget))
    assembler, ended = Assembler(), False
    async with aclosing(
        await united(FakeClock(), {"a": FakeProvider(*broken, WHOLE)}).open(asked)
    ) as stream:
        try:
            async for chunk in stream:
                assembler.add(chunk)
                ended = isinstance(chunk, Finished)
        except TimedOut:
            assert len(asked.attempts.done) == budget
    assert ended is (len(cuts) < budget)
    said = WHOLE.chunks if ended else WHOLE.chunks[: cuts[budget - 1]]
    single = Assembler()
    for chunk in said:
        single.add(chunk)
    assert assembler.parts() == single.parts()
