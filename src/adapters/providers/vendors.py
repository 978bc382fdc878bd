"""Every kind of provider as one row: where it is, what it speaks, how it is paid."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import aiohttp

from hexgate.adapters.clock import SystemClock
from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.adapters.providers.dialects.ollama_chat import OllamaChat
from hexgate.adapters.providers.dialects.openai_chat import COMPATIBLE, OpenAIChat
from hexgate.adapters.providers.transports.http import MAX_BODY_BYTES, HttpTransport
from hexgate.adapters.providers.transports.sdk import SdkTransport
from hexgate.adapters.providers.wire import Dialect
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.ports.provider import Provider

Closer: TypeAlias = Callable[[], Awaitable[None]]
Headers: TypeAlias = Callable[[str, str], Mapping[str, str]]


def bearer(api_key: str, organization: str) -> Mapping[str, str]:
    """A bearer token, as most APIs take it; nothing without a key."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return {**headers, "OpenAI-Organization": organization} if organization else headers


def x_api_key(api_key: str, organization: str) -> Mapping[str, str]:
    """The header of the Messages API. A key belongs to one organization, so none is named."""
    del organization
    return {"x-api-key": api_key}


def compatible(provider: str) -> Dialect:
    """Chat completions as most servers speak them."""
    return OpenAIChat(provider, COMPATIBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One kind. `base_url` None has to be configured."""

    kind: str
    base_url: str | None
    dialect: Callable[[str], Dialect]
    headers: Headers = bearer
    sdk: str = ""  # the package of the SDK, and the name of the extra that brings it
    needs_key: bool = True


VENDORS: Mapping[str, Vendor] = {
    row.kind: row
    for row in (
        Vendor(
            kind="openai", base_url="https://api.openai.com/v1", dialect=OpenAIChat, sdk="openai"
        ),
        Vendor(
            kind="anthropic",
            base_url="https://api.anthropic.com",
            dialect=AnthropicMessages,
            headers=x_api_key,
            sdk="anthropic",
        ),
        Vendor(
            kind="ollama", base_url="http://127.0.0.1:11434", dialect=OllamaChat, needs_key=False
        ),
        Vendor(
            kind="openai_compatible",
            base_url=None,
            dialect=compatible,
            sdk="openai",
            needs_key=False,
        ),
        Vendor(
            kind="groq",
            base_url="https://api.groq.com/openai/v1",
            dialect=compatible,
            sdk="openai",
        ),
        Vendor(
            kind="mistral", base_url="https://api.mistral.ai/v1", dialect=compatible, sdk="openai"
        ),
        Vendor(
            kind="deepseek",
            base_url="https://api.deepseek.com/v1",
            dialect=compatible,
            sdk="openai",
        ),
        Vendor(kind="xai", base_url="https://api.x.ai/v1", dialect=compatible, sdk="openai"),
        Vendor(
            kind="vllm",
            base_url="http://127.0.0.1:8000/v1",
            dialect=compatible,
            sdk="openai",
            needs_key=False,
        ),
        Vendor(
            kind="llamacpp",
            base_url="http://127.0.0.1:8080/v1",
            dialect=compatible,
            sdk="openai",
            needs_key=False,
        ),
    )
}


def build(
    kind: str,
    name: str,
    *,
    base_url: str,
    api_key: str,
    session: aiohttp.ClientSession,
    transport: Literal["http", "sdk"] = "http",
    organization: str = "",
    max_body_bytes: int = MAX_BODY_BYTES,
    monotonic: Callable[[], float] = SystemClock.monotonic,
) -> tuple[Provider, Closer]:
    """The provider `name` of `kind`, and what closes it; the session stays its maker's.

    An empty `base_url` is the vendor's own. `transport` sdk imports the vendor's SDK here and now.
    Raises ValueError, naming the key of `providers.<name>` that is wrong and what to do.
    """
    row = VENDORS.get(kind)
    where = f"providers.{name}"
    if row is None:
        raise ValueError(f"{where}.kind is {kind!r}, expected one of {', '.join(VENDORS)}")
    url = _url(row, where, base_url)
    if row.needs_key and not api_key:
        raise ValueError(f"{where}.api_key is missing; {kind} needs one, set it in the environment")
    dialect = row.dialect(name)
    if transport == "http":
        headers = row.headers(api_key, organization)
        wire = HttpTransport(session, url, headers, max_body_bytes, provider=name)
        return WiredProvider(dialect, wire, monotonic=monotonic, provider=name), _nothing
    client = _sdk(row, where)(
        provider=name,
        base_url=url,
        api_key=api_key,
        organization=organization,
        max_body_bytes=max_body_bytes,
    )
    return WiredProvider(dialect, client, monotonic=monotonic, provider=name), client.aclose


def _url(row: Vendor, where: str, base_url: str) -> str:
    url = base_url or row.base_url
    if not url:
        raise ValueError(f"{where}.base_url is missing; {row.kind} has no default, set it")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError(f"{where}.base_url must be an http(s) URL with a host and no user")
    return url


def _sdk(row: Vendor, where: str) -> Callable[..., SdkTransport]:
    if not row.sdk:
        raise ValueError(f"{where}.transport is 'sdk', but {row.kind} has no SDK here; use 'http'")
    try:
        importlib.import_module(row.sdk)
    except ImportError as missing:
        raise ValueError(
            f"{where}.transport is 'sdk', but the package {row.sdk} is not installed; "
            f"install hexgate[{row.sdk}] or use 'http'"
        ) from missing
    if row.sdk == "openai":
        from hexgate.adapters.providers.transports import openai_sdk

        return openai_sdk.build
    from hexgate.adapters.providers.transports import anthropic_sdk

    return anthropic_sdk.build


async def _nothing() -> None:
    """The session is closed by who made it."""
