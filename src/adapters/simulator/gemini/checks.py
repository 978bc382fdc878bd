"""The checks of a request that a type cannot express, each worded as the API words it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence

from hexgate.adapters.simulator.anthropic.signature import is_own, sign
from hexgate.adapters.simulator.chat import canonical
from hexgate.adapters.simulator.gemini import requests as wire
from hexgate.adapters.simulator.problem import Found
from hexgate.adapters.simulator.wire import Refused, Wrong
from hexgate.domain.json import Json

# What the API lets pass where another vendor's model made the call.
NO_SIGNATURE = "skip_thought_signature_validator"
_DATA = (
    "text",
    "inline_data",
    "file_data",
    "function_call",
    "function_response",
    "executable_code",
    "code_execution_result",
)


def invalid(message: str, field: str = "") -> Refused:
    """A 400 of this API."""
    return Refused(Wrong.INVALID, message, param=field or None)


def refused(found: Found) -> Refused:
    """A body that has not the right form."""
    place = found.brackets
    match found.kind:
        case "json":
            return Refused(Wrong.NOT_JSON)
        case "unknown":
            inner, _, name = place.rpartition(".")
            at = f" at '{inner}'" if inner else ""
            text = f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
            return invalid(text, inner)
        case "type":
            return invalid(f"Invalid value at '{place}' ({found.expected}), {found.got}", place)
        case _:
            return invalid(f"* GenerateContentRequest.{place}: {found.text}", place)


def decoded_bytes(text: str, place: str) -> bytes:
    """Base64 of either alphabet. Raises Refused."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"Invalid value at '{place}' (TYPE_BYTES), Base64 decoding failed") from None


def signed_call(name: str, arguments: Json) -> str:
    """The signature of a call: it is valid for this one alone."""
    return sign(name + canonical(arguments))


def check(request: wire.Prompt) -> None:
    """All checks; raises Refused."""
    if not request.contents:
        raise invalid("* GenerateContentRequest.contents: contents is not specified", "contents")
    for i, content in enumerate(request.contents):
        _check_content(content, f"contents[{i}]")
    for part in request.system_instruction.parts if request.system_instruction else ():
        if part.text is None:
            raise invalid("System instruction must be text.", "system_instruction")
    _check_pairs(request.contents)
    _check_tools(request)
    _check_config(request)


def _check_content(content: wire.Content, place: str) -> None:
    if content.role == "system":
        raise invalid("Please use a valid role: user, model.", f"{place}.role")
    if not content.parts:
        raise invalid(f"* GenerateContentRequest.{place}.parts: contents.parts must not be empty.")
    for j, part in enumerate(content.parts):
        where = f"{place}.parts[{j}]"
        given = [name for name in _DATA if getattr(part, name) is not None]
        if len(given) != 1:
            text = "required oneof field 'data' must have one initialized field"
            raise invalid(f"* GenerateContentRequest.{where}.data: {text}", where)
        if part.text == "" and not part.thought_signature:
            raise invalid("Unable to submit request because it has an empty text parameter.", where)
        if content.role == "model" and part.function_response is not None:
            raise invalid("Function responses must come from the user.", where)
        if content.role != "model" and (part.function_call is not None or part.thought):
            raise invalid("Only the model calls functions and thinks.", where)
        _check_signature(part, where)


def _check_signature(part: wire.Part, where: str) -> None:
    if part.thought_signature in ("", NO_SIGNATURE):
        return
    text = base64.b64encode(decoded_bytes(part.thought_signature, where)).decode()
    call = part.function_call
    if call is not None:
        good = text == signed_call(call.name, call.args)
    else:
        good = is_own((part.text or "") if part.thought else "", text)
    if not good:
        raise invalid("Thought signature is not valid.", where)


def _check_pairs(contents: Sequence[wire.Content]) -> None:
    waiting: list[wire.FunctionCall] = []
    for i, content in enumerate(contents):
        results = list(_results(content))
        if len(results) != len(waiting):
            raise invalid(
                "Please ensure that the number of function response parts is equal to the number "
                "of function call parts of the function call turn.",
                f"contents[{i}]",
            )
        for call, result in zip(waiting, results, strict=True):
            if call.name != result.name or (call.id and result.id and call.id != result.id):
                text = f"Function response {result.name!r} does not match its function call."
                raise invalid(text, f"contents[{i}]")
        waiting = [part.function_call for part in content.parts if part.function_call is not None]
        if waiting and (i == 0 or contents[i - 1].role == "model"):
            raise invalid(
                "Please ensure that function call turn comes immediately after a user turn or "
                "after a function response turn.",
                f"contents[{i}]",
            )
    if waiting:
        raise invalid("Please ensure that function response turn comes after a function call turn.")


def _results(content: wire.Content) -> Iterator[wire.FunctionResponse]:
    for part in content.parts:
        if part.function_response is not None:
            yield part.function_response


def _check_tools(request: wire.Prompt) -> None:
    names = [each.name for tool in request.tools for each in tool.function_declarations]
    if len(set(names)) < len(names):
        raise invalid("Duplicate function declaration found.", "tools")
    for tool in request.tools:
        for each in tool.function_declarations:
            if each.parameters is not None and each.parameters_json_schema is not None:
                raise invalid("Only one of parameters and parameters_json_schema may be set.")
    if request.tool_config is None:
        return
    rule = request.tool_config.function_calling_config
    if rule.allowed_function_names and rule.mode not in ("ANY", "VALIDATED"):
        text = "Allowed function names should be set only when function calling mode is ANY."
        raise invalid(text, "tool_config.function_calling_config")
    if unknown := [name for name in rule.allowed_function_names if name not in names]:
        raise invalid(f"Function {unknown[0]!r} is allowed but not declared.", "tool_config")
    if rule.mode == "ANY" and not names:
        raise invalid("Function calling config is set without function_declarations.")


def _check_config(request: wire.Prompt) -> None:
    config = request.generation_config
    thinking = config.thinking_config
    if thinking and thinking.thinking_budget is not None and thinking.thinking_level:
        raise invalid("You can only set only one of thinking budget and thinking level.")
    shaped = config.response_schema is not None or config.response_json_schema is not None
    if shaped and config.response_mime_type not in ("application/json", "text/x.enum"):
        raise invalid("response_schema is set but response_mime_type is not application/json.")
    if config.response_schema is not None and config.response_json_schema is not None:
        raise invalid("Only one of response_schema and response_json_schema may be set.")
    if config.logprobs is not None and not config.response_logprobs:
        raise invalid("logprobs is set but response_logprobs is not true.")
    if request.cached_content:
        raise Refused(Wrong.FORBIDDEN, "CachedContent not found (or permission denied)")
