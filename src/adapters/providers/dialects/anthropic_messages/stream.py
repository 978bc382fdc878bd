"""Reads one streamed answer: server-sent events in, chunks out.

Theory of operation. A message is `message_start`, then blocks one after the other, each
`content_block_start`, deltas, `content_block_stop`, then `message_delta` with the reason, then
`message_stop`. `ping` may come anywhere. The machine knows at most one open block and refuses
every event that this order does not allow. Our part indexes leave out the blocks that the contract
has no word for, so they count without gaps, exactly as the parts of a whole answer do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from hexgate.adapters.framing.sse import SseReader
from hexgate.adapters.providers.dialects.anthropic_messages import answer
from hexgate.adapters.providers.dialects.anthropic_messages.errors import from_event
from hexgate.adapters.providers.dialects.anthropic_messages.structs import (
    Block,
    BlockDelta,
    BlockStart,
    BlockStop,
    Ending,
    FaultBody,
    MessageDelta,
    Start,
    Typed,
    Usage,
)
from hexgate.domain.answer import (
    Chunk,
    Finished,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageUpdate,
)
from hexgate.domain.errors import GatewayError

T = TypeVar("T")
_START = msgspec.json.Decoder(Start)
_BLOCK_START = msgspec.json.Decoder(BlockStart)
_BLOCK_DELTA = msgspec.json.Decoder(BlockDelta)
_BLOCK_STOP = msgspec.json.Decoder(BlockStop)
_MESSAGE_DELTA = msgspec.json.Decoder(MessageDelta)
_FAULT = msgspec.json.Decoder(FaultBody)
_TYPED = msgspec.json.Decoder(Typed)
_FRAGMENTS: dict[str, Callable[[int, str], Chunk]] = {
    "text": TextDelta,
    "thinking": ReasoningDelta,
    "tool_use": ToolCallDelta,
}
_FIELDS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "tool_use"}


class MessagesReader:
    """One streamed answer of `provider`."""

    failure: GatewayError | None = None

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._sse = SseReader()
        self._out: list[Chunk] = []
        self._run: list[str] = []  # fragments of the open block that arrived together
        self._block: Block | None = None
        self._known = False  # the open block has a place in the contract
        self._wire_index = -1
        self._index = 0
        self._pieces: list[str] = []
        self._model: str | None = None
        self._usage: Usage | None = None
        self._ending: Ending | None = None
        self._warned: set[str] = set()
        self._done = False
        self._take: dict[bytes, Callable[[bytes], None]] = {
            b"content_block_delta": self._delta,
            b"content_block_start": self._block_start,
            b"content_block_stop": self._block_stop,
            b"message_start": self._message_start,
            b"message_delta": self._message_delta,
            b"message_stop": self._message_stop,
            b"error": self._error,
        }

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """The chunks that these bytes complete; what follows `message_stop` is ignored."""
        for name, payload in self._sse.feed(data):
            if self._done:
                break
            take = self._take.get(name or self._typed(payload))
            if take is not None:  # an event that is not known is no error: `ping` is one
                take(payload)
        self._flush()
        out, self._out = self._out, []
        return out

    def end(self) -> Sequence[Chunk]:
        """Nothing, or BadResponse when the message did not stop."""
        if not self._done:
            raise answer.bad(self._provider, "ended its stream without message_stop")
        return ()

    def _message_start(self, payload: bytes) -> None:
        if self._model is not None:
            raise self._disorder("message_start")
        message = self._decoded(_START, payload).message
        self._model = message.model
        self._count(message.usage)

    def _block_start(self, payload: bytes) -> None:
        event = self._decoded(_BLOCK_START, payload)
        if not self._between_blocks() or event.index <= self._wire_index:
            raise self._disorder("content_block_start")
        block = self._block = event.content_block
        self._wire_index, self._pieces = event.index, []
        self._known = answer.part(self._provider, block) is not None
        if not self._known:
            self._warn(block.type)
        elif block.type == "tool_use":
            self._out.append(ToolCallStarted(self._index, block.id, block.name))
        else:
            self._add(block.text if block.type == "text" else block.thinking)

    def _delta(self, payload: bytes) -> None:
        event = self._decoded(_BLOCK_DELTA, payload)
        block, delta = self._block, event.delta
        if block is None or event.index != self._wire_index:
            raise self._disorder("content_block_delta")
        if not self._known:
            return
        if delta.type == "signature_delta":
            block.signature += delta.signature
        elif delta.type == "citations_delta":
            self._warn("citations")
        elif _FIELDS.get(delta.type) == block.type:
            self._add(delta.text or delta.thinking or delta.partial_json)
        elif delta.type in _FIELDS:
            raise self._disorder("content_block_delta")
        else:
            self._warn(delta.type)

    def _block_stop(self, payload: bytes) -> None:
        event = self._decoded(_BLOCK_STOP, payload)
        block = self._block
        if block is None or event.index != self._wire_index:
            raise self._disorder("content_block_stop")
        if self._known:
            self._finish(block)
        self._block = None

    def _finish(self, block: Block) -> None:
        if block.type == "tool_use" and not self._pieces:
            self._add(answer.arguments(self._provider, block))  # a tool without arguments
        self._flush()
        whole = "".join(self._pieces)
        match block.type:
            case "text":
                block.text = whole
            case "thinking":
                block.thinking = whole
            case "tool_use":
                block.input = msgspec.Raw(whole.encode())
        if (part := answer.part(self._provider, block)) is not None:
            self._out.append(PartFinished(self._index, part))
        self._index += 1

    def _message_delta(self, payload: bytes) -> None:
        event = self._decoded(_MESSAGE_DELTA, payload)
        if not self._between_blocks(after_reason=True):
            raise self._disorder("message_delta")
        if event.delta.stop_reason:
            self._ending = event.delta
        self._count(event.usage)

    def _message_stop(self, _payload: bytes) -> None:
        if self._block is not None or self._ending is None:
            raise self._disorder("message_stop")
        self._done = True
        self._out.extend(answer.warnings_of(self._ending))
        self._out.append(
            Finished(
                finish=answer.finish(self._ending),
                usage=None if self._usage is None else answer.usage(self._usage),
                model=self._model or "",
                stop_sequence=self._ending.stop_sequence or "",
                metadata_json=answer.metadata(self._ending, self._usage),
            )
        )

    def _error(self, payload: bytes) -> None:
        raise from_event(self._provider, self._decoded(_FAULT, payload).error)

    def _add(self, text: str) -> None:
        if text:
            self._run.append(text)
            self._pieces.append(text)

    def _flush(self) -> None:
        if self._run and self._block is not None:
            self._out.append(_FRAGMENTS[self._block.type](self._index, "".join(self._run)))
            self._run.clear()

    def _count(self, usage: Usage | None) -> None:
        """Counts are cumulative: each that is reported replaces the one before."""
        if usage is None:
            return
        if self._usage is None:
            self._usage = usage
        else:
            for name in Usage.__struct_fields__:
                if (value := getattr(usage, name)) is not None:
                    setattr(self._usage, name, value)
        self._out.append(UsageUpdate(answer.usage(self._usage)))

    def _warn(self, kind: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            self._out.append(answer.dropped(kind))

    def _between_blocks(self, *, after_reason: bool = False) -> bool:
        started = self._model is not None and self._block is None
        return started and (after_reason or self._ending is None)

    def _typed(self, payload: bytes) -> bytes:
        return self._decoded(_TYPED, payload).type.encode()

    def _decoded(self, decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
        try:
            return decoder.decode(payload)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
            raise answer.bad(self._provider, "sent an event that makes no sense") from broken

    def _disorder(self, event: str) -> Exception:
        return answer.bad(self._provider, f"sent {event} out of order")
