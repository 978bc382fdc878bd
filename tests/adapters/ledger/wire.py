"""A wire to PostgreSQL that can be cut, held, or cut just when a commit is answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.postgres import USER, PostgresServer

_COMMITTED = b"COMMIT\0"  # the tag of a command that is complete


class Wire:
    """A port on this machine that leads to the socket of a server; made by `wired`."""

    def __init__(self, server: PostgresServer) -> None:
        self._socket = Path(server.folder, ".s.PGSQL.5432")
        self._ends: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._losing = self._cut_then = False
        self.lost = asyncio.Event()
        """Set when the answer to a commit was lost."""
        self.cut = False
        self.port = 0

    def dsn(self, database: str) -> str:
        """How to connect through it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def lose_commit(self, *, cut: bool = False) -> None:
        """Lose the answer to the next commit, and the connection with it; `cut` refuses others."""
        self._losing = True
        self._cut_then = cut
        self.lost.clear()

    def hold(self) -> None:
        """Nothing comes through any more, and nothing is lost."""
        self._open.clear()

    def release(self) -> None:
        """Everything comes through again."""
        self.cut = False
        self._open.set()

    def break_all(self) -> None:
        """Every connection is gone."""
        for end in self._ends:
            end.transport.abort()

    def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """One connection, in a task of its own."""
        task = asyncio.create_task(self._serve(client, back))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def aclose(self) -> None:
        """Break everything, and wait until it is gone."""
        self.release()
        self.break_all()
        await asyncio.gather(*self._serving)

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if self.cut:
            back.transport.abort()
            return
        server, there = await asyncio.open_unix_connection(self._socket)
        self._ends |= {back, there}
        try:
            with contextlib.suppress(ConnectionError):
                await asyncio.gather(self._there(client, there), self._back(server, back))
        finally:
            self._ends -= {back, there}
            for end in (back, there):
                end.transport.abort()

    async def _there(self, client: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        while data := await client.read(1 << 16):
            await self._open.wait()
            there.write(data)
        raise ConnectionResetError

    async def _back(self, server: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        while data := await server.read(1 << 16):
            await self._open.wait()
            if self._losing and _COMMITTED in data:
                self._losing, self.cut = False, self._cut_then
                self.lost.set()
                raise ConnectionResetError
            back.write(data)
        raise ConnectionResetError


@contextlib.asynccontextmanager
async def wired(server: PostgresServer) -> AsyncIterator[Wire]:
    """A wire until the end of the context."""
    wire = Wire(server)
    listening = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = listening.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        listening.close()
        await wire.aclose()
