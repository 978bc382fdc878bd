"""What every Provider must do, whatever is behind it."""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import ClassVar

import pytest

from hexgate.domain.answer import (
    Chunk,
    Finished,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from hexgate.domain.assemble import Assembler
from hexgate.domain.call import ChatCall, EmbedCall
from hexgate.domain.chat import Media, Part, Reasoning, Refusal, Text, ToolCall
from hexgate.domain.errors import GatewayError
from hexgate.ports.provider import Provider, Stream
from tests import fakes

PROMPTLY_S = 5.0  # far above what it takes, far below what would hide a hang


class ProviderContract(abc.ABC):
    """Subclasses give `make`, and one provider for each kind of trouble, or opt out by name."""

    streams: ClassVar[bool] = True
    fails: ClassVar[bool] = True
    truncates: ClassVar[bool] = True  # the wire has a terminal marker that can be missing
    stalls: ClassVar[bool] = True
    embeds: bool = True

    @abc.abstractmethod
    def make(self) -> Provider:
        """A provider that gives the same answer every time: several chunks when streamed."""

    def failing(self) -> Provider:
        """A provider that fails before any output, in every way of calling."""
        raise NotImplementedError("give failing(), or set fails = False")

    def truncated(self) -> Provider:
        """A provider whose streams break off after some output."""
        raise NotImplementedError("give truncated(), or set truncates = False")

    def stalled(self) -> Provider:
        """A provider that takes the call and never answers."""
        raise NotImplementedError("give stalled(), or set stalls = False")

    async def until_stalled(self) -> None:
        """Return once a call has reached the stalled provider."""
        await asyncio.sleep(0)

    async def released(self) -> None:
        """Return once nothing is held any more: no connection, no stream. Overridable."""
        await asyncio.sleep(0)

    def call(self) -> ChatCall:
        """What is asked."""
        return fakes.call()

    def embed_call(self, *texts: str) -> EmbedCall:
        """What is to be embedded."""
        return fakes.embed_call(*texts)

    async def chunks(self) -> list[Chunk]:
        """One whole stream."""
        self._only(self.streams, "streams")
        async with aclosing(await self.make().open(self.call())) as stream:
            return [chunk async for chunk in stream]

    async def test_a_stream_ends_with_exactly_one_finished(self) -> None:
        chunks = await self.chunks()
        assert [isinstance(chunk, Finished) for chunk in chunks] == [False] * (len(chunks) - 1) + [
            True
        ]

    async def test_a_stream_stays_at_its_end(self) -> None:
        self._only(self.streams, "streams")
        async with aclosing(await self.make().open(self.call())) as stream:
            assert [chunk async for chunk in stream]
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    async def test_both_ways_say_the_same(self) -> None:
        assembler = Assembler()
        for chunk in await self.chunks():
            assembler.add(chunk)
        assert said(assembler.parts()) == said((await self.make().complete(self.call())).parts)

    async def test_both_ways_count_and_end_alike(self) -> None:
        *_, last = await self.chunks()
        completion = await self.make().complete(self.call())
        assert isinstance(last, Finished)
        assert (last.usage, last.finish) == (completion.usage, completion.finish)
        assert (last.model, last.stop_sequence) == (completion.model, completion.stop_sequence)

    async def test_a_finished_part_is_what_its_deltas_said(self) -> None:
        said: dict[int, str] = {}
        started: dict[int, ToolCallStarted] = {}
        for chunk in await self.chunks():
            match chunk:
                case TextDelta(index, text) | ReasoningDelta(index, text):
                    assert text, f"an empty delta of part {index}"
                    said[index] = said.get(index, "") + text
                case ToolCallStarted(index):
                    assert index not in started, f"tool call {index} started twice"
                    started[index] = chunk
                case ToolCallDelta(index, fragment):
                    assert index in started, f"a fragment of tool call {index} before its start"
                    said[index] = said.get(index, "") + fragment
                case PartFinished(index):
                    _agrees(chunk, said.get(index, ""), started.get(index))

    async def test_no_part_is_spoken_of_after_it_finished(self) -> None:
        finished: set[int] = set()
        for chunk in await self.chunks():
            index = _index(chunk)
            assert index not in finished
            if isinstance(chunk, PartFinished):
                finished.add(chunk.index)

    async def test_every_tool_call_that_starts_is_finished(self) -> None:
        chunks = await self.chunks()
        started = {chunk.index for chunk in chunks if isinstance(chunk, ToolCallStarted)}
        assert started <= {chunk.index for chunk in chunks if isinstance(chunk, PartFinished)}

    async def test_indices_never_go_back(self) -> None:
        indices = [index for chunk in await self.chunks() if (index := _index(chunk)) is not None]
        assert indices == sorted(indices)

    async def test_a_stream_read_to_its_end_is_released(self) -> None:
        await self.chunks()
        await self.released()

    async def test_closing_an_unread_stream_releases_it(self) -> None:
        self._only(self.streams, "streams")
        stream = await self.make().open(self.call())
        await stream.aclose()
        await self.released()

    async def test_closing_a_half_read_stream_releases_it(self) -> None:
        self._only(self.streams, "streams")
        stream = await self.make().open(self.call())
        await anext(stream)
        await stream.aclose()
        await self.released()

    async def test_closing_twice_is_fine(self) -> None:
        self._only(self.streams, "streams")
        stream = await self.make().open(self.call())
        await stream.aclose()
        await stream.aclose()
        await self.released()

    async def test_a_failed_answer_is_a_gateway_error(self) -> None:
        self._only(self.fails, "fails")
        with pytest.raises(GatewayError):
            await self.failing().complete(self.call())
        await self.released()

    async def test_a_failure_before_output_is_raised_while_opening(self) -> None:
        self._only(self.streams and self.fails, "streams and fails")
        with pytest.raises(GatewayError):
            await self.failing().open(self.call())
        await self.released()

    async def test_a_stream_without_its_end_is_an_error(self) -> None:
        self._only(self.streams and self.truncates, "streams and truncates")
        seen: list[Chunk] = []
        async with aclosing(await self.truncated().open(self.call())) as stream:
            with pytest.raises(GatewayError):
                await _read(stream, seen)
        assert seen
        assert not any(isinstance(chunk, Finished) for chunk in seen)
        await self.released()

    async def test_cancelling_an_answer_ends_it_at_once(self) -> None:
        self._only(self.stalls, "stalls")
        await self._cancelled(self.stalled().complete(self.call()))

    async def test_cancelling_an_opening_ends_it_at_once(self) -> None:
        self._only(self.streams and self.stalls, "streams and stalls")
        await self._cancelled(self.stalled().open(self.call()))

    async def test_every_input_gets_a_vector_of_its_own_in_order(self) -> None:
        self._only(self.embeds, "embeds")
        embedded = await self.make().embed(self.embed_call("one", "three", "one"))
        first, second, third = (list(vector) for vector in embedded.vectors)
        assert first == third != second
        assert len(first) == len(second) > 0
        await self.released()

    async def test_the_neighbours_of_an_input_do_not_change_its_vector(self) -> None:
        self._only(self.embeds, "embeds")
        provider = self.make()
        together = await provider.embed(self.embed_call("one", "three"))
        alone = await provider.embed(self.embed_call("three"))
        assert list(alone.vectors[0]) == list(together.vectors[1])

    async def test_failed_embeddings_are_a_gateway_error(self) -> None:
        self._only(self.embeds and self.fails, "embeds and fails")
        with pytest.raises(GatewayError):
            await self.failing().embed(self.embed_call("one"))
        await self.released()

    async def test_cancelling_embeddings_ends_them_at_once(self) -> None:
        self._only(self.embeds and self.stalls, "embeds and stalls")
        await self._cancelled(self.stalled().embed(self.embed_call("one")))

    async def _cancelled(self, going: Coroutine[object, object, object]) -> None:
        task = asyncio.ensure_future(going)
        await asyncio.wait_for(self.until_stalled(), PROMPTLY_S)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=PROMPTLY_S)
        assert done, "the provider held on to a cancelled call"
        assert task.cancelled(), "the provider swallowed the cancellation"
        await asyncio.wait_for(self.released(), PROMPTLY_S)

    def _only(self, wanted: bool, category: str) -> None:
        if not wanted:
            pytest.skip(f"opted out: {category}")


