"""The transport over boto3."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hexgate.adapters.framing.eventstream import encode
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.wire import Transport, WireRequest
from hexgate.domain.errors import BadResponse, InvalidRequest, ProviderLimited, Unreachable
from hexgate.domain.json import JsonObject
from tests.adapters.providers.transports.contract import (
    CALM,
    KEY,
    MAX_BODY,
    REQUEST,
    TransportContract,
    soon,
)
from tests.adapters.providers.transports.elsewhere import asked
from tests.adapters.providers.transports.servers import (
    CHUNKED,
    LAST,
    Do,
    RawServer,
    Step,
    chunk,
    whole,
)
from tests.adapters.providers.transports.sigv4 import credential, holds

if TYPE_CHECKING:
    from hexgate.adapters.providers.transports.threads import ThreadTransport

boto3_sdk = pytest.importorskip("hexgate.adapters.providers.transports.boto3_sdk")


class TestBoto3(TransportContract):
    """Over boto3, with a Bedrock API key."""

    request = WireRequest("/model/m%3A0/invoke", REQUEST.payload, headers=REQUEST.headers)

    def listing(self, url: str) -> WireRequest:
        """Only what the service's model knows can be asked."""
        return WireRequest(f"{url}/foundation-models?byProvider=a%2Fb", method="GET")

    @asynccontextmanager
    async def transport(self, url: str, max_body_bytes: int = MAX_BODY) -> AsyncIterator[Transport]:
        """See TransportContract."""
        account = Account(
            kind="bedrock", name="p", region="r", api_key=KEY, max_body_bytes=max_body_bytes
        )
        made = boto3_sdk.build(account, url)
        yield made
        await made.aclose()


SECRET = "wJalrXUtnFEMI/K7MDENG+secret"
CONVERSE = WireRequest(
    "/model/arn%3Aaws%3Abedrock%3A%3A%3Aa%2Fb/converse",
    {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "ü"},
                    {"image": {"format": "png", "source": {"bytes": "aGVsbG8="}}},
                    {"toolResult": {"toolUseId": "t", "content": [{"json": {"bytes": "aGk="}}]}},
                ],
            }
        ],
        "requestMetadata": {"a": "b"},
        "additionalModelRequestFields": {"top_k": 3, "bytes": "aGk="},
    },
    headers={"Accept": "application/json", "X-Other": "1"},
)


def keys() -> Account:
    return Account(
        kind="bedrock",
        name="p",
        region="eu-west-1",
        access_key_id="AKIDEXAMPLE",
        secret_access_key=SECRET,
    )


@asynccontextmanager
async def to(*steps: Step) -> AsyncIterator[tuple[ThreadTransport, RawServer]]:
    async with RawServer(*steps) as server:
        made = boto3_sdk.build(keys(), server.url + "/base")
        yield made, server
        await made.aclose()


async def test_a_conversation_is_sent_as_the_dialect_wrote_it_and_signed() -> None:
    async with to(whole(b'{"new": 1}')) as (transport, server):
        response = await transport.send(CONVERSE, CALM)
    ((head, body),) = server.requests
    assert head.startswith(f"POST /base{CONVERSE.path} ".encode())
    assert json.loads(body) == CONVERSE.payload
    assert holds(head, body, SECRET)
    assert credential(head).startswith("AKIDEXAMPLE/")
    assert b"\r\nx-other: 1\r\n" in head.lower()
    assert response.body == b'{"new": 1}', "what boto3 does not know is not lost"


async def test_a_stream_is_passed_on_as_it_is() -> None:
    event = encode({":event-type": "unheardOf", ":message-type": "event"}, b'{"a":1}')
    request = WireRequest(CONVERSE.path + "-stream", CONVERSE.payload, headers=CONVERSE.headers)
    steps = (CHUNKED + chunk(event), Do.WAIT, chunk(event), LAST)
    async with to(*steps) as (transport, server):
        stream = await transport.open(request, CALM)
        assert await stream.read() == event
        server.go.set()
        assert [await stream.read(), await stream.read()] == [event, b""]
        await stream.aclose()
    assert server.requests[0][0].startswith(f"POST /base{request.path} ".encode())


