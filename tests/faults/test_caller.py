"""The caller leaves, at any moment, or does not read what it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import grpc
import pytest
from grpc import aio

from hexgate.adapters.simulator import Fault, tokens
from hexgate.adapters.simulator.faults import Plan
from hexgate.client import explain
from hexgate.domain.estimate import text_tokens
from hexgate.domain.ledger import CallState, Entry
from hexgate.v1 import completion_service_pb2 as pb
from tests.entrypoints.grpc.calls import Call, collected
from tests.faults.ends import NOT_READ
from tests.faults.outcome import BACKUP, FIRST, Tried
from tests.faults.places import Place
from tests.faults.seen import GOOD, Seen, asked, booked
from tests.faults.world import MODEL, PATIENCE_S, Sections, World, world

Until: TypeAlias = Callable[[World], Awaitable[object]]
Unary: TypeAlias = "aio.UnaryUnaryCall[pb.CompleteRequest, pb.CompleteResponse]"
Prepare: TypeAlias = Callable[[World], None]
PIECES = tokens.pieces(GOOD)


async def _refused_once(made: World) -> None:
    await made.first.next_request()
    await made.first.idle()


def _fallback_hangs(made: World) -> None:
    made.first.script([Fault.ERROR_500])
    made.backup.script([Fault.HANG_BEFORE_HEADERS])


def _second_key_hangs(made: World) -> None:
    made.first.script_key("sk-0", Fault.UNAUTHORIZED)
    made.first.script_key("sk-1", Fault.HANG_BEFORE_HEADERS)


async def _both_hang(made: World) -> None:
    await made.first.next_silence()
    await made.backup.next_silence()


def _each_hangs(made: World) -> None:
    made.first.script([Fault.HANG_BEFORE_HEADERS])
    made.backup.script([Fault.HANG_BEFORE_HEADERS])


def _does(fault: Fault) -> Prepare:
    return lambda made: made.first.script([fault])


def _nothing(_: World) -> None: ...


def _connected(made: World) -> Awaitable[object]:
    assert made.place is not None
    return made.place.visited.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When the caller leaves, how it comes to that, and which attempts were made by then."""

    until: Until
    tried: tuple[Tried, ...] = ((FIRST, "CANCELLED"),)
    prepare: Prepare = _nothing
    place: Place | None = None
    first: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    settings: Sections = field(default_factory=lambda: MappingProxyType({}))


def _silent(made: World) -> Awaitable[object]:
    return made.first.next_silence()


_LISTED = {"models": {"fallbacks": [f"{BACKUP}/{MODEL}"]}}
_DELAYED = {"on": "error", "to": f"{BACKUP}/{MODEL}", "delay_s": 15}
MOMENTS = {
    "while-the-connection-is-made": Moment(place=Place.NO_HANDSHAKE, until=_connected),
    "before-the-headers": Moment(prepare=_does(Fault.HANG_BEFORE_HEADERS), until=_silent),
    "after-the-headers": Moment(prepare=_does(Fault.HANG_AFTER_HEADERS), until=_silent),
    "while-a-retry-waits": Moment(
        prepare=_does(Fault.LIMITED_SECONDS),
        until=_refused_once,
        tried=((FIRST, "PROVIDER_RATE_LIMITED"),),
        settings={"retry": {"attempts": 4}},
    ),
    "at-the-second-key": Moment(
        prepare=_second_key_hangs,
        until=_silent,
        tried=((FIRST, "PROVIDER_AUTH_FAILED"), (FIRST, "CANCELLED")),
        first={"api_keys": ["sk-0", "sk-1"]},
    ),
    "at-the-fallback": Moment(
        prepare=_fallback_hangs,
        until=lambda made: made.backup.next_silence(),
        tried=((FIRST, "PROVIDER_ERROR"), (BACKUP, "CANCELLED")),
        settings=_LISTED,
    ),
    "while-a-rule-delays": Moment(
        prepare=_does(Fault.ERROR_500),
        until=_refused_once,
        tried=((FIRST, "PROVIDER_ERROR"),),
        settings={"routing": {"fallback": [_DELAYED]}},
    ),
    "while-two-are-hedged": Moment(
        prepare=_each_hangs,
        until=_both_hang,
        tried=((BACKUP, "CANCELLED"), (FIRST, "CANCELLED")),
        settings={**_LISTED, "routing": {"hedge_after_s": 0.05}},
    ),
}


