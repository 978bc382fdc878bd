"""The ledger that is configured is the one that is opened, and so is who hears of budgets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from hexgate.adapters.alerts.nobody import Nobody
from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.ledger.sqlite import SqliteLedger, open_sqlite
from hexgate.domain.ledger import CallState
from hexgate.domain.report import DAY_S, Query
from hexgate.entrypoints.resources import CannotStart
from hexgate.entrypoints.settings import Settings
from hexgate.entrypoints.stores import open_herald, open_ledger
from hexgate.ports.store import Store
from tests.adapters.alerts.receiver import nobody_there, receiving
from tests.contracts.herald import ALERT, PROMPTLY_S
from tests.contracts.ledger import intent
from tests.contracts.reports import ended

PASSWORD = "p4ssword"


def told(**sections: Any) -> Settings:
    """Settings with these sections."""
    return Settings.model_validate({"providers": {"sim": {"kind": "simulator"}}, **sections})


@asynccontextmanager
async def opened(**sections: Any) -> AsyncIterator[Store]:
    """The ledger of these settings."""
    async with AsyncExitStack() as stack:
        yield await open_ledger(told(**sections), stack)


async def test_a_ledger_in_memory_needs_no_file() -> None:
    async with opened(ledger={"backend": "memory"}) as ledger:
        assert isinstance(ledger, MemoryLedger)


async def test_a_ledger_in_a_file_is_closed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with opened(ledger={"path": str(path)}) as ledger:
        assert isinstance(ledger, SqliteLedger)
        with pytest.raises(CannotStart, match=r"^ledger\.path: .*is open in another process"):
            async with opened(ledger={"path": str(path)}):
                pass
    async with opened(ledger={"path": str(path)}):
        pass


async def test_a_file_that_cannot_be_used_prevents_the_start(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"^ledger\.path: "):
        async with opened(ledger={"path": str(tmp_path)}):
            pass


async def test_a_database_that_is_not_there_prevents_the_start_without_its_password() -> None:
    host = nobody_there().removeprefix("http://")
    url = f"postgresql://hexgate:{PASSWORD}@{host}/hexgate?connect_timeout=2"
    with pytest.raises(CannotStart, match=r"^ledger\.url: ") as caught:
        async with opened(ledger={"backend": "postgres", "url": url}):
            pass
    assert PASSWORD not in str(caught.value)


async def test_calls_that_a_crash_left_open_are_charged_at_their_hold(tmp_path: Path) -> None:
    path, now = tmp_path / "ledger.db", time.time()
    before = open_sqlite(path)
    # It would not expire for an hour, but nobody is at work on it any more.
    await before.begin(
        replace(intent("lost", started_at=now), hold_nanos=700, expires_at=now + 3600)
    )
    await before.aclose()
    budgets = {"all": {"limit_usd": 1, "window": "total"}}
    with capture_logs() as lines:
        async with opened(ledger={"path": str(path)}, budgets=budgets) as ledger:
            entry = await ledger.get("lost")
            (account,) = await ledger.balances("", "", 9)
    assert entry is not None
    assert entry.state is CallState.UNKNOWN
    assert (account.spent_nanos, account.held_nanos) == (700, 0)
    event = "calls without an outcome were charged at their hold"
    assert {"event": event, "log_level": "warning", "count": 1} in lines


@pytest.mark.parametrize(
    "sections",
    [
        {"ledger": {"labels": ["team"]}},
        {"budgets": {"b": {"limit_usd": 1, "window": "day", "scope": "label:team=*"}}},
    ],
)
async def test_labels_that_are_told_or_have_budgets_have_sums_that_outlast_their_rows(
    tmp_path: Path, sections: Any
) -> None:
    ledger = {"path": str(tmp_path / "ledger.db"), **sections.pop("ledger", {})}
    now = time.time() // DAY_S * DAY_S
    async with opened(ledger=ledger, **sections) as store:
        await ended(store, "old", now - 5 * DAY_S, labels={"team": "search"})
        await store.prune(now)
        assert await store.get("old") is None
        whole = Query(tenant=intent("x").tenant, start=0.0, end=now)
        (group,) = await store.summarize(whole, ("label:team",), None, 9)
    assert group.values == ("search",)


async def test_without_a_webhook_nobody_outside_hears_of_alerts() -> None:
    async with AsyncExitStack() as stack:
        assert isinstance(await open_herald(told(), stack), Nobody)


async def test_a_webhook_is_posted_to_with_its_secret_and_no_cookies() -> None:
    async with receiving() as receiver, AsyncExitStack() as stack:
        # Cookies of an address in numbers would not be kept anyway.
        url = receiver.url.replace("127.0.0.1", "localhost")
        hook = {"url": f"{url}/200?key=k", "secret": "whsec", "timeout_s": 5}
        herald = await open_herald(told(alerts={"webhook": hook}), stack)
        assert [await herald.deliver(ALERT) for _ in range(2)] == ["", ""]
        first, second = receiver.posts
    assert first.headers["X-Hexgate-Signature"].startswith("sha256=")
    assert "Cookie" not in second.headers


async def test_a_webhook_keeps_to_its_timeout() -> None:
    async with receiving() as receiver, AsyncExitStack() as stack:
        hook = {"url": f"{receiver.url}/hang", "timeout_s": 0.05}
        herald = await open_herald(told(alerts={"webhook": hook}), stack)
        assert await asyncio.wait_for(herald.deliver(ALERT), PROMPTLY_S) == "TimeoutError"
