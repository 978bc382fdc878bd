"""Whole answers, and what whole and streamed answers share: usage, endings, calls."""

from __future__ import annotations

import hashlib

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.ollama_chat.errors import from_line
from hexgate.adapters.providers.dialects.ollama_chat.structs import (
    Aside,
    Body,
    Message,
    TokenLogprob,
)
from hexgate.adapters.providers.dialects.ollama_chat.structs import ToolCall as WireCall
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import Completion, Finish, Logprob
from hexgate.domain.chat import Part, Reasoning, Text, ToolCall
from hexgate.domain.usage import Usage

_BODY = msgspec.json.Decoder(Body)
_ASIDE = msgspec.json.Decoder(Aside)
_ENCODER = msgspec.json.Encoder()
_FINISH = {"stop": Finish.STOP, "length": Finish.LENGTH}
_EXTRA = (
    "created_at",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
)


def completion(provider: str, response: WireResponse) -> Completion:
    """Translate a body of status 2xx; BadResponse when it is no finished answer."""
    body = decoded(provider, response.body)
    if not body.done:
        raise bad(provider, "answered without done: true")
    beside = aside(response.body)
    parts = _parts(provider, body, beside)
    return Completion(
        parts=parts,
        finish=finish(beside, calls=any(isinstance(part, ToolCall) for part in parts)),
        usage=usage(beside),
        model=lenient.text(beside.model),
        logprobs=logprobs(body),
        metadata_json=metadata(beside),
    )


def decoded(provider: str, data: bytes) -> Body:
    """A whole answer or a line; raises what it reports, or BadResponse."""
    try:
        body = _BODY.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
        raise bad(provider, "answered with something that is no chat answer") from broken
    if body.error is not None:
        raise from_line(provider, body.error)
    if body.message is None and not body.done:
        raise bad(provider, "answered without a message")
    return body


def aside(data: bytes) -> Aside:
    """What a line that was decoded says beside its words."""
    return _ASIDE.decode(data)


def usage(said: Aside) -> Usage | None:
    """The counts, or None when one is missing: a prompt that was cached is not counted, and to
    call it empty would be wrong.
    """
    read, written = lenient.count(said.prompt_eval_count), lenient.count(said.eval_count)
    if read is None or written is None:
        return None
    return Usage(uncached_input=read, output=written)


def finish(said: Aside, *, calls: bool) -> Finish:
    """The neutral reason; the wire says `stop` after tool calls as well."""
    found = _FINISH.get(lenient.text(said.done_reason), Finish.OTHER)
    return Finish.TOOL_CALLS if calls and found is Finish.STOP else found


def logprobs(body: Body) -> tuple[Logprob, ...]:
    """One entry per token of the text."""
    return tuple(map(_logprob, body.logprobs)) if body.logprobs else ()


def metadata(said: Aside) -> str:
    """What the contract has no field for, as a JSON object, or empty."""
    extra: dict[str, str | msgspec.Raw] = {}
    for name in _EXTRA:
        raw: msgspec.Raw = getattr(said, name)
        if lenient.value(raw) is not None:
            extra[name] = raw
    if (reason := lenient.text(said.done_reason)) not in _FINISH:
        extra["done_reason"] = reason
    return _ENCODER.encode(extra).decode() if extra else ""


def tool_call(provider: str, said: Aside, position: int, call: WireCall) -> ToolCall:
    """A call. Without an id it gets one made of what it says and when: the time, in nanoseconds,
    sets it apart from the same call of an earlier answer, the position from its neighbours.
    """
    name = call.function.name
    if not name:
        raise bad(provider, "answered with a tool call without a name")
    arguments = _text(provider, call.function.arguments)
    if arguments == "null":  # a map that was never made, in Go
        arguments = "{}"
    if not arguments.startswith("{"):
        raise bad(provider, "answered with tool call arguments that are no object")
    if call.id:
        return ToolCall(call.id, name, arguments)
    model, created = lenient.text(said.model), lenient.text(said.created_at)
    seed = f"{model}\n{created}\n{position}\n{name}\n{arguments}"
    return ToolCall("call_" + hashlib.sha256(seed.encode()).hexdigest()[:24], name, arguments)


def _text(provider: str, raw: msgspec.Raw) -> str:
    try:
        return bytes(raw).decode()  # what is kept as it came was not looked into
    except UnicodeDecodeError as broken:
        raise bad(provider, "answered with tool call arguments that are no text") from broken


def _parts(provider: str, body: Body, beside: Aside) -> tuple[Part, ...]:
    message = body.message or Message()
    parts: list[Part] = []
    if message.thinking:
        parts.append(Reasoning(message.thinking, provider=provider))
    if message.content:
        parts.append(Text(message.content))
    for position, call in enumerate(message.tool_calls or ()):
        parts.append(tool_call(provider, beside, position, call))
    return tuple(parts)


def _logprob(wire: TokenLogprob) -> Logprob:
    alternatives = tuple(map(_logprob, wire.top_logprobs or ()))
    return Logprob(wire.token, wire.logprob, bytes(wire.bytes or ()), alternatives)
