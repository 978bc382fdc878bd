"""Answers of the chat endpoint: whole, and as the events of a stream."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from hexgate.adapters.simulator import tokens
from hexgate.adapters.simulator.answer import Answer, Finish, ToolUse
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.cohere import requests as wire
from hexgate.adapters.simulator.wire import Event, Mark, Origin
from hexgate.domain.json import Json, JsonObject

_FRAGMENT = 8
# What the template adds to every prompt and answer; it is counted, but not billed.
_ADDED_INPUT, _ADDED_OUTPUT = 495, 3
# Version 2 knows no filter; the reason is the one of version 1.
_FINISH = {
    Finish.STOP: "COMPLETE",
    Finish.STOP_SEQUENCE: "STOP_SEQUENCE",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.TOOLS: "TOOL_CALL",
    Finish.FILTER: "ERROR_TOXIC",
}
_DONE = b"data: [DONE]\n\n"


def dumped(value: Json) -> bytes:
    """JSON as bytes, characters beyond ASCII unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(kind: str, **fields: Json) -> bytes:
    """A server-sent event, named by its type."""
    return f"event: {kind}\ndata: ".encode() + dumped({**fields, "type": kind}) + b"\n\n"


def identifier(seed: str) -> str:
    """A UUID that is the same for equal seeds."""
    return str(uuid.UUID(bytes=hashlib.sha256(seed.encode()).digest()[:16], version=4))


@dataclass(frozen=True, slots=True)
class Chat:
    """One good request. See Exchange. What is said before calls is the plan for them."""

    ask: Ask
    request: wire.Body
    origin: Origin

    @property
    def stream(self) -> bool:
        """See Exchange."""
        return self.request.stream

    def whole(self, answer: Answer) -> bytes:
        """See Exchange."""
        content: list[Json] = []
        if answer.thought:
            content.append({"type": "thinking", "thinking": answer.thought})
        if answer.text and not answer.calls:
            content.append({"type": "text", "text": answer.text})
        message: JsonObject = {"role": "assistant"}
        if content:
            message["content"] = content
        if answer.calls:
            message["tool_plan"] = answer.text
            message["tool_calls"] = [_call(call, call.arguments) for call in answer.calls]
        body: JsonObject = {
            "id": identifier(self.origin.token),
            "message": message,
            "finish_reason": _FINISH[answer.finish],
        }
        if answer.usage:
            body["usage"] = usage(answer)
        if self.request.logprobs:
            body["logprobs"] = [_logprob(piece) for piece in tokens.pieces(answer.text)]
        return dumped(body)

    def events(self, answer: Answer) -> Iterator[Event]:
        """See Exchange."""
        empty: JsonObject = {"content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        message: JsonObject = {"role": "assistant", **empty}
        started = event(
            "message-start", id=identifier(self.origin.token), delta={"message": message}
        )
        yield Event(started)
        blocks = [("thinking", answer.thought), ("text", "" if answer.calls else answer.text)]
        for index, (kind, text) in enumerate(each for each in blocks if each[1]):
            yield from self._block(index, kind, text)
        if answer.calls:
            for piece in tokens.pieces(answer.text):
                yield _piece("tool-plan-delta", {"tool_plan": piece}, Mark.PIECE)
        for index, call in enumerate(answer.calls):
            yield from _fragments(index, call)
        end: JsonObject = {"finish_reason": _FINISH[answer.finish]}
        if answer.usage:
            end["usage"] = usage(answer)
        yield Event(event("message-end", delta=end), Mark.END)
        yield Event(_DONE)

    def _block(self, index: int, kind: str, text: str) -> Iterator[Event]:
        opened: JsonObject = {"content": {"type": kind, kind: ""}}
        yield _piece("content-start", opened, index=index)
        for piece in tokens.pieces(text):
            extra: JsonObject = {"index": index}
            if self.request.logprobs and kind == "text":
                extra["logprobs"] = _logprob(piece)
            yield _piece("content-delta", {"content": {kind: piece}}, Mark.PIECE, **extra)
        yield Event(event("content-end", index=index))


def usage(answer: Answer) -> JsonObject:
    """What is billed, and the tokens that were really read and written."""
    return {
        "billed_units": {
            "input_tokens": answer.input_tokens,
            "output_tokens": answer.output_tokens,
        },
        "tokens": {
            "input_tokens": answer.input_tokens + _ADDED_INPUT,
            "output_tokens": answer.output_tokens + _ADDED_OUTPUT,
        },
        "cached_tokens": answer.cached.read,
    }


def _piece(kind: str, message: JsonObject, mark: Mark = Mark.OTHER, **extra: Json) -> Event:
    return Event(event(kind, delta={"message": message}, **extra), mark)


def _fragments(index: int, call: ToolUse) -> Iterator[Event]:
    """The first event names the call, the others carry arguments; all carry the index."""
    yield _piece("tool-call-start", {"tool_calls": _call(call, "")}, index=index)
    for i in range(0, len(call.arguments), _FRAGMENT):
        part = call.arguments[i : i + _FRAGMENT]
        fragment: JsonObject = {"tool_calls": {"function": {"arguments": part}}}
        yield _piece("tool-call-delta", fragment, Mark.PIECE, index=index)
    yield Event(event("tool-call-end", index=index))


def _call(call: ToolUse, arguments: str) -> JsonObject:
    function: JsonObject = {"name": call.name, "arguments": arguments}
    return {"id": f"{call.name}_{call.token.lower()}", "type": "function", "function": function}


def _logprob(piece: str) -> JsonObject:
    """Made up, but always the same: every piece is a token."""
    digest = hashlib.sha256(piece.encode()).digest()
    token = int.from_bytes(digest[1:3], "big")
    return {"text": piece, "token_ids": [token], "logprobs": [-digest[0] / 256]}
