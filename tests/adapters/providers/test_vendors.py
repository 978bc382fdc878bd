"""The table of vendors and what is built from it."""

from __future__ import annotations

from typing import Any

import pytest

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.open import open_provider
from hexgate.adapters.providers.transports.http import open_session
from hexgate.adapters.providers.vendors import VENDORS
from hexgate.domain.errors import GatewayError
from hexgate.entrypoints.settings import KINDS
from tests import fakes
from tests.adapters.providers.transports.servers import RawServer, whole

KEY = "sk-very-secret"


async def made(**wish: Any) -> str:
    """Why this cannot be built."""
    async with open_session() as session:
        fields = {"kind": "openai", "name": "main", "base_url": "", "api_key": KEY}
        with pytest.raises(ValueError) as raised:
            open_provider(Account(**{**fields, **wish}), session)
    assert KEY not in str(raised.value)
    return str(raised.value)


def test_every_kind_of_the_settings_has_a_row() -> None:
    assert set(VENDORS) == set(KINDS) - {"simulator"}


async def test_an_unknown_kind_is_named_with_those_there_are() -> None:
    said = await made(kind="skynet")
    assert said.startswith("providers.main.kind is 'skynet', expected one of openai, ")


@pytest.mark.parametrize("kind", ["openai", "anthropic", "groq", "mistral", "deepseek", "xai"])
async def test_a_missing_key_is_named(kind: str) -> None:
    assert (await made(kind=kind, api_key="")).startswith("providers.main.api_key is missing")


@pytest.mark.parametrize("url", ["ftp://a.test", "a.test/v1", "https://", "http://u:p@a.test"])
async def test_a_url_that_is_none_is_refused(url: str) -> None:
    assert "providers.main.base_url must be" in await made(base_url=url)


async def test_a_kind_without_a_default_needs_its_url() -> None:
    assert "providers.main.base_url is missing" in await made(kind="openai_compatible")


async def test_a_kind_without_an_sdk_says_so() -> None:
    assert "providers.main.transport is 'sdk'" in await made(kind="ollama", transport="sdk")


@pytest.mark.parametrize("kind", [kind for kind in VENDORS if VENDORS[kind].sdk])
@pytest.mark.parametrize("transport", ["http", "sdk"])
async def test_every_row_reaches_its_server_with_its_key(kind: str, transport: Any) -> None:
    head = await asked(kind, transport)
    if kind == "anthropic":
        assert head.startswith("POST /v1/messages ")
        assert "\r\nanthropic-version: 2026-10-21\r\n" in head
        key = f"x-api-key: {KEY}" if transport == "http" else f"Authorization: Bearer {KEY}"
    else:
        assert head.startswith("POST /chat/completions ")
        assert "\r\nopenai-organization: org-1\r\n" in head.lower()
        key = f"Authorization: Bearer {KEY}"
    assert f"\r\n{key}\r\n".lower() in head.lower()


async def test_ollama_is_asked_by_its_own_protocol() -> None:
    assert (await asked("ollama", "http")).startswith("POST /api/chat ")


async def asked(kind: str, transport: Any) -> str:
    """The head of the request that a call makes."""
    async with RawServer(whole(b"{}", "500 No")) as server, open_session() as session:
        account = Account(
            kind=kind,
            name="main",
            base_url=server.url,
            api_key=KEY,
            transport=transport,
            organization="org-1",
        )
        provider, close = open_provider(account, session)
        with pytest.raises(GatewayError, match="main"):
            await provider.complete(fakes.call(model="some-model"))
        await close()
    return server.requests[0][0].decode()
