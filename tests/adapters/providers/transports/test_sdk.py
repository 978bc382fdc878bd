"""The transports over official SDKs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports import anthropic_sdk, openai_sdk
from hexgate.adapters.providers.wire import Transport
from tests.adapters.providers.transports.contract import (
    CALM,
    KEY,
    MAX_BODY,
    REQUEST,
    TransportContract,
)
from tests.adapters.providers.transports.servers import RawServer, whole

pytest.importorskip("openai")
pytest.importorskip("anthropic")


class TestOpenAI(TransportContract):
    """Over the OpenAI SDK."""

    @asynccontextmanager
    async def transport(self, url: str, max_body_bytes: int = MAX_BODY) -> AsyncIterator[Transport]:
        """See TransportContract."""
        account = Account(kind="openai", name="p", api_key=KEY, max_body_bytes=max_body_bytes)
        made = openai_sdk.build(account, url)
        yield made
        await made.aclose()


class TestAnthropic(TransportContract):
    """Over the Anthropic SDK."""

    @asynccontextmanager
    async def transport(self, url: str, max_body_bytes: int = MAX_BODY) -> AsyncIterator[Transport]:
        """See TransportContract."""
        account = Account(kind="anthropic", name="p", api_key=KEY, max_body_bytes=max_body_bytes)
        made = anthropic_sdk.build(account, url)
        yield made
        await made.aclose()


async def test_the_organization_is_named() -> None:
    async with RawServer(whole(b"{}")) as server:
        account = Account(kind="openai", name="p", api_key=KEY, organization="org-1")
        made = openai_sdk.build(account, server.url)
        await made.send(REQUEST, CALM)
        await made.aclose()
    assert b"openai-organization: org-1" in server.requests[0][0].lower()


def test_no_sdk_is_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys, hexgate.adapters.providers.transports.openai_sdk,"
        "hexgate.adapters.providers.transports.anthropic_sdk;"
        "sys.exit(bool({'openai', 'anthropic', 'httpx2'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
