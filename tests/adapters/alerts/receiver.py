"""Somebody who receives alerts over HTTP, and does with them what the path says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web


@dataclass(frozen=True, slots=True)
class Post:
    """What came in."""

    path: str
    body: bytes
    headers: dict[str, str]

    @property
    def said(self) -> dict[str, Any]:
        """The body, decoded."""
        told: dict[str, Any] = msgspec.json.decode(self.body)
        return told


@dataclass
class Receiver:
    """Where it is, and what it got. A path is the status of its answer, `/hang` never answers, and
    `/drop` closes the connection instead.
    """

    url: str = ""
    posts: list[Post] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The handler of every path."""
        post = Post(request.path, await request.read(), dict(request.headers))
        async with self.came:
            self.posts.append(post)
            self.came.notify_all()
        what = request.path.removeprefix("/")
        if what == "hang":
            await asyncio.Event().wait()
        if what == "drop":
            assert request.transport is not None
            request.transport.close()
        headers = {"Location": f"{self.url}/200", "Set-Cookie": "seen=1; Path=/"}
        return web.Response(status=int(what) if what.isdigit() else 204, headers=headers)

    async def got(self, count: int) -> list[Post]:
        """The posts, once there are so many."""
        async with self.came:
            await self.came.wait_for(lambda: len(self.posts) >= count)
        return self.posts


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    found = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield found
    finally:
        await runner.cleanup()


def nobody_there() -> str:
    """The URL of a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"
