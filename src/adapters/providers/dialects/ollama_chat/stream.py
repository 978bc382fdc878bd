"""Reads one streamed answer: lines of JSON in, parts out.

Theory of operation. Each line has the next piece of the message: thinking, text, or whole tool
calls. The line with `done: true` ends the answer.
"""

from __future__ import annotations

from hexgate.adapters.framing.ndjson import NdjsonReader
from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.ollama_chat import answer
from hexgate.adapters.providers.dialects.ollama_chat.structs import ToolCall as WireCall
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.parts import Parts
from hexgate.adapters.providers.reading import EventReader
from hexgate.domain.answer import Finished


def reader(provider: str) -> EventReader:
    """For one streamed answer of `provider`."""
    return EventReader(NdjsonReader().feed, _Answer(provider))


class _Answer:
    """See Machine; the events are lines."""

    def __init__(self, provider: str) -> None:
        self.parts = Parts(provider)
        self._provider = provider
        self._calls = 0
        self._done = False

    def take(self, event: bytes) -> None:
        """See Machine. A second end does no harm; more output does."""
        body = answer.decoded(self._provider, event)
        message = body.message
        if message is not None:
            if self._done and (message.thinking or message.content or message.tool_calls):
                raise bad(self._provider, "sent more of its answer after done: true")
            if message.thinking:
                self.parts.reasoning(message.thinking)
            if body.logprobs:
                self.parts.text(message.content or "", answer.logprobs(body))
            elif message.content:
                self.parts.text(message.content)
            if message.tool_calls:
                self._called(event, message.tool_calls)
        if body.done and not self._done:
            self._finish(event)

    def end(self) -> None:
        """See Machine."""
        if not self._done:
            raise bad(self._provider, "ended its stream without done: true")

    def _called(self, event: bytes, calls: list[WireCall]) -> None:
        said = answer.aside(event)
        for call in calls:
            self.parts.whole(answer.tool_call(self._provider, said, self._calls, call))
            self._calls += 1

    def _finish(self, event: bytes) -> None:
        self._done = True
        said = answer.aside(event)
        self.parts.finish(
            Finished(
                finish=answer.finish(said, calls=self._calls > 0),
                usage=answer.usage(said),
                model=lenient.text(said.model),
                metadata_json=answer.metadata(said),
            )
        )