def said(parts: Iterable[Part]) -> list[Part]:
    """The parts without what each answer may have of its own: identifiers of calls, and state that
    comes where it comes.
    """
    shown = [part for part in parts if not isinstance(part, Reasoning) or part.text]
    return [replace(part, call_id="") if isinstance(part, ToolCall) else part for part in shown]


def _index(chunk: Chunk) -> int | None:
    """The part a chunk speaks of."""
    parts = (TextDelta, ReasoningDelta, ToolCallStarted, ToolCallDelta, PartFinished)
    return chunk.index if isinstance(chunk, parts) else None


async def _read(stream: Stream, into: list[Chunk]) -> None:
    async for chunk in stream:
        into.append(chunk)  # noqa: PERF401 (what came before an error counts too)


def _agrees(finished: PartFinished, said: str, started: ToolCallStarted | None) -> None:
    match finished.part:
        case Text(text) | Refusal(text) | Reasoning(text):
            # A part may also come whole, without deltas.
            assert said in ("", text)
        case ToolCall(call_id, name, arguments):
            assert started is not None, f"tool call {finished.index} finished without a start"
            assert (call_id, name) == (started.call_id, started.name)
            # No arguments at all may be completed to an empty object.
            assert said == arguments or (said == "" and arguments == "{}")
        case Media():
            assert said == ""
        case part:
            raise AssertionError(f"{type(part).__name__} is nothing that a model says")
