"""Messages of the conversation as turns of content blocks."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import assert_never

from hexgate.adapters.providers.documents import text_of
from hexgate.adapters.providers.history import arguments, fitting_id, fitting_name
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.roles import belongs
from hexgate.adapters.providers.system import in_front
from hexgate.domain.chat import (
    CacheMark,
    FileId,
    Inline,
    Link,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.json import Json, JsonObject

MAX_MARKS = 4
_IMAGES = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
_PDF = "application/pdf"
_FIVE_MINUTES_S, _HOUR_S = 300, 3600


class Translator:
    """Translates the messages of one call, and counts its cache marks.

    `references` says whether media may be a URL or a file's id.
    """

    def __init__(self, provider: str, lacking: Lacking, *, references: bool = True) -> None:
        self._provider = provider
        self._references = references
        self._lacking = lacking
        self._marks = 0
        self._short = False  # a mark of five minutes was made

    def system(self, messages: Sequence[Message]) -> list[Json]:
        """The system messages as text blocks. They lead the conversation wherever they stood."""
        texts = in_front(messages, self._lacking)
        return [block for part, at in texts for block in self._text(part, at)]

    def turns(self, messages: Sequence[Message]) -> list[JsonObject]:
        """Alternating turns: messages of one side that follow each other become one turn.

        The API wants every result of a turn's tool calls first in the turn after it.
        """
        sides: list[tuple[str, list[JsonObject]]] = []
        for i, message in enumerate(messages):
            if message.role is Role.SYSTEM:
                continue
            at = f"spec.messages[{i}]"
            if message.name:
                self._lacking.drop(f"{at}.name", "participant names")
            blocks: list[JsonObject] = []
            for j, part in enumerate(message.parts):
                blocks += self._block(message.role, part, f"{at}.parts[{j}]")
            side = "assistant" if message.role is Role.ASSISTANT else "user"
            if not blocks:
                self._lacking.warn("EMPTY_DROPPED", "a message without content was left out", at)
            elif sides and sides[-1][0] == side:
                sides[-1][1].extend(blocks)
            else:
                sides.append((side, blocks))
        return [{"role": side, "content": _results_first(blocks)} for side, blocks in sides]

    def _block(self, role: Role, part: Part, at: str) -> list[JsonObject]:
        if not belongs(role, part, at, self._lacking):
            return []
        match part:
            case Text():
                return self._text(part, at)
            case Media():
                return self._media(part, at)
            case ToolCall():
                return self._tool_call(part, at)
            case ToolResult():
                return self._tool_result(part, at)
            case Reasoning():
                return self._reasoning(part, at)
            case Refusal():
                return self._text(Text(part.text), at)
            case _:
                assert_never(part)

    def _text(self, part: Text, at: str) -> list[JsonObject]:
        if part.text.strip():
            return [self._marked({"type": "text", "text": part.text}, part.mark, at)]
        if part.text:  # the API refuses blank text as well as empty text
            self._lacking.warn("EMPTY_DROPPED", "a text of white space only was left out", at)
        if part.mark is not None:
            said = "the cache mark of an empty text was left out"
            self._lacking.warn("CACHE_MARK_DROPPED", said, f"{at}.prompt_cache")
        return []

    def _media(self, part: Media, at: str) -> list[JsonObject]:
        made = self._source(part, at)
        if made is None:
            return []
        kind, source = made
        block: JsonObject = {"type": kind, "source": source}
        if part.filename and kind == "document":
            block["title"] = part.filename
        elif part.filename:
            said = "the name of an image was left out; the API has no field for it"
            self._lacking.warn("FIELD_DROPPED", said, f"{at}.media.filename")
        return [self._marked(block, part.mark, at)]

    def _source(self, part: Media, at: str) -> tuple[str, JsonObject] | None:
        media_type, kind = _type(part), _kind(part)
        if not (self._references or isinstance(part.source, Inline)):
            self._lacking.refuse(f"{at}.media", "media by reference here; send the bytes")
            return None
        match part.source:
            case Inline(data) if media_type in (*_IMAGES, _PDF):
                shape = _IMAGES.get(media_type, media_type)
                encoded = base64.b64encode(data).decode()
                return kind, {"type": "base64", "media_type": shape, "data": encoded}
            case Inline() if (text := text_of(part)) is not None:
                return kind, {"type": "text", "media_type": "text/plain", "data": text}
            case Link(url) if linkable(part):
                return kind, {"type": "url", "url": url}
            case FileId(provider, file_id) if provider == self._provider:
                return kind, {"type": "file", "file_id": file_id}
            case FileId():
                self._lacking.refuse(f"{at}.media", "files of another provider")
            case _:
                what = f"media of type {media_type or 'unknown'}, or text that is not UTF-8"
                self._lacking.refuse(f"{at}.media", what)
        return None

    def _tool_call(self, part: ToolCall, at: str) -> list[JsonObject]:
        given = arguments(part, at, self._lacking)
        if given is None:
            return []
        block: JsonObject = {
            "type": "tool_use",
            "id": fitting_id(part.call_id),
            "name": fitting_name(part.name, at, self._lacking),
            "input": given,
        }
        return [self._marked(block, part.mark, at)]

    def _tool_result(self, part: ToolResult, at: str) -> list[JsonObject]:
        content: list[Json] = []
        for k, inner in enumerate(part.parts):
            where = f"{at}.tool_result.parts[{k}]"
            match inner:
                case Text():
                    content += self._text(inner, where)
                case Media():
                    content += self._media(inner, where)
        block: JsonObject = {"type": "tool_result", "tool_use_id": fitting_id(part.call_id)}
        if content:
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return [self._marked(block, part.mark, at)]

    def _reasoning(self, part: Reasoning, at: str) -> list[JsonObject]:
        if part.provider != self._provider or not part.signature:
            said = f"reasoning that {self._provider} did not sign was left out"
            self._lacking.warn("SIGNATURE_DROPPED", said, f"{at}.reasoning")
            return []
        signature = part.signature.decode("utf-8", "replace")
        if part.redacted:
            return [{"type": "redacted_thinking", "data": signature}]
        return [{"type": "thinking", "thinking": part.text, "signature": signature}]

    def _marked(self, block: JsonObject, mark: CacheMark | None, at: str) -> JsonObject:
        if mark is None:
            return block
        if self._marks == MAX_MARKS:
            said = f"at most {MAX_MARKS} cache marks are sent; this one was left out"
            self._lacking.warn("CACHE_MARK_DROPPED", said, f"{at}.prompt_cache")
            return block
        self._marks += 1
        control: JsonObject = {"type": "ephemeral"}
        if mark.ttl_s is not None:
            control["ttl"] = "5m" if mark.ttl_s <= _FIVE_MINUTES_S else "1h"
            if mark.ttl_s > _HOUR_S:
                said = "the longest cache lifetime is one hour"
                self._lacking.warn("VALUE_CLAMPED", said, f"{at}.prompt_cache.ttl")
        if control.get("ttl") != "1h":
            self._short = True
        elif self._short:  # the API wants the longer lifetimes first
            said = "a lifetime of an hour cannot follow one of five minutes, which is used"
            self._lacking.warn("VALUE_CLAMPED", said, f"{at}.prompt_cache.ttl")
            control["ttl"] = "5m"
        block["cache_control"] = control
        return block


def linkable(part: Media) -> bool:
    """Whether the API fetches a link to this itself: pictures and PDF, no text."""
    return _type(part) in ("", "image/*", *_IMAGES, _PDF)


def _results_first(blocks: list[JsonObject]) -> list[Json]:
    # A stable sort: everything else keeps its order.
    return [*sorted(blocks, key=lambda block: block["type"] != "tool_result")]


def _type(part: Media) -> str:
    return part.media_type.lower().partition(";")[0].strip()


def _kind(part: Media) -> str:
    if part.media_type:
        return "image" if _type(part).startswith("image/") else "document"
    pdf = isinstance(part.source, Link) and part.source.url.lower().split("?")[0].endswith(".pdf")
    return "document" if pdf else "image"
