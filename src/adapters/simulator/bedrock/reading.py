"""From a body to what it asks."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import replace

from hexgate.adapters.simulator.bedrock import requests as wire
from hexgate.adapters.simulator.bedrock.checks import check, data, invalid, refused
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
from hexgate.domain.json import JsonObject


def read(body: bytes) -> wire.Body:
    """Decode and check; raises Refused as the API words it."""
    try:
        request = decoded(wire.BODY, body)
    except Problem as problem:
        raise refused(problem.found) from None
    check(request)
    return request


def read_count(body: bytes) -> wire.Prompt | str:
    """The same for the endpoint that only counts; the text of a body of another endpoint."""
    try:
        union = decoded(wire.COUNT, body).input
    except Problem as problem:
        raise refused(problem.found) from None
    if union.converse is not None and union.invoke_model is None:
        check(union.converse)
        return union.converse
    if union.invoke_model is None or union.converse is not None:
        raise invalid("Value at 'input' must have exactly one member set")
    try:
        return base64.b64decode(union.invoke_model.body, validate=True).decode()
    except (binascii.Error, ValueError):
        raise invalid("Value at 'input.invokeModel.body' is no base64 of text") from None


def ask(model: str, request: wire.Prompt) -> Ask:
    """What a checked request asks."""
    turns = [_turn(message) for message in request.messages]
    if system := _system(request.system):
        turns.insert(0, Turn("system", tuple(system)))
    config, native = request.tool_config, request.additional_model_request_fields
    asked = Ask(
        model=model,
        turns=tuple(turns),
        tools=tuple(_tools(config.tools)) if config else (),
        choice=_choice(config, native.tool_choice),
        parallel=not (native.tool_choice and native.tool_choice.disable_parallel_tool_use),
        think=_thinks(native),
    )
    if not isinstance(request, wire.Body):
        return asked
    limits = request.inference_config
    return replace(
        asked,
        schema=_schema(request.output_config.text_format),
        max_tokens=limits.max_tokens,
        stop=tuple(limits.stop_sequences),
    )


def _thinks(native: wire.Native) -> bool:
    if native.thinking is not None:
        return native.thinking.type != "disabled"
    if native.reasoning_config is not None:
        return native.reasoning_config.type != "disabled"
    return native.reasoning_effort is not None


def _choice(config: wire.ToolConfig | None, native: wire.NativeChoice | None) -> str:
    choice = config.tool_choice if config else None
    if choice is not None and choice.tool is not None:
        return ":" + choice.tool.name
    if native is not None and native.type == "tool":
        return ":" + native.name
    must = (choice is not None and choice.any is not None) or (native and native.type == "any")
    return "required" if must else "auto"


def _schema(shape: wire.TextFormat | None) -> JsonObject | None:
    if shape is None:
        return None
    try:
        schema: object = json.loads(shape.structure.json_schema.schema)
    except (ValueError, RecursionError):
        schema = None
    if not isinstance(schema, dict):
        raise invalid("The schema at outputConfig.textFormat.structure is not a JSON object.")
    return schema


def _system(blocks: Sequence[wire.SystemBlock]) -> list[Part]:
    parts: list[Part] = []
    for block in blocks:
        if block.text is not None:
            parts.append(Text(block.text))
        elif block.cache_point is not None:
            _mark(parts, block.cache_point)
    return parts


def _tools(tools: Sequence[wire.Tool]) -> list[Tool]:
    made: list[Tool] = []
    for tool in tools:
        if tool.tool_spec is not None:
            made.append(Tool(tool.tool_spec.name, tool.tool_spec.input_schema.json))
        elif tool.cache_point is not None and made:
            made[-1] = replace(made[-1], ttl=tool.cache_point.ttl)
    return made


def _turn(message: wire.Message) -> Turn:
    parts: list[Part] = []
    for block in message.content:
        if block.cache_point is not None:
            _mark(parts, block.cache_point)
        elif (part := _part(block)) is not None:
            parts.append(part)
    return Turn(message.role, tuple(parts))


def _mark(parts: list[Part], point: wire.CachePoint) -> None:
    """A point ends the prefix that goes before it."""
    if parts:
        parts[-1] = replace(parts[-1], ttl=point.ttl)


def _part(block: wire.Block) -> Part | None:
    if block.text is not None:
        return Text(block.text)
    if block.tool_use is not None:
        use = block.tool_use
        return Called(use.tool_use_id, use.name, canonical(use.input))
    if block.tool_result is not None:
        return _result(block.tool_result)
    return _media(block.image, block.document, block.video, block.audio)


def _result(result: wire.ToolResult) -> Result:
    said = [
        each.text if each.text is not None else canonical(each.json)
        for each in result.content
        if each.text is not None or each.json is not None
    ]
    seen = [_media(each.image, each.document, each.video) for each in result.content]
    shown = tuple(each for each in seen if each is not None)
    return Result(result.tool_use_id, "".join(said), shown)


def _media(
    image: wire.Image | None,
    document: wire.Document | None,
    video: wire.Video | None,
    audio: wire.Audio | None = None,
) -> Media | None:
    for kind, found in (("image", image), ("video", video), ("audio", audio)):
        if found is not None:
            return _shown(f"{kind}/{found.format}", found.source)
    if document is None:
        return None
    return _shown(_DOCUMENTS.get(document.format, f"document/{document.format}"), document.source)


_DOCUMENTS = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown"}


def _shown(media_type: str, source: wire.Source) -> Media:
    if source.s3_location is not None:
        return Media(media_type, reference=source.s3_location.uri)
    return Media(media_type, data(source, "source"))
