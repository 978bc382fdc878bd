"""The transports over official SDKs."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import pytest

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports import anthropic_sdk, azure_sdk, openai_sdk
from hexgate.adapters.providers.transports.sdk import SdkTransport
from hexgate.adapters.providers.wire import Transport, WireRequest
from tests.adapters.providers.transports.contract import (
    CALM,
    KEY,
    MAX_BODY,
    REQUEST,
    TransportContract,
)
from tests.adapters.providers.transports.elsewhere import asked
from tests.adapters.providers.transports.servers import RawServer, whole

Build: TypeAlias = Callable[[Account, str], SdkTransport]
METHODS: tuple[Literal["GET", "POST"], ...] = ("GET", "POST")

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


OTHER = "other-value"
HOSTILE = {
    "OPENAI_API_KEY": OTHER,
    "OPENAI_ADMIN_KEY": OTHER,
    "OPENAI_ORG_ID": OTHER,
    "OPENAI_PROJECT_ID": OTHER,
    "OPENAI_BASE_URL": "http://127.0.0.1:1",
    "OPENAI_API_VERSION": OTHER,
    "OPENAI_WEBHOOK_SECRET": OTHER,
    "OPENAI_LOG": "debug",
    "AZURE_OPENAI_API_KEY": OTHER,
    "AZURE_OPENAI_AD_TOKEN": OTHER,
    "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:1",
    "ANTHROPIC_API_KEY": OTHER,
    "ANTHROPIC_AUTH_TOKEN": OTHER,
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
    "ANTHROPIC_PROFILE": OTHER,
    "ANTHROPIC_IDENTITY_TOKEN": OTHER,
    "ANTHROPIC_FEDERATION_RULE_ID": OTHER,
    "ANTHROPIC_ORGANIZATION_ID": OTHER,
    "ANTHROPIC_WORKSPACE_ID": OTHER,
    "ANTHROPIC_WEBHOOK_SIGNING_KEY": OTHER,
    "ANTHROPIC_LOG": "debug",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
    "ALL_PROXY": "http://127.0.0.1:1",
    **dict.fromkeys(
        ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"),
        f"X-Mine: {OTHER}\nAuthorization: Bearer {OTHER}\nauthorization: {OTHER}\n"
        f"api-key: {OTHER}\nx-api-key: {OTHER}\nUser-Agent: {OTHER}\nAccept-Encoding: {OTHER}\n"
        f"Content-Type: {OTHER}\nanthropic-version: {OTHER}\nHost: {OTHER}\nContent-Length: 1\n"
        f"Transfer-Encoding: chunked\nConnection: close\nCookie: {OTHER}",
    ),
}


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "openai", "api_key": KEY},
        {"kind": "openai", "api_key": KEY, "organization": "org-1"},
        {"kind": "openai_compatible"},
        {"kind": "azure", "api_key": KEY},
        {"kind": "azure", "api_key": KEY, "api_version": "2024-10-21"},
        {"kind": "anthropic", "api_key": KEY},
    ],
    ids=str,
)
async def test_a_request_is_the_same_in_every_environment(
    given: dict[str, str], tmp_path: Path
) -> None:
    heads = []
    async with RawServer(whole(b"{}", "503 No", b"x-should-retry: true\r\n")) as server:
        for environment in ({}, HOSTILE):
            account = {**given, "base_url": server.url, "transport": "sdk"}
            await asked(account, environment, tmp_path)
            heads.append(server.requests[-1])
    assert len(server.requests) == 2
    assert heads[0] == heads[1]
    head = heads[0][0].decode()
    assert OTHER not in head
    assert (KEY in head) is ("api_key" in given)
    assert "\r\nhost: 127.0.0.1:" in head.lower()


@pytest.mark.parametrize("kind", ["openai", "azure", "anthropic"])
async def test_a_request_is_the_one_that_is_sent_without_an_sdk(kind: str, tmp_path: Path) -> None:
    seen = []
    async with RawServer(whole(b"{}", "503 No")) as server:
        for transport in ("http", "sdk"):
            given = {"kind": kind, "api_key": KEY, "base_url": server.url, "transport": transport}
            await asked(given, {}, tmp_path)
            head, body = server.requests[-1]
            line, *headers = head.decode().strip().split("\r\n")
            named = dict(header.split(": ", 1) for header in map(str, headers))
            lower = {name.lower(): value for name, value in named.items()}
            if kind == "anthropic":  # the SDK's own way of sending its key
                key = lower.pop("x-api-key", None) or lower.pop("authorization")[7:]
                assert key == KEY
            lower.pop("content-length")
            seen.append((line, lower, json.loads(body)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("build", [openai_sdk.build, anthropic_sdk.build, azure_sdk.build])
async def test_a_url_of_its_own_is_asked_as_it_is(build: Build) -> None:
    async with RawServer() as other, RawServer(whole(b"{}")) as server:
        account = Account(kind="k", name="p", api_key=KEY, api_version="")
        made = build(account, other.url + "/v1")
        for method in METHODS:
            request = WireRequest(f"{server.url}/x/a%2Fb%3A?c=d%2Fe", {}, method=method)
            await made.send(request, CALM)
        await made.aclose()
    assert other.requests == []
    assert [head.split(b" ")[:2] for head, _ in server.requests] == [
        [b"GET", b"/x/a%2Fb%3A?c=d%2Fe"],
        [b"POST", b"/x/a%2Fb%3A?c=d%2Fe"],
    ]


async def test_a_logger_at_debug_is_made_quiet() -> None:
    for build, name in ((openai_sdk.build, "openai"), (anthropic_sdk.build, "anthropic")):
        logging.getLogger(name).setLevel(logging.DEBUG)
        await build(Account(kind="k", name="p", api_key=KEY), "http://127.0.0.1:1").aclose()
        assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING
