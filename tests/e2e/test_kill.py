"""SIGKILL at any moment of a gateway under load: every call is in the books, once, at its cost."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc import aio

from hexgate.adapters.ledger.sqlite import open_sqlite
from hexgate.domain.ledger import CallState, Entry
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.contracts.ledger import newest
from tests.e2e.conftest import started
from tests.entrypoints.grpc.conftest import streamed, whole

if TYPE_CHECKING:
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub


# The nightly form: HEXGATE_KILL_ROUNDS=200.
ROUNDS = int(os.environ.get("HEXGATE_KILL_ROUNDS", "10"))
CALLERS = 16
GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN)
CONFIG = """
providers:
  sim: {kind: simulator, pace_ms: 0}
budgets:
  daily: {limit_usd: 1000, window: day}
  forever: {limit_usd: 1000, window: total}
  each: {limit_usd: 1000, window: month, scope: "agent:*"}
"""


@dataclass
class Told:
    """What callers were told: costs of answers by id, and ids of streams that had begun."""

    costs: dict[str, int] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    wanted: int = 0

    def answer(self, call_id: str, nanos: int) -> None:
        assert call_id not in self.costs
        self.costs[call_id] = nanos
        if len(self.costs) >= self.wanted:
            self.enough.set()


async def call(stub: CompletionServiceAsyncStub, told: Told, number: int) -> None:
    """One call, whole or as a stream."""
    options = pb.CompleteRequest().options
    options.attribution.agent_id = f"agent-{number % 3}"
    if number % 2:
        request = whole("Tell me.", "sim/sim-story")
        request.options.CopyFrom(options)
        answer = await stub.Complete(request, timeout=30)
        told.answer(answer.response_id, answer.cost.total_nanos)
        return
    wish = streamed("Tell me.", "sim/sim-story")
    wish.options.CopyFrom(options)
    call_id = ""
    async for event in stub.StreamComplete(wish, timeout=30):
        if event.WhichOneof("event") == "started":
            call_id = event.started.response_id
            told.begun.add(call_id)
        elif event.WhichOneof("event") == "finished":
            told.answer(call_id, event.finished.cost.total_nanos)


async def caller(stub: CompletionServiceAsyncStub, told: Told, first: int) -> None:
    """Calls until the gateway is gone."""
    for number in itertools.count(first):
        try:
            await call(stub, told, number)
        except aio.AioRpcError as error:
            if error.code() not in GONE:
                raise
            return


async def killed(home: Path, told: Told, wanted: int) -> None:
    """A gateway that is killed once so many more answers have arrived, wherever it is by then."""
    told.enough.clear()
    told.wanted = len(told.costs) + wanted
    with started(home, "--config", "hexgate.yaml") as gateway:
        # A channel without retries of its own: what was lost with the gateway shall be lost.
        async with aio.insecure_channel(
            gateway.address, options=[("grpc.enable_retries", 0)]
        ) as channel:
            stub = CompletionServiceStub(channel)
            callers = [asyncio.create_task(caller(stub, told, one)) for one in range(CALLERS)]
            await told.enough.wait()
            gateway.process.kill()
            await asyncio.gather(*callers)
        gateway.process.wait()


@pytest.mark.timeout(60 + 30 * ROUNDS)
async def test_a_killed_gateway_has_every_call_in_its_books_once(tmp_path: Path) -> None:
    (tmp_path / "hexgate.yaml").write_text(CONFIG)
    moments, told = random.Random(11), Told()
    for _ in range(ROUNDS):
        await killed(tmp_path, told, moments.randrange(1, 120))
    ledger = open_sqlite(tmp_path / "hexgate.db")
    try:
        await ledger.recover(4e9)
        rows: dict[str, Entry] = {}
        for call_id in told.costs.keys() | told.begun:
            found = await ledger.get(call_id)
            assert found is not None, "a call that a caller was told of is not there"
            rows[call_id] = found
        for call_id, nanos in told.costs.items():
            outcome = rows[call_id].settlement
            assert outcome is not None
            assert outcome.state is CallState.SETTLED
            assert outcome.cost.total_nanos == nanos
        assert await ledger.audit() == ()
        unknown = 0
        for row in await newest(ledger, "default"):
            assert row.settlement is not None
            if row.state is CallState.UNKNOWN:
                unknown += 1
                assert row.settlement.cost.total_nanos == row.intent.hold_nanos > 0
        for balance in await ledger.balances("", "", 100):
            assert balance.held_nanos == 0
        assert unknown, "no call was under way when the gateway was killed"
    finally:
        await ledger.aclose()
