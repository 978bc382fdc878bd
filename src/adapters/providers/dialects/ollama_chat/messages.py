"""The conversation in the words of Ollama's /api/chat."""

from __future__ import annotations

from base64 import b64encode
from typing import assert_never

from hexgate.adapters.providers.documents import text_of
from hexgate.adapters.providers.history import json_object
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.chat import (
    Inline,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.json import Json, JsonObject

_BETWEEN = "\n\n"  # what the server itself puts between neighbouring messages of one role


class Messages:
    """Translates the messages of one request; what cannot be said goes to `lacking`."""

    def __init__(self, provider: str, lacking: Lacking) -> None:
        self._provider = provider
        self._lacking = lacking
        self._told: set[str] = set()
        self._names: dict[str, str] = {}  # of the tools, by the call

    def all(self, messages: tuple[Message, ...]) -> list[Json]:
        """The messages, oldest first; each tool result is a message of its own."""
        out: list[Json] = []
        for index, message in enumerate(messages):
            path = f"spec.messages[{index}]"
            if message.name:
                self._lacking.drop(f"{path}.name", "participant names")
            match message.role:
                case Role.SYSTEM:
                    out.append({"role": "system", "content": _joined(message.parts)})
                case Role.USER:
                    out.extend(self._user(path, message.parts))
                case Role.ASSISTANT:
                    out.append(self._assistant(path, message.parts))
                case Role.TOOL:
                    out.extend(self._results(path, message.parts))
                case _:
                    assert_never(message.role)
        return out

    def _user(self, path: str, parts: tuple[Part, ...]) -> list[JsonObject]:
        """One message, or one per part where there is media, which keeps the order of the parts:
        a message has its images apart from its text.
        """
        if not any(isinstance(part, Media) for part in parts):
            return [{"role": "user", "content": _joined(parts)}]
        out: list[JsonObject] = []
        for index, part in enumerate(parts):
            if isinstance(part, Media):
                out.append({"role": "user", **self._media(f"{path}.parts[{index}].media", part)})
            else:
                out.append({"role": "user", "content": _joined((part,))})
        return out

    def _media(self, path: str, media: Media) -> JsonObject:
        """An image, or a document that is text."""
        if media.filename:
            what = "has no field for the name of a file; left out"
            self._once("FIELD_DROPPED", what, f"{path}.filename")
        if not isinstance(media.source, Inline):
            self._lacking.refuse(path, "media by reference; send the bytes")
        elif (text := text_of(media)) is not None:
            return {"content": text}
        elif not media.media_type.lower().startswith("image/"):
            self._lacking.refuse(path, f"{media.media_type} input")
        else:
            return {"content": "", "images": [b64encode(media.source.data).decode()]}
        return {"content": ""}

    def _assistant(self, path: str, parts: tuple[Part, ...]) -> JsonObject:
        said: JsonObject = {"role": "assistant", "content": _joined(parts)}
        thoughts: list[str] = []
        calls: list[Json] = []
        for index, part in enumerate(parts):
            where = f"{path}.parts[{index}]"
            match part:
                case Reasoning():
                    thoughts.extend(self._thought(f"{where}.reasoning", part))
                case ToolCall():
                    calls.append(self._call(f"{where}.tool_call", part))
                case Media():
                    self._lacking.refuse(f"{where}.media", "media in its own answers")
                case _:
                    pass
        if thoughts:
            said["thinking"] = _BETWEEN.join(thoughts)
        if calls:
            said["tool_calls"] = calls
        return said

    def _thought(self, path: str, part: Reasoning) -> list[str]:
        if part.provider in ("", self._provider) and not part.signature and not part.redacted:
            return [part.text]
        code = "SIGNATURE_DROPPED" if part.signature else "REASONING_DROPPED"
        self._once(code, "cannot be shown another provider's reasoning; left out", path)
        return []

    def _call(self, path: str, call: ToolCall) -> JsonObject:
        self._names[call.call_id] = call.name
        arguments = json_object(call.arguments_json)
        if arguments is None:
            self._lacking.refuse(f"{path}.arguments_json", "arguments that are not a JSON object")
        function: JsonObject = {"name": call.name, "arguments": arguments or {}}
        return {"id": call.call_id, "function": function}

    def _results(self, path: str, parts: tuple[Part, ...]) -> list[JsonObject]:
        out: list[JsonObject] = []
        for index, part in enumerate(parts):
            if isinstance(part, ToolResult):
                out.append(self._result(f"{path}.parts[{index}].tool_result", part))
        return out

    def _result(self, path: str, result: ToolResult) -> JsonObject:
        for index, part in enumerate(result.parts):
            if isinstance(part, Media):
                self._lacking.refuse(f"{path}.parts[{index}].media", "media in tool results")
        if result.is_error:
            self._once(
                "ERROR_FLAG_DROPPED",
                "has no error flag for tool results; their text alone says so",
                f"{path}.is_error",
            )
        said: JsonObject = {
            "role": "tool",
            "content": _joined(result.parts),
            "tool_call_id": result.call_id,
        }
        if name := self._names.get(result.call_id):
            said["tool_name"] = name
        return said

    def _once(self, code: str, what: str, path: str) -> None:
        """One warning per request and kind, at the first place: histories repeat themselves."""
        if code not in self._told:
            self._told.add(code)
            self._lacking.warn(code, f"{self._provider} {what}", path)


def _joined(parts: tuple[Part, ...]) -> str:
    """The words of the parts. The wire has one string per message and no word for a refusal."""
    return _BETWEEN.join(part.text for part in parts if isinstance(part, Text | Refusal))
