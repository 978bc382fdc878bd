"""Answers of generateContent: whole, and as the pieces of a stream."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from hexgate.adapters.simulator import tokens
from hexgate.adapters.simulator.answer import Answer, Finish, ToolUse
from hexgate.adapters.simulator.anthropic.signature import sign
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.gemini import requests as wire
from hexgate.adapters.simulator.gemini.checks import signed_call
from hexgate.adapters.simulator.wire import Event, Mark, Origin
from hexgate.domain.json import Json, JsonObject

_REASONS = {Finish.LENGTH: "MAX_TOKENS", Finish.FILTER: "SAFETY"}
_RATINGS: list[Json] = [
    {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}
]


def dumped(value: Json) -> bytes:
    """JSON as bytes, characters beyond ASCII unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(body: JsonObject, mark: Mark = Mark.OTHER) -> Event:
    """A server-sent event; the API ends its lines like this."""
    return Event(b"data: " + dumped(body) + b"\r\n\r\n", mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One good request. See Exchange. `call_ids`: whether calls have ids on this wire."""

    ask: Ask
    request: wire.Prompt
    origin: Origin
    stream: bool
    call_ids: bool

    def whole(self, answer: Answer) -> bytes:
        """See Exchange."""
        return dumped(self.response(answer))

    def events(self, answer: Answer) -> Iterator[Event]:
        """See Exchange."""
        for body, mark in self.pieces(answer):
            yield event(body, mark)

    def response(self, answer: Answer) -> JsonObject:
        """The whole answer as an object. Its signature is at the first call, else at the text."""
        parts: list[Json] = []
        if answer.thought and self._tells:
            parts.append({"text": answer.thought, "thought": True})
        signature = self._signature(answer)
        if answer.text:
            parts.append({"text": answer.text, **signature})
        parts += [self._call(answer, call) for call in answer.calls]
        candidate = self._candidate(parts, answer)
        if self.request.generation_config.response_logprobs:
            candidate["logprobsResult"] = self._logprobs(tokens.pieces(answer.text))
        thought = _size(answer.thought)
        spoken = sum(_size(call.name + call.arguments) for call in answer.calls)
        return self._body(candidate, answer, thought, thought + _size(answer.text) + spoken)

    def pieces(self, answer: Answer) -> Iterator[tuple[JsonObject, Mark]]:
        """The answer as the objects of a stream, each with what it is to the faults.

        The last one has the reason and, where no call has it, the signature on a text without
        words.
        """
        size = 0  # of what has been said
        for piece in tokens.pieces(answer.thought):
            size += _size(piece)
            if self._tells:
                part: JsonObject = {"text": piece, "thought": True}
                yield self._body(self._candidate([part]), answer, size, size), Mark.PIECE
        thought = size
        for piece in tokens.pieces(answer.text):
            size += _size(piece)
            candidate = self._candidate([{"text": piece}])
            if self.request.generation_config.response_logprobs:
                candidate["logprobsResult"] = self._logprobs([piece])
            yield self._body(candidate, answer, thought, size), Mark.PIECE
        for call in answer.calls:
            size += _size(call.name + call.arguments)
            made = self._candidate([self._call(answer, call)])
            yield self._body(made, answer, thought, size), Mark.PIECE
        signature = self._signature(answer)
        last: list[Json] = [{"text": "", **signature}] if signature else []
        end = self._candidate(last, answer)
        yield self._body(end, answer, thought, size), Mark.END

    @property
    def _tells(self) -> bool:
        thinking = self.request.generation_config.thinking_config
        return thinking is not None and thinking.include_thoughts

    def _signature(self, answer: Answer) -> JsonObject:
        """The text's; calls have their own."""
        if not answer.thought or answer.calls:
            return {}
        return {"thoughtSignature": sign(answer.thought)}

    def _call(self, answer: Answer, call: ToolUse) -> JsonObject:
        arguments = json.loads(call.arguments)
        made: JsonObject = {"name": call.name, "args": arguments}
        if self.call_ids:
            made["id"] = f"fc_{call.token}"
        if answer.thought and call is answer.calls[0]:
            signature = signed_call(call.name, arguments)
            return {"functionCall": made, "thoughtSignature": signature}
        return {"functionCall": made}

    def _candidate(self, parts: list[Json], ended: Answer | None = None) -> JsonObject:
        content: JsonObject = {"role": "model"}
        if parts:
            content["parts"] = parts
        candidate: JsonObject = {"content": content, "index": 0}
        if ended is not None:
            candidate["finishReason"] = _REASONS.get(ended.finish, "STOP")
            if ended.finish is Finish.FILTER:
                candidate["safetyRatings"] = _RATINGS
        return candidate

    def _body(self, candidate: JsonObject, answer: Answer, thought: int, spoken: int) -> JsonObject:
        """Around a candidate: `spoken` bytes have been said so far, the first `thought` of them in
        thought.
        """
        body: JsonObject = {"candidates": [candidate]}
        if answer.usage:
            thoughts, said = -(-thought // tokens.BYTES), -(-spoken // tokens.BYTES)
            body["usageMetadata"] = usage(answer, thoughts, said - thoughts)
        body["modelVersion"] = self.ask.model
        body["responseId"] = self.origin.token
        return body

    def _logprobs(self, pieces: list[str]) -> JsonObject:
        """Made up, but always the same."""
        top = self.request.generation_config.logprobs or 0
        chosen: list[Json] = [_logprob(piece, 0) for piece in pieces]
        found: JsonObject = {"chosenCandidates": chosen}
        if top:
            found["topCandidates"] = [
                {"candidates": [_logprob(piece, rank) for rank in range(top)]} for piece in pieces
            ]
        return found


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def usage(answer: Answer, thoughts: int, said: int) -> JsonObject:
    """The token counts so far; those that are zero are left out."""
    asked, cached = answer.input_tokens, answer.cached.read
    counts: JsonObject = {
        "promptTokenCount": asked,
        "cachedContentTokenCount": cached,
        "candidatesTokenCount": said,
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": asked + said + thoughts,
    }
    details: list[Json] = [{"modality": "TEXT", "tokenCount": asked}]
    return {
        **{name: count for name, count in counts.items() if count},
        "promptTokensDetails": details,
    }


def _logprob(piece: str, rank: int) -> JsonObject:
    digest = hashlib.sha256(piece.encode()).digest()
    token = piece if rank == 0 else piece.swapcase() + "~" * rank
    return {"token": token, "tokenId": digest[1] + rank, "logProbability": -digest[0] / 256 - rank}
