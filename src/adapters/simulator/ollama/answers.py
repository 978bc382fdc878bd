"""Answers of Ollama's chat endpoint: whole, and line by line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from hexgate.adapters.simulator import tokens
from hexgate.adapters.simulator.answer import Answer, Finish
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.ollama import requests as wire
from hexgate.adapters.simulator.wire import Event, Mark, Origin
from hexgate.domain.json import Json, JsonObject

# Tool calls do not change the reason. The server knows no filter, so that reason is invented.
_DONE = {Finish.LENGTH: "length", Finish.FILTER: "content_filter"}
_LOAD_NS, _INPUT_NS, _OUTPUT_NS = 1_500_000, 40_000, 2_000_000  # the latter two for each token


def dumped(value: Json) -> bytes:
    """JSON as bytes, characters beyond ASCII unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Chat:
    """One good request. See Exchange."""

    ask: Ask
    request: wire.Body
    origin: Origin

    @property
    def stream(self) -> bool:
        """See Exchange."""
        return self.request.stream

    def whole(self, answer: Answer) -> bytes:
        """See Exchange."""
        message: JsonObject = {"role": "assistant", "content": answer.text}
        if answer.thought:
            message["thinking"] = answer.thought
        if answer.calls:
            message["tool_calls"] = _calls(answer)
        body = {**self._head(message), **_end(answer)}
        if self.request.logprobs:
            body["logprobs"] = self._logprobs(tokens.pieces(answer.text))
        return dumped(body)

    def events(self, answer: Answer) -> Iterator[Event]:
        """See Exchange. Tool calls come whole; the last line carries no text."""
        for piece in tokens.pieces(answer.thought):
            yield self._line({"role": "assistant", "content": "", "thinking": piece})
        for piece in tokens.pieces(answer.text):
            extra: JsonObject = {}
            if self.request.logprobs:
                extra["logprobs"] = self._logprobs([piece])
            yield self._line({"role": "assistant", "content": piece}, extra)
        if answer.calls:
            calls = _calls(answer)
            yield self._line({"role": "assistant", "content": "", "tool_calls": calls})
        body = {**self._head({"role": "assistant", "content": ""}), **_end(answer)}
        yield Event(dumped(body) + b"\n", Mark.END)

    def _head(self, message: JsonObject) -> JsonObject:
        at = datetime.fromtimestamp(self.origin.now, UTC).isoformat().replace("+00:00", "Z")
        return {"model": self.request.model, "created_at": at, "message": message}

    def _line(self, message: JsonObject, extra: JsonObject | None = None) -> Event:
        body = {**self._head(message), "done": False, **(extra or {})}
        return Event(dumped(body) + b"\n", Mark.PIECE)

    def _logprobs(self, pieces: list[str]) -> list[Json]:
        """Made up, but always the same, and one for every line of a stream."""
        found: list[Json] = []
        for piece in pieces:
            best: list[Json] = [_logprob(piece, rank) for rank in range(self.request.top_logprobs)]
            found.append({**_logprob(piece, 0), **({"top_logprobs": best} if best else {})})
        return found


def _calls(answer: Answer) -> list[Json]:
    return [
        {
            "id": f"call_{call.token}",
            "function": {"index": i, "name": call.name, "arguments": json.loads(call.arguments)},
        }
        for i, call in enumerate(answer.calls)
    ]


def _end(answer: Answer) -> JsonObject:
    """Durations are in nanoseconds, and made up. Counts that are zero are left out."""
    asked, said = answer.input_tokens * _INPUT_NS, answer.output_tokens * _OUTPUT_NS
    end: JsonObject = {"done": True, "done_reason": _DONE.get(answer.finish, "stop")}
    if answer.usage:
        end |= {
            "total_duration": _LOAD_NS + asked + said,
            "load_duration": _LOAD_NS,
            "prompt_eval_count": answer.input_tokens,
            "prompt_eval_duration": asked,
            "eval_count": answer.output_tokens,
            "eval_duration": said,
        }
    return {name: value for name, value in end.items() if value != 0}


def _logprob(piece: str, rank: int) -> JsonObject:
    chance = hashlib.sha256(piece.encode()).digest()[0] / 256
    token = piece if rank == 0 else piece.swapcase() + "~" * rank
    return {"token": token, "logprob": -chance - rank, "bytes": list(token.encode())}
