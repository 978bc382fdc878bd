"""The conversation: who said what, and in which form."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias


class Role(enum.Enum):
    """Who authored a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class CacheMark:
    """Ends a prefix that the provider should cache. `ttl_s` None is the provider's default."""

    ttl_s: float | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text, never trimmed."""

    text: str
    mark: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class Inline:
    """The bytes themselves."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Link:
    """An http(s) URL."""

    url: str


@dataclass(frozen=True, slots=True)
class FileId:
    """A handle issued by the file API of `provider`."""

    provider: str
    file_id: str


Source: TypeAlias = Inline | Link | FileId


@dataclass(frozen=True, slots=True)
class Media:
    """An image, document, or other non-text content. `media_type` is an IANA type."""

    media_type: str
    source: Source
    filename: str = ""
    mark: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model wants made. `arguments_json` is as the model wrote it, possibly invalid."""

    call_id: str
    name: str
    arguments_json: str
    mark: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returned. `call_id` echoes the call; only Text and Media parts are allowed."""

    call_id: str
    parts: tuple[Text | Media, ...]
    is_error: bool = False
    mark: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Model reasoning. `signature` is opaque and valid at `provider` alone."""

    text: str
    signature: bytes = b""
    provider: str = ""
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model declined, where the provider separates this from text."""

    text: str


Part: TypeAlias = Text | Media | ToolCall | ToolResult | Reasoning | Refusal


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. Order of parts is significant."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""


def linked(messages: Sequence[Message]) -> bool:
    """Whether any of them, or a tool's result in them, holds a link."""
    for message in messages:
        for part in message.parts:
            if isinstance(part, Media):
                if isinstance(part.source, Link):
                    return True
            elif isinstance(part, ToolResult):
                for inner in part.parts:
                    if isinstance(inner, Media) and isinstance(inner.source, Link):
                        return True
    return False
