"""How much memory an interaction holds, about: what counts is text and bytes."""

from __future__ import annotations

from collections.abc import Iterator

from hexgate.domain.chat import Inline, Link, Media, Part, Reasoning, Refusal, Text, ToolCall
from hexgate.domain.interaction import Interaction
from hexgate.domain.json import Json
from hexgate.domain.spec import SchemaJson, Spec

_EACH = 64  # of whatever else a part or a tool takes


def weight(told: Interaction) -> int:
    """Bytes, where a character is one."""
    return sum(map(_part, told.parts)) + sum(_asked(told))


def _asked(told: Interaction) -> Iterator[int]:
    spec = told.spec
    if not isinstance(spec, Spec):
        for parts in spec.inputs:
            yield from map(_part, parts)
        return
    for message in spec.messages:
        yield from map(_part, message.parts)
    for tool in spec.tools:
        yield _EACH + len(tool.description) + len(tool.schema_json)
    if isinstance(spec.output, SchemaJson):
        yield len(spec.output.schema_json)
    yield from map(_json, spec.provider_options.values())


def _part(part: Part) -> int:
    match part:
        case Text(text) | Reasoning(text) | Refusal(text):
            return _EACH + len(text)
        case ToolCall():
            return _EACH + len(part.arguments_json)
        case Media(source=Inline(data)):
            return _EACH + len(data)
        case Media(source=Link(url)):
            return _EACH + len(url)
        case Media():
            return _EACH
        case _:
            return _EACH + sum(map(_part, part.parts))


def _json(value: Json) -> int:
    match value:
        case str():
            return len(value)
        case list():
            return sum(map(_json, value))
        case dict():
            return sum(len(key) + _json(inner) for key, inner in value.items())
    return _EACH
