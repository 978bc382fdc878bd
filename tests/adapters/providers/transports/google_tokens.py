"""A token endpoint on the loopback interface, and key files that point at it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


class TokenServer:
    """Gives `token-1`, `token-2` and so on. While `gate` is not set, it keeps them waiting."""

    def __init__(self, lasts_s: int = 3600, status: int = 200) -> None:
        self.lasts_s = lasts_s
        self.status = status
        self.asked: list[dict[str, str]] = []
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        app = web.Application()
        app.router.add_post("/token", self._give)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/token"
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.gate.set()
        await self._runner.cleanup()

    async def _give(self, request: web.Request) -> web.Response:
        self.asked.append({key: str(value) for key, value in (await request.post()).items()})
        self.arrived.set()
        await self.gate.wait()
        if self.status != 200:
            said = {"error": "invalid_grant", "error_description": "who is secret@x?"}
            return web.json_response(said, status=self.status)
        token = f"token-{len(self.asked)}"
        return web.json_response({"access_token": token, "expires_in": self.lasts_s})


_PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)


def service_account(url: str, **more: Any) -> dict[str, Any]:
    """What a service account's key file says, with a key made up for this run."""
    return {
        "type": "service_account",
        "client_email": "gate@project.iam.gserviceaccount.com",
        "private_key": _PEM,
        "private_key_id": "1",
        "token_uri": url,
        **more,
    }


def key_file(folder: Path, said: object) -> str:
    """A file that says this."""
    path = folder / "key.json"
    path.write_text(json.dumps(said))
    return str(path)
