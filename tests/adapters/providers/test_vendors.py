"""The table of vendors and what is built from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import hexgate
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.open import open_provider
from hexgate.adapters.providers.transports.http import open_session
from hexgate.adapters.providers.vendors import VENDORS
from hexgate.domain.errors import GatewayError
from hexgate.entrypoints.kinds import KINDS
from tests import fakes
from tests.adapters.providers.transports.servers import RawServer, whole

KEY = "sk-very-secret"
ENOUGH: dict[str, Any] = {
    "api_key": KEY,
    "base_url": "http://127.0.0.1:1",
    "project": "p",
    "location": "l",
}
ENOUGH |= {"region": "r", "access_key_id": KEY, "secret_access_key": KEY, "session_token": KEY}

# How a call to each kind begins, and the header that its key is in.
CHAT = "/chat/completions"
BEARER = f"authorization: bearer {KEY}"
ROWS = {
    "openai": (CHAT, BEARER),
    "azure": (f"/openai/v1{CHAT}", f"api-key: {KEY}"),
    "anthropic": ("/v1/messages", f"x-api-key: {KEY}"),
    "cohere": ("/v2/chat", BEARER),
    "gemini": ("/v1beta/models/some-model:generateContent", f"x-goog-api-key: {KEY}"),
    "bedrock": ("/model/some-model/converse", BEARER),
    "ollama": ("/api/chat", BEARER),
    "openai_compatible": (CHAT, BEARER),
    **dict.fromkeys(("groq", "mistral", "deepseek", "xai", "vllm", "llamacpp"), (CHAT, BEARER)),
}
SDKS = [kind for kind, row in VENDORS.items() if row.sdk]


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


def test_every_row_is_tried_here_but_the_one_without_a_key() -> None:
    assert set(ROWS) == set(VENDORS) - {"vertex"}


async def test_an_unknown_kind_is_named_with_those_there_are() -> None:
    said = await made(kind="skynet")
    assert said.startswith("providers.main.kind is 'skynet', expected one of openai, ")


@pytest.mark.parametrize(
    ("kind", "key"), [(kind, key) for kind, row in VENDORS.items() for key in row.needs]
)
async def test_what_a_kind_needs_is_named_when_it_is_missing(kind: str, key: str) -> None:
    said = await made(**{**ENOUGH, "kind": kind, key: ""})
    assert said == f"providers.main.{key} is missing; {kind} needs it, set it"


def test_every_kind_without_a_url_of_its_own_needs_one() -> None:
    bare = Account(kind="k", name="n", region="r", location="l")
    assert {kind for kind, row in VENDORS.items() if not row.base_url(bare)} == {
        kind for kind, row in VENDORS.items() if "base_url" in row.needs
    }


@pytest.mark.parametrize("url", ["ftp://a.test", "a.test/v1", "https://", "http://u:p@a.test"])
async def test_a_url_that_is_none_is_refused(url: str) -> None:
    assert "providers.main.base_url must be" in await made(base_url=url)


@pytest.mark.parametrize("kind", sorted(set(VENDORS) - set(SDKS)))
async def test_a_kind_without_an_sdk_says_so(kind: str) -> None:
    said = await made(**{**ENOUGH, "kind": kind, "transport": "sdk"})
    assert said.startswith("providers.main.transport is 'sdk', but ")
    assert said.endswith("use 'http'")


def test_mistral_is_asked_in_its_own_dialect_of_the_common_one() -> None:
    account = Account(kind="mistral", name="main", api_key=KEY)
    asked = VENDORS["mistral"].dialect(account).request(fakes.call(model="m"), stream=True)
    assert "stream_options" not in asked.payload


def test_a_key_is_never_shown() -> None:
    account = Account(kind="bedrock", name="main", **ENOUGH)
    assert KEY not in repr(account) + str(account) + f"{account}"


@pytest.mark.parametrize("transport", ["http", "sdk"])
@pytest.mark.parametrize("kind", ROWS)
async def test_every_row_reaches_its_server_with_its_key(kind: str, transport: Any) -> None:
    if transport == "sdk" and kind not in SDKS:
        pytest.skip("has none")
    path, key = ROWS[kind]
    if (kind, transport) == ("anthropic", "sdk"):  # as its SDK sends it
        key = BEARER
    head = await asked(kind, transport)
    assert head.startswith(f"POST {path} ")
    assert f"\r\n{key}\r\n" in head.lower()
    assert head.count(KEY) == 1
    assert "\r\naccept-encoding: identity\r\n" in head.lower()


@pytest.mark.parametrize("transport", ["http", "sdk"])
async def test_a_dated_api_of_azure_is_asked_with_its_version(transport: Any) -> None:
    head = await asked("azure", transport, api_version="2024-10-21")
    path = f"/openai/deployments/some-model{CHAT}?api-version=2024-10-21"
    assert head.startswith(f"POST {path} ")


@pytest.mark.parametrize("transport", ["http", "sdk"])
@pytest.mark.parametrize("kind", ["openai", "openai_compatible"])
async def test_an_organization_is_named(kind: str, transport: Any) -> None:
    head = await asked(kind, transport, organization="org-1")
    assert "\r\nopenai-organization: org-1\r\n" in head.lower()


@pytest.mark.parametrize("transport", ["http", "sdk"])
@pytest.mark.parametrize("kind", ["openai_compatible", "vllm", "llamacpp"])
async def test_a_server_that_takes_no_key_is_sent_none(kind: str, transport: Any) -> None:
    assert "authorization" not in (await asked(kind, transport, api_key="")).lower()


async def asked(kind: str, transport: Any, **wish: str) -> str:
    """The head of the request that a call makes."""
    async with RawServer(whole(b"{}", "500 No")) as server, open_session() as session:
        fields: dict[str, Any] = {"api_key": KEY, "region": "r", "base_url": server.url, **wish}
        account = Account(kind=kind, name="main", transport=transport, **fields)
        provider, close = open_provider(account, session)
        with pytest.raises(GatewayError, match="main") as raised:
            await provider.complete(fakes.call(model="some-model"))
        await close()
    assert KEY not in repr(raised.value) + repr(vars(raised.value))
    return server.requests[0][0].decode()


MISSING = """
import sys
for name in sys.argv[4].split(","):
    sys.modules[name] = None  # as if it were not installed
