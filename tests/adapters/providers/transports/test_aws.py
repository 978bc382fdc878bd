"""Credentials for AWS."""

from __future__ import annotations

import asyncio
import datetime
import json
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports.aws import SigV4, credential
from hexgate.adapters.providers.transports.http import HttpTransport, open_session
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.errors import CredentialRejected, Unreachable, Unserved
from tests.adapters.providers.transports.contract import CALM, KEY, soon
from tests.adapters.providers.transports.elsewhere import asked
from tests.adapters.providers.transports.servers import RawServer, whole
from tests.adapters.providers.transports.sigv4 import credential as signer
from tests.adapters.providers.transports.sigv4 import holds

pytest.importorskip("botocore")
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError, EndpointConnectionError

SECRET = "wJalrXUtnFEMI/K7MDENG+secret"
URL = "https://bedrock-runtime.r.amazonaws.com/model/m/converse"
ODD = "/model/arn%3Aaws%3Abedrock%3A%3A%3Aa%2Fb~c%20d%252e/converse"


def account(**wish: str) -> Account:
    fields = {"kind": "bedrock", "name": "main", "region": "eu-west-1", **wish}
    return Account(**fields)  # type: ignore[arg-type] # only fields of text are wished for


def keys(**wish: str) -> Account:
    return account(access_key_id="AKIDEXAMPLE", secret_access_key=SECRET, **wish)


async def sent(request: WireRequest, given: Account) -> tuple[bytes, bytes]:
    """Head and body of a request as they arrive."""
    async with RawServer(whole(b"{}")) as server, open_session() as session:
        transport = HttpTransport(session, server.url, {}, credential=credential(given))
        await transport.send(request, CALM)
    return server.requests[0]


@pytest.mark.parametrize("token", ["", "session/token=="])
@pytest.mark.parametrize(
    "request_",
    [
        WireRequest("/model/m/converse", {"text": "ü", "n": 1}),
        WireRequest(ODD, {"text": "a"}, headers={"Accept": "a/b", "X-Amzn-Bedrock-Trace": "x"}),
        WireRequest("/foundation-models?byOutputModality=EMBEDDING&a=%2F", method="GET"),
        WireRequest("/foundation-models", method="GET"),
    ],
)
async def test_what_arrives_carries_the_signature_that_aws_computes(
    request_: WireRequest, token: str
) -> None:
    head, body = await sent(request_, keys(session_token=token))
    assert head.split(b" ")[1] == request_.path.encode()
    assert holds(head, body, SECRET)
    assert not holds(head, body + b" ", SECRET)
    assert not holds(head.replace(b"Host: ", b"Host: x"), body, SECRET)
    assert signer(head).startswith("AKIDEXAMPLE/")
    assert signer(head).endswith("/eu-west-1/bedrock/aws4_request")
    assert (f"X-Amz-Security-Token: {token}".encode() in head) is bool(token)


async def test_a_large_body_is_signed_whole() -> None:
    head, body = await sent(WireRequest("/model/m/converse", {"text": "a" * 3_000_000}), keys())
    assert holds(head, body, SECRET)


