"""A web server with a certificate of its own authority."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import trustme
from aiohttp import web

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@dataclass
class Site:
    """Where it is, who trusts it, and the paths that were asked for."""

    url: str
    trust: ssl.SSLContext
    server: ssl.SSLContext
    asked: list[str] = field(default_factory=list)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Files, redirects, and answers that must not be taken."""
    authority = trustme.CA()
    server, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(server)
    authority.configure_trust(trust)
    found = Site("", trust, server)

    async def answer(request: web.Request) -> web.StreamResponse:
        found.asked.append(request.path)
        if request.path == "/endless":
            return await _endless(request)
        return _answers(request, found.url)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server).start()
    found.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


def _answers(request: web.Request, url: str) -> web.Response:
    match request.path:
        case "/png":
            return web.Response(body=PNG, content_type="image/png")
        case "/headers":
            return web.Response(text=repr(dict(request.headers)))
        case "/page":
            return web.Response(text="<html>", content_type="text/html")
        case "/talkative":
            return web.Response(body=b"x", headers={"Content-Type": "text/the secret is 42"})
        case "/untyped":
            return web.Response(body=PNG, headers={"Content-Type": ""})
        case "/to":
            return web.Response(status=302, headers={"Location": request.query["url"]})
        case "/round":
            return web.Response(status=307, headers={"Location": f"{url}/round"})
        case "/zipped":
            return web.Response(body=b"x", headers={"Content-Encoding": "gzip"})
        case "/empty":
            return web.Response(body=b"", content_type="image/png")
        case _:
            return web.Response(status=404)


async def _endless(request: web.Request) -> web.StreamResponse:
    """A body that does not say its length and goes on until nobody reads it."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1000):
        await response.write(bytes(10_000))
    return response
