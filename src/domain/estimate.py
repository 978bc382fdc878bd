"""How many tokens a text or a request has, without a tokenizer: an estimate, and said to be.

There are two scales: what is likely, and what it can be at the most. Every current vocabulary is
made of bytes in the end, so no text has more tokens than bytes; money is held for that many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hexgate.domain.chat import (
    Inline,
    Media,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.spec import SchemaJson, Spec

# English averages about four characters a token in every current vocabulary, and what needs several
# bytes for a character about as many bytes.
CHARS_PER_TOKEN = 4
# The lifetime of a cached prompt where the caller says none; longer ones cost more to write.
SHORT_S = 300.0
_OF_TEXT, _OF_MEDIA = 0.8, 0.4
# What is in media of some kinds. Source: the modalities in which Gemini counts them.
_WITHIN = {"video": frozenset({"video", "audio"}), "application": frozenset({"image"})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much the parts of a request count, in tokens.

    `document` is the tokens of so many bytes. A link says nothing of its size.
    """

    text: Callable[[str], int]
    message: int  # what providers wrap around each
    tool: int
    hidden: Callable[[int], int]  # of bytes that no model need read: names, ids, signatures
    image: int
    document: Callable[[int], int]
    linked: int


def text_tokens(chars: int) -> int:
    """Tokens of a text of so many characters, rounded up."""
    return -(-chars // CHARS_PER_TOKEN)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


LIKELY = Scale(
    text=lambda text: text_tokens(_bytes(text)),
    message=4,
    tool=4,
    hidden=lambda _: 0,
    image=1_000,  # a usual one; the real figure depends on its size and the model
    document=lambda size: -(-size // 3),  # read as text and as pictures
    linked=1_000,
)
# The hidden instructions that come with tools have some 700 tokens at Anthropic; the largest image
# that a current model takes at full size has about 5,000.
MOST = Scale(
    text=_bytes,
    message=16,
    tool=800,
    hidden=lambda size: size,
    image=5_000,
    document=lambda size: max(size, 5_000),
    linked=100_000,
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Input tokens of a request, on both scales."""

    likely: int
    most: int

    @classmethod
    def of(cls, spec: Spec | EmbedSpec) -> Tokens:
        """Those of a whole request."""
        return cls(input_tokens(spec), input_tokens(spec, MOST))


def input_tokens(spec: Spec | EmbedSpec, scale: Scale = LIKELY) -> int:
    """Input tokens of a whole request: messages, tools and schema, or all that is embedded."""
    if isinstance(spec, EmbedSpec):
        return sum(_part(part, scale) for parts in spec.inputs for part in parts)
    total = scale.message * len(spec.messages)
    for message in spec.messages:
        total += scale.hidden(len(message.name))
        for part in message.parts:
            total += _part(part, scale)
    for tool in spec.tools:
        total += scale.tool + scale.text(tool.name + tool.description + tool.schema_json)
    if isinstance(spec.output, SchemaJson):
        total += scale.text(spec.output.schema_json) + scale.hidden(len(spec.output.name))
    return total


def certainty(spec: Spec) -> float:
    """How well `input_tokens` is known, 0 to 1: of text well, since languages differ little; of
    media less, since their size in tokens is the model's own affair.
    """
    total = input_tokens(spec)
    media = sum(_media(one, LIKELY) for one in _all_media(spec))
    return _OF_TEXT if not total else (_OF_TEXT * (total - media) + _OF_MEDIA * media) / total


def apart_tokens(spec: Spec | EmbedSpec, kinds: frozenset[str], scale: Scale = LIKELY) -> int:
    """Input tokens of the media that may hold one of these kinds, such as `image`: what is not
    told may hold any, a video has sound, and the pages of a document are read as images.
    """
    wanted = kinds | {""}
    return sum(_media(media, scale) for media in _all_media(spec) if wanted & _kinds(media))


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


def _kinds(media: Media) -> frozenset[str]:
    kind = media.media_type.partition("/")[0].lower()
    return _WITHIN.get(kind, frozenset({kind}))


def _all_media(spec: Spec | EmbedSpec) -> Iterator[Media]:
    if isinstance(spec, EmbedSpec):
        groups: Iterator[tuple[Part, ...]] = iter(spec.inputs)
    else:
        groups = (message.parts for message in spec.messages)
    for parts in groups:
        for part in parts:
            inner = part.parts if isinstance(part, ToolResult) else (part,)
            yield from (one for one in inner if isinstance(one, Media))


def _part(part: Part, scale: Scale) -> int:
    match part:
        case Text(text) | Refusal(text):
            return scale.text(text)
        case Reasoning():
            return scale.text(part.text) + scale.hidden(len(part.signature))
        case ToolCall():
            said = scale.text(part.name + part.arguments_json)
            return said + scale.hidden(len(part.call_id))
        case ToolResult():
            inner = sum(_part(one, scale) for one in part.parts)
            return inner + scale.hidden(len(part.call_id))
        case Media():
            return _media(part, scale)


def _media(media: Media, scale: Scale) -> int:
    if media.media_type.startswith("image/"):
        return scale.image
    if not isinstance(media.source, Inline):
        return scale.linked
    return scale.document(len(media.source.data))
