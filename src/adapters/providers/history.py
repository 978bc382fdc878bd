"""Tool calls of earlier turns, which another vendor may have minted."""

from __future__ import annotations

import hashlib
import re

import msgspec

from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.chat import ToolCall
from hexgate.domain.json import JsonObject

# What the strictest of the vendors take as an id, and as the name of a tool.
_FIT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_-]")
_OBJECT = msgspec.json.Decoder(dict[str, object])


def fitting_id(call_id: str) -> str:
    """An id that every API takes: the same one, or always the same other one. No two meet."""
    if _FIT.fullmatch(call_id):
        return call_id
    return "call_" + hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def fitting_name(name: str, at: str, lacking: Lacking) -> str:
    """The name of a tool that was called at `at`, changed with a warning where it must be."""
    if _FIT.fullmatch(name):
        return name
    said = "the name of a tool was changed to the characters that the API takes"
    lacking.warn("VALUE_CHANGED", said, f"{at}.tool_call.name")
    return _NOT_IN_NAME.sub("_", name)[:64] or "tool"


def arguments(call: ToolCall, at: str, lacking: Lacking) -> JsonObject | None:
    """The arguments of a call as the object that they spell; None where they do not, which is
    refused.
    """
    found = json_object(call.arguments_json)
    if found is None:
        what = "tool calls whose arguments are not a JSON object; send valid JSON text"
        lacking.refuse(f"{at}.tool_call.arguments_json", what)
    return found


def json_object(text: str) -> JsonObject | None:
    """The object that `text` spells, numbers and key order kept, or None. No text is no fields."""
    try:
        value = _OBJECT.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None
    return value  # type: ignore[return-value] # a JSON decoder makes JSON values only
