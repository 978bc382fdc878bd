"""Whole answers, and what whole and streamed answers share: usage, endings, calls."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter

import msgspec

from hexgate.adapters.providers.dialects.openai_chat.errors import from_event, request_id
from hexgate.adapters.providers.dialects.openai_chat.structs import (
    Body,
    Choice,
    Logprobs,
    Piece,
    TokenLogprob,
    Words,
)
from hexgate.adapters.providers.dialects.openai_chat.structs import ToolCall as WireCall
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.lenient import fields, number
from hexgate.adapters.providers.modalities import Shares, divided
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import Completion, Finish, Logprob
from hexgate.domain.chat import Part, Reasoning, Refusal, Text, ToolCall
from hexgate.domain.usage import Usage

_BODY = msgspec.json.Decoder(Body)
_ENCODER = msgspec.json.Encoder()
_FINISH = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "tool_calls": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "content_filter": Finish.CONTENT_FILTER,
}


def completion(provider: str, response: WireResponse) -> Completion:
    """Translate a body of status 2xx; BadResponse when it is no finished answer."""
    body = decoded(provider, response.body)
    choice = body.choices[0] if body.choices else Choice()
    if choice.message is None:
        raise bad(provider, "answered without a choice")
    if not choice.finish_reason:
        raise bad(provider, "answered without a finish reason")
    parts = _parts(provider, body, choice.message)
    matched = stop_sequence(choice)
    return Completion(
        parts=parts,
        finish=finish(choice.finish_reason, matched, {type(part) for part in parts}),
        usage=usage(body.usage),
        model=body.model or "",
        request_id=request_id(response.headers),
        stop_sequence=matched,
        logprobs=logprobs(choice.logprobs),
        metadata_json=metadata(
            body,
            choice.finish_reason,
            {
                "annotations": choice.message.annotations,
                "prompt_filter_results": body.prompt_filter_results,
                "content_filter_results": choice.content_filter_results,
            },
        ),
    )


def decoded(provider: str, data: bytes) -> Body:
    """A whole answer or a chunk; raises what it reports, or BadResponse."""
    try:
        body = _BODY.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
        raise bad(provider, "answered with something that is no chat completion") from broken
    if body.error is not None:
        raise from_event(provider, body.error)
    return body


def usage(wire: object) -> Usage | None:
    """Disjoint classes, or None when nothing usable is reported.

    Most servers count reasoning inside `completion_tokens`. Where the total shows that one counts
    it beside them, it is added. DeepSeek has a word of its own for cached tokens. Audio and images
    are told within the prompt, and not whether they came from the cache.
    """
    said = fields(wire)
    prompt, output = number(said.get("prompt_tokens")), number(said.get("completion_tokens"))
    if prompt is None or output is None:
        return None
    asked = fields(said.get("prompt_tokens_details"))
    given = fields(said.get("completion_tokens_details"))
    reasoning = _within(given, "reasoning_tokens")
    if reasoning and number(said.get("total_tokens")) == prompt + output + reasoning:
        output += reasoning
    return divided(
        prompt,
        Shares(audio=_within(asked, "audio_tokens"), image=_within(asked, "image_tokens")),
        read=_within(asked, "cached_tokens") or _within(said, "prompt_cache_hit_tokens"),
        written=_within(asked, "cache_write_tokens"),
        output=output,
        spoken=_within(given, "audio_tokens"),
        reasoning=reasoning,
    )


def finish(reason: str, matched: str, kinds: set[type[Part]]) -> Finish:
    """The neutral reason. `stop` is also said after a forced tool call and after a refusal."""
    found = _FINISH.get(reason, Finish.OTHER)
    if found is not Finish.STOP:
        return found
    if ToolCall in kinds:
        return Finish.TOOL_CALLS
    if Refusal in kinds:
        return Finish.REFUSAL
    return Finish.STOP_SEQUENCE if matched else Finish.STOP


def stop_sequence(choice: Choice) -> str:
    """The stop sequence that matched, from servers that tell."""
    return choice.stop_reason if isinstance(choice.stop_reason, str) else ""


def logprobs(wire: Logprobs | None) -> tuple[Logprob, ...]:
    """One entry per token of the text."""
    return tuple(map(logprob, wire.content)) if wire is not None and wire.content else ()


def metadata(body: Body, reason: str, beside: Mapping[str, object]) -> str:
    """What the contract has no field for, as a JSON object, or empty.

    `beside` are further fields, of which those that are empty say nothing.
    """
    extra: dict[str, object] = {}
    for name in ("id", "system_fingerprint", "service_tier"):
        if (value := getattr(body, name)) is not None:
            extra[name] = value
    if reason not in _FINISH:
        extra["finish_reason"] = reason
    extra.update((name, value) for name, value in beside.items() if value)
    return _ENCODER.encode(extra).decode() if extra else ""


def call_id(body: Body, position: int, call: WireCall) -> str:
    """The call's id. A server that gives none gets one made of its answer's id: a stream must
    name the call before its arguments are known, and a repeated answer must name it the same.
    """
    if call.id:
        return call.id
    seed = f"{body.id}\n{body.model}\n{position}\n{call.function and call.function.name}"
    return "call_" + hashlib.sha256(seed.encode()).hexdigest()[:24]


def said(words: Words) -> Iterator[tuple[type[Reasoning | Text | Refusal], str]]:
    """The words by what they are, in order, empty ones left out; calls are no words."""
    if reasoning := words.reasoning_content or words.reasoning:
        yield Reasoning, reasoning
    if isinstance(words.content, str):
        if words.content:
            yield Text, words.content
    else:
        yield from _pieces(words.content or ())
    if words.refusal:
        yield Refusal, words.refusal


def _within(said: Mapping[str, object], name: str) -> int:
    return number(said.get(name)) or 0


def _pieces(pieces: Iterable[Piece]) -> Iterator[tuple[type[Reasoning | Text | Refusal], str]]:
    for piece in pieces:
        thoughts = piece.thinking or ()
        for thought in [thoughts] if isinstance(thoughts, str) else [p.text for p in thoughts]:
            if thought:
                yield Reasoning, thought
        if piece.text:
            yield Text, piece.text
        if piece.refusal:
            yield Refusal, piece.refusal


def _parts(provider: str, body: Body, words: Words) -> tuple[Part, ...]:
    parts: list[Part] = []
    for kind, same in itertools.groupby(said(words), key=itemgetter(0)):
        text = "".join(piece for _, piece in same)
        parts.append(Reasoning(text, provider=provider) if kind is Reasoning else kind(text))
    for position, call in enumerate(words.tool_calls or ()):
        function = call.function
        if function is None or not function.name:
            raise bad(provider, "answered with a tool call without a name")
        made = ToolCall(call_id(body, position, call), function.name, function.arguments or "{}")
        parts.append(made)
    return tuple(parts)


def logprob(wire: TokenLogprob) -> Logprob:
    """One token and its alternatives."""
    alternatives = tuple(map(logprob, wire.top_logprobs or ()))
    return Logprob(wire.token, wire.logprob, bytes(wire.bytes or ()), alternatives)
