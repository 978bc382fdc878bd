"""Reads one streamed answer: server-sent events in, parts out.

Theory of operation. A message is `message_start`, then blocks one after the other, each
`content_block_start`, deltas, `content_block_stop`, then `message_delta` with the reason, then
`message_stop`. `ping` may come anywhere. The machine knows at most one open block and refuses
every event that this order does not allow. Blocks that the contract has no word for, and blocks
that say nothing, become no part, exactly as in a whole answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from hexgate.adapters.framing.sse import SseReader
from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.anthropic_messages import answer
from hexgate.adapters.providers.dialects.anthropic_messages.errors import from_event
from hexgate.adapters.providers.dialects.anthropic_messages.structs import (
    Block,
    BlockDelta,
    BlockStart,
    BlockStop,
    Delta,
    Ending,
    FaultBody,
    MessageDelta,
    Start,
    Typed,
)
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.lenient import UNSAID
from hexgate.adapters.providers.parts import Parts
from hexgate.adapters.providers.reading import EventReader
from hexgate.domain.answer import Finished, UsageUpdate

T = TypeVar("T")
_START = msgspec.json.Decoder(Start)
_BLOCK_START = msgspec.json.Decoder(BlockStart)
_BLOCK_DELTA = msgspec.json.Decoder(BlockDelta)
_BLOCK_STOP = msgspec.json.Decoder(BlockStop)
_MESSAGE_DELTA = msgspec.json.Decoder(MessageDelta)
_FAULT = msgspec.json.Decoder(FaultBody)
_TYPED = msgspec.json.Decoder(Typed)
_SENSELESS = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_BELONGS = {  # each delta to a kind of block
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "tool_use",
    "signature_delta": "thinking",
}


def reader(provider: str) -> EventReader:
    """For one streamed answer of `provider`."""
    return EventReader(SseReader().feed, _Answer(provider))


class _Answer:
    """See Machine; the events are name and data."""

    def __init__(self, provider: str) -> None:
        self.parts = Parts(provider)
        self._provider = provider
        self._block: Block | None = None
        self._known = False  # the open block has a place in the contract
        self._argued = False  # it is a call, and some of its arguments have come
        self._index = -1  # of the wire's blocks
        self._text = -1  # the same while it is a text that is open
        self._model: str | None = None
        self._counts: dict[str, msgspec.Raw] = {}
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

    def take(self, event: tuple[bytes, bytes]) -> None:
        """See Machine. What follows `message_stop` is ignored."""
        name, payload = event
        if self._done:
            return
        take = self._take.get(name or self._typed(payload))
        if take is not None:  # an event that is not known is no error: `ping` is one
            take(payload)

    def end(self) -> None:
        """See Machine."""
        if not self._done:
            raise bad(self._provider, "ended its stream without message_stop")

    def _message_start(self, payload: bytes) -> None:
        if self._model is not None:
            raise self._disorder("message_start")
        message = self._decoded(_START, payload).message
        self._model = lenient.text(message.model)
        self._count(message.usage)

    def _block_start(self, payload: bytes) -> None:
        event = self._decoded(_BLOCK_START, payload)
        if not self._between_blocks() or event.index <= self._index:
            raise self._disorder("content_block_start")
        block = self._block = event.content_block
        self._index, self._known, self._argued = event.index, True, False
        match block.type:
            case "text":
                self._text = event.index
                self.parts.text(block.text or "")
            case "thinking":
                self.parts.reasoning(block.thinking or "")
                self._sign(block.signature)
            case "tool_use":
                self.parts.call(*answer.named(self._provider, block))
            case "redacted_thinking":
                if (part := answer.part(self._provider, block)) and not answer.empty(part):
                    self.parts.whole(part)
            case _:
                self._known = False
                self._warn(block.type)

    def _delta(self, payload: bytes) -> None:
        try:  # as in `_decoded`, without a call for each of many
            event = _BLOCK_DELTA.decode(payload)
        except _SENSELESS as broken:
            raise self._senseless() from broken
        delta = event.delta
        if delta.type == "text_delta" and event.index == self._text:
            self.parts.text(delta.text)  # the usual case
            return
        block = self._block
        if block is None or event.index != self._index:
            raise self._disorder("content_block_delta")
        if self._known:
            self._other(block, delta)

    def _other(self, block: Block, delta: Delta) -> None:
        belongs = _BELONGS.get(delta.type)
        if belongs is None:
            self._warn("citations" if delta.type == "citations_delta" else delta.type)
        elif belongs != block.type:
            raise self._disorder("content_block_delta")
        elif delta.type == "thinking_delta":
            self.parts.reasoning(delta.thinking)
        elif delta.type == "signature_delta":
            self._sign(delta.signature)
        elif delta.partial_json:
            self._argued = True
            self.parts.arguments(delta.partial_json)

    def _block_stop(self, payload: bytes) -> None:
        event = self._decoded(_BLOCK_STOP, payload)
        block = self._block
        if block is None or event.index != self._index:
            raise self._disorder("content_block_stop")
        if block.type == "tool_use" and not self._argued:  # they came whole, or there are none
            self.parts.arguments(answer.arguments(self._provider, block))
        self.parts.close()
        self._block, self._text = None, -1

    def _message_delta(self, payload: bytes) -> None:
        event = self._decoded(_MESSAGE_DELTA, payload)
        if not self._between_blocks(after_reason=True):
            raise self._disorder("message_delta")
        if event.delta.stop_reason:
            self._ending = event.delta
        self._count(event.usage)

    def _message_stop(self, _payload: bytes) -> None:
        ending = self._ending
        if self._block is not None or ending is None:
            raise self._disorder("message_stop")
        self._done = True
        for warning in answer.warnings_of(ending):
            self.parts.note(warning)
        self.parts.finish(
            Finished(
                finish=answer.finish(ending),
                usage=answer.usage(self._counts),
                model=self._model or "",
                stop_sequence=lenient.text(ending.stop_sequence),
                metadata_json=answer.metadata(ending, self._counts),
            )
        )

    def _error(self, payload: bytes) -> None:
        raise from_event(self._provider, self._decoded(_FAULT, payload).error)

    def _sign(self, signature: str | None) -> None:
        if signature:
            self.parts.sign(signature.encode())

    def _count(self, raw: msgspec.Raw) -> None:
        """Counts are cumulative: each that is reported replaces the one before."""
        said = answer.counts(raw)
        self._counts |= said
        if said and (usage := answer.usage(self._counts)) is not None:
            self.parts.note(UsageUpdate(usage))

    def _warn(self, kind: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            self.parts.note(answer.dropped(kind))

    def _between_blocks(self, *, after_reason: bool = False) -> bool:
        started = self._model is not None and self._block is None
        return started and (after_reason or self._ending is None)

    def _typed(self, payload: bytes) -> bytes:
        typed = self._decoded(_TYPED, payload)
        return typed.type.encode() or (b"" if typed.error is UNSAID else b"error")

    def _decoded(self, decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
        try:
            return decoder.decode(payload)
        except _SENSELESS as broken:
            raise self._senseless() from broken

    def _senseless(self) -> Exception:
        return bad(self._provider, "sent an event that makes no sense")

    def _disorder(self, event: str) -> Exception:
        return bad(self._provider, f"sent {event} out of order")
