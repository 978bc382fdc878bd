"""What has a lifetime: sessions, SDK clients, the simulator, the ledger's file."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import structlog

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.providers import vendors
from hexgate.adapters.providers.transports.http import open_session
from hexgate.entrypoints.container import Leaves
from hexgate.entrypoints.settings import AnyProvider, Settings, Simulator
from hexgate.ports.ledger import Ledger
from hexgate.ports.provider import Provider

_log = structlog.get_logger("hexgate.server")


async def open_ledger(settings: Settings, stack: AsyncExitStack) -> Ledger:
    """The configured ledger. Calls that an earlier process left open are settled first."""
    if settings.ledger.backend == "memory":
        return MemoryLedger()
    from hexgate.adapters.ledger.sqlite import open_sqlite

    ledger = await asyncio.to_thread(open_sqlite, Path(settings.ledger.path))
    stack.push_async_callback(asyncio.to_thread, ledger.close)
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
    if isinstance(wish, Simulator):
        base_url = await _simulate(wish, stack)
        provider, close = vendors.build(
            "openai_compatible", name, base_url=base_url, api_key="simulated", session=session
        )
    else:
        key = wish.api_key.get_secret_value() if wish.api_key else ""
        # An SDK takes a second or two to import; the loop has other things to do.
        provider, close = vendors.build(
            wish.kind,
            name,
            base_url=wish.base_url or "",
            api_key=key,
            transport=wish.transport,
            session=session,
            organization=getattr(wish, "organization", None) or "",
        )
    stack.push_async_callback(close)
    return provider


async def _simulate(wish: Simulator, stack: AsyncExitStack) -> str:
    from hexgate.adapters.simulator import Simulator as Simulated

    simulated = Simulated(seed=wish.seed, pace_s=wish.pace_ms / 1000, fault_rate=wish.fault_rate)
    await stack.enter_async_context(simulated)
    return simulated.openai_url
