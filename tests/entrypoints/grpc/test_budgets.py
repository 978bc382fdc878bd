"""Budgets as callers and operators see them, over the real server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from pathlib import Path

import aiohttp
import grpc
import pytest
from google.rpc import error_details_pb2

from hexgate.adapters.alerts.webhook import SIGNATURE
from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.client import explain
from hexgate.domain.budget import Alert, Window
from hexgate.domain.ledger import CallState
from hexgate.entrypoints.resources import CannotStart
from hexgate.v1 import completion_service_pb2 as pb
from tests.adapters.alerts.receiver import receiving
from tests.entrypoints.grpc.budgeted import (
    CHEAP,
    DEAR,
    LONG,
    READS,
    WRITES,
    asking,
    budget,
    budgeted,
    details,
    metrics,
    spending,
)
from tests.entrypoints.grpc.calls import events, refused
from tests.entrypoints.grpc.conftest import Serve, Served, streamed
from tests.fakes import FakeProvider

SECRET = "whsec-4711"


class Watched(MemoryLedger):
    """Tells when an alert need not be carried again."""

    def __init__(self) -> None:
        super().__init__()
        self.arrivals = asyncio.Semaphore(0)

    async def delivered(self, alert: Alert) -> None:
        """See Alerts."""
        await super().delivered(alert)
        self.arrivals.release()


async def spend(served: Served, calls: int = 1) -> None:
    """So many calls that cost all they may."""
    for _ in range(calls):
        await served.stub.Complete(asking(), timeout=10)


async def test_each_alert_arrives_once_with_a_signature_and_is_counted() -> None:
    store = Watched()
    all_of_it = budget(10 * DEAR, alerts=[0.8, 1])
    async with receiving() as receiver:
        hook = {"url": f"{receiver.url}/200?key=t0ken", "secret": SECRET}
        async with budgeted(spending(), {"all": all_of_it}, store=store, hook=hook) as served:
            await spend(served, 7)
            assert await store.claim(0, 0, 9) == ()  # 70 %
            await spend(served)
            await store.arrivals.acquire()
            await spend(served, 2)
            await store.arrivals.acquire()
            await refused(served, asking())
            counted = await metrics(served)
        posts = receiver.posts
    assert await store.claim(1e12, 1e12, 9) == ()
    told = [(p.said["budget"], p.said["scope"], p.said["threshold_nanos"]) for p in posts]
    assert told == [("all", "global", 8 * DEAR), ("all", "global", 10 * DEAR)]
    assert [post.said["spent_nanos"] for post in posts] == [8 * DEAR, 10 * DEAR]
    for post in posts:
        made = hmac.new(SECRET.encode(), post.body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(post.headers[SIGNATURE], f"sha256={made}")
    for percent in ("80", "100"):
        line = f'hexgate_budget_alerts_total{{budget="all",percent="{percent}"}} 1.0'
        assert line in counted.splitlines()


async def test_an_alert_that_does_not_arrive_is_counted_and_calls_go_on() -> None:
    async with receiving() as receiver:
        hook = {"url": f"{receiver.url}/500"}
        half = budget(10 * DEAR, alerts=[0.1])
        async with budgeted(spending(), {"all": half}, hook=hook) as served:
            await spend(served)
            await receiver.got(1)
            await spend(served)
            counted = await metrics(served)
    assert 'hexgate_budget_alerts_total{budget="all",percent="10"} 1.0' in counted
    # The answer may still be on its way, but no more than one is.
    assert len(receiver.posts) == 1


async def test_nothing_but_metrics_is_served_where_prometheus_reads() -> None:
    async with budgeted(spending(), {}) as served, aiohttp.ClientSession() as session:
        base = f"http://{served.gateway.metrics_address}"
        async with session.get(f"{base}/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
        async with session.get(f"{base}/") as answer:
            assert answer.status == 404
        async with session.post(f"{base}/metrics") as answer:
            assert answer.status == 405


async def test_without_a_wish_for_metrics_there_are_none(served: Serve) -> None:
    async with served(FakeProvider()) as server:
        assert server.gateway.metrics_address == ""


async def test_metrics_on_an_address_that_is_taken_prevent_the_start(served: Serve) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        taken = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(CannotStart, match=r"server\.metrics_listen: cannot listen on"):
            async with served(FakeProvider(), metrics_listen=taken):
                pass


async def test_a_refused_call_says_which_budget_whose_and_until_when() -> None:
    before = Window.MONTH.bounds_at(time.time())[1]
    agents = budget(3 * DEAR, "month", scope="agent:*")
    async with budgeted(spending(), {"agents": agents}) as served:
        for _ in range(3):
            await served.stub.Complete(asking(agent_id="indexer"), timeout=10)
        error = await refused(served, asking(agent_id="indexer"))
        await served.stub.Complete(asking(agent_id="writer"), timeout=10)
    after = Window.MONTH.bounds_at(time.time())[1]
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    problem = explain(error)
    assert problem.reason == "BUDGET_EXCEEDED"
    assert problem.retry_after_s is None
    assert {key: problem.metadata[key] for key in ("budget", "scope", "limitNanos")} == {
        "budget": "agents",
        "scope": "agent:indexer",
        "limitNanos": str(3 * DEAR),
    }
    assert problem.metadata["spentNanos"] == str(3 * DEAR)
    assert problem.metadata["heldNanos"] == "0"
    assert problem.metadata["neededNanos"] == str(DEAR)
    assert problem.metadata["resetTime"] in {rfc3339(before), rfc3339(after)}
    found = details(error)
    assert set(found) == {"ErrorInfo", "QuotaFailure"}
    quota = found["QuotaFailure"]
    assert isinstance(quota, error_details_pb2.QuotaFailure)
    assert [one.subject for one in quota.violations] == ["agent:indexer"]
    trailers = dict(error.trailing_metadata() or ())
    assert trailers["grpc-retry-pushback-ms"] == "-1"


def rfc3339(at: float | None) -> str:
    """The end of a window, as errors tell it."""
    assert at is not None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


async def test_a_total_budget_has_no_end_to_wait_for() -> None:
    async with budgeted(spending(), {"all": budget(0)}) as served:
        problem = explain(await refused(served, asking()))
    assert problem.reason == "BUDGET_EXCEEDED"
    assert "resetTime" not in problem.metadata
    assert "raise its limit" in problem.message


async def test_a_refused_stream_begins_with_nothing() -> None:
    leaf = spending()
    async with budgeted(leaf, {"all": budget(DEAR - 1)}) as served:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await events(served, streamed(LONG))
        problem = explain(caught.value)
    assert problem.reason == "BUDGET_EXCEEDED"
    assert problem.failure is None
    assert leaf.calls == []


async def test_a_cost_above_its_hold_is_recorded_and_the_next_call_is_refused() -> None:
    leaf = spending(10 * READS, 10 * WRITES)
    async with budgeted(leaf, {"all": budget(3 * DEAR)}) as served:
        answer = await served.stub.Complete(asking(), timeout=10)
        assert answer.cost.total_nanos == 10 * DEAR
        problem = explain(await refused(served, asking()))
        (account,) = await served.ledger.balances("", "", 9)
    assert problem.metadata["spentNanos"] == str(10 * DEAR)
    assert (account.spent_nanos, account.held_nanos) == (10 * DEAR, 0)


async def test_a_model_of_unknown_price_is_refused_where_a_budget_counts() -> None:
    leaf = spending()
    async with budgeted(leaf, {"all": budget(10 * DEAR)}) as served:
        error = await refused(served, asking("fake/strange"))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert explain(error).reason == "PRICE_UNKNOWN"
    assert leaf.calls == []


async def test_a_model_of_unknown_price_is_let_through_where_the_budget_allows_that() -> None:
    lenient = budget(0, unpriced="allow")
    async with budgeted(spending(), {"all": lenient}) as served:
        answer = await served.stub.Complete(asking("fake/strange"), timeout=10)
    assert answer.cost.price_unknown


SOFT = {
    **budget(10 * DEAR, at_limit="downgrade", downgrade_at=0.5),
    "downgrade_to": ["fake/cheap"],
}


async def test_beyond_its_share_a_call_goes_to_the_cheaper_model_with_a_warning() -> None:
    leaf = spending()
    async with budgeted(leaf, {"all": SOFT}) as served:
        await spend(served, 5)
        answer = await served.stub.Complete(asking(), timeout=10)
        entry = await served.ledger.get(answer.response_id)
    (warning,) = answer.warnings
    assert (warning.code, warning.field) == ("MODEL_DOWNGRADED", "spec.model")
    assert "budget all" in warning.message
    assert "fake/m" in warning.message
    assert "fake/cheap" in warning.message
    assert [call.model for call in leaf.calls] == ["m"] * 5 + ["cheap"]
    assert answer.cost.total_nanos == CHEAP
    assert entry is not None
    assert (entry.intent.requested_model, entry.intent.model) == ("fake/m", "cheap")
    assert entry.state is CallState.SETTLED


async def test_a_downgraded_stream_says_so_before_its_text() -> None:
    leaf = spending()
    async with budgeted(leaf, {"all": SOFT}) as served:
        await spend(served, 5)
        told = await events(served, streamed(LONG))
    kinds = [event.WhichOneof("event") for event in told]
    assert kinds[:2] == ["started", "warning"]
    assert told[1].warning.code == "MODEL_DOWNGRADED"
    assert kinds.index("text") > 1
    assert leaf.calls[-1].model == "cheap"
    assert told[-1].finished.cost.total_nanos == CHEAP


async def test_the_limit_holds_for_cheaper_models_as_well() -> None:
    async with budgeted(spending(), {"all": {**SOFT, "limit_usd": "0.000030000"}}) as served:
        answer = await served.stub.Complete(asking(), timeout=10)
        assert answer.warnings[0].code == "MODEL_DOWNGRADED"
        assert explain(await refused(served, asking())).reason == "BUDGET_EXCEEDED"


async def test_a_restarted_gateway_knows_what_was_spent(tmp_path: Path) -> None:
    file, budgets = tmp_path / "ledger.db", {"all": budget(3 * DEAR)}
    async with budgeted(spending(), budgets, file=file) as served:
        await spend(served, 2)
    async with budgeted(spending(), budgets, file=file) as served:
        await spend(served)
        problem = explain(await refused(served, asking()))
    assert problem.metadata["spentNanos"] == str(3 * DEAR)


async def test_a_budget_that_is_added_counts_what_was_spent_before(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    async with budgeted(spending(), {}, file=file) as served:
        await served.stub.Complete(asking(agent_id="a"), timeout=10)
        await served.stub.Complete(asking(agent_id="b", labels={"team": "x"}), timeout=10)
    budgets = {
        "all": budget(3 * DEAR, alerts=[0.5]),
        "agents": budget(DEAR, scope="agent:*", alerts=[]),
        "team": budget(DEAR, scope="label:team=x", alerts=[]),
    }
    async with receiving() as receiver:
        hook = {"url": f"{receiver.url}/200"}
        async with budgeted(spending(), budgets, file=file, hook=hook) as served:
            (post,) = await receiver.got(1)
            assert await told_of(served, asking(agent_id="a")) == ("agents", str(DEAR))
            assert await told_of(served, asking(labels={"team": "x"})) == ("team", str(DEAR))
            await spend(served)
            assert await told_of(served, asking()) == ("all", str(3 * DEAR))
    assert (post.said["budget"], post.said["spent_nanos"]) == ("all", 2 * DEAR)


async def told_of(served: Served, request: pb.CompleteRequest) -> tuple[str, str]:
    """The budget that refuses a call, and what it says is spent."""
    told = explain(await refused(served, request)).metadata
    return told["budget"], told["spentNanos"]
