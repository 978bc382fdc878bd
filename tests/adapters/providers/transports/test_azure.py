"""Entra tokens, and the SDK's way to Azure OpenAI."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports import azure_sdk
from hexgate.adapters.providers.transports.azure import SCOPE, Entra
from hexgate.adapters.providers.wire import Transport, WireRequest
from hexgate.domain.errors import CredentialRejected, Unreachable, Unserved
from tests.adapters.providers.transports.contract import (
    CALM,
    KEY,
    MAX_BODY,
    TransportContract,
    soon,
)
from tests.adapters.providers.transports.elsewhere import asked
from tests.adapters.providers.transports.servers import RawServer, whole

pytest.importorskip("openai")
pytest.importorskip("azure.identity")
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
)
from azure.identity import CredentialUnavailableError

SECRET = "a secret of the vault"
ACCOUNT = Account(kind="azure", name="main", base_url="http://127.0.0.1:1")


@dataclasses.dataclass(frozen=True)
class Given:
    token: str
    expires_on: int


class Vault:
    """A source of tokens, good for an hour each; also the clock they end by."""

    def __init__(self) -> None:
        self.given = 0
        self.now_s = 1e9
        self.go = asyncio.Event()
        self.go.set()
        self.failure: Exception | None = None
        self.closed = False

    async def get_token(self, *scopes: str) -> Given:
        assert scopes == (SCOPE,)
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        self.given += 1
        return Given(f"token-{self.given}", int(self.now_s) + 3600)

    async def close(self) -> None:
        self.closed = True

    def clock(self) -> float:
        return self.now_s


async def token(entra: Entra) -> str:
    return (await soon(entra.headers("POST", "", b"")))["Authorization"]


async def test_a_token_is_fetched_once_for_all_who_wait() -> None:
    vault = Vault()
    vault.go.clear()
    entra = Entra(ACCOUNT, vault, vault.clock)
    waiting = [asyncio.ensure_future(token(entra)) for _ in range(9)]
    await asyncio.sleep(0)
    cancelled = waiting.pop()
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    vault.go.set()
    assert set(await asyncio.gather(*waiting)) == {"Bearer token-1"}
    assert await token(entra) == "Bearer token-1"
    assert vault.given == 1


async def test_a_token_near_its_end_is_used_while_the_next_is_fetched() -> None:
    vault = Vault()
    entra = Entra(ACCOUNT, vault, vault.clock)
    await token(entra)
    vault.now_s += 3600 - 299
    vault.go.clear()
    assert await token(entra) == "Bearer token-1"
    vault.failure = ServiceRequestError("gone")
    vault.go.set()
    await soon(asyncio.wait((entra._fetching.start(),)))
    vault.failure = None
    vault.go.clear()
    assert await token(entra) == "Bearer token-1", "a failure to renew early is nobody's failure"
    renewing = entra._fetching.start()
    vault.go.set()
    await soon(renewing)
    assert await token(entra) == "Bearer token-2"


async def test_a_token_that_ends_is_waited_for() -> None:
    vault = Vault()
    entra = Entra(ACCOUNT, vault, vault.clock)
    await token(entra)
    vault.now_s += 3600
    assert await token(entra) == "Bearer token-2"


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (ClientAuthenticationError(SECRET), CredentialRejected),
        (CredentialUnavailableError(SECRET), CredentialRejected),
        (ValueError(SECRET), CredentialRejected),
        (ServiceRequestError(SECRET), Unreachable),
        (HttpResponseError(SECRET), CredentialRejected),
        (TimeoutError(SECRET), Unreachable),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_failure_says_what_to_do_and_nothing_of_the_vault(
    failure: Exception, kind: type[Unserved]
) -> None:
    vault = Vault()
    vault.failure = failure
    entra = Entra(ACCOUNT, vault, vault.clock)
    with pytest.raises(Unserved) as raised:
        await entra.headers("POST", "", b"")
    assert type(raised.value) is kind
    assert SECRET not in repr(raised.value) + raised.value.detail
    if kind is CredentialRejected:
        assert "providers.main.api_key" in str(raised.value)
    vault.failure = None
    assert await token(entra) == "Bearer token-1"


async def test_closing_stops_what_is_fetched_and_closes_the_source() -> None:
    vault = Vault()
    vault.go.clear()
    entra = Entra(ACCOUNT, vault, vault.clock)
    waiting = asyncio.ensure_future(token(entra))
    await asyncio.sleep(0)
    await soon(entra.aclose())
    with pytest.raises(asyncio.CancelledError):
        await soon(waiting)
    assert vault.closed


# The endpoint that a managed identity of an App Service has; its own answer for one hour.
TOKEN = {"access_token": KEY, "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}
AZURE = {"kind": "azure", "api_version": "2024-10-21"}


@pytest.mark.parametrize("transport", ["http", "sdk"])
async def test_the_identity_of_the_process_is_found_and_used(
    transport: str, tmp_path: Path
) -> None:
    async with (
        RawServer(
            whole(json.dumps(TOKEN).encode(), headers=b"content-type: application/json\r\n")
        ) as identity,
        RawServer(whole(b"{}", "400 No")) as server,
    ):
        given = {**AZURE, "base_url": server.url, "transport": transport}
        environment = {"IDENTITY_ENDPOINT": f"{identity.url}/token", "IDENTITY_HEADER": "h"}
        await asked(given, environment, tmp_path)
    assert b"resource=https://cognitiveservices.azure.com " in identity.requests[0][0]
    ((head, _),) = server.requests
    path = "/openai/deployments/some-model/chat/completions?api-version=2024-10-21"
    assert head.startswith(f"POST {path} ".encode())
    assert f"\r\nauthorization: bearer {KEY}\r\n" in head.decode().lower()
    assert b"api-key" not in head.lower()


class TestDated(TransportContract):
    """Over the OpenAI SDK's client for Azure."""

    request = WireRequest(
        "/openai/deployments/a%2Fb/chat/completions?api-version=2024-10-21",
        {"model": "m", "n": 9007199254740993},
        headers={"anthropic-version": "1999"},
    )
    api_version = "2024-10-21"

    def listing(self, url: str) -> WireRequest:
        """The SDK adds its version to every query."""
        return WireRequest("/openai/models?api-version=2024-10-21&after=a%2Fb", method="GET")

    @asynccontextmanager
    async def transport(self, url: str, max_body_bytes: int = MAX_BODY) -> AsyncIterator[Transport]:
        """See TransportContract."""
        account = Account(
            kind="azure",
            name="p",
            api_key=KEY,
            api_version=self.api_version,
            max_body_bytes=max_body_bytes,
        )
        made = azure_sdk.build(account, url)
        yield made
        await made.aclose()


class TestV1(TestDated):
    """Over the OpenAI SDK's usual client."""

    request = WireRequest(
        "/openai/v1/chat/completions", TestDated.request.payload, headers=TestDated.request.headers
    )
    api_version = ""

    def listing(self, url: str) -> WireRequest:
        """No version anywhere."""
        return WireRequest("/openai/v1/models?after=a%2Fb", method="GET")


@pytest.mark.parametrize("version", ["2024-10-21", ""])
@pytest.mark.parametrize("path", ["/openai/v1/models", "/openai/models?api-version=2024-10-21"])
async def test_a_key_is_sent_as_azure_wants_it(version: str, path: str) -> None:
    async with RawServer(whole(b"{}")) as server:
        made = azure_sdk.build(
            Account(kind="azure", name="p", api_key=KEY, api_version=version), server.url
        )
        await made.send(WireRequest(path, method="GET"), CALM)
        await made.aclose()
    head = server.requests[0][0].decode().lower()
    assert f"\r\napi-key: {KEY}\r\n" in head
    assert "authorization" not in head
