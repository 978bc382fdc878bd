"""A small HTTP listener for Prometheus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from hexgate.entrypoints.resources import CannotStart

# Time at shutdown for whoever is reading; an end is not put off by a slow one.
FAREWELL_S = 1.0


@asynccontextmanager
async def exposed(registry: CollectorRegistry, address: str) -> AsyncIterator[str]:
    """Serve `/metrics` at host:port; gives the address with the real port where 0 was asked."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=FAREWELL_S)
    await runner.setup()
    host, _, port = address.rpartition(":")
    try:
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        except OSError as error:
            raise CannotStart(
                f"server.metrics_listen: cannot listen on {address}: {error.strerror}"
            ) from error
        yield f"{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
