"""The conversation in the words of chat completions."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import assert_never

from hexgate.adapters.providers.dialects.openai_chat.quirks import Quirks
from hexgate.adapters.providers.documents import text_of
from hexgate.adapters.providers.history import fitting_name
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.chat import (
    FileId,
    Inline,
    Link,
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

_AUDIO = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
_ID_CHARS = 40  # of a tool call; Azure and older models refuse a longer one
_PDF = "application/pdf"  # the only file of chat completions; source: the guide to file inputs


class Messages:
    """Translates the messages of one request; what cannot be said goes to `lacking`."""

    def __init__(self, provider: str, quirks: Quirks, lacking: Lacking, *, developer: bool) -> None:
        self._provider = provider
        self._quirks = quirks
        self._lacking = lacking
        self._system = "developer" if developer else "system"
        self._told: set[str] = set()

    def all(self, messages: tuple[Message, ...]) -> list[Json]:
        """The messages, oldest first; each tool result is a message of its own."""
        out: list[Json] = []
        for index, message in enumerate(messages):
            path = f"spec.messages[{index}]"
            match message.role:
                case Role.SYSTEM:
                    out.append(self._said(path, self._system, message))
                case Role.USER:
                    out.append(self._said(path, "user", message))
                case Role.ASSISTANT:
                    out.append(self._assistant(path, message))
                case Role.TOOL:
                    out.extend(self._results(path, message))
                case _:
                    assert_never(message.role)
        return out

    def _said(self, path: str, role: str, message: Message) -> JsonObject:
        said: JsonObject = {"role": role, "content": self._content(path, message.parts)}
        if message.name and self._quirks.names:
            said["name"] = message.name
        elif message.name:
            self._lacking.drop(f"{path}.name", "participant names")
        return said

    def _assistant(self, path: str, message: Message) -> JsonObject:
        for index, part in enumerate(message.parts):
            if isinstance(part, Media):
                self._lacking.refuse(f"{path}.parts[{index}].media", "media in its own answers")
        calls: list[Json] = [
            self._call(f"{path}.parts[{index}]", part)
            for index, part in enumerate(message.parts)
            if isinstance(part, ToolCall)
        ]
        said = self._said(path, "assistant", message)
        if calls:
            said["tool_calls"] = calls
            said["content"] = said["content"] or None
        return said

    def _call(self, path: str, call: ToolCall) -> JsonObject:
        name = fitting_name(call.name, path, self._lacking)
        function: JsonObject = {"name": name, "arguments": call.arguments_json or "{}"}
        return {"id": _id(call.call_id), "type": "function", "function": function}

    def _results(self, path: str, message: Message) -> list[JsonObject]:
        if message.name:
            self._lacking.drop(f"{path}.name", "a participant name on tool results")
        out: list[JsonObject] = []
        for index, part in enumerate(message.parts):
            if isinstance(part, ToolResult):
                out.append(self._result(f"{path}.parts[{index}].tool_result", part))
        return out

    def _result(self, path: str, result: ToolResult) -> JsonObject:
        for index, part in enumerate(result.parts):
            if isinstance(part, Media) and text_of(part) is None:
                what = "media in tool results, other than text in UTF-8"
                self._lacking.refuse(f"{path}.parts[{index}].media", what)
        if result.is_error:
            self._once(
                "ERROR_FLAG_DROPPED",
                "has no error flag for tool results; their text alone says so",
                f"{path}.is_error",
            )
        told = tuple(p for p in result.parts if isinstance(p, Text) or text_of(p) is not None)
        content = self._content(path, told)
        return {"role": "tool", "tool_call_id": _id(result.call_id), "content": content}

    def _content(self, path: str, parts: tuple[Part, ...]) -> Json:
        """A plain string where one says it all: every server understands that."""
        content: list[Json] = []
        for index, part in enumerate(parts):
            made = self._part(f"{path}.parts[{index}]", part)
            if made is not None:
                content.append(made)
        if not content:
            return ""
        match content:
            case [{"type": "text", "text": text}]:
                return text
            case _:
                return content

    def _part(self, path: str, part: Part) -> JsonObject | None:
        match part:
            case Text(text):
                return {"type": "text", "text": text}
            case Refusal(text):
                kind = "refusal" if self._quirks.refusals else "text"
                return {"type": kind, kind: text}
            case Media():
                return self._media(f"{path}.media", part)
            case Reasoning():
                self._forget(f"{path}.reasoning", part)
                return None
            case ToolCall() | ToolResult():
                return None  # not content: these have their own places
            case _:
                assert_never(part)

    def _media(self, path: str, media: Media) -> JsonObject | None:
        match media.source:
            case Inline(data):
                return self._inline(path, media, data)
            case Link(url):
                if media.media_type and not media.media_type.startswith("image/"):
                    self._lacking.refuse(path, f"links to {media.media_type}")
                return {"type": "image_url", "image_url": {"url": url}}
            case FileId(provider, file_id):
                if provider != self._provider or not self._quirks.files:
                    self._lacking.refuse(path, f"files of {provider} at {self._provider}")
                elif media.media_type.startswith("image/"):
                    self._lacking.refuse(path, "images by file id")
                return {"type": "file", "file": {"file_id": file_id}}
            case _:
                assert_never(media.source)

    def _inline(self, path: str, media: Media, data: bytes) -> JsonObject | None:
        kind, encoded = media.media_type, b64encode(data).decode()
        if kind.startswith("image/"):
            return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{encoded}"}}
        if kind in _AUDIO:
            audio: JsonObject = {"data": encoded, "format": _AUDIO[kind]}
            return {"type": "input_audio", "input_audio": audio}
        if (text := text_of(media)) is not None:
            if media.filename:
                self._once("FILENAME_DROPPED", "takes text as it is, without a file name", path)
            return {"type": "text", "text": text}
        if not self._quirks.files or kind != _PDF:
            self._lacking.refuse(path, f"{kind} input here; send text in UTF-8")
            return None
        file: JsonObject = {
            "filename": media.filename or "file.pdf",  # required next to file_data
            "file_data": f"data:{kind};base64,{encoded}",
        }
        return {"type": "file", "file": file}

    def _forget(self, path: str, part: Reasoning) -> None:
        code = "SIGNATURE_DROPPED" if part.signature else "REASONING_DROPPED"
        self._once(code, "cannot be shown earlier reasoning; left out", path)

    def _once(self, code: str, what: str, path: str) -> None:
        """One warning per request and kind, at the first place: histories repeat themselves."""
        if code not in self._told:
            self._told.add(code)
            self._lacking.warn(code, f"{self._provider} {what}", path)


def _id(call_id: str) -> str:
    """The id, or always the same other one for one that another vendor made too long."""
    if len(call_id) <= _ID_CHARS:
        return call_id
    return "call_" + hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
