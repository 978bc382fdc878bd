"""Reads one streamed answer: lines of JSON in, chunks out.

Theory of operation. Each line has the next piece of the message: thinking, text, or whole tool
calls. Text and thinking open a part that a piece of another kind closes; a call is a part of its
own, opened and closed at once. The line with `done: true` closes the last part and finishes.
"""

from __future__ import annotations

from collections.abc import Sequence

from hexgate.adapters.framing.ndjson import NdjsonReader
from hexgate.adapters.providers.dialects.ollama_chat import answer
from hexgate.adapters.providers.dialects.ollama_chat.errors import bad
from hexgate.adapters.providers.dialects.ollama_chat.structs import Body, Message
from hexgate.domain.answer import (
    Chunk,
    Finished,
    Logprob,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from hexgate.domain.chat import Reasoning, Text, ToolCall
from hexgate.domain.errors import GatewayError


class ChatReader:
    """One streamed answer of `provider`."""

    failure: GatewayError | None = None

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._lines = NdjsonReader()
        self._out: list[Chunk] = []
        self._open: type[Text] | type[Reasoning] | None = None
        self._index = -1
        self._pieces: list[str] = []  # of the open part
        self._run: list[str] = []  # those of them that arrived together and are not out yet
        self._logprobs: list[Logprob] = []
        self._calls = 0
        self._done = False

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """The chunks that these bytes complete. A second end does no harm; more output does."""
        for line in self._lines.feed(data):
            self._take(answer.decoded(self._provider, line))
        self._flush()
        out, self._out = self._out, []
        return out

    def end(self) -> Sequence[Chunk]:
        """Nothing, or BadResponse when the answer did not end."""
        if not self._done:
            raise bad(self._provider, "ended its stream without done: true")
        return ()

    def _take(self, body: Body) -> None:
        message = body.message or Message()
        if self._done:
            if message.thinking or message.content or message.tool_calls:
                raise bad(self._provider, "sent more of its answer after done: true")
            return
        if body.logprobs:
            self._logprobs.extend(answer.logprobs(body))
        if message.thinking:
            self._say(Reasoning, message.thinking)
        if message.content:
            self._say(Text, message.content)
        for wire in message.tool_calls or ():
            self._called(answer.tool_call(self._provider, body, self._calls, wire))
        if body.done:
            self._finish(body)

    def _say(self, kind: type[Text] | type[Reasoning], text: str) -> None:
        if self._open is not kind:
            self._close()
            self._open = kind
            self._index += 1
        self._run.append(text)
        self._pieces.append(text)

    def _called(self, call: ToolCall) -> None:
        self._close()
        self._calls += 1
        self._index += 1
        self._out.append(ToolCallStarted(self._index, call.call_id, call.name))
        self._out.append(ToolCallDelta(self._index, call.arguments_json))
        self._out.append(PartFinished(self._index, call))

    def _close(self) -> None:
        self._flush()
        whole = "".join(self._pieces)
        if self._open is Text:
            self._out.append(PartFinished(self._index, Text(whole)))
        elif self._open is Reasoning:
            self._out.append(PartFinished(self._index, Reasoning(whole, provider=self._provider)))
        self._open = None
        self._pieces = []

    def _flush(self) -> None:
        """Send what arrived together as one delta."""
        if not self._run:
            return
        text = "".join(self._run)
        self._run.clear()
        if self._open is Text:
            self._out.append(TextDelta(self._index, text, tuple(self._logprobs)))
            self._logprobs.clear()
        else:
            self._out.append(ReasoningDelta(self._index, text))

    def _finish(self, body: Body) -> None:
        self._close()
        self._done = True
        self._out.append(
            Finished(
                finish=answer.finish(body, calls=self._calls > 0),
                usage=answer.usage(body),
                model=body.model,
                metadata_json=answer.metadata(body),
            )
        )
