"""A link in a request, through a whole gateway, to a provider that takes bytes alone."""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from grpc import aio

from hexgate.adapters.simulator import Simulator
from hexgate.client import dial, explain
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.e2e.conftest import serving
from tests.entrypoints.grpc.conftest import whole

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """An image on a site whose authority is in `tmp_path / ca.pem`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def image(_request: web.Request) -> web.Response:
        return web.Response(body=PNG, content_type="image/png")

    app = web.Application()
    app.router.add_get("/a.png", image)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}/a.png"
    await runner.cleanup()


async def asked(home: Path, simulator: Simulator, url: str, **fetch: object) -> str:
    """What the model sees, or the reason and field of the refusal."""
    config = {
        "providers": {"ollama": {"kind": "ollama", "base_url": simulator.ollama_url}},
        "ledger": {"backend": "memory"},
        "fetch": fetch,
    }
    file = home / "h.yaml"
    file.write_text(json.dumps(config))  # JSON is YAML
    trust = {"SSL_CERT_FILE": str(home / "ca.pem")}
    request = whole("What is it?", "ollama/sim-vision")
    part = request.spec.messages[0].parts.add()
    part.media.url, part.media.media_type = url, "image/png"
    with serving(home, "--config", str(file), **trust) as gateway:
        async with dial(gateway.address) as channel:
            try:
                answer: pb.CompleteResponse = await CompletionServiceStub(channel).Complete(
                    request, timeout=30
                )
            except aio.AioRpcError as error:
                problem = explain(error)
                return f"{problem.reason} {error.details()}"
    return answer.message.parts[0].text.text


async def test_a_link_is_fetched_from_where_the_operator_allows_it(
    tmp_path: Path, url: str
) -> None:
    async with Simulator() as simulator:
        said = await asked(tmp_path, simulator, url, allow_networks=["127.0.0.0/8"])
    assert hashlib.sha256(PNG).hexdigest()[:16] in said


async def test_a_link_into_a_private_network_is_refused_by_its_field(
    tmp_path: Path, url: str
) -> None:
    async with Simulator() as simulator:
        said = await asked(tmp_path, simulator, url)
        assert not simulator.requests
    assert said.startswith("INVALID_REQUEST spec.messages[0].parts[1].media.url: ")
    assert "not public" in said


async def test_where_fetching_is_off_links_are_refused(tmp_path: Path, url: str) -> None:
    async with Simulator() as simulator:
        said = await asked(tmp_path, simulator, url, enabled=False)
        assert not simulator.requests
    assert said.startswith("UNSUPPORTED_CAPABILITY ")
