"""Reads one streamed answer: server-sent events in, chunks out.

Theory of operation. Chunks carry pieces of at most one message: reasoning, text, refusal, calls.
A piece of another kind opens the next part. A finish reason closes the last part, then usage may
come, then `[DONE]`, and only then is the answer finished; whatever follows is no part of it. What
this order does not allow is refused.
"""

from __future__ import annotations

from hexgate.adapters.framing.sse import SseReader
from hexgate.adapters.providers.dialects.openai_chat import answer
from hexgate.adapters.providers.dialects.openai_chat.calls import Calls
from hexgate.adapters.providers.dialects.openai_chat.structs import (
    Body,
    Choice,
    TokenLogprob,
    Words,
)
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.lenient import fields
from hexgate.adapters.providers.parts import Parts
from hexgate.adapters.providers.reading import EventReader
from hexgate.adapters.providers.wire import Reader
from hexgate.domain.answer import Finished, UsageUpdate
from hexgate.domain.chat import Part, Reasoning, Text
from hexgate.domain.usage import Usage

_DONE = b"[DONE]"
_EMPTY = Words()


def reader(provider: str, *, needs_done: bool) -> Reader:
    """Reads one streamed answer of `provider`.

    Without `needs_done` a finish reason followed by the end of the body will do.
    """
    return EventReader(SseReader().feed, Machine(provider, needs_done=needs_done))


class Machine:
    """One streamed answer. See `reader`."""

    def __init__(self, provider: str, *, needs_done: bool) -> None:
        self.parts = Parts(provider)
        self._provider = provider
        self._needs_done = needs_done
        self._calls = Calls(provider, self.parts)
        self._simple = False  # text is being said, so more of it is nothing but that
        self._logprobs: list[TokenLogprob] = []  # that wait for their text
        self._annotations: list[object] = []
        self._prompt: object = None  # what a filter found in the prompt
        self._found: dict[str, object] = {}  # and in the answer
        self._body = Body()
        self._ending: Choice | None = None
        self._usage: Usage | None = None
        self._done = False

    def take(self, event: tuple[bytes, bytes]) -> None:
        """See Machine. An empty event keeps the connection alive."""
        payload = event[1]
        if payload == _DONE:
            self._finish("[DONE]")
        elif payload and not self._done:
            body = answer.decoded(self._provider, payload)
            if self._simple and (text := _only_text(body)):
                self.parts.text(text)
            else:
                self._take(body)

    def end(self) -> None:
        """See Machine."""
        if not self._done and (self._needs_done or self._ending is None):
            missing = "[DONE]" if self._needs_done else "a finish reason"
            raise bad(self._provider, f"ended its stream without {missing}")
        self._finish("its end")

    def _take(self, body: Body) -> None:
        if not self._body.id or not self._body.model:
            self._body = body
        self._prompt = self._prompt or body.prompt_filter_results
        for choice in body.choices or ():
            if choice.index:
                raise bad(self._provider, "sent a second choice, one was asked for")
            self._choose(choice, choice.delta or _EMPTY)
        if body.usage is not None:
            self._count(answer.usage(body.usage))

    def _choose(self, choice: Choice, words: Words) -> None:
        for name, found in fields(choice.content_filter_results).items():
            if fields(self._found.get(name)).get("filtered") is not True:
                self._found[name] = found
        if isinstance(words.annotations, list):
            self._annotations.extend(words.annotations)
        if self._ending is not None:
            if words.tool_calls or any(answer.said(words)):
                raise bad(self._provider, "sent more of its answer after a finish reason")
            return
        if choice.logprobs is not None and choice.logprobs.content:
            self._logprobs.extend(choice.logprobs.content)
        self._simple = False
        for kind, piece in answer.said(words):
            self._say(kind, piece)
            self._simple = kind is Text
        for call in words.tool_calls or ():
            self._calls.take(call, self._body)
            self._simple = False
        if choice.finish_reason:
            self._ending = choice
            self._simple = False
            self._calls.settle()
            self.parts.close()

    def _say(self, kind: type[Part], piece: str) -> None:
        self._calls.settle()
        if kind is Text:
            self.parts.text(piece, map(answer.logprob, self._logprobs))
            self._logprobs.clear()
        elif kind is Reasoning:
            self.parts.reasoning(piece)
        else:
            self.parts.refusal(piece)

    def _count(self, usage: Usage | None) -> None:
        """Totals that come while the answer is still being written are news; the last are not."""
        if usage is None or usage == self._usage:
            return
        self._usage = usage
        if self._ending is None:
            self.parts.note(UsageUpdate(usage))

    def _finish(self, mark: str) -> None:
        if self._done:
            return
        if self._ending is None or not self._ending.finish_reason:
            raise bad(self._provider, f"sent {mark} without a finish reason before it")
        self._done = True
        reason, matched = self._ending.finish_reason, answer.stop_sequence(self._ending)
        self.parts.finish(
            Finished(
                finish=answer.finish(reason, matched, self.parts.kinds),
                usage=self._usage,
                model=self._body.model or "",
                stop_sequence=matched,
                metadata_json=answer.metadata(self._body, reason, self._beside()),
            )
        )

    def _beside(self) -> dict[str, object]:
        """What has no place among the chunks: log probabilities that no text followed, too."""
        return {
            "logprobs": self._logprobs,
            "annotations": self._annotations,
            "prompt_filter_results": self._prompt,
            "content_filter_results": self._found,
        }


def _only_text(body: Body) -> str:
    """The text of a chunk that carries nothing but text: most of them do."""
    choices = body.choices
    if not choices or len(choices) != 1 or body.usage is not None:
        return ""
    choice = choices[0]
    words = choice.delta
    if (
        words is None
        or choice.finish_reason
        or choice.logprobs is not None
        or choice.content_filter_results
        or choice.index
        or words.tool_calls
        or words.refusal
        or words.reasoning_content
        or words.reasoning
        or words.annotations
    ):
        return ""
    return words.content if isinstance(words.content, str) else ""