def asking(made: World, *, timeout_s: float = PATIENCE_S, waits: bool = False) -> Unary:
    """A call for an answer in one piece, on its way."""
    what, options = asked()
    if waits:
        options.max_queue_wait.seconds = 60
    return made.stub.Complete(pb.CompleteRequest(spec=what, options=options), timeout=timeout_s)


def streaming(made: World, *, timeout_s: float = PATIENCE_S, waits: bool = False) -> Call:
    """A call for a stream, on its way."""
    what, options = asked()
    if waits:
        options.max_queue_wait.seconds = 60
    request = pb.StreamCompleteRequest(spec=what, options=options)
    return made.stub.StreamComplete(request, timeout=timeout_s)


WAYS = pytest.mark.parametrize("begun", [asking, streaming], ids=["unary", "stream"])
Begun: TypeAlias = "Callable[..., Unary | Call]"


@WAYS
@pytest.mark.parametrize("name", MOMENTS)
async def test_who_leaves_before_the_answer_leaves_nothing_behind(name: str, begun: Begun) -> None:
    moment = MOMENTS[name]
    async with world(first=moment.first, place=moment.place, pace_s=0.0, **moment.settings) as made:
        moment.prepare(made)
        call = begun(made)
        await asyncio.wait_for(moment.until(made), PATIENCE_S)
        call.cancel()
        assert await call.code() is grpc.StatusCode.CANCELLED
        await made.as_before()
        (entry,) = await made.entries()
    # Two that ran side by side ended together.
    assert sorted(booked(entry)) == sorted(moment.tried)
    judge_left(entry)


@WAYS
async def test_who_leaves_while_waiting_for_room_was_never_sent(begun: Begun) -> None:
    async with world(first={"limits": {"concurrency": 1}}) as made:
        made.first.script([Fault.HANG_BEFORE_HEADERS])
        running = begun(made)
        await asyncio.wait_for(made.first.next_silence(), PATIENCE_S)
        waiting = begun(made, waits=True)
        while await made.running() < 2:
            pass
        waiting.cancel()
        assert await waiting.code() is grpc.StatusCode.CANCELLED
        running.cancel()
        await made.as_before()
        entries = await made.entries()
    assert sorted(map(booked, entries)) == [(), ((FIRST, "CANCELLED"),)]
    for entry in entries:
        judge_left(entry)
    assert len(made.first.requests) == 1


async def test_who_leaves_with_half_of_an_answer_there_leaves_nothing_behind() -> None:
    async with world() as made:
        made.first.script([Fault.HANG_MID_STREAM])
        call = asking(made)
        await asyncio.wait_for(made.first.next_silence(), PATIENCE_S)
        call.cancel()
        await made.as_before()
        (entry,) = await made.entries()
    judge_left(entry)
    assert entry.settlement is not None
    assert entry.settlement.usage.input > 0  # it will have been billed


async def test_who_leaves_after_any_piece_pays_for_what_was_delivered() -> None:
    async with world() as made:
        for count in range(1, len(PIECES) + 1):
            made.first.script([Plan(Fault.HANG_MID_STREAM, after=count)])
            call = streaming(made)
            seen, call_id = Seen(), ""
            shown = "".join(PIECES[:count])
            while seen.text != shown:
                event = await call.read()
                assert isinstance(event, pb.StreamCompleteResponse)
                call_id = call_id or event.started.response_id
                seen.hear(event)
            call.cancel()
            await made.as_before()
            entry = await made.ledger.get(call_id)
            assert entry is not None
            judge_left(entry)
            assert entry.settlement is not None
            used = entry.settlement.usage
            assert (used.output, used.estimated) == (text_tokens(len(shown)), True), count
            assert used.input > 0
            assert entry.settlement.cost.total_nanos > 0
            await asyncio.wait_for(made.first.next_disconnect(), PATIENCE_S)


