"""From a body to what it asks."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace

from hexgate.adapters.simulator.anthropic import requests as wire
from hexgate.adapters.simulator.anthropic.checks import check, invalid, refused
from hexgate.adapters.simulator.chat import (
    Ask,
    Called,
    Media,
    Part,
    Result,
    Text,
    Tool,
    Turn,
    canonical,
)
from hexgate.adapters.simulator.problem import Problem, decoded


def read(body: bytes, version: str) -> wire.Body:
    """Decode and check; raises Refused as the API words it."""
    try:
        request = decoded(wire.BODY, body)
    except Problem as problem:
        raise refused(problem.found) from None
    check(request, version)
    return request


def read_prompt(body: bytes, version: str) -> wire.Prompt:
    """The same for the endpoint that only counts."""
    try:
        request = decoded(wire.PROMPT, body)
    except Problem as problem:
        raise refused(problem.found) from None
    check(request, version)
    return request


def ask(request: wire.Prompt) -> Ask:
    """What a checked request asks."""
    choice, thinking = request.tool_choice, request.thinking
    shape = request.output_config.format
    turns = [_turn(message, i) for i, message in enumerate(request.messages)]
    if request.system:
        turns.insert(0, Turn("system", tuple(_system(request.system))))
    if request.cache_control is not None:
        turns[-1] = _marked(turns[-1], request.cache_control.ttl)
    asked = Ask(
        model=request.model,
        turns=tuple(turns),
        tools=tuple(
            Tool(tool.name, tool.input_schema, _ttl(tool.cache_control)) for tool in request.tools
        ),
        choice=_CHOICES.get(choice.type, ":" + choice.name) if choice else "auto",
        parallel=choice is None or not choice.disable_parallel_tool_use,
        schema=shape.schema if shape else None,
        think=thinking is not None and thinking.type not in ("disabled", "between_tools"),
    )
    if isinstance(request, wire.Body):
        return replace(asked, max_tokens=request.max_tokens, stop=tuple(request.stop_sequences))
    return asked


_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def _system(system: str | list[wire.Text]) -> list[Text]:
    if isinstance(system, str):
        return [Text(system)]
    return [Text(block.text, _ttl(block.cache_control)) for block in system]


def _turn(message: wire.Message, i: int) -> Turn:
    if isinstance(message.content, str):
        return Turn(message.role, (Text(message.content),))
    parts = [_part(block, f"messages.{i}.content.{j}") for j, block in enumerate(message.content)]
    return Turn(message.role, tuple(part for part in parts if part is not None))


def _part(block: wire.AnyBlock, at: str) -> Part | None:
    match block:
        case wire.Text():
            return Text(block.text, _ttl(block.cache_control))
        case wire.Image() | wire.Document():
            return _media(block, at)
        case wire.ToolUse():
            return Called(block.id, block.name, canonical(block.input), _ttl(block.cache_control))
        case wire.ToolResult():
            return _result(block, at)
        case wire.Thinking() | wire.Redacted():
            return None


def _result(block: wire.ToolResult, at: str) -> Result:
    content = block.content if isinstance(block.content, list) else [wire.Text(text=block.content)]
    text = "".join(each.text for each in content if isinstance(each, wire.Text))
    seen = [_media(each, at) for each in content if not isinstance(each, wire.Text)]
    return Result(block.tool_use_id, text, tuple(seen), _ttl(block.cache_control))


def _media(block: wire.Image | wire.Document, at: str) -> Media:
    source, ttl = block.source, _ttl(block.cache_control)
    match source:
        case wire.Link():
            return Media("", reference=source.url, ttl=ttl)
        case wire.FileId():
            return Media("", reference=source.file_id, ttl=ttl)
        case wire.PlainText():
            return Media(source.media_type, source.data.encode(), ttl=ttl)
        case _:
            try:
                data = base64.b64decode(source.data, validate=True)
            except binascii.Error:
                raise invalid(f"{at}.source.base64.data: Input should be valid base64") from None
            return Media(source.media_type, data, ttl=ttl)


def _marked(turn: Turn, ttl: str) -> Turn:
    parts: Sequence[Part] = turn.parts
    return replace(turn, parts=(*parts[:-1], replace(parts[-1], ttl=ttl))) if parts else turn


def _ttl(mark: wire.CacheControl | None) -> str:
    return mark.ttl if mark else ""
