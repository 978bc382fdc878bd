"""A dialect over a transport, as one provider."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.adapters.providers.transports import anthropic_sdk
from hexgate.adapters.providers.transports.http import HttpTransport, open_session
from hexgate.adapters.providers.wire import Reader, Transport, WireRequest, WireResponse
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.domain.answer import (
    Chunk,
    Finish,
    Finished,
    PartFinished,
    TextDelta,
    UsageUpdate,
    Warned,
)
from hexgate.domain.call import Call, Options, Timeouts
from hexgate.domain.chat import Text
from hexgate.domain.errors import (
    BadResponse,
    GatewayError,
    Overloaded,
    ProviderFailed,
    TimedOut,
    Unreachable,
)
from hexgate.domain.spec import Params
from hexgate.ports.provider import Provider
from tests import fakes
from tests.adapters.providers.transports.servers import (
    CHUNKED,
    LAST,
    Do,
    RawServer,
    Step,
    chunk,
    whole,
)
from tests.contracts.provider import ProviderContract

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


def ask(**fields: Any) -> Call:
    """A call to a model of the recorded kind."""
    return fakes.call(**{"model": "claude-sonnet-5", **fields})


def wired(wire: Transport, clock: fakes.FakeClock | None = None) -> WiredProvider:
    """The provider under test."""
    monotonic = (clock or fakes.FakeClock()).monotonic
    return WiredProvider(AnthropicMessages("anthropic"), wire, monotonic=monotonic, provider="p")


async def rest(stream: AsyncIterator[Chunk]) -> list[Chunk]:
    """What is left of a stream."""
    return [item async for item in stream]


async def test_an_answer_carries_the_warnings_of_its_request_and_its_id() -> None:
    call = ask()
    call = replace(call, spec=replace(call.spec, params=Params(seed=1)))
    made = await wired(ScriptedWire([MESSAGE])).complete(call)
    assert [warning.code for warning in made.warnings] == ["PARAM_DROPPED", "CONTENT_DROPPED"]
    assert made.request_id == "req_1"
    assert made.raw_json == ""


async def test_the_raw_answer_is_returned_only_when_asked_for() -> None:
    call = ask(options=Options(include_raw=True))
    assert (await wired(ScriptedWire([MESSAGE])).complete(call)).raw_json == MESSAGE.decode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(529, Overloaded), (500, ProviderFailed), (301, BadResponse), (101, BadResponse)],
)
async def test_any_other_status_is_an_error_both_ways(
    status: int, kind: type[GatewayError]
) -> None:
    wire = ScriptedWire([b"<html>"], status)
    with pytest.raises(kind):
        await wired(wire).complete(ask())
    with pytest.raises(kind):
        await wired(wire).open(ask())
    assert wire.closed


async def test_opening_waits_for_output_and_keeps_what_came_before() -> None:
    call = ask()
    call = replace(call, spec=replace(call.spec, params=Params(seed=1)))
    wire = ScriptedWire([*EVENTS, b""])
    stream = await wired(wire).open(call)
    assert len(wire.within) == 4
    assert stream.request_id == "req_1"
    kinds = [type(item) for item in await rest(stream)]
    deltas = [TextDelta] * 3
    tail = [PartFinished, UsageUpdate, Finished]
    assert kinds == [Warned, UsageUpdate, *deltas, *tail]
    assert wire.closed


@pytest.mark.parametrize(
    "reads",
    [
        [BEFORE],
        [BEFORE, Unreachable("gone")],
        [BEFORE, asyncio.CancelledError()],
        [BEFORE, b"event: error\ndata: {}\n\n"],
        [BEFORE, b"event: content_block_stop\ndata: {\n\n"],
        [ERROR],
        [b"<html>Welcome</html>"],
        [],
    ],
)
async def test_whatever_goes_wrong_before_output_is_raised_while_opening(
    reads: list[Read],
) -> None:
    wire = ScriptedWire(reads)
    with pytest.raises((GatewayError, asyncio.CancelledError)):
        await wired(wire).open(ask())
    assert wire.closed


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (b"", BadResponse),
        (Unreachable("gone"), Unreachable),
        (b'event: error\ndata: {"error":{"type":"overloaded_error"}}\n\n', Overloaded),
        (asyncio.CancelledError(), asyncio.CancelledError),
    ],
)
async def test_whatever_goes_wrong_after_output_ends_the_stream(
    last: Read, kind: type[BaseException]
) -> None:
    wire = ScriptedWire([b"".join(EVENTS[:4]), last])
    stream = await wired(wire).open(ask())
    assert isinstance(await anext(stream), UsageUpdate)
    assert await anext(stream) == TextDelta(0, "Grüße")
    with pytest.raises(kind):
        await anext(stream)
    assert wire.closed
    assert await rest(stream) == []


async def test_a_finished_body_is_read_to_its_end_before_it_is_closed() -> None:
    wire = ScriptedWire([TEXT, b""])
    assert isinstance((await rest(await wired(wire).open(ask())))[-1], Finished)
    assert len(wire.within) == 2
    assert wire.closed


@pytest.mark.parametrize("read", [b": and so on\n\n", TimedOut("late"), Unreachable("gone")])
async def test_a_body_that_goes_on_after_its_end_is_left(read: Read) -> None:
    wire = ScriptedWire([TEXT, *[read] * 9])
    assert isinstance((await rest(await wired(wire).open(ask())))[-1], Finished)
    assert len(wire.within) <= 4
    assert wire.closed


class Chatty(AnthropicMessages):
    """Goes on after the end."""

    def reader(self) -> Reader:
        """See Dialect."""
        return ChattyReader()


class ChattyReader:
    """Says everything at once."""

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """See Reader."""
        end = Finished(finish=Finish.STOP, usage=None, model="m")
        return [TextDelta(0, "a"), end, TextDelta(0, "b"), end]

    def end(self) -> Sequence[Chunk]:
        """See Reader."""
        return ()


async def test_nothing_follows_finished() -> None:
    provider = WiredProvider(
        Chatty("anthropic"), ScriptedWire([b"x"]), monotonic=fakes.FakeClock().monotonic
    )
    chunks = await rest(await provider.open(ask()))
    assert [type(item) for item in chunks] == [TextDelta, Finished]


async def test_each_read_has_what_is_left_of_the_tightest_limit() -> None:
    clock = fakes.FakeClock()
    limits = Timeouts(first_token_s=10, between_tokens_s=3, attempt_s=14)
    wire = ScriptedWire([*EVENTS, b""], on_read=lambda: clock.advance(1))
    stream = await wired(wire, clock).open(ask(timeouts=limits))
    assert wire.within == [10, 9, 8, 7]
    await rest(stream)
    assert wire.within[4:] == [3, 3, 3, 3, 3, 0.1]


@pytest.mark.parametrize(
    ("reads", "limits", "phase"),
    [
        (9, Timeouts(first_token_s=5), "first_token"),
        (9, Timeouts(first_token_s=50, attempt_s=5), "attempt"),
    ],
)
async def test_pings_do_not_extend_the_time_for_the_first_output(
    reads: int, limits: Timeouts, phase: str
) -> None:
    clock = fakes.FakeClock()
    wire = ScriptedWire([b": ping\n\n"] * reads, on_read=lambda: clock.advance(1))
    with pytest.raises(TimedOut) as raised:
        await wired(wire, clock).open(ask(timeouts=limits))
    assert raised.value.metadata["phase"] == phase
    assert wire.closed


async def test_a_steady_drip_ends_with_the_attempt() -> None:
    clock = fakes.FakeClock()
    drip = ScriptedWire(
        [BEFORE + EVENTS[3], *[b": ping\n\n"] * 99], on_read=lambda: clock.advance(1)
    )
    stream = await wired(drip, clock).open(ask(timeouts=Timeouts(attempt_s=20)))
    with pytest.raises(TimedOut) as raised:
        await rest(stream)
    assert raised.value.metadata["phase"] == "attempt"


async def test_silence_is_named_by_where_it_happened() -> None:
    silence = TimedOut("late", metadata={"phase": "between_tokens"})
    with pytest.raises(TimedOut) as raised:
        await wired(ScriptedWire([BEFORE, silence])).open(ask())
    assert raised.value.metadata["phase"] == "first_token"
    stream = await wired(ScriptedWire([BEFORE + EVENTS[3], silence])).open(ask())
    with pytest.raises(TimedOut) as raised:
        await rest(stream)
    assert raised.value.metadata["phase"] == "between_tokens"


async def test_leaving_after_any_chunk_closes_the_connection() -> None:
    for count in range(9):
        wire = ScriptedWire([*EVENTS, b""])
        async with aclosing(await wired(wire).open(ask())) as stream:
            for _ in range(count):
                with contextlib.suppress(StopAsyncIteration):
                    await anext(stream)
        assert wire.closed
        assert await rest(stream) == []


async def test_being_cancelled_at_any_wait_closes_the_connection() -> None:
    async def read_all(wire: ScriptedWire) -> None:
        await rest(await wired(wire).open(ask()))

    for turns in range(1, 12):
        wire = ScriptedWire([*EVENTS, b""])
        task = asyncio.ensure_future(read_all(wire))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert wire.closed, turns


class Live(ProviderContract):
    """The contract over real sockets; the answer is a recorded one."""

    @pytest.fixture(autouse=True)
    async def serve(self) -> AsyncIterator[None]:
        """One server for each kind of trouble."""
        async with contextlib.AsyncExitStack() as stack:
            self.servers: list[RawServer] = []
            self.whole = await self._provider(
                stack, CHUNKED, *(chunk(TOOLS[i : i + 97]) for i in range(0, len(TOOLS), 97)), LAST
            )
            self.unary = await self._provider(stack, whole(MESSAGE))
            self.fails_ = await self._provider(stack, whole(b"{}", "529 Overloaded"))
            self.cut = await self._provider(stack, CHUNKED, chunk(BEFORE + EVENTS[3]), LAST)
            self.stall = await self._provider(stack, Do.HANG)
            yield

    async def _provider(self, stack: contextlib.AsyncExitStack, *steps: Step) -> Provider:
        server = await stack.enter_async_context(RawServer(*steps))
        self.servers.append(server)
        return wired(await stack.enter_async_context(self.transport(server.url)))

    @asynccontextmanager
    async def transport(self, url: str) -> AsyncIterator[Transport]:
        """Over aiohttp."""
        async with open_session() as session:
            yield HttpTransport(session, url, {}, provider="p")

    def make(self) -> Provider:
        """See ProviderContract."""
        return Either(self.unary, self.whole)

    def failing(self) -> Provider:
        """See ProviderContract."""
        return self.fails_

    def truncated(self) -> Provider:
        """See ProviderContract."""
        return self.cut

    def stalled(self) -> Provider:
        """See ProviderContract."""
        return self.stall

    async def until_stalled(self) -> None:
        """See ProviderContract."""
        await self.servers[-1].asked.wait()

    async def released(self) -> None:
        """See ProviderContract: a stalled connection is closed, as the server sees it."""
        if self.servers[-1].asked.is_set():
            await self.servers[-1].gone.wait()


@dataclass
class Either:
    """One provider that answers whole, one that streams."""

    unary: Provider
    streamed: Provider

    def __post_init__(self) -> None:
        self.complete = self.unary.complete
        self.open = self.streamed.open


class TestOverHttp(Live):
    """The gateway's own client."""


class TestOverTheSdk(Live):
    """The vendor's client."""

    @asynccontextmanager
    async def transport(self, url: str) -> AsyncIterator[Transport]:
        """Over the Anthropic SDK."""
        made = anthropic_sdk.build(
            provider="p", base_url=url, api_key="k", max_body_bytes=1_000_000
        )
        yield made
        await made.aclose()


async def test_connections_are_used_again_after_streams() -> None:
    async with RawServer(CHUNKED, chunk(TEXT), LAST) as server, open_session() as session:
        provider = wired(HttpTransport(session, server.url, {}))
        for _ in range(3):
            async with aclosing(await provider.open(ask())) as stream:
                await rest(stream)
        assert server.connections == 1


async def test_text_is_whole_whatever_the_packets() -> None:
    pieces = [chunk(TEXT[i : i + 1]) for i in range(len(TEXT))]
    async with RawServer(CHUNKED, *pieces, LAST) as server, open_session() as session:
        stream = await wired(HttpTransport(session, server.url, {})).open(ask())
        chunks = await rest(stream)
        await stream.aclose()
    assert PartFinished(0, Text("Grüße aus 東京 🗼!\n")) in chunks
