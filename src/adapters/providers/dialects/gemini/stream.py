"""Reads one answer, whole or streamed: bodies in, parts out.

Theory of operation. A whole answer and each event of a stream are the same object: pieces of one
candidate. Text and thoughts go on in the next piece; calls and media come whole. A piece that is
signed is a part of its own, because its signature is valid for exactly that piece: the signature
goes out as reasoning without words right before it. The candidate's last piece has a finish reason.
After it only counts may change, and the end of the body is the end of the answer.
"""

from __future__ import annotations

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.gemini import answer
from hexgate.adapters.providers.dialects.gemini.errors import filtered
from hexgate.adapters.providers.dialects.gemini.frames import Frames
from hexgate.adapters.providers.dialects.gemini.structs import Body, Candidate, Part
from hexgate.adapters.providers.dialects.gemini.structs import Usage as WireUsage
from hexgate.adapters.providers.failures import bad, word
from hexgate.adapters.providers.lenient import UNSAID
from hexgate.adapters.providers.parts import Parts
from hexgate.adapters.providers.reading import EventReader
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import (
    Completion,
    Finished,
    Logprob,
    PartFinished,
    TextDelta,
    UsageUpdate,
    Warned,
)
from hexgate.domain.chat import Reasoning, ToolCall
from hexgate.domain.usage import Usage

_BESIDE = (
    ("citation_metadata", "citationMetadata"),
    ("grounding_metadata", "groundingMetadata"),
    ("url_context_metadata", "urlContextMetadata"),
)
_LATEST = (
    ("safety_ratings", "safetyRatings"),
    ("avg_logprobs", "avgLogprobs"),
    ("continuation_token", "continuationToken"),
)
_WORDLESS = ("executable_code", "code_execution_result", "tool_call", "tool_response")


def reader(provider: str) -> EventReader:
    """For one streamed answer of `provider`."""
    return EventReader(Frames().feed, Machine(provider))


def completion(provider: str, response: WireResponse) -> Completion:
    """Translate a body of status 2xx; BadResponse when it is no finished answer."""
    machine = Machine(provider)
    machine.take((b"", response.body))
    machine.end()
    chunks = machine.parts.take()
    end = chunks[-1]
    assert isinstance(end, Finished)
    return Completion(
        parts=tuple(chunk.part for chunk in chunks if isinstance(chunk, PartFinished)),
        finish=end.finish,
        usage=end.usage,
        model=end.model,
        request_id=machine.answer_id,
        warnings=tuple(chunk for chunk in chunks if isinstance(chunk, Warned)),
        logprobs=tuple(p for c in chunks if isinstance(c, TextDelta) for p in c.logprobs),
        metadata_json=end.metadata_json,
    )


