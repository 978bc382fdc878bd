"""What every transport must do, over gRPC: against servers that behave and servers that do not."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports import vertex_sdk
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.errors import BadResponse, Unreachable
from tests.adapters.providers.transports.contract import CALM, KEY, drained, hasty, soon
from tests.adapters.providers.transports.rpc_server import Hang, RpcServer
from tests.adapters.providers.transports.servers import Do, RawServer
from tests.adapters.providers.transports.vertex_talk import (
    MANY,
    MAX_BODY,
    ONE,
    answer,
    both,
    cut,
    late,
    to,
    transport,
)


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with transport(f"http://127.0.0.1:{unused.getsockname()[1]}") as made:
            await both(made, Unreachable)


async def test_a_server_that_comes_back_is_found_again() -> None:
    async with RpcServer([answer("one")]) as server, transport(server.url) as made:
        await made.send(ONE, CALM)
        await server.server.stop(None)
        with pytest.raises(Unreachable):
            await made.send(ONE, CALM)
        again = grpc.aio.server()
        again.add_generic_rpc_handlers(())
        assert again.add_insecure_port(f"127.0.0.1:{server.port}") == server.port
        await again.start()
        status = 0
        while status != 501:  # it knows no method
            try:
                status = (await made.send(ONE, CALM)).status
            except Unreachable:
                await asyncio.sleep(0.05)
        await again.stop(None)


async def test_a_plain_server_has_no_tls() -> None:
    async with (
        RpcServer([answer("one")]) as server,
        transport(f"https://127.0.0.1:{server.port}") as made,
    ):
        await both(made, Unreachable)


@pytest.mark.parametrize("steps", [(b"SMTP ready\r\n\r\n",), (), (Do.RESET,)], ids=str)
async def test_a_server_that_speaks_no_grpc_is_unreachable(steps: Any) -> None:
    async with RawServer(*steps) as server, transport(server.url) as made:
        await both(made, Unreachable)


async def test_a_connection_that_never_stands_times_out_in_connect() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        queue = [socket.socket() for _ in range(4)]
        for waiting in queue:  # fill the backlog, so that the next one is not answered
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with transport(f"http://127.0.0.1:{full.getsockname()[1]}") as made:
            await late(made.send(ONE, hasty(connect_s=0.05)), "connect")
            await late(made.open(MANY, hasty(connect_s=0.05)), "connect")
        for waiting in queue:
            waiting.close()


@pytest.mark.parametrize("request_", [ONE, MANY], ids=["one", "many"])
async def test_silence_before_the_first_message_times_out(request_: WireRequest) -> None:
    async with to(Hang()) as (made, server):
        await late(made.open(request_, hasty(first_token_s=0.05)), "first_token")
        await soon(server.gone.wait())
        await late(made.open(request_, hasty(attempt_s=0.05)), "attempt")


async def test_silence_in_the_body_times_out_between_tokens() -> None:
    async with to(answer("one"), Hang()) as (made, server):
        stream = await made.open(MANY, hasty(between_tokens_s=0.05))
        await stream.read()
        await late(stream.read(), "between_tokens")
        await soon(server.gone.wait())
        await stream.aclose()


async def test_one_read_may_have_less_time_than_the_others() -> None:
    async with to(answer("one"), Hang()) as (made, server):
        stream = await made.open(MANY, CALM)
        await stream.read(20)
        await late(stream.read(0.05), "between_tokens")
        await soon(server.gone.wait())
        assert await stream.read() == b""


async def test_an_attempt_as_a_whole_is_bounded() -> None:
    async with to(answer("one"), Hang()) as (made, _):
        stream = await made.open(MANY, hasty(attempt_s=0.2))
        await stream.read()
        await late(stream.read(), "attempt")
        await stream.aclose()


async def test_a_connection_that_breaks_is_never_an_end() -> None:
    async with to(answer("one"), Hang()) as (made, server):
        stream = await made.open(MANY, CALM)
        await stream.read()
        reading = asyncio.ensure_future(stream.read())
        async with cut(server.port) as (url, sever), transport(url) as through:
            going = asyncio.ensure_future(through.open(MANY, CALM))
            broken = await going
            await broken.read()
            sever()
            with pytest.raises(Unreachable):
                await drained(broken)
            await broken.aclose()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await stream.aclose()


@pytest.mark.parametrize("message", [b"\xff\xff\xff", b"\xff" + b"<html>"], ids=str)
async def test_nonsense_is_a_bad_response(message: bytes) -> None:
    async with to(message) as (made, _):
        await both(made, BadResponse)


async def test_nonsense_after_output_is_a_bad_response() -> None:
    async with to(answer("one"), b"\xff\xff", Hang()) as (made, server):
        stream = await made.open(MANY, CALM)
        await stream.read()
        with pytest.raises(BadResponse):
            await stream.read()
        await soon(server.gone.wait())
        await stream.aclose()


async def test_a_message_that_is_too_large_is_a_bad_response() -> None:
    async with to(answer("a" * 2 * MAX_BODY)) as (made, _):
        await both(made, BadResponse)


async def test_a_flood_of_messages_is_cut_off() -> None:
    async with to(*([answer("a" * 1000)] * 1000), Hang()) as (made, server):
        stream = await made.open(MANY, CALM)
        with pytest.raises(BadResponse):
            await drained(stream)
        await soon(server.gone.wait())
        await stream.aclose()


async def test_a_large_request_is_sent_whole() -> None:
    payload: Any = {"contents": [{"parts": [{"text": "a" * 3_000_000}]}]}
    async with to(answer("one")) as (made, server):
        await made.send(WireRequest(ONE.path, payload), CALM)
    assert len(server.calls[0][2]) > 3_000_000


@pytest.mark.parametrize("request_", [ONE, MANY], ids=["one", "many"])
async def test_cancelling_ends_the_call_at_once(request_: WireRequest) -> None:
    async with to(Hang()) as (made, server):
        going = asyncio.ensure_future(made.open(request_, CALM))
        await soon(server.asked.wait())
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        await soon(server.gone.wait())


async def test_cancelling_a_read_ends_the_call_at_once() -> None:
    async with to(answer("one"), Hang()) as (made, server):
        stream = await made.open(MANY, CALM)
        await stream.read()
        going = asyncio.ensure_future(stream.read())
        await asyncio.sleep(0)  # let it reach its wait
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        await soon(server.gone.wait())


@pytest.mark.parametrize("reads", [0, 1])
async def test_closing_an_unfinished_stream_ends_the_call(reads: int) -> None:
    async with to(answer("one"), Hang()) as (made, server):
        stream = await made.open(MANY, CALM)
        for _ in range(reads):
            await stream.read()
        await stream.aclose()
        await stream.aclose()
        await soon(server.gone.wait())


async def test_more_calls_than_a_connection_takes_open_another() -> None:
    async with RpcServer([answer("one"), Hang()]) as server:
        account = Account(kind="vertex", name="v", api_key=KEY)
        made = vertex_sdk.build(account, server.url)
        streams = [await made.open(MANY, CALM) for _ in range(91)]
        assert made.connections == 2
        for stream in streams:
            await stream.aclose()
        streams = [await made.open(MANY, CALM) for _ in range(90)]
        assert made.connections == 2
        for stream in streams:
            await stream.aclose()
        await made.aclose()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/vertex", "https://x.test/?a=b"])
def test_a_base_url_with_a_path_is_refused(url: str) -> None:
    account = Account(kind="vertex", name="v", api_key=KEY)
    with pytest.raises(ValueError, match=r"providers\.v\.base_url"):
        vertex_sdk.build(account, url)


def test_no_sdk_is_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys, hexgate.adapters.providers.transports.vertex_sdk,"
        "hexgate.adapters.simulator;"
        "sys.exit(bool({'google.cloud.aiplatform_v1', 'google.auth', 'requests'}"
        " & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


_ASKED = """
import asyncio, sys
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports import vertex_sdk
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import Timeouts

async def main() -> None:
    made = vertex_sdk.build(Account(kind="vertex", name="v", api_key="the-key"), sys.argv[1])
    path = "/v1/projects/p/locations/l/publishers/google/models/m:generateContent"
    print((await made.send(WireRequest(path), Timeouts())).body.decode())
    await made.aclose()

asyncio.run(main())
"""


async def test_over_tls_the_key_goes_to_whom_the_certificate_names(tmp_path: Path) -> None:
    authority = trustme.CA()
    roots = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))
    issued = authority.issue_cert("127.0.0.1")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    trust = grpc.ssl_server_credentials([(issued.private_key_pem.bytes(), chain)])
    async with RpcServer([answer("hello")], trust) as server:
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", _ASKED, server.url.replace("http:", "https:")],
            env={**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(roots)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert "hello" in ran.stdout
    assert server.calls[0][1]["x-goog-api-key"] == "the-key"
