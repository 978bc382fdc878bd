"""Reads one streamed answer: server-sent events in, chunks out.

Theory of operation. Every event has a type. Content comes in blocks, each opened by `content-start`
and closed by `content-end`; what a model plans before it calls tools comes as `tool-plan-delta`;
each call is opened by `tool-call-start` and closed by `tool-call-end`. `message-end` says why the
answer ended and is its terminal marker; `[DONE]` may follow. Citations may come anywhere and are
kept for the end. Events of other types say nothing to us. Content and plan are told apart, though
both are text, so that the parts are those of the same answer in one piece.
"""

from __future__ import annotations

import msgspec

from hexgate.adapters.framing.sse import SseReader
from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.cohere_chat import answer
from hexgate.adapters.providers.dialects.cohere_chat.errors import from_end
from hexgate.adapters.providers.dialects.cohere_chat.structs import (
    Content,
    Delta,
    Event,
    Kind,
    Piece,
    ToolCall,
)
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.parts import Parts
from hexgate.adapters.providers.reading import EventReader
from hexgate.domain.answer import Finished
from hexgate.domain.json import Json

_DONE = b"[DONE]"
_EVENT, _KIND = msgspec.json.Decoder(Event), msgspec.json.Decoder(Kind)
_SPEAKS = frozenset(
    ("content-start", "content-delta", "tool-plan-delta", "tool-call-start", "tool-call-delta")
)
_KNOWN = _SPEAKS.union(
    ("", "message-start", "content-end", "tool-call-end", "citation-start", "message-end")
)


def reader(provider: str) -> EventReader:
    """A fresh reader of one stream of `provider`."""
    return EventReader(SseReader().feed, Answer(provider))


class Answer:
    """One streamed answer. See Machine."""

    def __init__(self, provider: str) -> None:
        self.parts = Parts(provider)
        self._provider = provider
        self._id = ""
        self._planning = False  # the open text is a plan
        self._calls = 0
        self._cited: list[Json] = []
        self._done = False

    def take(self, event: tuple[bytes, bytes]) -> None:
        """See Machine."""
        _, payload = event
        if payload == _DONE:
            self.end()
            return
        if not payload:  # keeps the connection alive
            return
        found = self._decoded(payload)
        if self._done and found.type in _SPEAKS:
            raise bad(self._provider, "sent more of its answer after message-end")
        self._event(found)

    def end(self) -> None:
        """See Machine."""
        if not self._done:
            raise bad(self._provider, "ended its stream without message-end")

    def _event(self, event: Event) -> None:
        delta = event.delta or Delta()
        piece = delta.message or Piece()
        match event.type:
            case "content-delta" | "content-start":
                self._content(event, piece.content)
            case "content-end":
                self._outside_calls(event)
                self.parts.close()
            case "tool-plan-delta":
                self._plan(event, piece.tool_plan or "")
            case "tool-call-start" | "tool-call-delta" | "tool-call-end":
                self._call(event.type, piece.tool_calls)
            case "citation-start":
                self._cited += answer.citations(piece.citations)
            case "message-start":
                self._id = event.id or ""
            case "message-end":
                self._finish(event, delta)
            case "":
                raise self._untyped(event)
            case _:
                pass

    def _content(self, event: Event, content: Content | list[msgspec.Raw] | None) -> None:
        self._outside_calls(event)
        if self._planning or event.type == "content-start":
            self.parts.close()
            self._planning = False
        if isinstance(content, Content):
            text = content.text or ""
            chances = [answer.logprob(event.logprobs, text)] if event.logprobs and text else ()
            self.parts.reasoning(content.thinking or "")
            self.parts.text(text, chances)

    def _plan(self, event: Event, text: str) -> None:
        self._outside_calls(event)
        if text and not self._planning:
            self.parts.close()
            self._planning = True
        self.parts.text(text)

    def _call(self, kind: str, call: ToolCall | list[msgspec.Raw] | None) -> None:
        self._planning = False
        if kind != "tool-call-start" and not self.parts.calling():
            raise bad(self._provider, f"sent {kind} out of order")
        if kind == "tool-call-end":
            self.parts.close()
            return
        call = call if isinstance(call, ToolCall) else ToolCall()
        if kind == "tool-call-start":
            self.parts.call(*answer.call_id(self._provider, self._id, self._calls, call))
            self._calls += 1
        self.parts.arguments((call.function and call.function.arguments) or "")

    def _finish(self, event: Event, delta: Delta) -> None:
        if self._done:  # a second end does no harm
            return
        failed = lenient.value(delta.error)
        said = failed if isinstance(failed, str) else "an error" if failed else ""
        reason = answer.ended(self._provider, delta.finish_reason, said)
        self._done = True
        self.parts.close()
        self.parts.finish(
            Finished(
                finish=answer.finish(reason, self.parts.kinds),
                usage=answer.usage(delta.usage),
                model="",
                metadata_json=answer.metadata(
                    self._id or event.id, reason, delta.usage, self._cited
                ),
            )
        )

    def _outside_calls(self, event: Event) -> None:
        if self.parts.calling():
            raise bad(self._provider, f"sent {event.type} within a tool call")

    def _untyped(self, event: Event) -> Exception:
        """The body of an error in the place of an event."""
        if said := lenient.text(event.message):
            return from_end(self._provider, "", said)
        return bad(self._provider, "sent an event without a type")

    def _decoded(self, payload: bytes) -> Event:
        """The event. One that we do not know may have its fields in any shape."""
        try:
            return _EVENT.decode(payload)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
            kind = _kind(payload)
            if kind in _KNOWN:
                raise bad(self._provider, "sent an event that makes no sense") from broken
            return Event(type=kind)


def _kind(payload: bytes) -> str:
    """The type of an event, empty where it has none."""
    try:
        return _KIND.decode(payload).type
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ""