async def test_a_bedrock_key_is_a_bearer_token_and_wins() -> None:
    headers = await credential(keys(api_key=KEY)).headers("POST", URL, b"")
    assert headers == {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize("given", ["access_key_id", "secret_access_key"])
def test_half_a_pair_of_keys_is_refused_by_name(given: str) -> None:
    (missing,) = {"access_key_id", "secret_access_key"} - {given}
    with pytest.raises(ValueError, match=f"^providers.main.{missing} is missing") as raised:
        credential(account(**{given: SECRET}))
    assert SECRET not in str(raised.value)


class Renewing:
    """A source of keys whose time and renewals the test decides."""

    def __init__(self) -> None:
        self.searches = self.renewals = 0
        self.left_s = 3600.0
        self.at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        self.go = threading.Event()
        self.go.set()
        self.failure: Exception | None = None

    def search(self, _: Account) -> Credentials:
        """The chain."""
        self.searches += 1
        self.go.wait(10)
        end = self.now() + datetime.timedelta(seconds=self.left_s)
        return RefreshableCredentials(
            "AKID0", SECRET, "t", end, self.renew, "test", time_fetcher=self.now
        )

    def now(self) -> datetime.datetime:
        """The time by which keys end."""
        return self.at

    def renew(self) -> Mapping[str, str]:
        """New keys, for an hour."""
        self.go.wait(10)
        if self.failure is not None:
            raise self.failure
        self.renewals += 1
        end = (self.now() + datetime.timedelta(hours=1)).isoformat()
        key = f"AKID{self.renewals}"
        return {"access_key": key, "secret_key": SECRET, "token": "t", "expiry_time": end}


async def key_of(signing: SigV4) -> str:
    headers = await soon(signing.headers("POST", URL, b"{}"))
    return headers["Authorization"].partition("Credential=")[2].partition("/")[0]


async def test_keys_are_searched_once_for_all_who_wait() -> None:
    source = Renewing()
    source.go.clear()
    signing = SigV4(account(), source.search)
    waiting = [asyncio.ensure_future(key_of(signing)) for _ in range(20)]
    await asyncio.sleep(0)
    waiting.pop().cancel()
    source.go.set()
    assert set(await asyncio.gather(*waiting)) == {"AKID0"}
    assert await key_of(signing) == "AKID0"
    assert (source.searches, source.renewals) == (1, 0)


async def test_cancelling_a_search_frees_its_caller_at_once() -> None:
    source = Renewing()
    source.go.clear()
    signing = SigV4(account(), source.search)
    waiting = asyncio.ensure_future(signing.headers("POST", URL, b""))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await soon(waiting)
    source.go.set()
    assert await key_of(signing) == "AKID0"
    assert source.searches == 1


async def test_keys_that_are_found_near_their_end_are_renewed_at_once() -> None:
    source = Renewing()
    source.left_s = 300
    signing = SigV4(account(), source.search)
    assert await key_of(signing) == "AKID1"


async def test_good_keys_are_signed_with_while_new_ones_are_on_their_way() -> None:
    source = Renewing()
    signing = SigV4(account(), source.search)
    assert await key_of(signing) == "AKID0"
    source.at += datetime.timedelta(seconds=3600 - 300)
    source.go.clear()
    assert await key_of(signing) == "AKID0"
    source.go.set()
    await soon(signing._fetching.start())
    assert await key_of(signing) == "AKID1"
    assert source.renewals == 1


async def test_keys_that_have_ended_are_not_signed_with_any_more() -> None:
    source = Renewing()
    signing = SigV4(account(), source.search)
    assert await key_of(signing) == "AKID0"
    source.at += datetime.timedelta(seconds=3600)
    source.failure = KeyError()
    with pytest.raises(CredentialRejected):
        await signing.headers("POST", URL, b"")
    source.failure = None
    assert set(await asyncio.gather(*(key_of(signing) for _ in range(9)))) == {"AKID1"}
    assert source.renewals == 1


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (CredentialRetrievalError(provider="p", error_msg=SECRET), CredentialRejected),
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": SECRET}}, "A"),
            CredentialRejected,
        ),
        (
            ClientError({"Error": {"Code": "X"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "A"),  # type: ignore[typeddict-item] # less than the stub wants
            Unreachable,
        ),
        (EndpointConnectionError(endpoint_url=SECRET), Unreachable),
        (KeyError(SECRET), CredentialRejected),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_keys_that_cannot_be_renewed_are_rejected(
    failure: Exception, kind: type[Unserved]
) -> None:
    source = Renewing()
    source.left_s, source.failure = 0, failure
    signing = SigV4(account(), source.search)
    for _ in range(2):  # the second asks again
        with pytest.raises(kind, match="main") as raised:
            await signing.headers("POST", URL, b"")
        assert type(raised.value) is kind
        assert SECRET not in repr(raised.value) + raised.value.detail
    source.failure = None
    assert await key_of(signing) == "AKID1"


async def test_no_credentials_name_what_to_set() -> None:
    with pytest.raises(CredentialRejected) as raised:
        await SigV4(account(), lambda _: None).headers("POST", URL, b"")
    for key in ("access_key_id", "secret_access_key", "profile", "api_key"):
        assert f"providers.main.{key}" in str(raised.value)


NOWHERE = {"AWS_EC2_METADATA_DISABLED": "true"}


@pytest.mark.parametrize("transport", ["http", "sdk"])
async def test_a_process_without_credentials_says_so(transport: str, tmp_path: Path) -> None:
    async with RawServer(whole(b"{}")) as server:
        given = {"kind": "bedrock", "region": "r", "base_url": server.url, "transport": transport}
        kind, message, _ = await asked(given, NOWHERE, tmp_path)
    assert (kind, server.requests) == ("CredentialRejected", [])
    assert message.startswith("main has no AWS credentials; set providers.main.access_key_id")


@pytest.mark.parametrize("transport", ["http", "sdk"])
async def test_a_profile_that_is_not_there_is_named(transport: str, tmp_path: Path) -> None:
    given = {"kind": "bedrock", "region": "r", "profile": "gone", "transport": transport}
    kind, message, _ = await asked(given, NOWHERE, tmp_path)
    assert kind == "CredentialRejected"
    assert "providers.main.profile" in message


@pytest.mark.parametrize("transport", ["http", "sdk"])
@pytest.mark.parametrize("found", ["variables", "profile", "token", "role", "configured"])
async def test_credentials_are_found_as_aws_finds_them(
    transport: str, found: str, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    pair = f"aws_access_key_id = AKIDPROFILE\naws_secret_access_key = {SECRET}\n"
    file.write_text(f"[mine]\n{pair}")
    given = {"kind": "bedrock", "region": "r", "transport": transport}
    role = {"AccessKeyId": "AKIDROLE", "SecretAccessKey": SECRET, "Token": "t"}
    role["Expiration"] = "2100-01-01T00:00:00Z"
    async with RawServer(whole(json.dumps(role).encode())) as roles:
        variables = {"AWS_ACCESS_KEY_ID": "AKIDVARIABLES", "AWS_SECRET_ACCESS_KEY": SECRET}
        token = {"AWS_BEARER_TOKEN_BEDROCK": KEY}
        environment = {
            "variables": variables,
            "profile": {**variables, **token, "AWS_SHARED_CREDENTIALS_FILE": str(file)},
            "token": {**variables, **token},
            "role": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": roles.url},
            "configured": {**variables, **token},
        }[found]
        if found == "profile":
            given["profile"] = "mine"
        if found == "configured":
            given |= {"access_key_id": "AKIDCONFIGURED", "secret_access_key": SECRET}
        async with RawServer(whole(b"{}", "400 No")) as server:
            await asked({**given, "base_url": server.url}, environment, tmp_path)
    ((head, body),) = server.requests
    if found == "token":
        assert f"\r\nauthorization: bearer {KEY}\r\n" in head.decode().lower()
    else:
        assert signer(head).startswith(f"AKID{found.upper()}/")
        assert holds(head, body, SECRET)
    assert SECRET.encode() not in head
