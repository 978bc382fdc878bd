"""Google's tokens, from a token endpoint that is real but for its words."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports.google import GoogleToken
from hexgate.domain.errors import CredentialRejected, Unreachable
from tests.adapters.providers.transports.google_tokens import (
    TokenServer,
    key_file,
    service_account,
)
from tests.fakes import FakeClock

pytest.importorskip("google.auth")
ASK = ("POST", "http://127.0.0.1/v1/x", b"")


@pytest.fixture
async def server() -> AsyncIterator[TokenServer]:
    async with TokenServer() as made:
        yield made


def token(path: str, clock: FakeClock | None = None) -> GoogleToken:
    account = Account(kind="vertex", name="v", credentials_file=path)
    return GoogleToken(account, (clock or FakeClock(now=time.time())).now)


async def test_a_key_is_sent_as_it_is() -> None:
    made = GoogleToken(Account(kind="vertex", name="v", api_key="AIza"))
    assert await made.headers(*ASK) == {"x-goog-api-key": "AIza"}
    await made.aclose()


async def test_a_service_account_signs_for_a_token(server: TokenServer, tmp_path: Path) -> None:
    made = token(key_file(tmp_path, service_account(server.url)))
    assert await made.headers(*ASK) == {"authorization": "Bearer token-1"}
    await made.aclose()
    (asked,) = server.asked
    claims = json.loads(urlsafe_b64decode(asked["assertion"].split(".")[1] + "=="))
    assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert claims["iss"] == "gate@project.iam.gserviceaccount.com"


async def test_a_federated_account_exchanges_its_proof_and_names_who_pays(
    server: TokenServer, tmp_path: Path
) -> None:
    proof = tmp_path / "proof"
    proof.write_text("my-proof")
    said = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/pool",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": server.url,
        "credential_source": {"file": str(proof)},
        "quota_project_id": "payer",
    }
    made = token(key_file(tmp_path, said))
    headers = await made.headers(*ASK)
    assert headers == {"authorization": "Bearer token-1", "x-goog-user-project": "payer"}
    await made.aclose()
    assert server.asked[0]["subject_token"] == "my-proof"


async def test_a_token_is_fetched_once_until_it_ends(server: TokenServer, tmp_path: Path) -> None:
    clock = FakeClock(now=time.time())
    made = token(key_file(tmp_path, service_account(server.url)), clock)
    first = await made.headers(*ASK)
    assert await made.headers(*ASK) is first
    clock.advance(3600)
    assert await made.headers(*ASK) == {"authorization": "Bearer token-2"}
    await made.aclose()
    assert len(server.asked) == 2


async def test_a_token_near_its_end_is_replaced_while_it_is_used(
    server: TokenServer, tmp_path: Path
) -> None:
    clock = FakeClock(now=time.time())
    made = token(key_file(tmp_path, service_account(server.url)), clock)
    await made.headers(*ASK)
    clock.advance(3500)
    server.gate.clear()
    server.arrived.clear()
    for _ in range(3):
        assert await made.headers(*ASK) == {"authorization": "Bearer token-1"}
    await asyncio.wait_for(server.arrived.wait(), 10)
    server.gate.set()
    for _ in range(10_000):
        if await made.headers(*ASK) != {"authorization": "Bearer token-1"}:
            break
        await asyncio.sleep(0.001)
    assert await made.headers(*ASK) == {"authorization": "Bearer token-2"}
    await made.aclose()
    assert len(server.asked) == 2


async def test_a_token_that_cannot_be_replaced_is_used_to_its_end(
    server: TokenServer, tmp_path: Path
) -> None:
    clock = FakeClock(now=time.time())
    made = token(key_file(tmp_path, service_account(server.url)), clock)
    await made.headers(*ASK)
    server.status = 400
    clock.advance(3500)
    server.arrived.clear()
    assert await made.headers(*ASK) == {"authorization": "Bearer token-1"}
    await asyncio.wait_for(server.arrived.wait(), 10)
    for _ in range(100):  # time for many more attempts, if there were no pause between them
        assert await made.headers(*ASK) == {"authorization": "Bearer token-1"}
        await asyncio.sleep(0.001)
    assert len(server.asked) == 2
    clock.advance(100)
    with pytest.raises(CredentialRejected):
        await made.headers(*ASK)
    await made.aclose()


async def test_all_who_wait_share_one_fetch_though_one_leaves(
    server: TokenServer, tmp_path: Path
) -> None:
    server.gate.clear()
    made = token(key_file(tmp_path, service_account(server.url)))
    waiting = [asyncio.ensure_future(made.headers(*ASK)) for _ in range(20)]
    await server.arrived.wait()
    waiting[0].cancel()
    server.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    got = await asyncio.gather(*waiting[1:])
    await made.aclose()
    assert [each["authorization"] for each in got] == ["Bearer token-1"] * 19
    assert len(server.asked) == 1


async def test_a_refused_key_is_a_rejected_credential_and_read_anew(
    server: TokenServer, tmp_path: Path
) -> None:
    server.status = 400
    path = key_file(tmp_path, service_account(server.url, client_email="old@x"))
    made = token(path)
    with pytest.raises(CredentialRejected) as raised:
        await made.headers(*ASK)
    assert "providers.v.credentials_file" in raised.value.message
    shown = repr(raised.value) + repr(vars(raised.value))
    assert "secret@x" not in shown
    assert "old@x" not in shown
    server.status = 200
    key_file(tmp_path, service_account(server.url, client_email="new@x"))
    await made.headers(*ASK)
    await made.aclose()
    claims = server.asked[-1]["assertion"].split(".")[1]
    assert json.loads(urlsafe_b64decode(claims + "=="))["iss"] == "new@x"


async def test_an_endpoint_that_is_down_is_unreachable(tmp_path: Path) -> None:
    async with TokenServer() as gone:
        url = gone.url
    made = token(key_file(tmp_path, service_account(url)))
    with pytest.raises(Unreachable):
        await made.headers(*ASK)
    await made.aclose()


async def test_an_endpoint_that_fails_is_unreachable(server: TokenServer, tmp_path: Path) -> None:
    server.status = 503
    made = token(key_file(tmp_path, service_account(server.url)))
    with pytest.raises(Unreachable):
        await made.headers(*ASK)
    await made.aclose()


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        {"type": "gold"},
        {"type": "service_account", "client_email": "a@x"},
        service_account("http://127.0.0.1:1/", private_key="no key"),
        {"type": "external_account", "audience": 3},
        {"type": "authorized_user"},
    ],
    ids=lambda said: str(said)[:40],
)
async def test_a_file_that_is_no_key_file_names_its_place(said: object, tmp_path: Path) -> None:
    made = token(key_file(tmp_path, said))
    with pytest.raises(CredentialRejected, match=r"check providers\.v\.credentials_file$"):
        await made.headers(*ASK)
    await made.aclose()


async def test_a_file_that_is_not_there_names_its_place(tmp_path: Path) -> None:
    made = token(str(tmp_path / "nothing.json"))
    with pytest.raises(CredentialRejected, match=r"check providers\.v\.credentials_file$"):
        await made.headers(*ASK)
    await made.aclose()


_DEFAULT = """
import asyncio
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports.google import GoogleToken
from hexgate.domain.errors import CredentialRejected

async def main() -> None:
    made = GoogleToken(Account(kind="vertex", name="v"))
    try:
        print(dict(await made.headers("POST", "", b"")))
    except CredentialRejected as failure:
        print(failure.message)
    await made.aclose()

asyncio.run(main())
"""


async def _default(home: Path, **environment: str) -> str:
    """What the default credentials of a process with this environment are."""
    keep = {key: os.environ[key] for key in ("PATH", "VIRTUAL_ENV") if key in os.environ}
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _DEFAULT],
        env={**keep, "HOME": str(home), "NO_GCE_CHECK": "true", **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ran.stdout.strip()


async def test_without_a_file_the_default_credentials_are_used(
    server: TokenServer, tmp_path: Path
) -> None:
    path = key_file(tmp_path, service_account(server.url))
    said = await _default(tmp_path, GOOGLE_APPLICATION_CREDENTIALS=path)
    assert said == "{'authorization': 'Bearer token-1'}"


async def test_without_any_credentials_it_says_what_to_set(tmp_path: Path) -> None:
    said = await _default(tmp_path)
    expected = "set providers.v.credentials_file or GOOGLE_APPLICATION_CREDENTIALS"
    assert said.endswith(expected)
