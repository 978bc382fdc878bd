"""From an account to a provider that answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeAlias, runtime_checkable
from urllib.parse import urlsplit

import aiohttp

from hexgate.adapters.clock import SystemClock
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports.http import HttpTransport
from hexgate.adapters.providers.vendors import VENDORS, Vendor
from hexgate.adapters.providers.wire import Inlining, Transport
from hexgate.adapters.providers.wired import WiredProvider

Closer: TypeAlias = Callable[[], Awaitable[None]]


@runtime_checkable
class Closable(Protocol):
    """A credential with connections of its own."""

    async def aclose(self) -> None:
        """Close them."""
        ...


def open_provider(
    account: Account,
    session: aiohttp.ClientSession,
    *,
    inlining: Inlining | None = None,
    monotonic: Callable[[], float] = SystemClock.monotonic,
) -> tuple[WiredProvider, Closer]:
    """The provider of an account, and what closes it; the session stays its maker's.

    Without `inlining` links that the provider does not fetch are refused.

    Imports what the vendor needs, and its SDK where `transport` is sdk, here and now. Raises
    ValueError, naming the key of `providers.<name>` that is wrong and what to do.
    """
    row = VENDORS.get(account.kind)
    if row is None:
        kinds = ", ".join(VENDORS)
        raise ValueError(f"{account.where}.kind is {account.kind!r}, expected one of {kinds}")
    for key in row.needs:
        if not getattr(account, key):
            raise ValueError(f"{account.where}.{key} is missing; {row.kind} needs it, set it")
    transport, close = _transport(row, account, session)
    provider = WiredProvider(
        row.dialect(account),
        transport,
        monotonic=monotonic,
        provider=account.name,
        embeddings=row.embeddings(account) if row.embeddings else None,
        inlining=inlining,
    )
    return provider, close


def _transport(
    row: Vendor, account: Account, session: aiohttp.ClientSession
) -> tuple[Transport, Closer]:
    url = _url(row, account)
    if account.transport == "http":
        with _installed(account, row.kind):
            credential = row.credential(account) if row.credential else None
        headers, bound = row.headers(account), account.max_body_bytes
        return HttpTransport(
            session, url, headers, bound, provider=account.name, credential=credential
        ), (credential.aclose if isinstance(credential, Closable) else _nothing)
    if row.sdk is None:
        text = f"{account.where}.transport is 'sdk', but {row.kind} has no SDK here; use 'http'"
        raise ValueError(text)
    with _installed(account, row.extra):
        own = row.sdk(account, url)
    return own, own.aclose


@contextmanager
def _installed(account: Account, extra: str) -> Iterator[None]:
    """A package that is not there becomes an error that says which extra brings it."""
    try:
        yield
    except ImportError as missing:
        raise ValueError(
            f"{account.where} needs the package {missing.name}, which is not installed; "
            f"install hexgate[{extra}]"
        ) from missing


def _url(row: Vendor, account: Account) -> str:
    url = row.base_url(account)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError(f"{account.where}.base_url must be an http(s) URL with a host and no user")
    return url


async def _nothing() -> None:
    """The session is closed by who made it."""
