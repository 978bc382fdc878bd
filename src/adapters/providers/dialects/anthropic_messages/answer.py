"""Whole answers, and what whole and streamed answers share: usage, endings, parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.anthropic_messages.errors import from_event
from hexgate.adapters.providers.dialects.anthropic_messages.structs import (
    Block,
    Ending,
    FaultBody,
    Message,
)
from hexgate.adapters.providers.failures import bad, word
from hexgate.adapters.providers.lenient import UNSAID
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import Completion, Finish, Warned
from hexgate.domain.chat import Part, Reasoning, Text, ToolCall
from hexgate.domain.usage import Usage

Counts: TypeAlias = Mapping[str, msgspec.Raw]
"""What `usage` says, field by field, each as it came."""

_MESSAGE = msgspec.json.Decoder(Message)
_FAULT = msgspec.json.Decoder(FaultBody)
_COUNTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder()
_FINISH = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP_SEQUENCE,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "tool_use": Finish.TOOL_CALLS,
    "refusal": Finish.CONTENT_FILTER,
    "pause_turn": Finish.PAUSED,
}


def completion(provider: str, response: WireResponse) -> Completion:
    """Translate a body of status 2xx; BadResponse when it is no finished message."""
    message = _decoded(provider, response)
    if not message.stop_reason:
        raise bad(provider, "answered without a stop reason")
    parts: list[Part] = []
    warnings = dict.fromkeys(warnings_of(message))
    for block in message.content:
        made = part(provider, block)
        if made is None or lenient.value(block.citations):
            warnings[dropped(block.type if made is None else "citations")] = None
        if made is not None and not empty(made):
            parts.append(made)
    counted = counts(message.usage)
    return Completion(
        parts=tuple(parts),
        finish=finish(message),
        usage=usage(counted),
        model=lenient.text(message.model),
        request_id=response.headers.get("request-id", ""),
        stop_sequence=lenient.text(message.stop_sequence),
        warnings=tuple(warnings),
        metadata_json=metadata(message, counted),
    )


def part(provider: str, block: Block) -> Part | None:
    """A finished block as a part, or None for a kind that the contract has no word for."""
    match block.type:
        case "text":
            return Text(block.text or "")
        case "thinking":
            return Reasoning(block.thinking or "", (block.signature or "").encode(), provider)
        case "redacted_thinking":
            return Reasoning("", block.data.encode(), provider, redacted=True)
        case "tool_use":
            return ToolCall(*named(provider, block), arguments(provider, block))
        case _:
            return None


def counts(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The fields of a usage that say something."""
    try:
        said = _COUNTS.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {name: value for name, value in said.items() if bytes(value) != b"null"}


def usage(said: Counts) -> Usage | None:
    """Disjoint classes: the wire's input leaves the cache out, its cache write is a total.

    None until both input and output are known, or where a count that matters makes no sense.
    """
    uncached, output = _count(said, "input_tokens"), _count(said, "output_tokens")
    read, written = _cached(said, "cache_read_input_tokens"), _written(said)
    if uncached is None or output is None or read is None or written is None:
        return None
    thought = _count(counts(said.get("output_tokens_details", UNSAID)), "thinking_tokens")
    return Usage(
        uncached_input=uncached,
        cache_read=read,
        cache_write=written[0],
        cache_write_1h=written[1],
        output=output,
        reasoning=min(thought or 0, output),
    )


def _count(said: Counts, name: str) -> int | None:
    return lenient.count(said.get(name, UNSAID))


def _cached(said: Counts, name: str) -> int | None:
    """Servers without a prompt cache do not mention it."""
    return _count(said, name) if name in said else 0


def _written(said: Counts) -> tuple[int, int] | None:
    """What was written to the prompt cache: for five minutes, and for an hour."""
    split = counts(said.get("cache_creation", UNSAID))
    hour = _cached(split, "ephemeral_1h_input_tokens")
    if "cache_creation_input_tokens" in said:
        written = _count(said, "cache_creation_input_tokens")
    else:
        short = _cached(split, "ephemeral_5m_input_tokens")
        written = None if short is None or hour is None else short + hour
    if written is None or hour is None:
        return None
    hour = min(hour, written)
    return written - hour, hour


def finish(ending: Ending) -> Finish:
    """The neutral reason; a word that is not known is OTHER and kept in the metadata."""
    if ending.stop_reason == "end_turn" and lenient.text(ending.stop_sequence):
        return Finish.STOP_SEQUENCE  # llama.cpp names what matched and still says end_turn
    return _FINISH.get(ending.stop_reason or "", Finish.OTHER)


def metadata(ending: Ending, said: Counts) -> str:
    """What the contract has no field for, as a JSON object, or empty."""
    extra: dict[str, object] = {}
    if ending.stop_reason not in _FINISH or ending.stop_reason == "model_context_window_exceeded":
        extra["stop_reason"] = ending.stop_reason
    if lenient.value(ending.stop_details):
        extra["stop_details"] = ending.stop_details
    for name in ("service_tier", "inference_geo"):
        if tier := lenient.text(said.get(name, UNSAID)):
            extra[name] = tier
    return _ENCODER.encode(extra).decode() if extra else ""


def warnings_of(ending: Ending) -> tuple[Warned, ...]:
    """What a caller should know of this ending beyond its neutral reason."""
    if ending.stop_reason != "model_context_window_exceeded":
        return ()
    said = "generation stopped because the model's context window is full"
    return (Warned("CONTEXT_EXHAUSTED", said, "spec.messages"),)


def dropped(kind: str) -> Warned:
    """The warning for content that the contract has no word for."""
    return Warned("CONTENT_DROPPED", f"the answer held {word(kind) or 'other'} content; dropped")


def named(provider: str, block: Block) -> tuple[str, str]:
    """A call's id and name. Raises BadResponse where one is missing: nobody could answer it."""
    if not block.id or not block.name:
        raise bad(provider, "sent a tool call without a name or an id")
    return block.id, block.name


def arguments(provider: str, block: Block) -> str:
    """A tool's arguments as they were written. Raises BadResponse for bytes that are no text."""
    try:
        written = bytes(block.input).decode()  # what is kept as it came was not looked into
    except UnicodeDecodeError:
        raise bad(provider, "sent arguments of a tool call that are no text") from None
    return "{}" if written == "null" else written


def empty(made: Part) -> bool:
    """Whether a part says nothing: a stream would not mention it."""
    return made == Text("") or (isinstance(made, Reasoning) and not (made.text or made.signature))


def _decoded(provider: str, response: WireResponse) -> Message:
    try:
        message = _MESSAGE.decode(response.body)
        if message.type == "error":
            raise from_event(provider, _FAULT.decode(response.body).error)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
        raise bad(provider, "answered with something that is no message") from broken
    if message.type != "message":
        raise bad(provider, "answered with something that is no message")
    return message
