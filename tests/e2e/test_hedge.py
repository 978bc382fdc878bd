"""Hedging, seen from outside: a real gateway between two simulators, of which one is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from hexgate.adapters.simulator import Fault
from hexgate.domain.ledger import CallState
from hexgate.v1 import accounting_pb2, error_pb2
from tests.entrypoints.grpc.conftest import streamed, whole
from tests.faults.world import World, world

TIMEOUT_S = 30.0
# It says what it is told, so that a slow answer is not a long one.
BOTH = ["first/sim-echo", "backup/sim-echo"]
HEDGED = {"aliases": {"fast": {"targets": BOTH, "hedge_after_s": 0.05}}}
PLAIN = {"aliases": {"fast": {"targets": BOTH}}}
LOST, KEPT = ("CANCELLED", 0), ("UNSPECIFIED", 200)
# Of "Hello there" by the gateway's own count, at `first`; `backup` costs ten times as much.
INPUT_NANOS = 7_000
Seen = tuple[str, str, int, bool]


async def asked(made: World, *, stream: bool, hedge_after_s: float = 0.0) -> Any:
    """The answer to one call of `fast`, or the last event of its stream."""
    if stream:
        request = streamed(model="fast")
        events = [event async for event in made.stub.StreamComplete(request, timeout=TIMEOUT_S)]
        return events[-1].finished
    plain = whole(model="fast")
    if hedge_after_s:
        after = Duration(nanos=round(hedge_after_s * 1_000_000_000))
        plain.options.routing.hedge_after.CopyFrom(after)
    return await made.stub.Complete(plain, timeout=TIMEOUT_S)


def seen(attempts: Sequence[accounting_pb2.Attempt]) -> list[Seen]:
    """Provider, failure, status and hedged, of each attempt."""
    return [
        (
            one.provider,
            error_pb2.ErrorReason.Name(one.failure).removeprefix("ERROR_REASON_"),
            one.http_status,
            one.hedged,
        )
        for one in attempts
    ]


async def booked(made: World, state: CallState) -> tuple[int, int, int]:
    """Input, waste and the whole cost, as the ledger has them, in nano-USD."""
    (entry,) = await made.entries()
    assert entry.settlement is not None
    assert entry.settlement.state is state
    spent = entry.settlement.cost
    assert spent.estimated
    assert spent.total_nanos <= entry.intent.hold_nanos
    return spent.input_nanos, spent.wasted_nanos, spent.total_nanos


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
async def test_a_second_attempt_overtakes_a_silent_first_whose_socket_is_closed(
    stream: bool,
) -> None:
    async with world(models=HEDGED) as made:
        made.first.script([Fault.HANG_BEFORE_HEADERS])
        answer = await asked(made, stream=stream)
        async with asyncio.timeout(TIMEOUT_S):
            await made.first.next_disconnect()
        assert seen(answer.route.attempts) == [
            ("first", *LOST, False),
            ("backup", *KEPT, True),
        ]
        assert answer.route.provider == "backup"
        _, wasted, total = await booked(made, CallState.SETTLED)
        assert wasted == INPUT_NANOS
        assert answer.cost.wasted_nanos == wasted
        assert answer.cost.total_nanos == total
        await made.as_before()


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
async def test_a_first_attempt_that_is_still_faster_is_kept_and_the_second_closed(
    stream: bool,
) -> None:
    async with world(models=HEDGED, pace_s=0.4) as made:
        made.backup.script([Fault.HANG_BEFORE_HEADERS])
        answer = await asked(made, stream=stream)
        async with asyncio.timeout(TIMEOUT_S):
            await made.backup.next_disconnect()
        assert seen(answer.route.attempts) == [
            ("backup", *LOST, True),
            ("first", *KEPT, False),
        ]
        assert answer.route.provider == "first"
        _, wasted, _ = await booked(made, CallState.SETTLED)
        assert wasted == 10 * INPUT_NANOS
        await made.as_before()


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
async def test_by_default_nothing_runs_beside_a_slow_attempt(stream: bool) -> None:
    async with world(models=PLAIN, pace_s=0.2) as made:
        answer = await asked(made, stream=stream)
        assert seen(answer.route.attempts) == [("first", *KEPT, False)]
        assert answer.cost.wasted_nanos == 0
        assert not made.backup.requests


async def test_a_caller_may_ask_for_it() -> None:
    async with world(models=PLAIN) as made:
        made.first.script([Fault.HANG_BEFORE_HEADERS])
        answer = await asked(made, stream=False, hedge_after_s=0.05)
        assert [one.hedged for one in answer.route.attempts] == [False, True]


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
async def test_a_caller_who_leaves_closes_both_sockets_and_pays_for_both(stream: bool) -> None:
    async with world(models=HEDGED) as made:
        made.first.script([Fault.HANG_BEFORE_HEADERS])
        made.backup.script([Fault.HANG_BEFORE_HEADERS])
        asking = asyncio.create_task(asked(made, stream=stream))
        async with asyncio.timeout(TIMEOUT_S):
            await made.first.next_request()
            await made.backup.next_request()
            asking.cancel()
            await made.first.next_disconnect()
            await made.backup.next_disconnect()
        await asyncio.wait((asking,))
        await made.as_before()
        spent, wasted, _ = await booked(made, CallState.CANCELLED)
        # Whichever of the two is counted as the call's own.
        assert sorted((spent, wasted)) == [INPUT_NANOS, 10 * INPUT_NANOS]
