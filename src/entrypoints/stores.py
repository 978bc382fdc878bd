"""The ledger that is configured, opened; and who carries its alerts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import structlog

from hexgate.adapters.alerts.nobody import Nobody
from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.domain.attribution import LABEL
from hexgate.domain.errors import StoreUnavailable
from hexgate.entrypoints.core import build_budgets
from hexgate.entrypoints.resources import CannotStart
from hexgate.entrypoints.settings import Settings
from hexgate.entrypoints.spending import scope_of
from hexgate.ports.herald import Herald
from hexgate.ports.store import Store

_log = structlog.get_logger("hexgate.server")


async def open_ledger(settings: Settings, stack: AsyncExitStack) -> Store:
    """The configured ledger, where the budgets have found what was spent already. Calls that an
    earlier process left open are settled first, as far as it is certain that nobody works on them.
    """
    if settings.ledger.backend == "memory":
        return MemoryLedger()
    try:
        store = await _opened(settings, stack)
        await store.adopt(build_budgets(settings).all, time.time())
    except StoreUnavailable as error:
        key = "path" if settings.ledger.backend == "sqlite" else "url"
        raise CannotStart(f"ledger.{key}: {error.message}") from error
    return store


async def _opened(settings: Settings, stack: AsyncExitStack) -> Store:
    wish, labels = settings.ledger, tuple(dict.fromkeys(_labels(settings)))
    if wish.url is not None:
        from hexgate.adapters.ledger.postgres.ledger import open_postgres

        shared = await open_postgres(
            wish.url.get_secret_value(), labels=labels, migrate=wish.migrate
        )
        if shared.warning:
            _log.warning(shared.warning)
        stack.push_async_callback(shared.aclose)
        await shared.sweep(time.time())
        return shared
    from hexgate.adapters.ledger.sqlite import open_sqlite

    own = await asyncio.to_thread(open_sqlite, Path(wish.path), labels=labels)
    if own.warning:
        _log.warning(own.warning)
    stack.push_async_callback(own.aclose)
    count = await own.recover(time.time())
    if count:
        _log.warning("calls without an outcome were charged at their hold", count=count)
    return own


def _labels(settings: Settings) -> Iterator[str]:
    """Labels with sums of their own: those that are told, and those that have budgets."""
    yield from settings.ledger.labels
    for budget in settings.budgets.values():
        dimension = scope_of(budget.scope).dimension
        if dimension.startswith(LABEL):
            yield dimension.removeprefix(LABEL)


async def open_herald(settings: Settings, stack: AsyncExitStack) -> Herald:
    """Who carries alerts out of the process."""
    wish = settings.alerts.webhook
    if wish is None:
        return Nobody()
    from hexgate.adapters.alerts.webhook import Webhook

    session = await stack.enter_async_context(
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
    )
    secret = wish.secret.get_secret_value() if wish.secret else ""
    return Webhook(session, wish.url.get_secret_value(), secret, wish.timeout_s)
