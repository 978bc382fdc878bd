"""Answers of the Converse API: whole, and as the events of a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from hexgate.adapters.framing.eventstream import encode
from hexgate.adapters.simulator import tokens
from hexgate.adapters.simulator.answer import Answer, Finish, ToolUse
from hexgate.adapters.simulator.anthropic.signature import sign
from hexgate.adapters.simulator.bedrock import requests as wire
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.wire import Event, Mark, Origin
from hexgate.domain.json import Json, JsonObject

_FRAGMENT = 8
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_LATENCY_MS = 42
_STOP = {
    Finish.STOP: "end_turn",
    Finish.STOP_SEQUENCE: "stop_sequence",
    Finish.LENGTH: "max_tokens",
    Finish.TOOLS: "tool_use",
    Finish.FILTER: "content_filtered",
}


def dumped(value: Json) -> bytes:
    """JSON as bytes, characters beyond ASCII unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(kind: str, fields: JsonObject, mark: Mark = Mark.OTHER) -> Event:
    """A message of the event stream. Padding hides how long what it says is."""
    body = dumped(fields)
    padded = dumped({**fields, "p": _PADDING[: 4 + len(body) % 40]})
    return Event(message("event", kind, padded), mark)


def message(kind: str, name: str, payload: bytes) -> bytes:
    """A message of the kind `event` or `exception`."""
    headers = {
        f":{kind}-type": name,
        ":content-type": "application/json",
        ":message-type": kind,
    }
    return encode(headers, payload)


@dataclass(frozen=True, slots=True)
class Chat:
    """One good request. See Exchange."""

    ask: Ask
    request: wire.Body
    origin: Origin
    stream: bool

    def whole(self, answer: Answer) -> bytes:
        """See Exchange."""
        blocks: list[Json] = []
        if answer.thought:
            said: JsonObject = {"text": self._shown(answer), "signature": sign(answer.thought)}
            blocks.append({"reasoningContent": {"reasoningText": said}})
        if answer.text:
            blocks.append({"text": answer.text})
        blocks += [
            {"toolUse": {**_named(call), "input": json.loads(call.arguments)}}
            for call in answer.calls
        ]
        body: JsonObject = {
            "output": {"message": {"role": "assistant", "content": blocks}},
            **self._ending(answer),
            **self._extra(answer),
        }
        return dumped(body)

    def events(self, answer: Answer) -> Iterator[Event]:
        """See Exchange. Only tool calls have a start of their own."""
        yield event("messageStart", {"role": "assistant"})
        index = 0
        if answer.thought:
            yield from _block(index, [*_thoughts(self._shown(answer), answer.thought)])
            index += 1
        if answer.text:
            yield from _block(index, [{"text": piece} for piece in tokens.pieces(answer.text)])
            index += 1
        for call in answer.calls:
            start: JsonObject = {"toolUse": _named(call)}
            yield event("contentBlockStart", {"contentBlockIndex": index, "start": start})
            yield from _block(index, _fragments(call))
            index += 1
        yield event("messageStop", self._ending(answer), Mark.FINISH)
        yield event("metadata", self._extra(answer), Mark.END)

    def _shown(self, answer: Answer) -> str:
        thinking = self.request.additional_model_request_fields.thinking
        return "" if thinking is not None and thinking.display == "omitted" else answer.thought

    def _ending(self, answer: Answer) -> JsonObject:
        ending: JsonObject = {"stopReason": _STOP[answer.finish]}
        if "/stop_sequence" in self.request.additional_model_response_field_paths:
            fields: JsonObject = {"stop_sequence": answer.stop_sequence or None}
            ending["additionalModelResponseFields"] = fields
        return ending

    def _extra(self, answer: Answer) -> JsonObject:
        extra: JsonObject = {"usage": usage(answer)} if answer.usage else {}
        extra["metrics"] = {"latencyMs": _LATENCY_MS}
        if self.request.service_tier is not None:
            extra["serviceTier"] = {"type": self.request.service_tier.type}
        if self.request.performance_config is not None:
            extra["performanceConfig"] = {"latency": self.request.performance_config.latency}
        return extra


def usage(answer: Answer) -> JsonObject:
    """The token counts: input leaves out what was read from the cache or written to it."""
    cached = answer.cached
    written = cached.written_5m + cached.written_1h
    lifetimes = (("1h", cached.written_1h), ("5m", cached.written_5m))
    details: list[Json] = [{"ttl": ttl, "inputTokens": count} for ttl, count in lifetimes if count]
    return {
        "inputTokens": answer.input_tokens - cached.read - written,
        "outputTokens": answer.output_tokens,
        "totalTokens": answer.input_tokens + answer.output_tokens,
        "cacheReadInputTokens": cached.read,
        "cacheWriteInputTokens": written,
        "cacheDetails": details,
    }


def _named(call: ToolUse) -> JsonObject:
    return {"toolUseId": f"tooluse_{call.token}", "name": call.name}


def _thoughts(shown: str, thought: str) -> Iterator[JsonObject]:
    for piece in tokens.pieces(shown):
        yield {"reasoningContent": {"text": piece}}
    yield {"reasoningContent": {"signature": sign(thought)}}


def _fragments(call: ToolUse) -> list[JsonObject]:
    """The first fragment is empty, as in the wild."""
    cuts = range(0, len(call.arguments), _FRAGMENT)
    parts = ["", *(call.arguments[i : i + _FRAGMENT] for i in cuts)]
    return [{"toolUse": {"input": part}} for part in parts]


def _block(index: int, deltas: list[JsonObject]) -> Iterator[Event]:
    for delta in deltas:
        reasoning = delta.get("reasoningContent")
        output = not (isinstance(reasoning, dict) and "signature" in reasoning)
        mark = Mark.PIECE if output else Mark.OTHER
        yield event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}, mark)
    yield event("contentBlockStop", {"contentBlockIndex": index})
