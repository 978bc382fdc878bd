"""From chunks to parts and back: a stream and a whole answer say the same."""

from __future__ import annotations

from collections.abc import Iterator

from hexgate.domain.answer import (
    Chunk,
    Completion,
    Finished,
    PartFinished,
    ReasoningDelta,
    RouteChanged,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from hexgate.domain.chat import Part, Reasoning, Text, ToolCall


class Assembler:
    """Collects the parts of one stream. Finished parts replace what their deltas said.

    When the stream begins again, so does it.
    """

    def __init__(self) -> None:
        self._done: dict[int, Part] = {}
        self._open: dict[int, list[str]] = {}
        self._kind: dict[int, TextDelta | ReasoningDelta | ToolCallStarted] = {}

    def add(self, chunk: Chunk) -> None:
        """Take the next chunk."""
        match chunk:
            case TextDelta(index, text) | ReasoningDelta(index, text):
                self._kind.setdefault(index, chunk)
                self._open.setdefault(index, []).append(text)
            case ToolCallStarted(index):
                self._kind[index] = chunk
                self._open[index] = []
            case ToolCallDelta(index, fragment):
                self._open.setdefault(index, []).append(fragment)
            case PartFinished(index, part):
                self._done[index] = part
            case RouteChanged():
                self._done, self._open, self._kind = {}, {}, {}
            case _:
                pass

    def parts(self) -> tuple[Part, ...]:
        """Everything so far, in the order of the indices; unfinished parts as far as they got."""
        indices = sorted(self._done.keys() | self._kind.keys())
        return tuple(self._done.get(index) or self._unfinished(index) for index in indices)

    def _unfinished(self, index: int) -> Part:
        text = "".join(self._open.get(index, ()))
        match self._kind[index]:
            case TextDelta():
                return Text(text)
            case ReasoningDelta():
                return Reasoning(text)
            case ToolCallStarted(_, call_id, name):
                return ToolCall(call_id, name, text)


def chunks(completion: Completion) -> Iterator[Chunk]:
    """A whole answer as the stream that would have said it."""
    for index, part in enumerate(completion.parts):
        match part:
            case Text(text) if text:
                yield TextDelta(index, text, completion.logprobs if index == 0 else ())
            case Reasoning(text) if text:
                yield ReasoningDelta(index, text)
            case ToolCall(call_id, name, arguments):
                yield ToolCallStarted(index, call_id, name)
                if arguments:
                    yield ToolCallDelta(index, arguments)
            case _:
                pass
        yield PartFinished(index, part)
    yield from completion.warnings
    yield Finished(
        finish=completion.finish,
        usage=completion.usage,
        model=completion.model,
        stop_sequence=completion.stop_sequence,
        metadata_json=completion.metadata_json,
    )
