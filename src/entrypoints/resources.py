"""What has a lifetime: sessions, SDK clients, the simulator, the ledger's file."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from pydantic import SecretStr

from hexgate.adapters.fetching.files import Files
from hexgate.adapters.fetching.guard import Guard
from hexgate.adapters.fetching.links import Links
from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.open import open_provider
from hexgate.adapters.providers.transports.http import open_session
from hexgate.domain.errors import StoreUnavailable
from hexgate.entrypoints.kinds import AnyProvider, Simulator
from hexgate.entrypoints.leaves import Leaf, Leaves
from hexgate.entrypoints.settings import Fetch, Settings
from hexgate.ports.ledger import Ledger


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
    inlining = _links(settings.fetch, stack)
    leaves: dict[str, Leaf] = {}
    for name, provider in settings.providers.items():
        leaves[name] = await _open(name, provider, session, inlining, stack)
    return Leaves(leaves)


def _links(wish: Fetch, stack: AsyncExitStack) -> Links | None:
    if not wish.enabled:
        return None
    max_bytes = wish.max_mb << 20
    files = Files(Guard(wish.allow_networks), max_bytes=max_bytes, timeout_s=wish.timeout_s)
    stack.push_async_callback(files.aclose)
    return Links(files, max_bytes)


async def _open(
    name: str,
    wish: AnyProvider,
    session: aiohttp.ClientSession,
    inlining: Links | None,
    stack: AsyncExitStack,
) -> Leaf:
    account = account_of(name, wish)
    if isinstance(wish, Simulator):
        account = replace(account, base_url=await _simulate(wish, stack))
    try:
        provider, close = open_provider(
            account, session, inlining=inlining, monotonic=time.monotonic
        )
    except ValueError as error:
        raise CannotStart(str(error)) from error
    stack.push_async_callback(close)
    return provider


_FIELDS = frozenset(field.name for field in fields(Account)) - {"kind", "name"}


def account_of(name: str, wish: AnyProvider) -> Account:
    """What the settings say, field by field: both call the same thing by the same name."""
    if isinstance(wish, Simulator):
        # It wants a key as the vendors do, and takes any.
        return Account(kind="openai_compatible", name=name, api_key="simulated")
    said: dict[str, Any] = {}
    for key in _FIELDS & type(wish).model_fields.keys():
        value = getattr(wish, key)
        if value is not None:
            said[key] = value.get_secret_value() if isinstance(value, SecretStr) else value
    return Account(kind=wish.kind, name=name, **said)


async def _simulate(wish: Simulator, stack: AsyncExitStack) -> str:
    from hexgate.adapters.simulator import Simulator as Simulated

    simulated = Simulated(seed=wish.seed, pace_s=wish.pace_ms / 1000, fault_rate=wish.fault_rate)
    await stack.enter_async_context(simulated)
    return simulated.openai_url
