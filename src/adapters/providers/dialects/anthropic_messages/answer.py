"""Whole answers, and what whole and streamed answers share: usage, endings, parts."""

from __future__ import annotations

import msgspec

from hexgate.adapters.providers.dialects.anthropic_messages.errors import from_event
from hexgate.adapters.providers.dialects.anthropic_messages.structs import (
    Block,
    CacheCreation,
    Ending,
    FaultBody,
    Message,
    OutputDetails,
)
from hexgate.adapters.providers.dialects.anthropic_messages.structs import Usage as WireUsage
from hexgate.adapters.providers.failures import word
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import Completion, Finish, Warned
from hexgate.domain.chat import Part, Reasoning, Text, ToolCall
from hexgate.domain.errors import BadResponse
from hexgate.domain.usage import Usage

_MESSAGE = msgspec.json.Decoder(Message)
_FAULT = msgspec.json.Decoder(FaultBody)
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
    ending = Ending(message.stop_reason, message.stop_sequence, message.stop_details)
    parts: list[Part] = []
    warnings = list(warnings_of(ending))
    for block in message.content:
        made = part(provider, block)
        if made is None or block.citations:
            warnings.append(dropped(block.type if made is None else "citations"))
        if made is not None:
            parts.append(made)
    return Completion(
        parts=tuple(parts),
        finish=finish(ending),
        usage=None if message.usage is None else usage(message.usage),
        model=message.model,
        request_id=response.headers.get("request-id", ""),
        stop_sequence=message.stop_sequence or "",
        warnings=tuple(warnings),
        metadata_json=metadata(ending, message.usage),
    )


def part(provider: str, block: Block) -> Part | None:
    """A finished block as a part, or None for a kind that the contract has no word for."""
    match block.type:
        case "text":
            return Text(block.text)
        case "thinking":
            return Reasoning(block.thinking, block.signature.encode(), provider)
        case "redacted_thinking":
            return Reasoning("", block.data.encode(), provider, redacted=True)
        case "tool_use":
            return ToolCall(block.id, block.name, arguments(provider, block))
        case _:
            return None


def usage(wire: WireUsage) -> Usage:
    """Disjoint classes: the wire's input leaves the cache out, its cache write is a total."""
    split = wire.cache_creation or CacheCreation()
    details = wire.output_tokens_details or OutputDetails()
    hour = split.ephemeral_1h_input_tokens or 0
    written = wire.cache_creation_input_tokens
    if written is None:
        written = (split.ephemeral_5m_input_tokens or 0) + hour
    hour = min(hour, written)
    output = wire.output_tokens or 0
    return Usage(
        uncached_input=wire.input_tokens or 0,
        cache_read=wire.cache_read_input_tokens or 0,
        cache_write=written - hour,
        cache_write_1h=hour,
        output=output,
        reasoning=min(details.thinking_tokens or 0, output),
    )


def finish(ending: Ending) -> Finish:
    """The neutral reason; a word that is not known is OTHER and kept in the metadata."""
    if ending.stop_sequence and ending.stop_reason == "end_turn":
        return Finish.STOP_SEQUENCE  # llama.cpp names what matched and still says end_turn
    return _FINISH.get(ending.stop_reason or "", Finish.OTHER)


def metadata(ending: Ending, wire: WireUsage | None) -> str:
    """What the contract has no field for, as a JSON object, or empty."""
    extra: dict[str, object] = {}
    if ending.stop_reason not in _FINISH or ending.stop_reason == "model_context_window_exceeded":
        extra["stop_reason"] = ending.stop_reason
    if ending.stop_details:
        extra["stop_details"] = ending.stop_details
    for name in ("service_tier", "inference_geo"):
        if wire is not None and (value := getattr(wire, name)) is not None:
            extra[name] = value
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


def arguments(provider: str, block: Block) -> str:
    """A tool's arguments as they were written. Raises BadResponse for bytes that are no text."""
    try:
        return bytes(block.input).decode() or "{}"
    except UnicodeDecodeError:
        raise bad(provider, "sent arguments of a tool call that are no text") from None


def bad(provider: str, what: str) -> BadResponse:
    """An answer that makes no sense."""
    return BadResponse(f"{provider} {what}", metadata={"provider": provider})


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
