"""Reads one streamed answer: server-sent events in, chunks out.

Theory of operation. Chunks carry pieces of at most one message: reasoning, text, refusal, calls.
Whatever kind a piece is of opens a part; a piece of another kind, or of the next call, closes it
and opens the next, so part indices never decrease. A finish reason closes the last part, then
usage may come, then `[DONE]`, and only then is the answer finished. Everything that this order
does not allow is refused.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import assert_never

from hexgate.adapters.framing.sse import SseReader
from hexgate.adapters.providers.dialects.openai_chat import answer
from hexgate.adapters.providers.dialects.openai_chat.errors import bad
from hexgate.adapters.providers.dialects.openai_chat.structs import Body, Choice, ToolCall, Words
from hexgate.domain.answer import (
    Chunk,
    Finished,
    Logprob,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageUpdate,
)
from hexgate.domain.chat import Part, Reasoning, Refusal, Text
from hexgate.domain.chat import ToolCall as CallPart
from hexgate.domain.errors import GatewayError
from hexgate.domain.usage import Usage

_DONE = b"[DONE]"
_EMPTY = Words()


class Kind(enum.Enum):
    """What the open part is."""

    NONE = enum.auto()
    REASONING = enum.auto()
    TEXT = enum.auto()
    REFUSAL = enum.auto()
    CALL = enum.auto()


class ChatReader:
    """One streamed answer of `provider`.

    Without `needs_done` a finish reason followed by the end of the body will do.
    """

    failure: GatewayError | None = None

    def __init__(self, provider: str, *, needs_done: bool) -> None:
        self._provider = provider
        self._needs_done = needs_done
        self._sse = SseReader()
        self._out: list[Chunk] = []
        self._kind = Kind.NONE
        self._kinds: set[type[Part]] = set()
        self._index = -1
        self._pieces: list[str] = []  # of the open part
        self._run: list[str] = []  # those of them that arrived together and are not out yet
        self._logprobs: list[Logprob] = []
        self._call = ("", "")  # id and name of the open call
        self._call_at = -1  # the wire's index of it
        self._calls = 0
        self._body = Body()
        self._ending: Choice | None = None
        self._usage: Usage | None = None
        self._done = False

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """The chunks that these bytes complete. A second end does no harm; more output does."""
        for _, payload in self._sse.feed(data):
            if payload == _DONE:
                if not self._done:
                    self._finish("[DONE]")
            elif payload:  # an empty event keeps the connection alive
                body = answer.decoded(self._provider, payload)
                if text := self._more_text(body):
                    self._run.append(text)
                    self._pieces.append(text)
                else:
                    self._take(body)
        self._flush()
        out, self._out = self._out, []
        return out

    def end(self) -> Sequence[Chunk]:
        """Nothing, or BadResponse when the answer did not end."""
        if self._done:
            return ()
        if self._needs_done or self._ending is None:
            missing = "[DONE]" if self._needs_done else "a finish reason"
            raise bad(self._provider, f"ended its stream without {missing}")
        self._finish("its end")
        return self._out

    def _more_text(self, body: Body) -> str:
        """The text of a chunk that carries nothing but more of the open text: most of them do."""
        if self._kind is not Kind.TEXT or self._ending is not None or body.usage is not None:
            return ""
        choices = body.choices
        if not choices or len(choices) != 1:
            return ""
        choice = choices[0]
        if choice.finish_reason or choice.logprobs is not None or choice.index != 0:
            return ""
        words = choice.delta
        if words is None or words.tool_calls or words.refusal or words.reasoning_content:
            return ""
        return "" if words.reasoning else words.content or ""

    def _take(self, body: Body) -> None:
        if not self._body.id or not self._body.model:
            self._body = body
        for choice in body.choices or ():
            if choice.index != 0:
                raise bad(self._provider, "sent a second choice, one was asked for")
            self._choose(choice)
        if body.usage is not None:
            self._count(answer.usage(body.usage))

    def _choose(self, choice: Choice) -> None:
        words = choice.delta or _EMPTY
        if self._ending is not None:
            if _speaks(words):
                raise bad(self._provider, "sent more of its answer after a finish reason")
            return
        if choice.logprobs is not None:
            self._logprobs.extend(answer.logprobs(choice.logprobs))
        if reasoning := words.reasoning_content or words.reasoning:
            self._say(Kind.REASONING, reasoning)
        if words.content:
            self._say(Kind.TEXT, words.content)
        if words.refusal:
            self._say(Kind.REFUSAL, words.refusal)
        for call in words.tool_calls or ():
            self._fragment(call)
        if choice.finish_reason:
            self._ending = choice
            self._close()

    def _say(self, kind: Kind, text: str) -> None:
        if self._kind is not kind:
            self._open(kind)
        self._run.append(text)
        self._pieces.append(text)

    def _fragment(self, call: ToolCall) -> None:
        function = call.function
        name = (function.name if function else None) or ""
        if self._begins(call):
            if not name:
                raise bad(self._provider, "began a tool call without a name")
            self._open(Kind.CALL)
            self._call_at = self._call_at + 1 if call.index is None else call.index
            self._call = (answer.call_id(self._body, self._calls, call), name)
            self._calls += 1
            self._out.append(ToolCallStarted(self._index, *self._call))
        elif self._kind is not Kind.CALL or name not in ("", self._call[1]):
            raise bad(self._provider, "sent a fragment of a tool call out of order")
        if function and function.arguments:
            self._say(Kind.CALL, function.arguments)

    def _begins(self, call: ToolCall) -> bool:
        """Whether a fragment is of a new call. Some servers give every call the same index, or
        none, but then each its own id.
        """
        at = self._call_at if call.index is None else call.index
        if at < self._call_at:
            raise bad(self._provider, "sent a fragment of a tool call out of order")
        return at > self._call_at or at < 0 or (bool(call.id) and call.id != self._call[0])

    def _open(self, kind: Kind) -> None:
        self._close()
        self._kind = kind
        self._index += 1

    def _close(self) -> None:
        if self._kind is Kind.NONE:
            return
        if self._kind is Kind.CALL and not self._pieces:
            self._say(Kind.CALL, "{}")  # a call without arguments
        self._flush()
        part = self._part("".join(self._pieces))
        self._out.append(PartFinished(self._index, part))
        self._kinds.add(type(part))
        self._pieces = []
        self._kind = Kind.NONE

    def _part(self, whole: str) -> Part:
        match self._kind:
            case Kind.REASONING:
                return Reasoning(whole, provider=self._provider)
            case Kind.TEXT | Kind.NONE:
                return Text(whole)
            case Kind.REFUSAL:
                return Refusal(whole)
            case Kind.CALL:
                return CallPart(*self._call, whole)
            case _:
                assert_never(self._kind)

    def _flush(self) -> None:
        """Send what arrived together as one delta. A refusal is sent when it is whole."""
        if not self._run:
            return
        text = "".join(self._run)
        self._run.clear()
        match self._kind:
            case Kind.TEXT:
                self._out.append(TextDelta(self._index, text, tuple(self._logprobs)))
                self._logprobs.clear()
            case Kind.REASONING:
                self._out.append(ReasoningDelta(self._index, text))
            case Kind.CALL:
                self._out.append(ToolCallDelta(self._index, text))
            case Kind.REFUSAL | Kind.NONE:
                pass
            case _:
                assert_never(self._kind)

    def _count(self, usage: Usage | None) -> None:
        """Totals that come while the answer is still being written are news; the last are not."""
        if usage is None or usage == self._usage:
            return
        self._usage = usage
        if self._ending is None:
            self._flush()
            self._out.append(UsageUpdate(usage))

    def _finish(self, mark: str) -> None:
        if self._ending is None or not self._ending.finish_reason:
            raise bad(self._provider, f"sent {mark} without a finish reason before it")
        self._done = True
        reason, matched = self._ending.finish_reason, answer.stop_sequence(self._ending)
        self._out.append(
            Finished(
                finish=answer.finish(reason, matched, self._kinds),
                usage=self._usage,
                model=self._body.model or "",
                stop_sequence=matched,
                metadata_json=answer.metadata(self._body, reason),
            )
        )


def _speaks(words: Words) -> bool:
    said = words.content or words.refusal or words.reasoning_content or words.reasoning
    return bool(said or words.tool_calls)
