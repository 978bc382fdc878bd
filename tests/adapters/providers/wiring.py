"""A wire that is scripted, and a provider over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.adapters.providers.wire import Reader, Transport, WireRequest, WireResponse
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.domain.answer import (
    Chunk,
    Finish,
    Finished,
    TextDelta,
)
from hexgate.domain.call import ChatCall, Timeouts
from hexgate.domain.errors import GatewayError
from tests import fakes

DATA = Path(__file__).parents[2] / "data" / "anthropic_messages"


TEXT = (DATA / "text.sse").read_bytes()


TOOLS = (DATA / "tools.sse").read_bytes()


ERROR = (DATA / "error.sse").read_bytes()


MESSAGE = (DATA / "message.json").read_bytes()


EVENTS = [event + b"\n\n" for event in TEXT.split(b"\n\n") if event]


BEFORE, AFTER = b"".join(EVENTS[:3]), b"".join(EVENTS[3:])  # the first text is in AFTER


Read: TypeAlias = bytes | BaseException


@dataclass
class ScriptedWire:
    """A transport and its only stream: what each read brings."""

    reads: Sequence[Read] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"request-id": "req_1"})
    on_read: Callable[[], None] = lambda: None
    closed: bool = False
    within: list[float | None] = field(default_factory=list)

    async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        """See Transport."""
        body = b"".join(read for read in self.reads if isinstance(read, bytes))
        return WireResponse(self.status, self.headers, body)

    async def open(self, request: WireRequest, timeouts: Timeouts) -> ScriptedWire:
        """See Transport."""
        return self

    async def read(self, within_s: float | None = None) -> bytes:
        """See WireStream."""
        assert not self.closed
        self.on_read()
        self.within.append(within_s)
        index = len(self.within) - 1
        read = self.reads[index] if index < len(self.reads) else b""
        await asyncio.sleep(0)
        if isinstance(read, BaseException):
            raise read
        return read

    async def aclose(self) -> None:
        """See WireStream."""
        self.closed = True


def ask(**fields: Any) -> ChatCall:
    """A call to a model of the recorded kind."""
    return fakes.call(**{"model": "claude-sonnet-5", **fields})


def wired(wire: Transport, clock: fakes.FakeClock | None = None) -> WiredProvider:
    """The provider under test."""
    monotonic = (clock or fakes.FakeClock()).monotonic
    return WiredProvider(AnthropicMessages("anthropic"), wire, monotonic=monotonic, provider="p")


async def rest(stream: AsyncIterator[Chunk]) -> list[Chunk]:
    """What is left of a stream."""
    return [item async for item in stream]


class Chatty(AnthropicMessages):
    """Goes on after the end."""

    def reader(self) -> Reader:
        """See Dialect."""
        return ChattyReader()


class ChattyReader:
    """Says everything at once."""

    failure: GatewayError | None = None

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """See Reader."""
        end = Finished(finish=Finish.STOP, usage=None, model="m")
        return [TextDelta(0, "a"), end, TextDelta(0, "b"), end]

    def end(self) -> Sequence[Chunk]:
        """See Reader."""
        return ()
