"""Reads one streamed answer: messages of the event stream in, chunks out.

Theory of operation. A message is `messageStart`, then blocks one after the other, each a
`contentBlockStart` (tool calls alone have one), deltas and `contentBlockStop`, then `messageStop`
with the reason, then `metadata` with the usage, which is the terminal marker; a body that properly
ends behind `messageStop` is complete too, without usage. The machine knows at most one open block
and refuses every event that this order does not allow. An exception may come anywhere.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TypeVar

import msgspec

from hexgate.adapters.framing.eventstream import EventStreamReader, Message
from hexgate.adapters.providers.dialects.bedrock_converse import answer
from hexgate.adapters.providers.dialects.bedrock_converse.errors import from_message
from hexgate.adapters.providers.dialects.bedrock_converse.structs import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Delta,
    Extra,
    ReasoningFragment,
    Start,
    Stop,
)
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.lenient import UNSAID, value
from hexgate.adapters.providers.parts import Parts
from hexgate.adapters.providers.reading import EventReader
from hexgate.domain.answer import Finished
from hexgate.domain.chat import Reasoning

T = TypeVar("T")
_START = msgspec.json.Decoder(Start)
_BLOCK_START = msgspec.json.Decoder(BlockStart)
_BLOCK_DELTA = msgspec.json.Decoder(BlockDelta)
_BLOCK_STOP = msgspec.json.Decoder(BlockStop)
_STOP = msgspec.json.Decoder(Stop)
_METADATA = msgspec.json.Decoder(Extra)


class Kind(enum.Enum):
    """What the open block is."""

    EMPTY = enum.auto()  # nothing has been said in it
    TEXT = enum.auto()
    REASONING = enum.auto()
    REDACTED = enum.auto()
    CALL = enum.auto()
    OTHER = enum.auto()  # the contract has no word for it


def reader(provider: str) -> EventReader:
    """A fresh machine for one stream of `provider`."""
    stream = EventStreamReader()
    return EventReader(stream.messages, ConverseMachine(provider, stream))


class ConverseMachine:
    """See Machine. `stream` tells whether a message has begun that never ended."""

    def __init__(self, provider: str, stream: EventStreamReader) -> None:
        self.parts = Parts(provider)
        self._provider = provider
        self._stream = stream
        self._started = False
        self._at = -1  # the wire's index of the open block, or of the last
        self._kind: Kind | None = None  # of the open block
        self._redacted: list[bytes] = []
        self._stop: Stop | None = None
        self._done = False
        self._warned: set[str] = set()
        self._events: dict[str, Callable[[bytes], None]] = {
            "contentBlockDelta": self._delta,
            "contentBlockStart": self._block_start,
            "contentBlockStop": self._block_stop,
            "messageStart": self._message_start,
            "messageStop": self._message_stop,
            "metadata": self._metadata,
        }

    def take(self, event: Message) -> None:
        """See Machine. An event that is not known is no error; after the end only those pass."""
        if event.headers.get(":message-type", "event") != "event":
            raise from_message(self._provider, event)
        name = event.headers.get(":event-type", "")
        if (take := self._events.get(name)) is None:
            return
        if self._done and name not in ("messageStop", "metadata"):
            raise self._disorder(name)
        if not self._done:
            take(event.payload)

    def end(self) -> None:
        """See Machine."""
        if self._stream.pending:
            raise bad(self._provider, "ended its stream within a message")
        if self._stop is None:
            raise bad(self._provider, "ended its stream without messageStop")
        if not self._done:
            self._finish(self._stop, Extra())

    def _message_start(self, payload: bytes) -> None:
        role = self._decoded(_START, payload).role
        if self._started or role != "assistant":
            raise self._disorder("messageStart")
        self._started = True

    def _block_start(self, payload: bytes) -> None:
        event = self._decoded(_BLOCK_START, payload)
        self._open(event.content_block_index, "contentBlockStart")
        call = event.start.tool_use
        if call is None or call.type:
            self._kind = Kind.OTHER
            self._warn(call.type if call else "other")
        elif call.name and call.tool_use_id:
            self._kind = Kind.CALL
            self.parts.call(call.tool_use_id, call.name)
        else:
            raise bad(self._provider, "began a tool call without a name or an id")

    def _delta(self, payload: bytes) -> None:
        event = self._decoded(_BLOCK_DELTA, payload)
        if self._kind is None:
            self._open(event.content_block_index, "contentBlockDelta")
        elif event.content_block_index != self._at:
            raise self._disorder("contentBlockDelta")
        if self._kind is not Kind.OTHER:
            self._more(event.delta)

    def _more(self, delta: Delta) -> None:
        """The member of the union that is there."""
        if delta.text is not None:
            self._become(Kind.TEXT)
            self.parts.text(delta.text)
        elif delta.tool_use is not None:
            if self._kind is not Kind.CALL:
                raise self._disorder("contentBlockDelta")
            self.parts.arguments(delta.tool_use.input)
        elif delta.reasoning_content is not None:
            self._reason(delta.reasoning_content)
        elif delta.citation != UNSAID:
            self._warn("citations")  # of the text beside it
        else:
            self._warn("other")

    def _reason(self, delta: ReasoningFragment) -> None:
        if delta.redacted_content:
            self._become(Kind.REDACTED)
            self._redacted.append(answer.redacted(self._provider, delta.redacted_content))
            return
        self._become(Kind.REASONING)
        self.parts.reasoning(delta.text)
        if delta.signature:
            self.parts.sign(delta.signature.encode())

    def _block_stop(self, payload: bytes) -> None:
        event = self._decoded(_BLOCK_STOP, payload)
        if self._kind is None:  # of a block in which nothing was said
            self._open(event.content_block_index, "contentBlockStop")
        elif event.content_block_index != self._at:
            raise self._disorder("contentBlockStop")
        if self._kind is Kind.REDACTED:
            data = b"".join(self._redacted)
            self.parts.whole(Reasoning("", data, self._provider, redacted=True))
            self._redacted.clear()
        self.parts.close()
        self._kind = None

    def _message_stop(self, payload: bytes) -> None:
        stop = self._decoded(_STOP, payload)
        if not self._started or self._kind is not None or self._stop is not None:
            raise self._disorder("messageStop")
        if not stop.stop_reason:
            raise bad(self._provider, "stopped without a reason")
        self._stop = stop

    def _metadata(self, payload: bytes) -> None:
        if self._stop is None:
            raise self._disorder("metadata")
        self._finish(self._stop, self._decoded(_METADATA, payload))

    def _finish(self, stop: Stop, said: Extra) -> None:
        self._done = True
        fields = value(stop.additional_model_response_fields)
        for warning in answer.warnings_of(stop.stop_reason):
            self.parts.note(warning)
        self.parts.finish(
            Finished(
                finish=answer.finish(stop.stop_reason),
                usage=answer.usage(said.usage),
                model=answer.model(said),
                stop_sequence=answer.stop_sequence(stop.stop_reason, fields),
                metadata_json=answer.metadata(stop.stop_reason, fields, said),
            )
        )

    def _open(self, index: int, event: str) -> None:
        """The next block begins; its index is larger than that of every block before it."""
        fits = self._started and self._stop is None and self._kind is None
        if not fits or index <= self._at:
            raise self._disorder(event)
        self._at, self._kind = index, Kind.EMPTY

    def _become(self, kind: Kind) -> None:
        """A block is of one kind, which its first delta tells."""
        if self._kind is Kind.EMPTY:
            self._kind = kind
        elif self._kind is not kind:
            raise self._disorder("contentBlockDelta")

    def _warn(self, kind: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            self.parts.note(answer.dropped(kind))

    def _decoded(self, decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
        try:
            return decoder.decode(payload)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
            raise bad(self._provider, "sent an event that makes no sense") from broken

    def _disorder(self, event: str) -> Exception:
        return bad(self._provider, f"sent {event} out of order")
