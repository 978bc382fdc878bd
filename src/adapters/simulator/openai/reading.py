"""From a body to what it asks, with the checks that a type cannot express."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence

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
from hexgate.adapters.simulator.openai import requests as wire
from hexgate.adapters.simulator.problem import Found, Problem, decoded
from hexgate.adapters.simulator.wire import Refused, Wrong
from hexgate.domain.json import JsonObject

_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)


def read(body: bytes) -> wire.Body:
    """Decode and check; raises Refused as the API words it."""
    try:
        request = decoded(wire.DECODER, body)
    except Problem as problem:
        raise refused(problem.found) from None
    _check_settings(request)
    _check_pairs(request.messages)
    return request


def ask(request: wire.Body) -> Ask:
    """What a checked request asks."""
    shape = request.response_format
    schema = shape.json_schema.schema if isinstance(shape, wire.SchemaFormat) else None
    stop = request.stop
    choice, allowed = _choice(request)
    return Ask(
        model=request.model,
        turns=tuple(_turn(message, i) for i, message in enumerate(request.messages)),
        tools=tuple(
            Tool(tool.function.name, tool.function.parameters)
            for tool in request.tools
            if allowed is None or tool.function.name in allowed
        ),
        choice=choice,
        parallel=request.parallel_tool_calls,
        as_json=isinstance(shape, wire.ObjectFormat),
        schema=schema,
        max_tokens=request.max_completion_tokens or request.max_tokens,
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        seed=request.seed,
        think=request.reasoning_effort != "none",
    )


def invalid(message: str, param: str | None, code: str | None = None) -> Refused:
    """A 400 of this API."""
    return Refused(Wrong.INVALID, message, param=param, code=code)


def unknown(model: str) -> Refused:
    """The refusal of a model that is not offered."""
    text = f"The model `{model}` does not exist or you do not have access to it."
    return Refused(Wrong.NO_MODEL, text, param="model")


def refused(found: Found) -> Refused:
    """What is wrong with a body, as this API words it."""
    at = found.brackets
    match found.kind:
        case "json":
            return Refused(Wrong.NOT_JSON)
        case "unknown":
            return invalid(f"Unknown parameter: '{at}'.", at, "unknown_parameter")
        case "missing":
            text = f"Missing required parameter: '{at}'."
            return invalid(text, at, "missing_required_parameter")
        case "type":
            text = (
                f"Invalid type for '{at}': expected {found.expected}, but got {found.got} instead."
            )
            return invalid(text, at, "invalid_type")
        case _:
            return invalid(f"Invalid value for '{at}': {found.text}.", at, "invalid_value")


def _check_settings(request: wire.Body) -> None:
    if request.max_tokens is not None and request.max_completion_tokens is not None:
        text = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise invalid(text, "max_tokens", "invalid_parameter_combination")
    if request.top_logprobs is not None and not request.logprobs:
        text = "'top_logprobs' is only allowed when 'logprobs' is enabled."
        raise invalid(text, "top_logprobs")
    if request.stream_options is not None and not request.stream:
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise invalid(text, "stream_options")
    if request.n not in (None, 1):
        raise invalid("This simulator gives one choice.", "n", "unsupported_value")
    for name in ("audio", "function_call", "functions", "web_search_options"):
        if getattr(request, name):
            raise invalid(f"'{name}' is not simulated.", name, "unsupported_parameter")
    _check_tools(request)
    _check_format(request)


def _check_tools(request: wire.Body) -> None:
    names = [tool.function.name for tool in request.tools]
    if request.tool_choice is not None and not names:
        raise invalid("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
    if not request.parallel_tool_calls and not names:
        text = "'parallel_tool_calls' is only allowed when 'tools' are specified."
        raise invalid(text, "parallel_tool_calls")
    choice = request.tool_choice
    if isinstance(choice, wire.NamedChoice) and choice.function.name not in names:
        text = f"Tool choice '{choice.function.name}' not found in 'tools' parameter."
        raise invalid(text, "tool_choice")


def _check_format(request: wire.Body) -> None:
    shape = request.response_format
    if isinstance(shape, wire.ObjectFormat):
        said = canonical([_texts(message.content) for message in request.messages])
        if "json" not in said.lower():
            raise invalid(
                "'messages' must contain the word 'json' in some form, to use 'response_format' of "
                "type 'json_object'.",
                "messages",
            )
    if isinstance(shape, wire.SchemaFormat) and shape.json_schema.strict:
        _check_strict(shape.json_schema.name, shape.json_schema.schema)


def _check_strict(name: str, schema: JsonObject) -> None:
    wrong = "" if schema.get("type") == "object" else "schema must be of 'type: \"object\"'"
    if not wrong and schema.get("additionalProperties") is not False:
        wrong = "'additionalProperties' is required to be supplied and to be false"
    properties, required = schema.get("properties"), schema.get("required")
    names = set(properties) if isinstance(properties, dict) else set()
    if not wrong and names - set(map(str, required if isinstance(required, list) else [])):
        wrong = "'required' is required to be an array including every key in properties"
    if wrong:
        text = f"Invalid schema for response_format '{name}': In context=(), {wrong}."
        raise invalid(text, "response_format")


def _check_pairs(messages: Sequence[wire.AnyMessage]) -> None:
    """Each call is answered, at once and by its id; no answer comes without a call."""
    waiting: list[str] = []
    may_answer: set[str] = set()
    for i, message in enumerate(messages):
        if isinstance(message, wire.ToolMessage):
            if message.tool_call_id not in may_answer:
                raise invalid(
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceding message with 'tool_calls'.",
                    f"messages.[{i}].role",
                )
            waiting = [each for each in waiting if each != message.tool_call_id]
            continue
        _check_answered(waiting, i)
        calls = (message.tool_calls or []) if isinstance(message, wire.Assistant) else []
        waiting = [call.id for call in calls]
        may_answer = set(waiting)
        if isinstance(message, wire.Assistant) and not (
            calls or message.content or message.refusal
        ):
            text = f"Invalid value for 'content': expected a string, got null at messages[{i}]."
            raise invalid(text, f"messages.[{i}].content")
    _check_answered(waiting, len(messages))


def _check_answered(waiting: list[str], i: int) -> None:
    if waiting:
        raise invalid(
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            + ", ".join(waiting),
            f"messages.[{i}].role",
        )


def _choice(request: wire.Body) -> tuple[str, set[str] | None]:
    choice = request.tool_choice
    if isinstance(choice, wire.NamedChoice):
        return ":" + choice.function.name, None
    if isinstance(choice, wire.AllowedChoice):
        functions = [tool.get("function") for tool in choice.allowed_tools.tools]
        names = {str(each.get("name")) for each in functions if isinstance(each, dict)}
        return choice.allowed_tools.mode, names
    return choice or "auto", None


def _turn(message: wire.AnyMessage, i: int) -> Turn:
    match message:
        case wire.ToolMessage():
            text = "".join(_texts(message.content))
            return Turn("tool", (Result(message.tool_call_id, text),))
        case wire.System() | wire.Developer():
            return Turn("system", tuple(map(Text, _texts(message.content))))
        case wire.Assistant():
            calls = [_called(call, i) for call in message.tool_calls or []]
            return Turn("assistant", (*map(Text, _texts(message.content)), *calls))
        case wire.User():
            content = message.content
            if isinstance(content, str):
                return Turn("user", (Text(content),))
            return Turn("user", tuple(_part(part, i, j) for j, part in enumerate(content)))


def _texts(content: str | Sequence[wire.Part] | None) -> list[str]:
    if content is None or isinstance(content, str):
        return [content] if content else []
    found: list[str] = []
    for part in content:
        if isinstance(part, wire.TextPart):
            found.append(part.text)
        elif isinstance(part, wire.RefusalPart):
            found.append(part.refusal)
    return found


def _called(call: wire.ToolCall, i: int) -> Called:
    try:
        return Called(call.id, call.function.name, canonical(json.loads(call.function.arguments)))
    except ValueError:
        text = "Invalid 'arguments': expected a string of valid JSON."
        raise invalid(text, f"messages[{i}].tool_calls") from None


def _part(part: wire.Part, i: int, j: int) -> Part:
    at = f"messages[{i}].content[{j}]"
    match part:
        case wire.TextPart():
            return Text(part.text)
        case wire.ImagePart(image_url=wire.ImageUrl(url=url)):
            if url.startswith(("https://", "http://")):
                return Media("", reference=url)
            return _media(url, f"{at}.image_url.url", "image/")
        case wire.FilePart(file=wire.File(file_data=str(data))):
            return _media(data, f"{at}.file.file_data", "application/pdf")
        case wire.FilePart(file=wire.File(file_id=str(name))):
            return Media("", reference=name)
        case wire.FilePart():
            raise invalid("Missing required parameter: 'file_data' or 'file_id'.", f"{at}.file")
        case _:
            raise invalid("Audio is not simulated.", at, "unsupported_value")


def _media(url: str, at: str, kind: str) -> Media:
    found = _DATA.fullmatch(url)
    if found is None or not found[1].startswith(kind):
        text = f"Invalid '{at}': expected a base64-encoded data URL of type {kind}."
        raise invalid(text, at, "invalid_value")
    try:
        return Media(found[1], base64.b64decode(found[2], validate=True))
    except binascii.Error:
        raise invalid(f"Invalid base64 at '{at}'.", at, "invalid_base64") from None
