"""Reports are checked before they are asked for, and come in pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.application.usage import MAX_PAGE, PAGE, Page, Standing, UsageReports
from hexgate.domain.budget import Budget, Scope, Window
from hexgate.domain.errors import InvalidRequest
from hexgate.domain.report import DAY_S, Query
from tests.contracts.accounts import asks, costs
from tests.contracts.ledger import START, intent
from tests.contracts.reports import ended
from tests.fakes import FakeClock

ALL = Query(tenant="acme", start=0.0, end=4e9)
DAILY = Budget(name="daily", limit_nanos=1000, window=Window.DAY)
AGENTS = Budget(name="agents", limit_nanos=500, window=Window.DAY, scope=Scope("agent"))
TEAM = Budget(name="team", limit_nanos=70, window=Window.MONTH, scope=Scope("label:team", "search"))
TEAMS = Budget(name="teams", limit_nanos=90, window=Window.TOTAL, scope=Scope("label:team"))


def reports(*budgets: Budget, now: float = START) -> tuple[UsageReports, MemoryLedger, FakeClock]:
    """Reports over an empty store, at a moment."""
    store, clock = MemoryLedger(), FakeClock(now=now)
    return UsageReports(store, clock, budgets), store, clock


async def spent(store: MemoryLedger, *budgets: Budget, at: float = START, **who: Any) -> None:
    """A call of 7 nano-USD on these budgets, and one that is under way with a hold of 10."""
    for state in ("ended", "open"):
        name = f"{state} {at} {who}"
        call = replace(intent(name, started_at=at), hold_nanos=10, **who)
        await store.begin(call, asks(call, *budgets))
        if state == "ended":
            await store.settle(costs(name, 7))


async def all_of(use: UsageReports, size: int) -> list[Standing]:
    """Every standing, in pages of this size."""
    found: list[Standing] = []
    page: Page[Standing] | None = None
    while page is None or page.more:
        after = (found[-1].budget.name, found[-1].subject) if found else None
        page = await use.budgets(after, size)
        assert len(page.items) <= size
        found += page.items
    return found


def lines(found: list[Standing]) -> list[tuple[str, str, int, int]]:
    """What stands where."""
    return [(one.budget.name, one.subject, one.spent_nanos, one.held_nanos) for one in found]


async def test_a_budget_without_an_account_stands_at_zero() -> None:
    use, _, _ = reports(DAILY, AGENTS, TEAM, TEAMS)
    assert lines(await all_of(use, 10)) == [
        ("daily", "global", 0, 0),
        ("agents", "agent:*", 0, 0),
        ("team", "label:team=search", 0, 0),
        ("teams", "label:team=*", 0, 0),
    ]


async def test_a_budget_of_each_value_stands_once_for_each_that_has_an_account() -> None:
    use, store, _ = reports(DAILY, AGENTS, TEAM, TEAMS)
    every = (DAILY, AGENTS, TEAM, TEAMS)
    await spent(store, *every, agent_id="b", labels={"team": "search"})
    await spent(store, *every, agent_id="a", labels={"team": "searching"})
    expected = [
        ("daily", "global", 14, 20),
        ("agents", "agent:a", 7, 10),
        ("agents", "agent:b", 7, 10),
        ("team", "label:team=search", 7, 10),
        ("teams", "label:team=search", 7, 10),
        ("teams", "label:team=searching", 7, 10),
    ]
    for size in range(1, 8):
        assert lines(await all_of(use, size)) == expected


async def test_an_account_of_another_value_is_not_that_of_the_one_value() -> None:
    each = Budget(name="team", limit_nanos=70, window=Window.MONTH, scope=Scope("label:team"))
    use, store, _ = reports(TEAM)
    # As the budget was configured earlier in the month.
    await spent(store, each, labels={"team": "searching"})
    assert lines(await all_of(use, 10)) == [("team", "label:team=search", 0, 0)]


async def test_a_new_window_begins_at_zero_and_says_when_it_ends() -> None:
    use, store, clock = reports(DAILY, AGENTS, TEAMS)
    await spent(store, DAILY, AGENTS, TEAMS, agent_id="a", labels={"team": "x"})
    day_ends = START // DAY_S * DAY_S + DAY_S
    assert [one.resets_at for one in await all_of(use, 10)] == [day_ends, day_ends, None]
    clock.advance(DAY_S)
    assert lines(await all_of(use, 10)) == [
        ("daily", "global", 0, 0),
        ("agents", "agent:*", 0, 0),
        ("teams", "label:team=x", 7, 10),
    ]


async def test_a_window_that_ends_between_pages_repeats_nobody() -> None:
    use, store, clock = reports(AGENTS)
    for agent in ("a", "b", "c"):
        await spent(store, AGENTS, agent_id=agent)
        await spent(store, AGENTS, agent_id=agent, at=START + DAY_S)
    first = await use.budgets(None, 1)
    clock.advance(DAY_S)
    rest = await use.budgets(("agents", "agent:a"), 10)
    assert [one.subject for one in (*first.items, *rest.items)] == ["agent:a", "agent:b", "agent:c"]


async def test_a_page_behind_a_budget_that_is_gone_is_refused() -> None:
    use, _, _ = reports(DAILY)
    with pytest.raises(InvalidRequest, match="gone") as refused:
        await use.budgets(("gone", "global"), 10)
    assert [one.field for one in refused.value.violations] == ["page_token"]


async def test_without_budgets_there_is_an_empty_page() -> None:
    use, _, _ = reports()
    assert (await use.budgets(None, 0)).items == ()


@pytest.mark.parametrize("size", [0, 1, 99, 1000, 1001, 2**31 - 1])
async def test_a_page_has_a_bound(size: int) -> None:
    use, store, _ = reports()
    for number in range(MAX_PAGE + 5):
        await ended(store, f"{number:04}")
    expected = min(size or PAGE, MAX_PAGE)
    page = await use.records(ALL, None, size)
    assert (len(page.items), page.more) == (expected, True)


async def test_a_page_that_holds_exactly_the_rest_is_the_last() -> None:
    use, store, _ = reports()
    for name in "abc":
        await ended(store, name, model=name)
    assert not (await use.records(ALL, None, 3)).more
    assert not (await use.summarize(ALL, ("model",), None, 3)).more
    assert (await use.records(ALL, None, 2)).more


async def test_a_query_without_an_end_reaches_to_now() -> None:
    use, store, clock = reports(now=START + 10)
    await ended(store, "before", at=START)
    await ended(store, "after", at=START + 10)
    page = await use.records(Query(tenant="acme", start=0.0, end=float("inf")), None, 10)
    assert [one.intent.call_id for one in page.items] == ["before"]
    assert page.end == clock.now()


async def test_everything_that_is_wrong_is_told_at_once() -> None:
    use, _, _ = reports()
    query = Query(tenant="acme", start=5.0, end=5.0, labels={"Team": "x"})
    with pytest.raises(InvalidRequest) as refused:
        await use.summarize(query, ("model", "colour", "model", "label:A"), None, 0)
    assert [one.field for one in refused.value.violations] == [
        "period.start_time",
        "filter.labels",
        "group_by",
    ]
    with pytest.raises(InvalidRequest) as refused:
        await use.summarize(ALL, ("model", "colour", "model"), None, 0)
    assert [one.field for one in refused.value.violations] == ["group_by[1]", "group_by[2]"]
