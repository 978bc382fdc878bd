"""From a body to what it asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

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
from hexgate.adapters.simulator.gemini import requests as wire
from hexgate.adapters.simulator.gemini.checks import check, decoded_bytes, invalid, refused
from hexgate.adapters.simulator.problem import Problem, decoded
from hexgate.domain.json import Json, JsonObject

T = TypeVar("T")
P = TypeVar("P", bound=wire.Prompt)
_CHOICES = {"ANY": "required", "NONE": "none"}


def body(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    """Decode, whichever way the keys are written; raises Refused as the API words it."""
    try:
        return decoded(decoder, wire.cameled(data))
    except Problem as problem:
        raise refused(problem.found) from None


def read(decoder: msgspec.json.Decoder[P], data: bytes) -> P:
    """Decode and check; raises Refused."""
    request = body(decoder, data)
    check(request)
    return request


def ask(request: wire.Prompt, model: str) -> Ask:
    """What a checked request asks."""
    config = request.generation_config
    thinking = config.thinking_config or wire.ThinkingConfig()
    turns = [turn for content in request.contents for turn in _turns(content)]
    if request.system_instruction is not None:
        said = [Text(part.text or "") for part in request.system_instruction.parts]
        turns.insert(0, Turn("system", tuple(said)))
    tools, choice = _offer(request)
    schema = config.response_json_schema
    if schema is None and config.response_schema is not None:
        schema = _lowered(config.response_schema)
    return Ask(
        model=model,
        turns=tuple(turns),
        tools=tuple(tools),
        choice=choice,
        as_json=config.response_mime_type == "application/json",
        schema=schema,
        max_tokens=config.max_output_tokens,
        stop=tuple(config.stop_sequences),
        seed=config.seed,
        think=thinking.thinking_budget != 0,
    )


def words(content: wire.Content) -> str:
    """The text of a content."""
    return "".join(part.text or "" for part in content.parts)


def _offer(request: wire.Prompt) -> tuple[list[Tool], str]:
    tools = [
        Tool(each.name, _schema(each))
        for tool in request.tools
        for each in tool.function_declarations
    ]
    rule = (request.tool_config or wire.ToolConfig()).function_calling_config
    allowed = rule.allowed_function_names
    if allowed:
        tools = [tool for tool in tools if tool.name in allowed]
    if rule.mode == "ANY" and len(allowed) == 1:
        return tools, ":" + allowed[0]
    return tools, _CHOICES.get(rule.mode, "auto")


def _schema(declared: wire.Declaration) -> JsonObject:
    if declared.parameters_json_schema is not None:
        return declared.parameters_json_schema
    return _lowered(declared.parameters or {})


def _lowered(schema: JsonObject) -> JsonObject:
    """The API's own schemas, whose types are in capitals, as JSON schemas."""
    made = {name: _inner(value) for name, value in schema.items()}
    if isinstance(kind := made.get("type"), str):
        made["type"] = kind.lower()
    return made


def _inner(value: Json) -> Json:
    if isinstance(value, dict):
        return _lowered(value)
    return [_inner(item) for item in value] if isinstance(value, list) else value


def _turns(content: wire.Content) -> Sequence[Turn]:
    """A turn of the user may answer calls and go on speaking."""
    if content.role == "model":
        said = (_part(part) for part in content.parts if not part.thought)
        return [Turn("assistant", tuple(part for part in said if part is not None))]
    results = tuple(
        _result(part.function_response)
        for part in content.parts
        if part.function_response is not None
    )
    rest = (_part(part) for part in content.parts if part.function_response is None)
    spoken = tuple(part for part in rest if part is not None)
    turns = [Turn("tool", results)] if results else []
    return [*turns, Turn("user", spoken)] if spoken else turns


def _part(part: wire.Part) -> Part | None:
    if part.function_call is not None:
        call = part.function_call
        return Called(call.id, call.name, canonical(call.args))
    if part.inline_data is not None:
        return _inline(part.inline_data)
    if part.file_data is not None:
        return Media(part.file_data.mime_type, reference=part.file_data.file_uri)
    return Text(part.text) if part.text else None


def _inline(blob: wire.Blob) -> Media:
    if "/" not in blob.mime_type:
        raise invalid(f"Unsupported MIME type: {blob.mime_type}")
    return Media(blob.mime_type, decoded_bytes(blob.data, "inline_data.data"))


def _result(response: wire.FunctionResponse) -> Result:
    shown = [_inline(part.inline_data) for part in response.parts if part.inline_data is not None]
    return Result(response.id or response.name, _told(response.response), tuple(shown))


def _told(response: JsonObject) -> str:
    """Under `output` or `error`, if there is one of them alone; else the whole is the output."""
    if len(response) != 1 or not response.keys() & {"output", "error"}:
        return canonical(response)
    (said,) = response.values()
    if isinstance(said, list):
        return "".join(each if isinstance(each, str) else canonical(each) for each in said)
    return said if isinstance(said, str) else canonical(said)
