"""Answers of chat completions: whole, and as the chunks of a stream."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from hexgate.adapters.simulator import tokens
from hexgate.adapters.simulator.answer import Answer, Finish, ToolUse
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.openai import requests as wire
from hexgate.adapters.simulator.wire import Event, Mark, Origin
from hexgate.domain.json import Json, JsonObject

FINGERPRINT = "fp_51a0c1a70a"
_FRAGMENT = 8
_FINISH = {
    Finish.STOP: "stop",
    Finish.STOP_SEQUENCE: "stop",
    Finish.LENGTH: "length",
    Finish.TOOLS: "tool_calls",
    Finish.FILTER: "content_filter",
}
DONE = b"data: [DONE]\n\n"


def dumped(value: Json) -> bytes:
    """JSON as bytes, characters beyond ASCII unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(value: Json) -> bytes:
    """A server-sent event without a name."""
    return b"data: " + dumped(value) + b"\n\n"


@dataclass(frozen=True, slots=True)
class Chat:
    """One good request. See Exchange."""

    ask: Ask
    request: wire.Body
    origin: Origin

    @property
    def stream(self) -> bool:
        """See Exchange."""
        return bool(self.request.stream)

    def whole(self, answer: Answer) -> bytes:
        """See Exchange."""
        message: JsonObject = {
            "role": "assistant",
            "content": answer.text if answer.text or not answer.calls else None,
            "refusal": None,
            "annotations": [],
        }
        if answer.calls:
            message["tool_calls"] = [_call(call) for call in answer.calls]
        choice: JsonObject = {
            "index": 0,
            "message": message,
            "logprobs": self._logprobs(tokens.pieces(answer.text)),
            "finish_reason": _FINISH[answer.finish],
        }
        body: JsonObject = {**self._head("chat.completion"), "choices": [choice]}
        if answer.usage:
            body["usage"] = usage(answer)
        return dumped(body)

    def events(self, answer: Answer) -> Iterator[Event]:
        """See Exchange."""
        first: JsonObject = {"role": "assistant", "refusal": None}
        first["content"] = None if answer.calls and not answer.text else ""
        yield self._chunk(first)
        for piece in tokens.pieces(answer.text):
            yield self._chunk({"content": piece}, Mark.PIECE, logprobs=self._logprobs([piece]))
        for index, call in enumerate(answer.calls):
            yield from self._fragments(index, call)
        yield self._chunk({}, Mark.FINISH, finish=_FINISH[answer.finish])
        if self._counts and answer.usage:
            head = self._head("chat.completion.chunk")
            yield Event(event({**head, "choices": [], "usage": usage(answer)}))
        yield Event(DONE, Mark.END)

    @property
    def _counts(self) -> bool:
        options = self.request.stream_options
        return options is not None and options.include_usage

    def _head(self, kind: str) -> JsonObject:
        return {
            "id": f"chatcmpl-{self.origin.token}",
            "object": kind,
            "created": int(self.origin.now),
            "model": self.ask.model,
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        }

    def _chunk(
        self,
        delta: JsonObject,
        mark: Mark = Mark.OTHER,
        *,
        finish: str | None = None,
        logprobs: Json = None,
    ) -> Event:
        choice: JsonObject = {
            "index": 0,
            "delta": delta,
            "logprobs": logprobs,
            "finish_reason": finish,
        }
        body: JsonObject = {**self._head("chat.completion.chunk"), "choices": [choice]}
        if self._counts:
            body["usage"] = None
        return Event(event(body), mark)

    def _fragments(self, index: int, call: ToolUse) -> Iterator[Event]:
        """The first fragment names the call, the others carry arguments; all carry the index."""
        named: JsonObject = {"index": index, **_call(call)}
        named["function"] = {"name": call.name, "arguments": ""}
        yield self._chunk({"tool_calls": [named]})
        for i in range(0, len(call.arguments), _FRAGMENT):
            part = call.arguments[i : i + _FRAGMENT]
            fragment: JsonObject = {"index": index, "function": {"arguments": part}}
            yield self._chunk({"tool_calls": [fragment]}, Mark.PIECE)

    def _logprobs(self, pieces: list[str]) -> Json:
        """Made up, but always the same, and one for every piece of a stream."""
        if not self.request.logprobs:
            return None
        content: list[Json] = []
        for piece in pieces:
            best: list[Json] = [
                _logprob(piece if i == 0 else piece.swapcase() + "~" * i, i)
                for i in range(self.request.top_logprobs or 0)
            ]
            content.append({**_logprob(piece, 0), "top_logprobs": best})
        return {"content": content, "refusal": None}


def usage(answer: Answer) -> JsonObject:
    """The token counts: cached ones are part of the prompt, reasoning is part of the completion."""
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": answer.cached.read,
            "cache_write_tokens": 0,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": answer.thought_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _call(call: ToolUse) -> JsonObject:
    function: JsonObject = {"name": call.name, "arguments": call.arguments}
    return {"id": f"call_{call.token}", "type": "function", "function": function}


def _logprob(piece: str, rank: int) -> JsonObject:
    chance = hashlib.sha256(piece.encode()).digest()[0] / 256
    return {"token": piece, "logprob": -chance - rank, "bytes": list(piece.encode())}