import asyncio
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.open import open_provider
from hexgate.adapters.providers.transports.http import open_session
async def main():
    fields = dict(base_url="http://127.0.0.1:1", api_key=sys.argv[3], region="r")
    fields |= dict(project="p", location="l")
    async with open_session() as session:
        account = Account(kind=sys.argv[1], name="main", transport=sys.argv[2], **fields)
        open_provider(account, session)
try:
    asyncio.run(main())
except ValueError as failure:
    print(failure)
"""


@pytest.mark.parametrize(
    ("kind", "transport", "key", "package", "extra"),
    [
        *(
            (kind, "sdk", KEY, "openai", "openai")
            for kind in SDKS
            if VENDORS[kind].extra == "openai"
        ),
        ("anthropic", "sdk", KEY, "anthropic", "anthropic"),
        ("bedrock", "sdk", KEY, "boto3", "bedrock-sdk"),
        ("bedrock", "http", "", "botocore", "bedrock"),
        ("azure", "http", "", "azure", "azure"),
        ("azure", "sdk", "", "azure", "azure"),
    ],
)
def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it(
    kind: str, transport: str, key: str, package: str, extra: str
) -> None:
    argv = (sys.executable, "-c", MISSING, kind, transport, key, package)
    said = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout
    assert said.startswith("providers.main ")
    assert f" the package {package}" in said
    assert said.strip().endswith(f"install hexgate[{extra}]")


@pytest.mark.parametrize(
    ("kind", "key"),
    [("bedrock", KEY), ("azure", KEY), ("cohere", KEY), ("gemini", KEY), ("ollama", "")],
)
def test_a_kind_with_a_key_needs_no_package_of_its_vendor(kind: str, key: str) -> None:
    hidden = "openai,anthropic,boto3,botocore,azure,google.auth,google.genai,cohere,ollama"
    argv = (sys.executable, "-c", MISSING, kind, "http", key, hidden)
    assert subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout == b""


LOADING = """
import sys
before = set(sys.modules)  # packages of Google put their namespace there at every start
import importlib
for name in sys.argv[1:]:
    importlib.import_module(name)
vendors = "openai anthropic boto3 botocore azure cohere ollama httpx2 httpx urllib3".split()
allowed = ("google.protobuf", "google.rpc", "google._upb")
new = set(sys.modules) - before
found = {name for name in new if name.partition(".")[0] in vendors}
found |= {name for name in new if name.startswith("google.") and not name.startswith(allowed)}
print(*sorted(found))
"""
# Imported only for an account that needs them, or a simulator that is asked for gRPC.
LAZY = ("hexgate.adapters.providers.transports.", "hexgate.adapters.simulator.vertex_grpc")

# Run by alembic, which is there then; they cannot be imported.
RUN = "hexgate.adapters.ledger.postgres.migrations."


def loaded(*modules: str) -> list[str]:
    """What of the vendors is there once these are imported."""
    argv = (sys.executable, "-c", LOADING, *modules)
    said = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    return said.stdout.split()


def test_the_command_line_loads_nothing_of_a_vendor() -> None:
    assert loaded("hexgate.entrypoints.cli") == []


def test_no_module_outside_the_transports_loads_anything_of_a_vendor() -> None:
    (root,) = map(Path, hexgate.__path__)
    names = [
        ".".join(("hexgate", *path.relative_to(root).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        for path in root.rglob("*.py")
    ]
    outside = [
        name for name in names if not name.startswith((*LAZY, RUN)) and "__main__" not in name
    ]
    assert "hexgate.adapters.providers.vendors" in outside
    assert loaded(*outside) == []


def test_the_loading_of_a_vendor_would_be_seen() -> None:
    assert "anthropic" in loaded("anthropic")
