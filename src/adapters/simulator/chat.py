"""What a request asks, in words that belong to no wire."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeAlias

from hexgate.domain.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Text:
    """Text. `ttl` is set where the prompt up to here shall be cached: `5m` or `1h`."""

    text: str
    ttl: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """An image or a document: its bytes, or a reference to it."""

    media_type: str
    data: bytes = b""
    reference: str = ""
    ttl: str = ""


@dataclass(frozen=True, slots=True)
class Called:
    """A tool call of an earlier turn."""

    id: str
    name: str
    arguments: str  # canonical JSON
    ttl: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool returned."""

    id: str
    text: str
    media: tuple[Media, ...] = ()
    ttl: str = ""


Part: TypeAlias = Text | Media | Called | Result


@dataclass(frozen=True, slots=True)
class Turn:
    """One side's say. Roles: system, user, assistant, tool."""

    role: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer."""

    name: str
    schema: JsonObject
    ttl: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A whole request. `choice` is auto, none, required or the name of a tool after a colon."""

    model: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    parallel: bool = True
    as_json: bool = False
    schema: JsonObject | None = None  # implies JSON
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    think: bool = True


def canonical(value: Json | object) -> str:
    """JSON text that is the same for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def media(parts: tuple[Part, ...]) -> list[Media]:
    """The images and documents among parts, those inside tool results included."""
    found: list[Media] = []
    for part in parts:
        if isinstance(part, Media):
            found.append(part)
        elif isinstance(part, Result):
            found.extend(part.media)
    return found
