"""Two gateways over one PostgreSQL: one budget, whatever happens to any of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc import aio

from hexgate.adapters.ledger.postgres.ledger import open_postgres
from hexgate.client import dial, explain
from hexgate.domain.ledger import CallState
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.contracts.ledger import newest
from tests.e2e.conftest import serving, started
from tests.entrypoints.grpc.conftest import streamed, whole
from tests.postgres import PostgresServer, running

if TYPE_CHECKING:
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub


# One call of this text with this longest answer is held at 100,000 nano-USD: 16 tokens for its
# message and 44 for its bytes at 1,000, and 20 tokens of output at 2,000.
TEXT, LONGEST, HOLD = "x" * 44, 20, 100_000
CONFIG = """
providers:
  sim: {{kind: simulator, pace_ms: 0}}
ledger: {{backend: postgres, url: "{dsn}"}}
budgets:
  daily: {{limit_usd: {limit}, window: day}}
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests here."""
    with running() as server:
        yield server


@pytest.fixture
def dsn(postgres: PostgresServer) -> Iterator[str]:
    """A database of its own."""
    yield postgres.create("replicas")
    postgres.drop("replicas")


def home(folder: Path, name: str, dsn: str, limit: str) -> Path:
    """A folder with the configuration of one replica."""
    (folder / name).mkdir()
    (folder / name / "hexgate.yaml").write_text(CONFIG.format(dsn=dsn, limit=limit))
    return folder / name


def request(model: str = "sim/sim-echo") -> pb.CompleteRequest:
    """A call that is held at HOLD."""
    message = whole(TEXT, model)
    message.spec.params.max_output_tokens = LONGEST
    return message


async def test_a_hundred_calls_at_two_gateways_on_a_budget_for_ten_admit_ten(
    tmp_path: Path, dsn: str
) -> None:
    limit = f"0.{10 * HOLD:09}"
    with (
        serving(home(tmp_path, "a", dsn, limit), "--config", "hexgate.yaml") as one,
        serving(home(tmp_path, "b", dsn, limit), "--config", "hexgate.yaml") as other,
    ):
        async with AsyncExitStack() as stack:
            stubs = [
                CompletionServiceStub(await stack.enter_async_context(dial(gateway.address)))
                for gateway in (one, other)
            ]
            # Each takes a second, so all of the hundred are asked while the ten are under way.
            wish = request("sim/slow-1000")
            answers = await asyncio.gather(
                *(stub.Complete(wish, timeout=60) for _ in range(50) for stub in stubs),
                return_exceptions=True,
            )
    refused = [one for one in answers if isinstance(one, aio.AioRpcError)]
    assert {one.code() for one in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert {explain(one).reason for one in refused} == {"BUDGET_EXCEEDED"}
    assert (len(answers), len(refused)) == (100, 90)


async def test_a_gateway_that_is_killed_takes_nothing_with_it(tmp_path: Path, dsn: str) -> None:
    folder, told = home(tmp_path, "a", dsn, "1000"), dict[str, int]()
    enough = asyncio.Event()

    async def calls(stub: CompletionServiceAsyncStub) -> None:
        for number in itertools.count():
            try:
                if number % 2:
                    answer = await stub.Complete(whole("Hi.", "sim/sim-story"), timeout=30)
                    told[answer.response_id] = answer.cost.total_nanos
                else:
                    await stream(stub)
            except aio.AioRpcError:
                return
            if len(told) > 40:
                enough.set()

    async def stream(stub: CompletionServiceAsyncStub) -> None:
        call_id = ""
        async for event in stub.StreamComplete(streamed("Hi.", "sim/sim-story"), timeout=30):
            call_id = event.started.response_id or call_id
            if event.WhichOneof("event") == "finished":
                told[call_id] = event.finished.cost.total_nanos

    with started(folder, "--config", "hexgate.yaml") as gateway:
        async with aio.insecure_channel(
            gateway.address, options=[("grpc.enable_retries", 0)]
        ) as channel:
            callers = [asyncio.create_task(calls(CompletionServiceStub(channel))) for _ in range(8)]
            await enough.wait()
            gateway.process.kill()
            await asyncio.gather(*callers)
    ledger = await open_postgres(dsn)
    try:
        for call_id, nanos in told.items():
            found = await ledger.get(call_id)
            assert found is not None
            assert found.settlement is not None
            assert found.settlement.cost.total_nanos == nanos
        # Another replica charges what is left, once the calls' own time is over.
        swept = await ledger.sweep(4e9)
        rows = await newest(ledger, "default")
        unknown = [row for row in rows if row.state is CallState.UNKNOWN]
        assert len(unknown) == swept
        assert not any(row.state is CallState.PENDING for row in rows)
        (balance,) = await ledger.balances("", "", 10)
        costs = [row.settlement.cost.total_nanos for row in rows if row.settlement is not None]
        assert (balance.spent_nanos, balance.held_nanos) == (sum(costs), 0)
    finally:
        await ledger.aclose()


async def test_while_postgres_is_away_calls_are_refused_with_that_reason(
    tmp_path: Path, dsn: str, postgres: PostgresServer
) -> None:
    folder = home(tmp_path, "a", dsn, "1000")
    with serving(folder, "--config", "hexgate.yaml") as gateway:
        async with aio.insecure_channel(
            gateway.address, options=[("grpc.enable_retries", 0)]
        ) as channel:
            stub = CompletionServiceStub(channel)
            await stub.Complete(request(), timeout=30)
            postgres.stop(immediate=True)
            try:
                with pytest.raises(aio.AioRpcError) as refused:
                    await stub.Complete(request(), timeout=30)
            finally:
                postgres.start()
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert explain(refused.value).reason == "STORE_UNAVAILABLE"
            # It is back by itself; what was refused left nothing behind.
            answered = await stub.Complete(request(), timeout=30, wait_for_ready=True)
    ledger = await open_postgres(dsn)
    try:
        rows = await newest(ledger, "default")
        assert rows[0].intent.call_id == answered.response_id
        assert [row.state for row in rows] == [CallState.SETTLED] * 2
    finally:
        await ledger.aclose()
