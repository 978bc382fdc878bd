"""Answers of the Messages API: whole, and as the events of a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from hexgate.adapters.simulator import tokens
from hexgate.adapters.simulator.answer import Answer, Finish, ToolUse
from hexgate.adapters.simulator.anthropic import requests as wire
from hexgate.adapters.simulator.anthropic.signature import sign
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.wire import Event, Mark, Origin
from hexgate.domain.json import Json, JsonObject

_FRAGMENT = 8
_STOP = {
    Finish.STOP: "end_turn",
    Finish.STOP_SEQUENCE: "stop_sequence",
    Finish.LENGTH: "max_tokens",
    Finish.TOOLS: "tool_use",
    Finish.FILTER: "refusal",
}


def dumped(value: Json) -> bytes:
    """JSON as bytes, characters beyond ASCII unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(kind: str, fields: JsonObject, mark: Mark = Mark.OTHER) -> Event:
    """A server-sent event: its name is also its type."""
    return Event(
        f"event: {kind}\ndata: ".encode() + dumped({"type": kind, **fields}) + b"\n\n", mark
    )


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
        blocks: list[Json] = []
        if answer.thought:
            blocks.append(self._thinking(answer.thought))
        if answer.text:
            blocks.append({"type": "text", "text": answer.text, "citations": None})
        blocks += [{**_named(call), "input": json.loads(call.arguments)} for call in answer.calls]
        body = {**self._head(blocks), **_ending(answer)}
        if answer.usage:
            body["usage"] = usage(answer)
        return dumped(body)

    def events(self, answer: Answer) -> Iterator[Event]:
        """See Exchange. A ping comes after the start, as it does in the wild."""
        head = self._head([])
        if answer.usage:
            head["usage"] = {**usage(answer), "output_tokens": 1}
        yield event("message_start", {"message": head})
        yield event("ping", {})
        index = 0
        if answer.thought:
            yield from self._thought(index, answer.thought)
            index += 1
        if answer.text:
            yield from _block(
                index,
                {"type": "text", "text": ""},
                [{"type": "text_delta", "text": piece} for piece in tokens.pieces(answer.text)],
            )
            index += 1
        for call in answer.calls:
            yield from _block(index, {**_named(call), "input": {}}, _fragments(call))
            index += 1
        ending: JsonObject = {"delta": _ending(answer)}
        if answer.usage:
            ending["usage"] = _counts(answer)
        yield event("message_delta", ending, Mark.FINISH)
        yield event("message_stop", {}, Mark.END)

    def _head(self, content: list[Json]) -> JsonObject:
        return {
            "id": f"msg_{self.origin.token}",
            "type": "message",
            "role": "assistant",
            "model": self.ask.model,
            "content": content,
            "stop_reason": None,
            "stop_sequence": None,
        }

    def _shown(self, thought: str) -> str:
        thinking = self.request.thinking
        return "" if thinking is not None and thinking.display == "omitted" else thought

    def _thinking(self, thought: str) -> JsonObject:
        return {"type": "thinking", "thinking": self._shown(thought), "signature": sign(thought)}

    def _thought(self, index: int, thought: str) -> Iterator[Event]:
        deltas: list[JsonObject] = [
            {"type": "thinking_delta", "thinking": piece}
            for piece in tokens.pieces(self._shown(thought))
        ]
        deltas.append({"type": "signature_delta", "signature": sign(thought)})
        start: JsonObject = {"type": "thinking", "thinking": "", "signature": ""}
        yield from _block(index, start, deltas)


def usage(answer: Answer) -> JsonObject:
    """The token counts: input leaves out what was read from the cache or written to it."""
    cached = answer.cached
    written = cached.written_5m + cached.written_1h
    return {
        "input_tokens": answer.input_tokens - cached.read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": cached.written_5m,
            "ephemeral_1h_input_tokens": cached.written_1h,
        },
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"thinking_tokens": answer.thought_tokens},
        "service_tier": "standard",
    }


def _counts(answer: Answer) -> JsonObject:
    """What the end of a stream repeats and completes; the numbers are totals."""
    whole = usage(answer)
    return {
        name: value
        for name, value in whole.items()
        if name not in ("cache_creation", "service_tier")
    }


def _ending(answer: Answer) -> JsonObject:
    ending: JsonObject = {
        "stop_reason": _STOP[answer.finish],
        "stop_sequence": answer.stop_sequence or None,
    }
    if answer.finish is Finish.FILTER:
        explanation = "This answer was stopped by a safety classifier."
        ending["stop_details"] = {"type": "refusal", "category": None, "explanation": explanation}
    return ending


def _named(call: ToolUse) -> JsonObject:
    return {"type": "tool_use", "id": f"toolu_{call.token}", "name": call.name}


def _fragments(call: ToolUse) -> list[JsonObject]:
    """The first fragment is empty, as in the wild."""
    cuts = range(0, len(call.arguments), _FRAGMENT)
    parts = ["", *(call.arguments[i : i + _FRAGMENT] for i in cuts)]
    return [{"type": "input_json_delta", "partial_json": part} for part in parts]


def _block(index: int, start: JsonObject, deltas: list[JsonObject]) -> Iterator[Event]:
    yield event("content_block_start", {"index": index, "content_block": start})
    for delta in deltas:
        output = delta["type"] != "signature_delta"
        mark = Mark.PIECE if output else Mark.OTHER
        yield event("content_block_delta", {"index": index, "delta": delta}, mark)
    yield event("content_block_stop", {"index": index})
