"""What has a lifetime: sessions, SDK clients, the simulator, the interaction log."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from pydantic import SecretStr

from hexgate.adapters.clock import SystemClock
from hexgate.adapters.fetching.files import Files
from hexgate.adapters.fetching.guard import Guard
from hexgate.adapters.fetching.links import Links
from hexgate.adapters.observers.off import Off
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.keys import Make, Ring, open_ring
from hexgate.adapters.providers.open import Closer, open_provider
from hexgate.adapters.providers.transports.http import open_session
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.domain.keys import KeyOrder, KeyState, KeyStatus
from hexgate.entrypoints.kinds import AnyProvider, Keyed, Simulator
from hexgate.entrypoints.leaves import Leaf, Leaves
from hexgate.entrypoints.settings import Fetch, Settings
from hexgate.ports.clock import Clock
from hexgate.ports.interactions import Interactions


class CannotStart(Exception):
    """The server cannot be what it is told to be; the message names the key and the remedy."""


_log = structlog.get_logger("hexgate.server")
_CLOCK = SystemClock()
_FAREWELL_S = 1.0


async def open_interactions(settings: Settings, stack: AsyncExitStack) -> Interactions:
    """The interaction log, where one is configured. Raises CannotStart."""
    wish = settings.log.interactions
    if wish is None:
        return Off()
    from hexgate.adapters.observers.interactions import open_log
    from hexgate.adapters.observers.redaction import Redaction
    from hexgate.adapters.observers.transcript import Wording

    redaction = Redaction.usual(wish.patterns) if wish.redact else Redaction(())
    try:
        log = await asyncio.to_thread(
            open_log,
            Path(wish.path),
            max_bytes=wish.max_mb << 20,
            keep=wish.keep,
            share=wish.sample,
            wording=Wording(redaction, wish.contents, wish.max_text_chars),
            clock=_CLOCK,
            logger=structlog.get_logger("hexgate.interactions"),
        )
    except OSError as error:
        raise CannotStart(
            f"log.interactions.path: cannot write {wish.path}: {error.strerror}; "
            "choose a file in a folder that is there and may be written"
        ) from error
    stack.push_async_callback(log.aclose)
    _log.warning("prompts and answers are written to a file", path=wish.path, share=wish.sample)
    return log


async def open_leaves(settings: Settings, stack: AsyncExitStack, clock: Clock = _CLOCK) -> Leaves:
    """Every configured provider, over one shared session; those that have keys by a ring of them.

    Raises CannotStart.
    """
    session = open_session()
    stack.push_async_callback(session.close)
    inlining = _links(settings.fetch, stack)
    leaves: dict[str, Leaf] = {}
    rings: dict[str, Ring] = {}
    for name, wish in settings.providers.items():
        account = account_of(name, wish)
        if isinstance(wish, Simulator):
            account = replace(account, base_url=await _simulate(wish, stack))
        make = partial(_make, account, session, inlining, clock)
        if isinstance(wish, Keyed) and keys_of(wish):
            leaves[name] = rings[name] = await _ring(name, wish, make, clock)
            stack.push_async_callback(rings[name].aclose)
        else:
            leaves[name], close = make(account.api_key)
            stack.push_async_callback(close)
    return Leaves(leaves, rings)


def _links(wish: Fetch, stack: AsyncExitStack) -> Links | None:
    if not wish.enabled:
        return None
    max_bytes = wish.max_mb << 20
    files = Files(Guard(wish.allow_networks), max_bytes=max_bytes, timeout_s=wish.timeout_s)
    stack.push_async_callback(files.aclose)
    return Links(files, max_bytes)


def _make(
    account: Account,
    session: aiohttp.ClientSession,
    inlining: Links | None,
    clock: Clock,
    key: str,
) -> tuple[WiredProvider, Closer]:
    """The provider of an account with this key, and what closes it."""
    account = replace(account, api_key=key)
    try:
        return open_provider(account, session, inlining=inlining, monotonic=clock.monotonic)
    except ValueError as error:
        raise CannotStart(str(error)) from error


async def _ring(name: str, wish: Keyed, make: Make, clock: Clock) -> Ring:
    def rested(status: KeyStatus) -> None:
        say = _log.warning if status.state is KeyState.REJECTED else _log.info
        say("a key rests", provider=name, key=status.hash_prefix, state=status.state.value)

    return await open_ring(
        name,
        keys_of(wish),
        make,
        clock,
        order=KeyOrder(wish.key_order),
        # No stream outlasts its attempt by more than it takes to say so.
        longest_s=wish.timeouts.attempt_s + _FAREWELL_S,
        rested=rested,
    )


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


def keys_of(wish: Keyed) -> tuple[str, ...]:
    """The keys that the settings give a provider; none where it proves itself in another way."""
    keys = wish.api_keys or ((wish.api_key,) if wish.api_key else ())
    return tuple(key.get_secret_value() for key in keys)


async def _simulate(wish: Simulator, stack: AsyncExitStack) -> str:
    from hexgate.adapters.simulator import Simulator as Simulated

    simulated = Simulated(seed=wish.seed, pace_s=wish.pace_ms / 1000, fault_rate=wish.fault_rate)
    await stack.enter_async_context(simulated)
    return simulated.openai_url
