"""From a body to what it asks, with the checks that a type cannot express."""

from __future__ import annotations

import base64
import binascii
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
from hexgate.adapters.simulator.ollama import requests as wire
from hexgate.adapters.simulator.problem import Found, Problem, decoded
from hexgate.adapters.simulator.wire import Refused, Wrong

_MAGIC = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def read(body: bytes) -> wire.Body:
    """Decode and check; raises Refused in the words of the server."""
    try:
        request = decoded(wire.BODY, body)
    except Problem as problem:
        raise refused(problem.found) from None
    _check_pairs(request.messages)
    return request


def refused(found: Found) -> Refused:
    """A body that has not the right form."""
    match found.kind:
        case "json":
            return Refused(Wrong.NOT_JSON)
        case "unknown":
            return invalid(f'json: unknown field "{found.dots}"')
        case "missing":
            return invalid(f"{found.dots} is required")
        case "type":
            return invalid(
                f"json: cannot unmarshal {found.got} into Go struct field "
                f"ChatRequest.{found.dots} of type {found.expected}"
            )
        case _:
            return invalid(f"invalid value for {found.dots}: {found.text}")


def invalid(message: str) -> Refused:
    """A 400 of this API."""
    return Refused(Wrong.INVALID, message)


def ask(request: wire.Body) -> Ask:
    """What a checked request asks."""
    options = request.options or wire.Options()
    shape = request.format
    limit = options.num_predict
    return Ask(
        model=request.model.removesuffix(":latest"),
        turns=tuple(_turn(message, i) for i, message in enumerate(request.messages)),
        tools=tuple(
            Tool(tool.function.name, tool.function.parameters) for tool in request.tools or ()
        ),
        as_json=shape == "json",
        schema=shape if isinstance(shape, dict) else None,
        max_tokens=limit if limit is not None and limit >= 0 else None,
        stop=tuple(options.stop or ()),
        seed=options.seed,
        think=request.think is not False,
    )


def _check_pairs(messages: Sequence[wire.Message]) -> None:
    """The server itself is lenient here; a result without its call is nevertheless a mistake."""
    calls: list[wire.ToolCall] = []
    for i, message in enumerate(messages):
        if message.role == "assistant":
            calls = list(message.tool_calls)
        elif message.tool_calls:
            raise invalid(f"messages.{i}: only an assistant calls tools")
        if message.role == "user":
            calls = []
        if message.role != "tool":
            continue
        for call in calls:
            if message.tool_call_id in ("", call.id) and message.tool_name in (
                "",
                call.function.name,
            ):
                calls.remove(call)
                break
        else:
            raise invalid(f"messages.{i}: a tool result without a tool call before it")


def _turn(message: wire.Message, i: int) -> Turn:
    if message.role == "tool":
        return Turn("tool", (Result(message.tool_call_id, message.content),))
    parts: list[Part] = [Text(message.content)] if message.content else []
    parts += [_image(data, i) for data in message.images]
    parts += [
        Called(call.id, call.function.name, canonical(call.function.arguments))
        for call in message.tool_calls
    ]
    return Turn(message.role, tuple(parts))


def _image(text: str, i: int) -> Media:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise invalid(f"messages.{i}.images: illegal base64 data") from None
    kinds = [kind for magic, kind in _MAGIC if data.startswith(magic)]
    if not kinds:
        raise invalid(f"messages.{i}.images: invalid image data")
    return Media(kinds[0], data)