class Machine:
    """See reading.Machine. An event is a name, which is not looked at, and a body."""

    def __init__(self, provider: str) -> None:
        self.parts = Parts(provider)
        self.answer_id = ""
        self._provider = provider
        self._model = ""
        self._reason = ""
        self._usage: Usage | None = None
        self._counts: WireUsage | None = None  # what it was made of
        self._logprobs: list[Logprob] = []  # of text that is still to come
        self._beside: dict[str, dict[bytes, None]] = {}  # in the order in which it was said
        self._warned: set[str] = set()
        self._calls = 0

    def take(self, event: tuple[bytes, bytes]) -> None:
        """See Machine. An empty event keeps the connection alive."""
        if not event[1]:
            return
        body = answer.decoded(self._provider, event[1])
        self._head(body)
        if not body.candidates:
            self._silent(body)
        for candidate in body.candidates or ():
            if not candidate.index:  # one answer is asked for
                self._take(candidate)
        self._count(body.usage_metadata)

    def end(self) -> None:
        """See Machine."""
        if not self._reason:
            raise bad(self._provider, "ended its answer without a finish reason")
        if self.answer_id:
            self._beside["responseId"] = {msgspec.json.encode(self.answer_id): None}
        if self._logprobs:
            self._drop("logprobsResult")
        self.parts.finish(
            Finished(
                finish=answer.finish(self._reason, calls=self._calls > 0),
                usage=self._usage,
                model=self._model,
                metadata_json=answer.metadata(self._reason, self._beside),
            )
        )

    def _head(self, body: Body) -> None:
        if not self._model:
            self._model = lenient.text(body.model_version)
        if not self.answer_id:
            self.answer_id = lenient.text(body.response_id)

    def _silent(self, body: Body) -> None:
        feedback = body.prompt_feedback
        if feedback is not None and feedback.block_reason:
            raise filtered(self._provider, word(feedback.block_reason))

    def _take(self, candidate: Candidate) -> None:
        if candidate.logprobs_result is not UNSAID:
            self._logprobs.extend(answer.logprobs(candidate.logprobs_result))
        content = candidate.content
        for part in (content.parts if content is not None else None) or ():
            if self._reason and _says(part):
                raise bad(self._provider, "sent more of its answer after its finish reason")
            self._part(part)
        self._note(candidate)
        if candidate.finish_reason not in answer.UNFINISHED:
            self._ended(candidate.finish_reason or "")

    def _ended(self, reason: str) -> None:
        if (failure := answer.failure(self._provider, reason)) is not None:
            raise failure
        self._reason = self._reason or word(reason) or "OTHER"

    def _part(self, part: Part) -> None:
        if part.thought_signature and not _wordless(part):
            self._signed(part, part.thought_signature.encode("utf-8", "replace"))
        elif part.text is not None:
            self._said(part, part.text)
        else:
            self._whole(part)

    def _said(self, part: Part, text: str) -> None:
        if part.thought:
            self.parts.reasoning(text)
        elif text:
            self.parts.text(text, self._logprobs)
            self._logprobs.clear()

    def _signed(self, part: Part, signature: bytes) -> None:
        if part.thought:
            if part.text:
                self.parts.close()
                self.parts.reasoning(part.text)
            self.parts.sign(signature)
            self.parts.close()
            return
        self.parts.whole(Reasoning("", signature, self._provider))
        if part.text is not None:
            self._said(part, part.text)
            self.parts.close()
        elif _says(part):
            self._whole(part)

    def _whole(self, part: Part) -> None:
        if part.function_call is not None:
            self.parts.whole(self._called(part))
        elif part.inline_data is not None:
            self.parts.whole(answer.media(self._provider, part.inline_data))
        elif part.file_data is not None:
            self.parts.whole(answer.file(self._provider, part.file_data))
        else:
            self._drop(_wordless(part) or "other")

    def _called(self, part: Part) -> ToolCall:
        assert part.function_call is not None
        call = answer.tool_call(self._provider, self.answer_id, self._calls, part.function_call)
        self._calls += 1
        return call

    def _drop(self, kind: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            self.parts.note(answer.dropped(kind))

    def _count(self, raw: msgspec.Raw) -> None:
        """Counts are totals so far: each report replaces the one before."""
        if raw is UNSAID:
            return
        counts = answer.counts(raw)
        if counts == self._counts:
            return
        self._counts = counts
        found = answer.usage(counts)
        if found is not None:
            self._usage = found
            self.parts.note(UsageUpdate(found))

    def _note(self, candidate: Candidate) -> None:
        """Keep what stands beside the words: of some the latest, of others everything."""
        for name, key in _LATEST:
            if (raw := getattr(candidate, name)) is not UNSAID:
                self._beside[key] = {bytes(raw): None}
        for name, key in _BESIDE:
            if (raw := getattr(candidate, name)) is not UNSAID:
                self._beside.setdefault(key, {})[bytes(raw)] = None


def _says(part: Part) -> bool:
    """Whether the part has content, or a place in the answer at least."""
    if part.text is not None:
        return bool(part.text)
    whole = (part.function_call, part.inline_data, part.file_data)
    return (
        part.thought_signature is None
        or any(each is not None for each in whole)
        or bool(_wordless(part))
    )


def _wordless(part: Part) -> str:
    """The name of the content that the contract has no word for, or empty."""
    for name in _WORDLESS:
        raw = getattr(part, name)
        if raw is not UNSAID and bytes(raw) != b"null":
            return name
    return ""
