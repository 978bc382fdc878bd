"""What has a lifetime: sessions, SDK clients, the simulator, the ledger's file."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal

import aiohttp
import structlog

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.providers import vendors
from hexgate.adapters.providers.transports.http import open_session
from hexgate.domain.errors import StoreUnavailable
from hexgate.entrypoints.container import Leaves
from hexgate.entrypoints.settings import AnyProvider, OpenAI, Settings, Simulator
from hexgate.ports.ledger import Ledger
from hexgate.ports.provider import Provider


class CannotStart(Exception):
    """The server cannot be what it is told to be; the message names the key and the remedy."""


_log = structlog.get_logger("hexgate.server")


async def open_ledger(settings: Settings, stack: AsyncExitStack) -> Ledger:
    """The configured ledger. Calls that an earlier process left open are settled first."""
    if settings.ledger.backend == "memory":
        return MemoryLedger()
    from hexgate.adapters.ledger.sqlite import open_sqlite

    try:
        ledger = await asyncio.to_thread(open_sqlite, Path(settings.ledger.path))
    except StoreUnavailable as error:
        raise CannotStart(f"ledger.path: {error.message}") from error
    if ledger.warning:
        _log.warning(ledger.warning)
    stack.push_async_callback(ledger.aclose)
    count = await ledger.sweep(time.time())
    if count:
        _log.warning("calls without an outcome were charged at their hold", count=count)
    return ledger


async def open_leaves(settings: Settings, stack: AsyncExitStack) -> Leaves:
    """Every configured provider, over one shared session."""
    session = open_session()
    stack.push_async_callback(session.close)
    leaves: dict[str, Provider] = {}
    for name, provider in settings.providers.items():
        leaves[name] = await _open(name, provider, session, stack)
    return Leaves(leaves)


async def _open(
    name: str, wish: AnyProvider, session: aiohttp.ClientSession, stack: AsyncExitStack
) -> Provider:
    kind, base_url, key, transport = _access(wish)
    if isinstance(wish, Simulator):
        base_url = await _simulate(wish, stack)
    try:
        provider, close = vendors.build(
            kind,
            name,
            base_url=base_url,
            api_key=key,
            transport=transport,
            session=session,
            monotonic=time.monotonic,
            organization=wish.organization or "" if isinstance(wish, OpenAI) else "",
        )
    except ValueError as error:
        raise CannotStart(str(error)) from error
    stack.push_async_callback(close)
    return provider


def _access(wish: AnyProvider) -> tuple[str, str, str, Literal["http", "sdk"]]:
    """Kind, base URL, key and transport of a provider; empty where there is none."""
    if isinstance(wish, Simulator):
        return "openai_compatible", "", "simulated", "http"
    key = wish.api_key.get_secret_value() if wish.api_key else ""
    return wish.kind, wish.base_url or "", key, wish.transport


async def _simulate(wish: Simulator, stack: AsyncExitStack) -> str:
    from hexgate.adapters.simulator import Simulator as Simulated

    simulated = Simulated(seed=wish.seed, pace_s=wish.pace_ms / 1000, fault_rate=wish.fault_rate)
    await stack.enter_async_context(simulated)
    return simulated.openai_url
