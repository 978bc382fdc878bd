"""A completion as bytes: a versioned MessagePack encoding that gives back exactly what went in."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from hexgate.domain.answer import Completion, Finish, Logprob, Warned
from hexgate.domain.chat import (
    CacheMark,
    FileId,
    Inline,
    Link,
    Media,
    Part,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.usage import Usage

# Raise it with every change of the fields below or of the domain classes they hold: what another
# version wrote is then a miss, never a guess.
VERSION = 2
_MARK = b"hexgate" + bytes([VERSION])

# Members of a union carry a tag in front. Classes of the domain that contain no union are encoded
# as they are; the others are spelled out here.


class _Inline(msgspec.Struct, tag="inline", array_like=True):
    value: Inline


class _Link(msgspec.Struct, tag="link", array_like=True):
    value: Link


class _FileId(msgspec.Struct, tag="file", array_like=True):
    value: FileId


_Source: TypeAlias = _Inline | _Link | _FileId


class _Text(msgspec.Struct, tag="text", array_like=True):
    value: Text


class _Media(msgspec.Struct, tag="media", array_like=True):
    media_type: str
    source: _Source
    filename: str
    mark: CacheMark | None


class _ToolCall(msgspec.Struct, tag="tool_call", array_like=True):
    value: ToolCall


class _ToolResult(msgspec.Struct, tag="tool_result", array_like=True):
    call_id: str
    parts: tuple[_Text | _Media, ...]
    is_error: bool
    mark: CacheMark | None


class _Reasoning(msgspec.Struct, tag="reasoning", array_like=True):
    value: Reasoning


class _Refusal(msgspec.Struct, tag="refusal", array_like=True):
    value: Refusal


_Part: TypeAlias = _Text | _Media | _ToolCall | _ToolResult | _Reasoning | _Refusal


class _Completion(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    parts: tuple[_Part, ...]
    finish: Finish
    usage: Usage | None
    model: str
    request_id: str
    stop_sequence: str
    warnings: tuple[Warned, ...]
    logprobs: tuple[Logprob, ...]
    metadata_json: str
    raw_json: str


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Completion)


def encode(completion: Completion) -> bytes:
    """The bytes of a completion.

    Raises ValueError for text that is not Unicode (a lone surrogate), OverflowError for a count
    beyond 64 bits and RecursionError for alternatives nested a thousand deep.
    """
    return _MARK + _encoder.encode(
        _Completion(
            tuple(_packed(part) for part in completion.parts),
            completion.finish,
            completion.usage,
            completion.model,
            completion.request_id,
            completion.stop_sequence,
            completion.warnings,
            completion.logprobs,
            completion.metadata_json,
            completion.raw_json,
        )
    )


def decode(data: bytes) -> Completion | None:
    """The completion that was encoded, or None for bytes that this version did not write."""
    if not data.startswith(_MARK):
        return None
    try:
        packed = _decoder.decode(memoryview(data)[len(_MARK) :])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return Completion(
        parts=tuple(_unpacked(part) for part in packed.parts),
        finish=packed.finish,
        usage=packed.usage,
        model=packed.model,
        request_id=packed.request_id,
        stop_sequence=packed.stop_sequence,
        warnings=packed.warnings,
        logprobs=packed.logprobs,
        metadata_json=packed.metadata_json,
        raw_json=packed.raw_json,
    )


def _packed(part: Part) -> _Part:
    match part:
        case Text():
            return _Text(part)
        case Media():
            return _packed_media(part)
        case ToolCall():
            return _ToolCall(part)
        case ToolResult(call_id, parts, is_error, mark):
            packed = tuple(_Text(p) if isinstance(p, Text) else _packed_media(p) for p in parts)
            return _ToolResult(call_id, packed, is_error, mark)
        case Reasoning():
            return _Reasoning(part)
        case Refusal():
            return _Refusal(part)


def _unpacked(part: _Part) -> Part:
    match part:
        case _Media():
            return _unpacked_media(part)
        case _ToolResult():
            parts = tuple(
                p.value if isinstance(p, _Text) else _unpacked_media(p) for p in part.parts
            )
            return ToolResult(part.call_id, parts, part.is_error, part.mark)
        case _:
            return part.value


def _packed_media(media: Media) -> _Media:
    return _Media(media.media_type, _packed_source(media.source), media.filename, media.mark)


def _unpacked_media(media: _Media) -> Media:
    return Media(media.media_type, media.source.value, media.filename, media.mark)


def _packed_source(source: Source) -> _Source:
    match source:
        case Inline():
            return _Inline(source)
        case Link():
            return _Link(source)
        case FileId():
            return _FileId(source)