async def test_the_list_of_models_is_asked_at_its_own_url() -> None:
    async with to() as (transport, other), RawServer(whole(b"{}")) as control:
        url = f"{control.url}/there/foundation-models?byOutputModality=EMBEDDING"
        await transport.send(WireRequest(url, method="GET"), CALM)
    ((head, body),) = control.requests
    assert head.startswith(b"GET /there/foundation-models?byOutputModality=EMBEDDING ")
    assert holds(head, body, SECRET)
    assert other.requests == []


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (
            {"messages": [{"role": "user", "content": [{"txt": "a prompt"}]}]},
            "messages[0].content[0].txt",
        ),
        ({"messages": [{"role": 1, "content": []}]}, "messages[0].role"),
        (
            {"messages": [], "inferenceConfig": {"maxTokens": "a prompt"}},
            "inferenceConfig.maxTokens",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"image": {"format": "png", "source": {"bytes": 1}}}],
                    }
                ]
            },
            "messages[0].content[0].image.source.bytes",
        ),
        ({"messages": [], "newField": "a prompt"}, "newField"),
    ],
)
async def test_what_the_sdk_does_not_accept_is_named_without_its_value(
    payload: JsonObject, field: str
) -> None:
    async with to() as (transport, server):
        with pytest.raises(InvalidRequest) as raised:
            await transport.send(WireRequest(CONVERSE.path, payload), CALM)
    assert raised.value.violations[0].field == field
    assert "prompt" not in repr(raised.value)
    assert raised.value.__suppress_context__
    assert server.requests == []


async def test_a_stream_above_the_bound_is_refused_and_the_next_is_not() -> None:
    async with to(CHUNKED + chunk(b"one"), Do.HANG) as (transport, _):
        streams = [await transport.open(CONVERSE, CALM) for _ in range(64)]
        with pytest.raises(ProviderLimited, match="all 64 threads of p's SDK"):
            await transport.open(CONVERSE, CALM)
        await streams.pop().aclose()
        streams.append(await transport.open(CONVERSE, CALM))
        assert {await stream.read() for stream in streams} == {b"one"}
        for stream in streams:
            await stream.aclose()


async def test_streams_wait_side_by_side() -> None:
    async with to(CHUNKED + chunk(b"one"), Do.WAIT, chunk(b"two"), LAST) as (transport, server):
        streams = [await transport.open(CONVERSE, CALM) for _ in range(32)]
        for stream in streams:
            await stream.read()
        waiting = [asyncio.ensure_future(stream.read()) for stream in streams]
        await asyncio.sleep(0)
        server.go.set()
        assert await soon(asyncio.gather(*waiting)) == [b"two"] * 32
        for stream in streams:
            await stream.aclose()


async def test_no_thread_outlives_what_is_closed() -> None:
    async with to(CHUNKED + chunk(b"one"), Do.HANG) as (transport, _):
        stream = await transport.open(CONVERSE, CALM)
        await stream.read()
        reading = asyncio.ensure_future(stream.read())
        opening = [asyncio.ensure_future(transport.send(CONVERSE, CALM)) for _ in range(3)]
        await asyncio.sleep(0)
        await soon(transport.aclose())
        failures = await soon(asyncio.gather(reading, *opening, return_exceptions=True))
        assert {type(failure) for failure in failures} <= {Unreachable, BadResponse}
    assert not [each for each in threading.enumerate() if each.name.startswith("p-sdk")]


async def test_a_stream_that_failed_does_not_end_afterwards() -> None:
    async with to(CHUNKED + chunk(b"one"), Do.HANG) as (transport, _):
        stream = await transport.open(CONVERSE, CALM)
        await stream.aclose()
        with pytest.raises(Unreachable):
            await stream.read()


HOSTILE = {
    "AWS_BEARER_TOKEN_BEDROCK": "sk-other",
    "AWS_ACCESS_KEY_ID": "AKIDOTHER",
    "AWS_SECRET_ACCESS_KEY": "other",
    "AWS_SESSION_TOKEN": "other",
    "AWS_DEFAULT_REGION": "other",
    "AWS_REGION": "other",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:1",
    "AWS_AUTH_SCHEME_PREFERENCE": "httpBearerAuth",
    "AWS_RETRY_MODE": "adaptive",
    "AWS_MAX_ATTEMPTS": "5",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
}


async def test_the_environment_changes_nothing_that_is_configured(tmp_path: Path) -> None:
    async with RawServer(whole(b"{}", "503 No")) as server:
        given = {"kind": "bedrock", "region": "r", "base_url": server.url, "transport": "sdk"}
        given |= {"access_key_id": "AKIDEXAMPLE", "secret_access_key": SECRET}
        await asked(given, HOSTILE, tmp_path)
    ((head, body),) = server.requests
    assert holds(head, body, SECRET)
    assert re.fullmatch(r"AKIDEXAMPLE/\d+/r/bedrock/aws4_request", credential(head))
    assert b"other" not in head.lower()
