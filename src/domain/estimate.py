"""How many tokens a text or a request has, without a tokenizer: an estimate, and said to be."""

from __future__ import annotations

from collections.abc import Iterator

from hexgate.domain.chat import (
    Inline,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.spec import SchemaJson, Spec

# English averages about four characters a token in every current vocabulary.
CHARS_PER_TOKEN = 4
# Providers wrap each message and tool in a few tokens of their own.
PER_MESSAGE = 4
# A usual image; the real figure depends on its size and the model.
PER_IMAGE = 1_000
# The lifetime of a cached prompt where the caller says none; longer ones cost more to write.
SHORT_S = 300.0
# A document is read as text and as pictures: about a token for every three bytes.
BYTES_PER_DOCUMENT_TOKEN = 3


def text_tokens(chars: int) -> int:
    """Tokens of a text of so many characters, rounded up."""
    return -(-chars // CHARS_PER_TOKEN)


def input_tokens(spec: Spec) -> int:
    """Input tokens of a whole request: messages, tools and schema."""
    total = sum(PER_MESSAGE + _message(message) for message in spec.messages)
    for tool in spec.tools:
        chars = len(tool.name) + len(tool.description) + len(tool.schema_json)
        total += PER_MESSAGE + text_tokens(chars)
    if isinstance(spec.output, SchemaJson):
        total += text_tokens(len(spec.output.schema_json))
    return total


def embedded_tokens(spec: EmbedSpec) -> int:
    """Input tokens of everything that is to be embedded."""
    return sum(_part(part) for parts in spec.inputs for part in parts)


def apart_tokens(spec: Spec | EmbedSpec, kinds: frozenset[str]) -> int:
    """Input tokens of the media whose kind, such as `image`, is one of these or is not told."""
    return sum(_media(media) for media in _all_media(spec) if _kind(media) in kinds | {""})


def longest_mark_s(spec: Spec | EmbedSpec) -> float:
    """How long the request wants its prompt cached at most, in seconds; 0 where it has no marks."""
    if isinstance(spec, EmbedSpec):
        return 0
    marks = [
        part.mark
        for message in spec.messages
        for whole in message.parts
        for part in (whole, *(whole.parts if isinstance(whole, ToolResult) else ()))
        if not isinstance(part, Reasoning | Refusal) and part.mark is not None
    ]
    return max((SHORT_S if mark.ttl_s is None else mark.ttl_s for mark in marks), default=0)


def _kind(media: Media) -> str:
    return media.media_type.partition("/")[0].lower()


def _all_media(spec: Spec | EmbedSpec) -> Iterator[Media]:
    if isinstance(spec, EmbedSpec):
        groups: Iterator[tuple[Part, ...]] = iter(spec.inputs)
    else:
        groups = (message.parts for message in spec.messages)
    for parts in groups:
        for part in parts:
            inner = part.parts if isinstance(part, ToolResult) else (part,)
            yield from (one for one in inner if isinstance(one, Media))


def _message(message: Message) -> int:
    return sum(_part(part) for part in message.parts)


def _part(part: Part) -> int:
    match part:
        case Text(text) | Reasoning(text) | Refusal(text):
            return text_tokens(len(text))
        case ToolCall():
            return text_tokens(len(part.name) + len(part.arguments_json))
        case ToolResult():
            return sum(_part(inner) for inner in part.parts)
        case Media():
            return _media(part)


def _media(media: Media) -> int:
    if media.media_type.startswith("image/") or not isinstance(media.source, Inline):
        return PER_IMAGE
    return -(-len(media.source.data) // BYTES_PER_DOCUMENT_TOKEN)
