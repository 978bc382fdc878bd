"""From a body to what it asks, with the checks that a type cannot express."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec

from hexgate.adapters.simulator import models
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
from hexgate.adapters.simulator.cohere import requests as wire
from hexgate.adapters.simulator.problem import Found, Problem, decoded
from hexgate.adapters.simulator.wire import Refused, Wrong

T = TypeVar("T")
_DATA = re.compile(r"data:(image/[\w.+-]+);base64,(.*)", re.DOTALL)
_CHOICES = {None: "auto", "NONE": "none", "REQUIRED": "required"}


def checked(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode; raises Refused in the words of the API."""
    try:
        return decoded(decoder, body)
    except Problem as problem:
        raise _refused(problem.found) from None


def read(body: bytes) -> wire.Body:
    """A request for an answer, checked; raises Refused."""
    request = checked(wire.BODY, body)
    _check_settings(request)
    _check_turns(request.messages)
    return request


def ask(request: wire.Body) -> Ask:
    """What a checked request asks. Documents belong to what the user said last."""
    shape = request.response_format
    turns = [_turn(message, i) for i, message in enumerate(request.messages)]
    if request.documents:
        last = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=None)
        if last is None:
            raise invalid("documents need a message of the user")
        read = tuple(map(_document, request.documents))
        turns[last] = replace(turns[last], parts=(*turns[last].parts, *read))
    return Ask(
        model=request.model,
        turns=tuple(turns),
        tools=tuple(
            Tool(tool.function.name, tool.function.parameters) for tool in request.tools or ()
        ),
        choice=_CHOICES[request.tool_choice],
        as_json=isinstance(shape, wire.JsonFormat),
        schema=shape.json_schema if isinstance(shape, wire.JsonFormat) else None,
        max_tokens=request.max_tokens,
        stop=tuple(request.stop_sequences or ()),
        seed=request.seed,
        think=request.thinking is None or request.thinking.type == "enabled",
    )


def image(url: str, at: str) -> Media:
    """An image as a data URI. Raises Refused."""
    found = _DATA.fullmatch(url)
    if found is None:
        raise invalid(f"{at} must be a link or a base64 data URI of an image")
    try:
        return Media(found[1], base64.b64decode(found[2], validate=True))
    except binascii.Error:
        raise invalid(f"{at} has illegal base64 data") from None


def known(model: str) -> None:
    """Nothing. Raises Refused for a model that is not offered."""
    if not models.known(model):
        text = (
            f"model '{model}' not found, make sure the correct model ID was used and that you "
            "have access to the model."
        )
        raise Refused(Wrong.NO_MODEL, text)


def invalid(message: str) -> Refused:
    """A 400 of this API."""
    return Refused(Wrong.INVALID, f"invalid request: {message}")


def _refused(found: Found) -> Refused:
    at = found.brackets
    match found.kind:
        case "json":
            return Refused(Wrong.NOT_JSON)
        case "unknown":
            text = f"unknown field: parameter '{at}' is not a valid field"
            return Refused(Wrong.INVALID, text)
        case "missing":
            return invalid(f"{at} is required")
        case "type":
            return invalid(f"{at} must be of type {found.expected}, received {found.got}")
        case _:
            return invalid(f"{at}: {found.text}")


def _check_settings(request: wire.Body) -> None:
    names = [tool.function.name for tool in request.tools or ()]
    if len(set(names)) < len(names):
        raise invalid("tool names must be unique")
    if not names and (request.tool_choice or request.strict_tools):
        raise invalid("tool_choice and strict_tools need tools")
    if isinstance(request.response_format, wire.JsonFormat):
        if request.documents:
            raise invalid("response_format is not supported with RAG.")
        if names:
            raise invalid("response_format is not supported with tools.")
    ids = [each.id for each in request.documents or () if isinstance(each, wire.Document)]
    known = [each for each in ids if each is not None]
    if len(set(known)) < len(known):
        raise invalid("duplicate document ID")


def _check_turns(messages: Sequence[wire.AnyMessage]) -> None:
    called: set[str] = set()
    for i, message in enumerate(messages):
        match message:
            case wire.System() if i:
                raise Refused(Wrong.INVALID, "system turn must be the first in the list")
            case wire.Assistant(tool_calls=calls) if calls:
                ids = {call.id for call in calls}
                if len(ids) < len(calls) or ids & called:
                    raise Refused(Wrong.INVALID, "cannot have duplicate tool ids")
                called |= ids
            case wire.ToolMessage(tool_call_id=call_id) if call_id not in called:
                raise Refused(Wrong.INVALID, "tool call id not found in previous tool calls")
            case wire.Assistant() | wire.User() | wire.System() if not message.content:
                raise Refused(Wrong.INVALID, "message must not be empty in a turn")
            case _:
                pass


def _turn(message: wire.AnyMessage, i: int) -> Turn:
    match message:
        case wire.System():
            return Turn("system", _parts(message.content, i))
        case wire.User():
            return Turn("user", _parts(message.content, i))
        case wire.Assistant():
            plan = (Text(message.tool_plan),) if message.tool_plan else ()
            calls = (_called(call, i) for call in message.tool_calls or ())
            return Turn("assistant", (*_parts(message.content or "", i), *plan, *calls))
        case wire.ToolMessage():
            parts = _parts(message.content, i)
            text = "".join(part.text for part in parts if isinstance(part, Text))
            shown = tuple(part for part in parts if isinstance(part, Media))
            return Turn("tool", (Result(message.tool_call_id, text, shown),))


def _parts(content: str | Sequence[wire.Part], i: int) -> tuple[Part, ...]:
    """What was said; earlier thoughts are not looked at."""
    if isinstance(content, str):
        return (Text(content),) if content else ()
    found: list[Part] = []
    for j, part in enumerate(content):
        match part:
            case wire.TextPart():
                found.append(Text(part.text))
            case wire.DocumentPart():
                found.append(_document(part.document))
            case wire.ImagePart(image_url=wire.ImageUrl(url=url)):
                linked = url.startswith(("https://", "http://"))
                at = f"messages[{i}].content[{j}].image_url.url"
                found.append(Media("", reference=url) if linked else image(url, at))
            case _:
                pass
    return tuple(found)


def _document(document: str | wire.Document) -> Media:
    if isinstance(document, str):
        return Media("text/plain", document.encode())
    text = document.data.get("text")
    return Media(
        "text/plain", (text if isinstance(text, str) else canonical(document.data)).encode()
    )


def _called(call: wire.ToolCall, i: int) -> Called:
    try:
        arguments = json.loads(call.function.arguments)
    except ValueError:
        raise invalid(f"messages[{i}].tool_calls: arguments must be valid JSON") from None
    return Called(call.id, call.function.name, canonical(arguments))
