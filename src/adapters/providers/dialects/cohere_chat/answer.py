"""Whole answers, and what whole and streamed answers share: usage, endings, calls."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.cohere_chat.errors import TRACE, from_end
from hexgate.adapters.providers.dialects.cohere_chat.structs import Body, Content, Logprobs, Message
from hexgate.adapters.providers.dialects.cohere_chat.structs import ToolCall as WireCall
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.lenient import fields
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import Completion, Finish, Logprob
from hexgate.domain.chat import Part, Reasoning, Text, ToolCall
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.usage import Usage

_BODY = msgspec.json.Decoder(Body)
_ENCODER = msgspec.json.Encoder()
_FAILED = ("ERROR", "TIMEOUT")
_FINISH = {
    "COMPLETE": Finish.STOP,
    "STOP_SEQUENCE": Finish.STOP_SEQUENCE,
    "MAX_TOKENS": Finish.LENGTH,
    "TOOL_CALL": Finish.TOOL_CALLS,
    "ERROR_TOXIC": Finish.CONTENT_FILTER,  # of version 1
}
_CITED = ("start", "end", "text", "type", "content_index")


def completion(provider: str, response: WireResponse) -> Completion:
    """Translate a body of status 2xx; BadResponse when it is no finished answer."""
    body = _decoded(provider, response.body)
    if body.message is None:
        raise bad(provider, "answered without a message")
    reason = ended(provider, body.finish_reason)
    parts = _parts(provider, body.id or "", body.message)
    cited = citations(body.message.citations)
    return Completion(
        parts=parts,
        finish=finish(reason, {type(part) for part in parts}),
        usage=usage(body.usage),
        model="",
        request_id=response.headers.get(TRACE, ""),
        logprobs=tuple(map(logprob, body.logprobs or ())),
        metadata_json=metadata(body.id, reason, body.usage, cited),
    )


def ended(provider: str, reason: str | None, said: str = "") -> str:
    """The finish reason; raises what went wrong where it, or what is said beside it, says so."""
    if said or reason in _FAILED:
        raise from_end(provider, reason or "", said)
    if not reason:
        raise bad(provider, "ended its answer without a finish reason")
    return reason


def finish(reason: str, kinds: set[type[Part]]) -> Finish:
    """The neutral reason; a word that is not known is OTHER and kept in the metadata."""
    found = _FINISH.get(reason, Finish.OTHER)
    return Finish.TOOL_CALLS if found is Finish.STOP and ToolCall in kinds else found


def usage(raw: msgspec.Raw) -> Usage | None:
    """What is billed, or None when nothing usable is reported.

    The price is on `billed_units`, which leave out what the vendor's template adds to a prompt;
    the tokens that were read and written are in the metadata. `cached_tokens` counts these, often
    more than are billed at all, so it is no part of what is billed. Where only tokens are
    reported, they are the usage, and the cached ones a part of the input.
    """
    said = fields(lenient.value(raw))
    billed, tokens = fields(said.get("billed_units")), fields(said.get("tokens"))
    given, made = count(billed.get("input_tokens")), count(billed.get("output_tokens"))
    if given is not None and made is not None:
        return Usage(uncached_input=given, output=made)
    given, made = count(tokens.get("input_tokens")), count(tokens.get("output_tokens"))
    if given is None or made is None:
        return None
    cached = min(given, count(said.get("cached_tokens")) or 0)
    return Usage(uncached_input=given - cached, cache_read=cached, output=made)


def count(value: object) -> int | None:
    """A number of tokens; the wire has them as floats. A begun one counts."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return math.ceil(value) if 0 <= value <= lenient.MOST_TOKENS else None


def logprob(wire: Logprobs, said: str = "") -> Logprob:
    """A chunk of text may have several tokens, which are not told apart: its probability is
    that of all of them. `said` is the chunk where it is not repeated.
    """
    text = wire.text or said
    return Logprob(text, sum(wire.logprobs or ()), text.encode())


def citations(raw: msgspec.Raw) -> list[Json]:
    """What was cited and from where: one citation or a list of them.

    Of a source only type and id are kept, as it repeats the whole document.
    """
    said = lenient.value(raw)
    found = said if isinstance(said, list) else [said]
    return [_citation(each) for each in found if isinstance(each, dict)]


def metadata(answer_id: str | None, reason: str, raw_usage: msgspec.Raw, cited: list[Json]) -> str:
    """What the contract has no field for, as a JSON object, or empty."""
    extra: JsonObject = {}
    if answer_id is not None:
        extra["id"] = answer_id
    if reason not in _FINISH:
        extra["finish_reason"] = reason
    said = fields(lenient.value(raw_usage))
    tokens = {name: count(value) for name, value in fields(said.get("tokens")).items()}
    if known := {name: value for name, value in tokens.items() if value is not None}:
        extra["tokens"] = {**known}
    if (cached := count(said.get("cached_tokens"))) is not None:
        extra["cached_tokens"] = cached
    if cited:
        extra["citations"] = cited
    return _ENCODER.encode(extra).decode() if extra else ""


def call_id(provider: str, answer_id: str, position: int, call: WireCall) -> tuple[str, str]:
    """The id and the name of a call; BadResponse without a name.

    One that has no id gets it from its answer's: a repeated answer must name it the same.
    """
    name = (call.function and call.function.name) or ""
    if not name:
        raise bad(provider, "answered with a tool call without a name")
    if call.id:
        return call.id, name
    seed = f"{answer_id}\n{position}\n{name}"
    return "call_" + hashlib.sha256(seed.encode()).hexdigest()[:24], name


def _decoded(provider: str, data: bytes) -> Body:
    try:
        return _BODY.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
        raise bad(provider, "answered with something that is no chat answer") from broken


def _parts(provider: str, answer_id: str, message: Message) -> tuple[Part, ...]:
    """In the order in which a stream has them: content, plan, calls."""
    parts: list[Part] = []
    content = message.content or ()
    for block in [Content(text=content)] if isinstance(content, str) else content:
        if block.thinking:
            parts.append(Reasoning(block.thinking, provider=provider))
        if block.text:
            parts.append(Text(block.text))
    if message.tool_plan:
        parts.append(Text(message.tool_plan))
    for position, call in enumerate(message.tool_calls or ()):
        named = call_id(provider, answer_id, position, call)
        parts.append(ToolCall(*named, (call.function and call.function.arguments) or "{}"))
    return tuple(parts)


def _citation(said: dict[object, object]) -> JsonObject:
    kept = _scalars(said, _CITED)
    sources = said.get("sources")
    if isinstance(sources, list):
        found = (each for each in sources if isinstance(each, dict))
        kept["sources"] = [_scalars(each, ("type", "id")) for each in found]
    return kept


def _scalars(said: dict[object, object], names: Iterable[str]) -> JsonObject:
    kept: JsonObject = {}
    for name in names:
        value = said.get(name)
        if isinstance(value, str | int | float):
            kept[name] = value
    return kept
