"""Writes the parts of one streamed answer down as chunks."""

from __future__ import annotations

from collections.abc import Iterable

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
    Warned,
)
from hexgate.domain.chat import Part, Reasoning, Refusal, Text, ToolCall


class Parts:
    """One answer, part after part; a piece of another kind closes the open part and opens its own.

    Pieces of one part that come between two `take`s become one chunk. Empty pieces are nothing.
    `provider` is who signs reasoning.
    """

    __slots__ = (
        "_call",
        "_index",
        "_kind",
        "_logprobs",
        "_out",
        "_pieces",
        "_provider",
        "_run",
        "_signature",
        "kinds",
    )

    def __init__(self, provider: str) -> None:
        self.kinds: set[type[Part]] = set()  # of the parts that have finished
        self._provider = provider
        self._out: list[Chunk] = []
        self._kind: type[Part] | None = None  # of the open part
        self._index = -1
        self._pieces: list[str] = []  # of the open part
        self._run: list[str] = []  # those of them that are not out yet
        self._logprobs: list[Logprob] = []
        self._call = ("", "")  # id and name of the open call
        self._signature = b""

    def text(self, piece: str, logprobs: Iterable[Logprob] = ()) -> None:
        """More text. Log probabilities wait for the text that they belong to."""
        if logprobs:
            self._logprobs.extend(logprobs)
        self._say(Text, piece)

    def reasoning(self, piece: str) -> None:
        """More reasoning."""
        self._say(Reasoning, piece)

    def refusal(self, piece: str) -> None:
        """More of a refusal, which goes out when it is whole."""
        self._say(Refusal, piece)

    def sign(self, signature: bytes) -> None:
        """The opaque state of the open reasoning, or of one without words."""
        if self._kind is not Reasoning:
            self._open(Reasoning)
        self._signature += signature

    def call(self, call_id: str, name: str) -> None:
        """A tool call begins."""
        self._open(ToolCall)
        self._call = (call_id, name)
        self._out.append(ToolCallStarted(self._index, call_id, name))

    def arguments(self, fragment: str) -> None:
        """More arguments of the call that is open; the caller has seen to it that one is."""
        self._say(ToolCall, fragment)

    def whole(self, part: Part) -> None:
        """A part that comes in one piece."""
        self.close()
        self._index += 1
        if isinstance(part, ToolCall):
            self._out.append(ToolCallStarted(self._index, part.call_id, part.name))
            self._out.append(ToolCallDelta(self._index, part.arguments_json))
        self._finish(part)

    def calling(self) -> bool:
        """Whether a tool call is open."""
        return self._kind is ToolCall

    def close(self) -> None:
        """The open part, if there is one, is complete. A call without arguments has `{}`."""
        if self._kind is None:
            return
        if self._kind is ToolCall and not self._pieces:
            self.arguments("{}")
        self._flush()
        self._finish(self._part("".join(self._pieces)))
        self._kind, self._pieces, self._signature = None, [], b""

    def note(self, chunk: UsageUpdate | Warned) -> None:
        """Something that is no part; the open part stays open."""
        self._flush()
        self._out.append(chunk)

    def finish(self, end: Finished) -> None:
        """The answer has ended."""
        self.close()
        self._out.append(end)

    def take(self) -> list[Chunk]:
        """Everything since the last time."""
        if self._run:
            self._flush()
        out, self._out = self._out, []
        return out

    def _say(self, kind: type[Part], piece: str) -> None:
        if not piece:
            return
        if self._kind is not kind:
            self._open(kind)
        self._run.append(piece)
        self._pieces.append(piece)

    def _open(self, kind: type[Part]) -> None:
        self.close()
        self._kind = kind
        self._index += 1

    def _finish(self, part: Part) -> None:
        self.kinds.add(type(part))
        self._out.append(PartFinished(self._index, part))

    def _part(self, whole: str) -> Part:
        if self._kind is Text:
            return Text(whole)
        if self._kind is Refusal:
            return Refusal(whole)
        if self._kind is ToolCall:
            return ToolCall(*self._call, whole)
        return Reasoning(whole, self._signature, self._provider)

    def _flush(self) -> None:
        """Send what arrived together as one delta."""
        if not self._run:
            return
        text = "".join(self._run)
        self._run.clear()
        if self._kind is Text:
            self._out.append(TextDelta(self._index, text, tuple(self._logprobs)))
            self._logprobs.clear()
        elif self._kind is Reasoning:
            self._out.append(ReasoningDelta(self._index, text))
        elif self._kind is ToolCall:
            self._out.append(ToolCallDelta(self._index, text))