async def _turns(made: World, begun: Begun, most: int | None = None) -> int:
    """How many turns of the loop a call takes; one that takes `most` is left."""
    call = begun(made)
    reading = asyncio.ensure_future(_finished(call))
    turns = 0
    while not reading.done() and turns != most:
        turns += 1
        await asyncio.sleep(0)
    call.cancel()  # does nothing after the end
    await reading
    return turns


async def _finished(call: Unary | Call) -> None:
    with suppress(aio.AioRpcError, asyncio.CancelledError):
        if isinstance(call, aio.UnaryUnaryCall):
            await call
        else:
            async for _ in call:
                pass


@WAYS
async def test_who_leaves_at_any_moment_is_settled_once(begun: Begun) -> None:
    """Where it strikes is chance; what holds, holds everywhere."""
    parts = 24
    async with world(pace_s=0.001) as made:
        await _turns(made, begun)  # the first one also connects
        whole = await _turns(made, begun)
        for part in range(parts):
            await _turns(made, begun, whole * part // parts)
        await made.as_before()
        entries = await made.entries()
    assert len(entries) <= parts + 2
    states = {entry.state for entry in entries}
    assert states <= {CallState.SETTLED, CallState.CANCELLED}
    for entry in entries:
        if entry.state is CallState.CANCELLED:
            judge_left(entry)


@WAYS
async def test_a_deadline_that_passes_ends_the_call_at_the_provider_too(begun: Begun) -> None:
    async with world() as made:
        made.first.script([Fault.HANG_BEFORE_HEADERS])
        call = begun(made, timeout_s=0.5)
        assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await made.as_before()
        (entry,) = await made.entries()
    assert entry.state is CallState.CANCELLED
    assert entry.settlement is not None
    assert entry.settlement.usage.input > 0
    assert len(entry.settlement.attempts) == 1


async def test_who_reads_nothing_is_given_up_and_told() -> None:
    # What is said beyond the length that was allowed would not count.
    allowed = {"max_output_tokens": {"default": 10**8}}
    async with world(server={"write_timeout_s": 0.2}, models=allowed) as made:
        made.first.script([Fault.GIANT_BODY])
        call = streaming(made)
        seen = Seen()
        event = await call.read()
        assert isinstance(event, pb.StreamCompleteResponse)
        seen.hear(event)
        # Nothing more is read: the windows fill, and the provider is closed.
        await asyncio.wait_for(made.first.next_disconnect(), PATIENCE_S)
        rest: list[pb.StreamCompleteResponse] = []
        with pytest.raises(aio.AioRpcError) as caught:
            await collected(call, rest)
        for event in rest:
            seen.hear(event)
        await made.as_before()
        (entry,) = await made.entries()
    problem = explain(caught.value)
    assert (problem.code.name, problem.reason) == (NOT_READ.code, NOT_READ.reason)
    assert problem.failure is not None
    assert problem.failure.last_sequence == seen.sequence
    assert entry.settlement is not None
    assert entry.settlement.usage.output >= text_tokens(len(seen.text)) > 0


async def test_who_reads_late_gets_everything() -> None:
    async with world() as made:
        call = streaming(made)
        seen = Seen()
        # The provider has said all and is gone before anything is read.
        await asyncio.wait_for(made.first.next_request(), PATIENCE_S)
        await asyncio.wait_for(made.first.idle(), PATIENCE_S)
        async for event in call:
            seen.hear(event)
        await made.as_before()
        (entry,) = await made.entries()
    assert (seen.text, seen.ended) == (GOOD, True)
    assert entry.state is CallState.SETTLED


def judge_left(entry: Entry) -> None:
    """The ledger says that it was left, and estimates what that cost."""
    settled = entry.settlement
    assert settled is not None
    assert (settled.state, settled.failure) == (CallState.CANCELLED, "CANCELLED")
    assert settled.usage.estimated
    assert (settled.cost.total_nanos > 0) == (settled.usage.total > 0)
