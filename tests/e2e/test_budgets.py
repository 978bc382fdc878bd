"""A budget by one variable, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import grpc
from grpc import aio

from hexgate.client import Problem, dial, explain
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.e2e.conftest import Gateway, serving
from tests.entrypoints.grpc.conftest import whole

# A story may cost half a cent of the simulator's play money, and costs less than a tenth of that.
DAILY_USD = "0.005"
MOST_CALLS = 100


async def test_the_variable_alone_makes_a_budget_that_outlives_the_process(tmp_path: Path) -> None:
    with serving(tmp_path, DAILY_BUDGET_USD=DAILY_USD) as gateway:
        admitted, problem = await until_refused(gateway)
    assert admitted > 1
    assert problem.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert problem.reason == "BUDGET_EXCEEDED"
    assert problem.metadata["budget"] == "daily"
    assert problem.metadata["limitNanos"] == "5000000"
    spent = int(problem.metadata["spentNanos"])
    assert 0 < spent <= 5_000_000
    with serving(tmp_path, DAILY_BUDGET_USD=DAILY_USD) as gateway:
        admitted, problem = await until_refused(gateway)
    assert (admitted, problem.metadata["spentNanos"]) == (0, str(spent))
    with serving(tmp_path, DAILY_BUDGET_USD="0.007") as gateway:
        admitted, problem = await until_refused(gateway)
    assert admitted > 1
    assert spent < int(problem.metadata["spentNanos"]) <= 7_000_000


async def until_refused(gateway: Gateway) -> tuple[int, Problem]:
    """How many calls went through, and what the next was told."""
    async with dial(gateway.address) as channel:
        stub = CompletionServiceStub(channel)
        for admitted in range(MOST_CALLS):
            try:
                await stub.Complete(whole(model="sim/sim-story"), timeout=30)
            except aio.AioRpcError as error:
                return admitted, explain(error)
    raise AssertionError("the budget never refused")
