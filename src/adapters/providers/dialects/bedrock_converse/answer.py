"""Whole answers, and what whole and streamed answers share: usage, endings, arguments."""

from __future__ import annotations

import base64
import binascii

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.bedrock_converse.structs import (
    Block,
    Body,
    Extra,
    Message,
    ToolUse,
)
from hexgate.adapters.providers.dialects.bedrock_converse.structs import Reasoning as WireReasoning
from hexgate.adapters.providers.dialects.bedrock_converse.structs import Usage as WireUsage
from hexgate.adapters.providers.failures import bad, word
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import Completion, Finish, Warned
from hexgate.domain.chat import Part, Reasoning, Text, ToolCall
from hexgate.domain.usage import Usage

_BODY = msgspec.json.Decoder(Body)
_USAGE = msgspec.json.Decoder(WireUsage)
_ENCODER = msgspec.json.Encoder()
_FINISH = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP_SEQUENCE,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "tool_use": Finish.TOOL_CALLS,
    "guardrail_intervened": Finish.CONTENT_FILTER,
    "content_filtered": Finish.CONTENT_FILTER,
}
_FULL = "model_context_window_exceeded"
_EXTRA = ("metrics", "trace", "service_tier", "performance_config")


def completion(provider: str, response: WireResponse) -> Completion:
    """Translate a body of status 2xx; BadResponse when it is no finished answer."""
    body, message = _decoded(provider, response.body)
    parts, warnings = _parts(provider, message)
    fields = lenient.value(body.additional_model_response_fields)
    return Completion(
        parts=parts,
        finish=finish(body.stop_reason),
        usage=usage(body.usage),
        model=model(body),
        request_id=response.headers.get("x-amzn-requestid", ""),
        stop_sequence=stop_sequence(body.stop_reason, fields),
        warnings=(*warnings, *warnings_of(body.stop_reason)),
        metadata_json=metadata(body.stop_reason, fields, body),
    )


def usage(raw: msgspec.Raw) -> Usage | None:
    """Disjoint classes, as the wire has them; None where input or output was not usably said.

    `cacheDetails` split by lifetime what `cacheWriteInputTokens` says in one.
    """
    try:
        wire = _USAGE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    asked, given = lenient.count(wire.input_tokens), lenient.count(wire.output_tokens)
    if asked is None or given is None:
        return None
    hour = _written_for_an_hour(lenient.value(wire.cache_details))
    written = lenient.count(wire.cache_write_input_tokens) or 0
    hour = min(hour, written)
    return Usage(
        uncached_input=asked,
        cache_read=lenient.count(wire.cache_read_input_tokens) or 0,
        cache_write=written - hour,
        cache_write_1h=hour,
        output=given,
    )


def finish(reason: str) -> Finish:
    """The neutral reason; a word that is not known is OTHER and kept in the metadata."""
    return _FINISH.get(reason, Finish.OTHER)


def stop_sequence(reason: str, fields: object) -> str:
    """The stop sequence that matched, from families that were asked to tell."""
    found = fields.get("stop_sequence") if isinstance(fields, dict) else None
    return found if reason == "stop_sequence" and isinstance(found, str) else ""


def metadata(reason: str, fields: object, said: Extra) -> str:
    """What the contract has no field for, as a JSON object, or empty."""
    extra: dict[str, object] = {}
    if reason not in _FINISH or reason == _FULL or _FINISH[reason] is Finish.CONTENT_FILTER:
        extra["stopReason"] = reason
    if fields:
        extra["additionalModelResponseFields"] = fields
    for name in _EXTRA:
        raw: msgspec.Raw = getattr(said, name)
        if (value := lenient.value(raw)) is not None:
            extra[said.__struct_encode_fields__[said.__struct_fields__.index(name)]] = value
    return _ENCODER.encode(extra).decode() if extra else ""


def model(said: Extra) -> str:
    """The model that a prompt router chose; no other answer names its model."""
    trace = lenient.value(said.trace)
    router = trace.get("promptRouter") if isinstance(trace, dict) else None
    chosen = router.get("invokedModelId") if isinstance(router, dict) else None
    return chosen if isinstance(chosen, str) else ""


def warnings_of(reason: str) -> tuple[Warned, ...]:
    """What a caller should know of this ending beyond its neutral reason."""
    if reason != _FULL:
        return ()
    said = "generation stopped because the model's context window is full"
    return (Warned("CONTEXT_EXHAUSTED", said, "spec.messages"),)


def dropped(kind: str) -> Warned:
    """The warning for content that the contract has no word for."""
    return Warned("CONTENT_DROPPED", f"the answer held {word(kind) or 'other'} content; dropped")


def redacted(provider: str, text: str) -> bytes:
    """The bytes of reasoning that nobody may read."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise bad(provider, "sent reasoning that is no base64") from None


def _decoded(provider: str, data: bytes) -> tuple[Body, Message]:
    try:
        body = _BODY.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
        raise bad(provider, "answered with something that is no answer of Converse") from broken
    if not body.stop_reason:
        raise bad(provider, "answered without a stop reason")
    if body.output is None or body.output.message is None:
        raise bad(provider, "answered without a message")
    return body, body.output.message


def _parts(provider: str, message: Message) -> tuple[tuple[Part, ...], list[Warned]]:
    parts: list[Part] = []
    warnings: list[Warned] = []
    for block in message.content:
        part, lost = _part(provider, block)
        if part is not None:
            parts.append(part)
        if lost and (warning := dropped(lost)) not in warnings:
            warnings.append(warning)
    return tuple(parts), warnings


def _part(provider: str, block: Block) -> tuple[Part | None, str]:
    """A block as a part, None for one without content; and the name of what it loses by that."""
    if block.text is not None:
        return (Text(block.text) if block.text else None), ""
    if block.tool_use is not None:
        if block.tool_use.type:
            return None, block.tool_use.type
        return _call(provider, block.tool_use), ""
    if block.reasoning_content is not None:
        return _reasoning(provider, block.reasoning_content), ""
    if block.citations_content is not None:
        text = "".join(words.text for words in block.citations_content.content)
        return (Text(text) if text else None), "citations"
    return None, "other"


def _reasoning(provider: str, wire: WireReasoning) -> Reasoning | None:
    if wire.redacted_content is not None:
        data = redacted(provider, wire.redacted_content)
        return Reasoning("", data, provider, redacted=True)
    said = wire.reasoning_text
    if said is None or not (said.text or said.signature):
        return None
    return Reasoning(said.text, said.signature.encode(), provider)


def _call(provider: str, wire: ToolUse) -> ToolCall:
    if not wire.name or not wire.tool_use_id:
        raise bad(provider, "answered with a tool call without a name or an id")
    try:
        arguments = bytes(wire.input).decode()  # what is kept as it came was not looked into
    except UnicodeDecodeError:
        raise bad(provider, "sent arguments of a tool call that are no text") from None
    # A call without arguments comes as an empty object, and from some models as less than that.
    return ToolCall(wire.tool_use_id, wire.name, "{}" if arguments in ('""', "null") else arguments)


def _written_for_an_hour(details: object) -> int:
    hour = 0
    for each in details if isinstance(details, list) else ():
        if isinstance(each, dict) and each.get("ttl") == "1h":
            tokens = each.get("inputTokens")
            if isinstance(tokens, int) and 0 <= tokens <= lenient.MOST_TOKENS:
                hour += tokens
    return hour
