"""What whole and streamed answers share: usage, endings, calls, metadata."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Iterable, Mapping

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.gemini.errors import from_event
from hexgate.adapters.providers.dialects.gemini.structs import (
    Blob,
    Body,
    Chosen,
    FileData,
    FunctionCall,
    Logprobs,
    Modality,
)
from hexgate.adapters.providers.dialects.gemini.structs import Usage as WireUsage
from hexgate.adapters.providers.failures import bad, invalid, word
from hexgate.adapters.providers.lenient import UNSAID
from hexgate.adapters.providers.modalities import NO_SHARES, Shares, divided
from hexgate.domain.answer import Finish, Logprob, Warned
from hexgate.domain.chat import FileId, Inline, Media, ToolCall
from hexgate.domain.errors import GatewayError
from hexgate.domain.usage import Usage

_BODY = msgspec.json.Decoder(Body)
_USAGE = msgspec.json.Decoder(WireUsage)
_LOGPROBS = msgspec.json.Decoder(Logprobs)
_ENCODER = msgspec.json.Encoder()
_FINISH = {
    "STOP": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    "CONTINUATION": Finish.PAUSED,
    "SAFETY": Finish.CONTENT_FILTER,
    "RECITATION": Finish.CONTENT_FILTER,
    "BLOCKLIST": Finish.CONTENT_FILTER,
    "PROHIBITED_CONTENT": Finish.CONTENT_FILTER,
    "SPII": Finish.CONTENT_FILTER,
    "MODEL_ARMOR": Finish.CONTENT_FILTER,
    "IMAGE_SAFETY": Finish.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": Finish.CONTENT_FILTER,
    "IMAGE_RECITATION": Finish.CONTENT_FILTER,
}
UNFINISHED = (None, "", "FINISH_REASON_UNSPECIFIED")
# The answer is no answer; the same question may well get a better one.
_BROKEN = ("MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE")
# The conversation that was sent is at fault.
_REFUSED = ("MISSING_THOUGHT_SIGNATURE",)
_PLAIN = ("STOP", "MAX_TOKENS")
_SEEN = ("IMAGE", "DOCUMENT")


def decoded(provider: str, data: bytes) -> Body:
    """A whole answer or a piece of one; raises what it reports, or BadResponse."""
    try:
        body = _BODY.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
        raise bad(provider, "answered with something that is no answer") from broken
    if body.error is not UNSAID:
        raise from_event(provider, body.error)
    return body


def counts(raw: msgspec.Raw) -> WireUsage:
    """Those that can be believed; the others are as good as not said."""
    try:
        return _USAGE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _believed(raw)


def usage(wire: WireUsage) -> Usage | None:
    """Disjoint classes, or None when nothing usable is reported.

    The wire leaves zeros out: where it does not count the answer, the total tells.
    """
    prompt, said = wire.prompt_token_count, wire.candidates_token_count
    if prompt is None:
        return None
    thoughts = wire.thoughts_token_count or 0
    total = wire.total_token_count
    least = prompt + (wire.tool_use_prompt_token_count or 0) + thoughts
    if said is None and total is not None and total >= least:
        said = total - least
    if said is None:
        return None
    spoken = min(said, _shares(wire.candidates_tokens_details).audio)
    return _usage(wire, prompt, said + thoughts, spoken, thoughts)


def asked(wire: WireUsage) -> Usage | None:
    """The input alone; None where it is not counted."""
    prompt = wire.prompt_token_count
    return None if prompt is None else _usage(wire, prompt)


def _usage(
    wire: WireUsage, prompt: int, output: int = 0, spoken: int = 0, reasoning: int = 0
) -> Usage:
    told = wire.cache_tokens_details
    media = wire.prompt_tokens_details or wire.prompt_token_details or []
    return divided(
        prompt + (wire.tool_use_prompt_token_count or 0),
        _shares(media + (wire.tool_use_prompt_tokens_details or [])),
        read=min(prompt, wire.cached_content_token_count or 0),
        cached=None if told is None else _shares(told),
        output=output,
        spoken=spoken,
        reasoning=reasoning,
    )


def _shares(told: list[Modality] | None) -> Shares:
    """What is counted by modality. The pages of a document are read as images.

    Source: the vendor's guide to documents, and the extractor of genai-prices.
    """
    audio = image = 0
    for each in told or ():
        if each.modality == "AUDIO":
            audio += each.token_count
        elif each.modality in _SEEN:
            image += each.token_count
    return Shares(audio=audio, image=image) if audio or image else NO_SHARES


def _believed(raw: msgspec.Raw) -> WireUsage:
    good: dict[str, object] = {}
    for key, value in lenient.fields(lenient.value(raw)).items():
        if key.endswith("Details") and isinstance(value, list):
            good[key] = [each for each in value if _sane(each)]
        elif lenient.number(value) is not None:
            good[key] = value
    return msgspec.convert(good, WireUsage)


def _sane(told: object) -> bool:
    said = lenient.fields(told)
    return (
        isinstance(said.get("modality"), str) and lenient.number(said.get("tokenCount")) is not None
    )


def finish(reason: str, *, calls: bool) -> Finish:
    """The neutral reason; the wire says STOP after calls as well. What is not known is OTHER."""
    found = _FINISH.get(reason, Finish.OTHER)
    return Finish.TOOL_CALLS if calls and found is Finish.STOP else found


def failure(provider: str, reason: str) -> GatewayError | None:
    """The error that some reasons to end are, or None."""
    if reason in _BROKEN:
        return bad(provider, f"answered with something that it cannot read itself ({reason})")
    return invalid(provider, 0, code=reason) if reason in _REFUSED else None


def metadata(reason: str, beside: Mapping[str, Iterable[bytes]]) -> str:
    """What the contract has no field for, as a JSON object, or empty. What is said more than once
    is a list; odd things are left out.
    """
    extra: dict[str, object] = {}
    for name, said in beside.items():
        raws = [raw for raw in map(msgspec.Raw, said) if lenient.value(raw) is not None]
        if raws:
            extra[name] = raws[0] if len(raws) == 1 else raws
    if reason not in _PLAIN:
        extra["finishReason"] = reason
    return _ENCODER.encode(extra).decode() if extra else ""


def tool_call(provider: str, answer: str, position: int, call: FunctionCall) -> ToolCall:
    """A call. Without an id it gets one made of what it says and of the answer's own id, which
    sets it apart from the same call of an earlier answer, and the position from its neighbours.
    """
    if not call.name:
        raise bad(provider, "answered with a tool call without a name")
    try:
        # Whole answers are laid out for people, down to the arguments.
        arguments = msgspec.json.format(bytes(call.args), indent=-1).decode()
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as broken:
        raise bad(provider, "answered with tool call arguments that are no text") from broken
    if arguments == "null":
        arguments = "{}"
    if not arguments.startswith("{"):
        raise bad(provider, "answered with tool call arguments that are no object")
    if call.id:
        return ToolCall(call.id, call.name, arguments)
    seed = f"{answer}\n{position}\n{call.name}\n{arguments}"
    digest = hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()
    return ToolCall("call_" + digest[:24], call.name, arguments)


def media(provider: str, blob: Blob) -> Media:
    """What was drawn or spoken."""
    try:
        data = b64decode(blob.data.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError as broken:
        raise bad(provider, "answered with media that is no base64") from broken
    return Media(blob.mime_type, Inline(data))


def file(provider: str, found: FileData) -> Media:
    """What was put into a file."""
    return Media(found.mime_type, FileId(provider, found.file_uri))


def logprobs(raw: msgspec.Raw) -> tuple[Logprob, ...]:
    """One entry per token; odd ones are as good as none."""
    try:
        found = _LOGPROBS.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    tops = [step.candidates for step in found.top_candidates]
    tops += [[]] * (len(found.chosen_candidates) - len(tops))
    return tuple(
        Logprob(chosen.token, chosen.log_probability, b"", tuple(map(_logprob, top)))
        for chosen, top in zip(found.chosen_candidates, tops, strict=False)
    )


def dropped(kind: str) -> Warned:
    """The warning for content that the contract has no word for."""
    return Warned("CONTENT_DROPPED", f"the answer held {word(kind) or 'other'} content; dropped")


def _logprob(wire: Chosen) -> Logprob:
    return Logprob(wire.token, wire.log_probability)
