"""Addresses at which nobody answers, each in its own way. All of them are on this machine."""

from __future__ import annotations

import asyncio
import enum
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field

import trustme

# A name longer than any that DNS can carry: no resolver can be asked for it.
NOBODY = ".".join(["n" * 63] * 4)
# No name at all: what is between two dots has at most 63 characters.
NO_NAME = "n" * 64 + ".invalid"
_FILL_S = 0.2  # on this machine a connection stands at once, or not at all


class Place(enum.Enum):
    """What is wrong there."""

    CLOSED = enum.auto()
    NO_SUCH_NAME = enum.auto()
    NO_NAME = enum.auto()
    NO_TLS = enum.auto()
    SELF_SIGNED = enum.auto()
    FULL = enum.auto()
    NO_HANDSHAKE = enum.auto()


@dataclass(slots=True)
class Found:
    """A place. `visited` is set when somebody connects; `left` waits until nobody is connected."""

    url: str
    visited: asyncio.Event = field(default_factory=asyncio.Event)
    _guests: set[asyncio.Task[object]] = field(default_factory=set)

    async def left(self) -> None:
        """Wait until every connection that was made is closed by who made it."""
        while self._guests:
            await asyncio.wait(tuple(self._guests))

    async def guest(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take what comes, say nothing."""
        task = asyncio.current_task()
        assert task is not None
        self._guests.add(task)
        self.visited.set()
        try:
            while await reader.read(1 << 16):
                pass
        except ConnectionError:
            pass
        finally:
            self._guests.discard(task)
            writer.close()

    async def stranger(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak, but not TLS."""
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        await self.guest(reader, writer)


@asynccontextmanager
async def found(place: Place) -> AsyncIterator[Found]:
    """That place, as long as it is needed."""
    async with _MAKERS[place]() as made:
        yield made


@asynccontextmanager
async def _closed() -> AsyncIterator[Found]:
    with socket.socket() as taken:
        # Bound, so that nobody else gets the port, and not listening.
        taken.bind(("127.0.0.1", 0))
        yield Found(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")


def _named(host: str) -> Callable[[], AbstractAsyncContextManager[Found]]:
    @asynccontextmanager
    async def named() -> AsyncIterator[Found]:
        yield Found(f"http://{host}/v1")

    return named


@asynccontextmanager
async def _full() -> AsyncIterator[Found]:
    """Connections stand in line there until the line is full; one more gets no answer at all."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        line: list[socket.socket] = []
        try:
            while await _joins(line, listener.getsockname()):
                pass
            yield Found(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        finally:
            for one in line:
                one.close()


async def _joins(line: list[socket.socket], address: tuple[str, int]) -> bool:
    one = socket.socket()
    one.setblocking(False)
    line.append(one)
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(one, address), _FILL_S)
        return True
    return False


@asynccontextmanager
async def _silent() -> AsyncIterator[Found]:
    async with _served("https", None, talks=False) as made:
        yield made


@asynccontextmanager
async def _plain() -> AsyncIterator[Found]:
    async with _served("https", None, talks=True) as made:
        yield made


@asynccontextmanager
async def _self_signed() -> AsyncIterator[Found]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with _served("https", context, talks=False) as made:
        yield made


@asynccontextmanager
async def _served(
    scheme: str, context: ssl.SSLContext | None, *, talks: bool
) -> AsyncIterator[Found]:
    made = Found("")
    answer = made.stranger if talks else made.guest
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        made.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        yield made


_MAKERS: dict[Place, Callable[[], AbstractAsyncContextManager[Found]]] = {
    Place.CLOSED: _closed,
    Place.NO_SUCH_NAME: _named(NOBODY),
    Place.NO_NAME: _named(NO_NAME),
    Place.NO_TLS: _plain,
    Place.SELF_SIGNED: _self_signed,
    Place.FULL: _full,
    Place.NO_HANDSHAKE: _silent,
}
