"""UsageService over real gRPC: sums, single calls, budgets."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio

from hexgate.client import explain
from hexgate.domain.budget import Budget, Window
from hexgate.domain.ledger import CallState
from hexgate.domain.price import Cost
from hexgate.domain.report import DAY_S
from hexgate.domain.usage import Usage
from hexgate.entrypoints.grpc.completion import TENANT
from hexgate.ports.store import Store
from hexgate.v1 import error_pb2
from hexgate.v1 import usage_service_pb2 as pb
from hexgate.v1.usage_service_pb2_grpc import UsageServiceStub
from tests.contracts.accounts import asks, costs
from tests.contracts.ledger import FULL_INTENT, FULL_SETTLEMENT, START, intent
from tests.entrypoints.grpc.books import ENGINES, busy, done, opened, period, told, under_way
from tests.entrypoints.grpc.conftest import Serve, whole
from tests.fakes import FakeProvider

if TYPE_CHECKING:
    from hexgate.v1.usage_service_pb2_grpc import UsageServiceAsyncStub

SPLITS: tuple[tuple[str, ...], ...] = (
    ("model",),
    ("agent", "day"),
    ("label:team", "session", "provider"),
    ("hour",),
)


@pytest.fixture(params=ENGINES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    async with opened(request.param, tmp_path) as found:
        yield found


async def summed(stub: UsageServiceAsyncStub, *by: str, **more: Any) -> pb.SummarizeUsageResponse:
    """One page of sums."""
    request = pb.SummarizeUsageRequest(period=period(), group_by=by, **more)
    return await stub.SummarizeUsage(request, timeout=10)


async def listed(stub: UsageServiceAsyncStub, **more: Any) -> pb.ListUsageRecordsResponse:
    """One page of calls."""
    request = pb.ListUsageRecordsRequest(period=period(), **more)
    return await stub.ListUsageRecords(request, timeout=10)


async def test_one_call_tells_what_a_session_cost(served: Serve, store: Store) -> None:
    await done(store, "a", session_id="s-1", cost=Cost(input_nanos=2, output_nanos=3))
    await done(store, "b", session_id="s-1", cost=Cost(input_nanos=5, wasted_nanos=7))
    await done(store, "c", session_id="s-2")
    await under_way(store, "d", session_id="s-1")
    async with told(served, store) as stub:
        (found,) = (await summed(stub, filter=pb.UsageFilter(session_id="s-1"))).summaries
        (nothing,) = (await summed(stub, filter=pb.UsageFilter(session_id="s-3"))).summaries
    assert (found.call_count, dict(found.group)) == (2, {})
    assert (found.cost.total_nanos, found.cost.input_nanos, found.cost.wasted_nanos) == (17, 7, 7)
    assert (found.cost.currency_code, found.cost.price_unknown) == ("USD", False)
    assert (found.usage.input_tokens, found.usage.output_tokens) == (20, 40)
    assert (nothing.call_count, nothing.cost.total_nanos, nothing.cost.price_unknown) == (0, 0, 0)


async def test_a_real_call_is_in_the_next_report(served: Serve, store: Store) -> None:
    request = whole()
    request.options.attribution.end_user_id = "u-1"
    async with served(FakeProvider("one two"), ledger=store) as server:
        answer = await server.stub.Complete(request, timeout=10)
        await server.stub.Complete(whole(), timeout=10)
        stub = UsageServiceStub(server.channel)
        asked = pb.SummarizeUsageRequest(filter=pb.UsageFilter(end_user_id="u-1"))
        (found,) = (await stub.SummarizeUsage(asked, timeout=10)).summaries
        wanted = pb.ListUsageRecordsRequest(response_id=answer.response_id)
        (record,) = (await stub.ListUsageRecords(wanted, timeout=10)).records
    assert (found.call_count, found.usage.output_tokens) == (1, answer.usage.output_tokens)
    assert (record.response_id, record.route) == (answer.response_id, answer.route)


async def test_outcomes_estimates_and_unknown_prices_are_counted(
    served: Serve, store: Store
) -> None:
    for state in CallState:
        if state is not CallState.PENDING:
            await done(store, state.value, state=state)
    await done(store, "free", model="obscure", cost=Cost(input_nanos=9, unknown=True))
    await done(store, "guess", usage=Usage(output=1, estimated=True))
    async with told(served, store) as stub:
        (total,) = (await summed(stub)).summaries
        known, obscure = (await summed(stub, "model")).summaries
    assert (total.call_count, total.failed_call_count) == (6, 1)
    assert (total.cancelled_call_count, total.unknown_call_count) == (1, 1)
    assert (total.unpriced_call_count, total.estimated_call_count) == (1, 1)
    assert (total.cost.total_nanos, total.cost.price_unknown) == (35, False)
    assert (total.usage.estimated, total.cost.estimated) == (True, True)
    assert (dict(known.group), known.cost.price_unknown) == ({"model": "gpt-4o"}, False)
    assert (dict(obscure.group), obscure.cost.price_unknown) == ({"model": "obscure"}, True)
    assert obscure.cost.total_nanos == 0


async def test_a_group_has_the_value_of_each_dimension(served: Serve, store: Store) -> None:
    await done(store, "a", agent_id="x", labels={"team": "search"})
    await done(store, "b")
    async with told(served, store) as stub:
        found = (await summed(stub, "label:team", "agent", "day")).summaries
        (alone,) = (await summed(stub, filter=pb.UsageFilter(labels={"team": "search"}))).summaries
    assert [dict(one.group) for one in found] == [
        {"label:team": "", "agent": "", "day": "2025-11-21"},
        {"label:team": "search", "agent": "x", "day": "2025-11-21"},
    ]
    assert alone.call_count == 1


async def test_a_filter_knows_the_key_of_the_caller(served: Serve, store: Store) -> None:
    await done(store, "a", api_key="key-1")
    await done(store, "b", api_key="key-2")
    wish = pb.UsageFilter(api_key="key-1")
    async with told(served, store) as stub:
        (found,) = (await summed(stub, "api_key", filter=wish)).summaries
        (record,) = (await listed(stub, filter=wish)).records
    assert (dict(found.group), found.call_count) == ({"api_key": "key-1"}, 1)
    assert (record.response_id, record.api_key) == ("a", "key-1")


async def test_a_record_is_whole(served: Serve, store: Store) -> None:
    await store.begin(replace(FULL_INTENT, tenant=TENANT))
    await store.settle(replace(FULL_SETTLEMENT, cost=Cost(input_nanos=7, price_version="v")))
    async with told(served, store) as stub:
        (found,) = (await listed(stub)).records
    assert (found.response_id, found.requested_model) == (FULL_INTENT.call_id, "best")
    assert (found.state, found.streamed) == (pb.CALL_STATE_FAILED, True)
    assert found.failure == error_pb2.ERROR_REASON_STREAM_INTERRUPTED
    assert found.start_time.ToMicroseconds() == 1_763_700_000_123_456
    assert found.duration.ToMicroseconds() == 333_333
    assert found.time_to_first_token.ToMicroseconds() == pytest.approx(100_000, abs=1)
    assert (found.route.provider, found.route.provider_model) == ("openai", "gpt-4o")
    assert [one.provider for one in found.route.attempts] == ["claude", "openai"]
    assert (found.usage.cache_write_tokens, found.usage.audio_input_tokens) == (7, 23)
    assert (found.cost.total_nanos, found.cost.price_version) == (7, "v")
    assert (found.session_id, found.agent_id) == (FULL_INTENT.session_id, FULL_INTENT.agent_id)
    assert (found.end_user_id, found.api_key) == ("user\n1", "key-1")
    assert dict(found.labels) == dict(FULL_INTENT.labels)


async def test_a_call_under_way_is_listed_with_its_hold(served: Serve, store: Store) -> None:
    await under_way(store, "a")
    await under_way(store, "b", at=START - 1, price_known=False)
    async with told(served, store) as stub:
        first, second = (await listed(stub)).records
        page = await listed(stub, filter=pb.UsageFilter(provider="openai"))
    assert (first.response_id, first.state) == ("a", pb.CALL_STATE_PENDING)
    assert (first.cost.total_nanos, first.cost.estimated) == (500, True)
    assert (first.cost.price_unknown, second.cost.price_unknown) == (False, True)
    for absent in ("duration", "time_to_first_token", "route", "usage"):
        assert not first.HasField(absent)
    assert list(page.records) == []  # nobody has served it yet


async def test_a_call_without_an_outcome_has_no_end_and_no_reason(
    served: Serve, store: Store
) -> None:
    await under_way(store, "a")
    await store.sweep(START + 3600)
    async with told(served, store) as stub:
        (found,) = (await listed(stub)).records
    assert (found.state, found.cost.total_nanos) == (pb.CALL_STATE_UNKNOWN, 500)
    assert (found.failure, found.HasField("duration")) == (0, False)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_pages_make_the_whole(served: Serve, store: Store, size: int) -> None:
    await busy(store, 60)
    async with told(served, store) as stub:
        for by in SPLITS:
            request = pb.SummarizeUsageRequest(period=period(), group_by=by, page_size=1000)
            whole = list((await stub.SummarizeUsage(request, timeout=10)).summaries)
            request.page_size, groups = size, list[pb.UsageSummary]()
            while True:
                page = await stub.SummarizeUsage(request, timeout=10)
                groups += page.summaries
                assert len(page.summaries) == size or not page.next_page_token
                request.page_token = page.next_page_token
                if not request.page_token:
                    break
            assert groups == whole
        every = pb.ListUsageRecordsRequest(period=period(), page_size=1000)
        calls = list((await stub.ListUsageRecords(every, timeout=10)).records)
        every.page_size, found = size, list[pb.UsageRecord]()
        while True:
            some = await stub.ListUsageRecords(every, timeout=10)
            found += some.records
            every.page_token = some.next_page_token
            if not every.page_token:
                break
    assert found == calls
    assert len(calls) == 54


async def test_later_pages_end_where_the_first_one_did(served: Serve, store: Store) -> None:
    for model in ("a", "b"):
        await done(store, model, model=model)
    request = pb.SummarizeUsageRequest(group_by=["model"], page_size=1)
    async with told(served, store) as stub:
        first = await stub.SummarizeUsage(request, timeout=10)
        await done(store, "new", at=time.time() + 0.001, model="c")
        request.page_token = first.next_page_token
        second = await stub.SummarizeUsage(request, timeout=10)
    assert [one.group["model"] for one in second.summaries] == ["b"]
    assert second.next_page_token == ""


async def test_a_changed_token_is_refused_whatever_was_changed(served: Serve, store: Store) -> None:
    await busy(store, 30)
    request = pb.SummarizeUsageRequest(period=period(), group_by=["model"], page_size=1)
    async with told(served, store) as stub:
        token = (await stub.SummarizeUsage(request, timeout=10)).next_page_token
        changed = [
            f"{token[:at]}{'A' if token[at] != 'A' else 'B'}{token[at + 1 :]}"
            for at in range(len(token))
        ]
        for one in (*changed, token[:-1], token + "A", token + "=", "=", "x", " ", token * 2):
            request.page_token = one
            with pytest.raises(aio.AioRpcError) as refused:
                await stub.SummarizeUsage(request, timeout=10)
            problem = explain(refused.value)
            assert (problem.code, problem.reason) == (
                grpc.StatusCode.INVALID_ARGUMENT,
                "INVALID_REQUEST",
            )
            assert [bad.field for bad in problem.violations] == ["page_token"]


async def test_a_token_is_good_for_its_own_request_alone(served: Serve, store: Store) -> None:
    await busy(store, 30)
    async with told(served, store) as stub:
        token = (await summed(stub, "model", page_size=1)).next_page_token
        of_calls = (await listed(stub, page_size=1)).next_page_token
        assert (await summed(stub, "model", page_size=2, page_token=token)).summaries
        foreign: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: summed(stub, "agent", page_token=token),
            lambda: summed(stub, "model", page_token=of_calls),
            lambda: summed(stub, "model", filter=pb.UsageFilter(agent_id="x"), page_token=token),
            lambda: listed(stub, page_token=token),
            lambda: listed(stub, response_id="a", page_token=of_calls),
            lambda: stub.ListBudgets(pb.ListBudgetsRequest(page_token=of_calls), timeout=10),
        )
        for ask in foreign:
            with pytest.raises(aio.AioRpcError) as refused:
                await ask()
            assert [bad.field for bad in explain(refused.value).violations] == ["page_token"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"group_by": ["colour"]}, "group_by[0]"),
        ({"group_by": ["model", "label:"]}, "group_by[1]"),
        ({"group_by": ["label:Team"]}, "group_by[0]"),
        ({"group_by": ["day", "model", "day"]}, "group_by[2]"),
        ({"group_by": ["day", "model", "agent", "session"]}, "group_by"),
        ({"filter": pb.UsageFilter(labels={'x"': "y"})}, "filter.labels"),
        ({"page_size": -1}, "page_size"),
        ({"period": period(START, START)}, "period.start_time"),
        ({"period": pb.Period(start_time=Timestamp(seconds=32_000_000_000))}, "period.start_time"),
        ({"period": pb.Period(start_time=Timestamp(seconds=-1))}, "period.start_time"),
        ({"period": pb.Period(end_time=Timestamp(seconds=2**60))}, "period.end_time"),
        ({"period": pb.Period(end_time=Timestamp(seconds=-62_135_596_800))}, "period.end_time"),
    ],
)
async def test_what_is_wrong_is_told_by_its_field(
    served: Serve, change: dict[str, Any], field: str, tmp_path: Path
) -> None:
    async with opened("sqlite", tmp_path) as store, told(served, store) as stub:
        with pytest.raises(aio.AioRpcError) as refused:
            await stub.SummarizeUsage(pb.SummarizeUsageRequest(**change), timeout=10)
    problem = explain(refused.value)
    assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert [bad.field for bad in problem.violations] == [field]


async def test_the_longest_period_is_summed(served: Serve, store: Store) -> None:
    await done(store, "a")
    longest = period(0, 253_370_764_800)
    async with told(served, store) as stub:
        for by in SPLITS:
            request = pb.SummarizeUsageRequest(period=longest, group_by=by)
            assert len((await stub.SummarizeUsage(request, timeout=10)).summaries) == 1


async def test_what_retention_has_removed_is_said_and_not_left_out(
    served: Serve, tmp_path: Path
) -> None:
    async with opened("sqlite", tmp_path) as store:
        await done(store, "old", at=START - 3 * DAY_S)
        await done(store, "new")
        await store.prune(START)
        async with told(served, store) as stub:
            days = (await summed(stub, "day")).summaries
            assert [one.group["day"] for one in days] == ["2025-11-18", "2025-11-21"]
            with pytest.raises(aio.AioRpcError) as refused:
                await summed(stub, "session")
    problem = explain(refused.value)
    assert problem.code is grpc.StatusCode.INVALID_ARGUMENT
    assert [bad.field for bad in problem.violations] == ["period.start_time"]
    assert problem.metadata["oldestDay"] == "2025-11-21"


BUDGETS = {
    "everything": {"limit_usd": "1.5", "window": "total", "alerts": ["0.5", 1]},
    "agents": {"limit_usd": 2, "window": "day", "scope": "agent:*"},
    "team": {
        "limit_usd": 3,
        "window": "month",
        "scope": "label:team=search",
        "at_limit": "downgrade",
        "downgrade_to": "fake/small",
    },
}


async def test_budgets_are_listed_with_what_is_left_of_them(served: Serve, store: Store) -> None:
    request = pb.ListBudgetsRequest()
    async with told(served, store, budgets=BUDGETS) as stub:
        everything, agents, team = (await stub.ListBudgets(request, timeout=10)).budgets
        request.page_size, found = 1, list[pb.Budget]()
        while True:
            page = await stub.ListBudgets(request, timeout=10)
            found += page.budgets
            request.page_token = page.next_page_token
            if not request.page_token:
                break
    assert found == [everything, agents, team]
    assert (everything.name, everything.scope) == ("everything", "global")
    assert (everything.limit_nanos, everything.spent_nanos) == (1_500_000_000, 0)
    assert (everything.window, everything.action) == (
        pb.BUDGET_WINDOW_TOTAL,
        pb.BUDGET_ACTION_REFUSE,
    )
    assert (list(everything.alert_ratios), everything.HasField("reset_time")) == ([0.5, 1], False)
    assert (agents.scope, agents.window) == ("agent:*", pb.BUDGET_WINDOW_DAY)
    assert agents.reset_time.seconds % DAY_S == 0
    assert agents.reset_time.seconds > time.time() - DAY_S
    assert (team.scope, team.action) == ("label:team=search", pb.BUDGET_ACTION_DOWNGRADE)


async def test_what_calls_spend_and_hold_is_on_the_budget(served: Serve, store: Store) -> None:
    budget = Budget(name="everything", limit_nanos=1_500_000_000, window=Window.TOTAL)
    for name in ("a", "b"):
        call = replace(intent(name), tenant=TENANT)
        await store.begin(call, asks(call, budget))
    await store.settle(costs("a", 7))
    async with told(served, store, budgets=BUDGETS) as stub:
        (found, *_) = (await stub.ListBudgets(pb.ListBudgetsRequest(), timeout=10)).budgets
    assert (found.name, found.spent_nanos, found.reserved_nanos) == ("everything", 7, 500)
