"""A server that says exactly the bytes it is told, right or wrong."""

from __future__ import annotations

import asyncio
import enum
import re
from collections.abc import Sequence
from typing import Self, TypeAlias

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Do(enum.Enum):
    """What a server does besides speaking."""

    HANG = "say nothing until the client is gone"
    RESET = "reset the connection"
    DRIP = "one byte now and then until the client is gone"
    POUR = "as many bytes as the client takes until it is gone"
    WAIT = "wait for `go`"


Step: TypeAlias = bytes | Do


class Whole(bytes):
    """Ends a response properly, so that the connection may be kept."""


def whole(body: bytes, status: str = "200 OK", headers: bytes = b"") -> Whole:
    """A complete response."""
    length = b"content-length: %d\r\n" % len(body)
    return Whole(f"HTTP/1.1 {status}\r\n".encode() + length + headers + b"\r\n" + body)


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST = Whole(chunk(b""))


class RawServer:
    """Plays the same steps for every request, then closes, unless the answer was a whole one."""

    def __init__(self, *steps: Step) -> None:
        self._steps: Sequence[Step] = steps
        self.requests: list[tuple[bytes, bytes]] = []  # head and body
        self.connections = 0
        self.asked = asyncio.Event()  # a request has arrived
        self.gone = asyncio.Event()  # a client has closed its connection, as the server sees it
        self.go = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            keep = True
            while keep:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append((head, await reader.readexactly(_length(head))))
                self.asked.set()
                for step in self._steps:
                    await self._play(step, reader, writer)
                keep = bool(self._steps) and isinstance(self._steps[-1], Whole)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        finally:
            writer.close()

    async def _play(
        self, step: Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
            case Do.HANG:
                await reader.read()
                self.gone.set()
            case Do.RESET:
                writer.transport.abort()
            case Do.DRIP:
                while True:
                    writer.write(chunk(b"."))
                    await writer.drain()
                    await asyncio.sleep(0.01)
            case Do.POUR:
                while True:
                    writer.write(b"a" * 65536)
                    await writer.drain()
            case Do.WAIT:
                await self.go.wait()


def _length(head: bytes) -> int:
    found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    assert found or head.startswith(b"GET "), head
    return int(found[1]) if found else 0
