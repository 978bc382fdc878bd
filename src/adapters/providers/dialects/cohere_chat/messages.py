"""The conversation in the words of /v2/chat."""

from __future__ import annotations

from base64 import b64encode
from typing import assert_never

from hexgate.adapters.providers.dialects.cohere_chat.models import Rules
from hexgate.adapters.providers.documents import text_of
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

_BETWEEN = "\n\n"  # a tool plan is one string


class Messages:
    """Translates the messages of one request; what cannot be said goes to `lacking`.

    The wire has documents apart from the messages: after `all`, those of users are in `documents`.
    The model reads them beside the last turn.
    """

    def __init__(self, provider: str, rules: Rules, lacking: Lacking) -> None:
        self._provider = provider
        self._rules = rules
        self._lacking = lacking
        self._told: set[str] = set()
        self.documents: list[Json] = []

    def all(self, messages: tuple[Message, ...]) -> list[Json]:
        """One system message, then the others, oldest first; each tool result is its own."""
        system: list[Json] = []
        out: list[Json] = []
        asks = max((i for i, each in enumerate(messages) if each.role is Role.USER), default=0)
        for index, message in enumerate(messages):
            path = f"spec.messages[{index}]"
            if message.name:
                self._lacking.drop(f"{path}.name", "participant names")
            match message.role:
                case Role.SYSTEM:
                    if out:
                        said = "a system message after the first turn was moved to the front"
                        self._once("SYSTEM_MOVED", said, path)
                    system += self._content(path, message.parts)
                case Role.USER:
                    out += self._user(path, message.parts, last=index == asks)
                case Role.ASSISTANT:
                    out += self._assistant(path, message.parts)
                case Role.TOOL:
                    out.extend(self._results(path, message.parts))
                case _:
                    assert_never(message.role)
        if self.documents and messages[-1].role is Role.USER and not _asked(out):
            last = f"spec.messages[{len(messages) - 1}]"
            self._lacking.refuse(last, "documents without a word about them")
        return [{"role": "system", "content": _plain(system)}, *out] if system else out

    def _empty(self, path: str) -> None:
        """The API refuses a turn that says nothing."""
        self._once("EMPTY_DROPPED", "a message without content was left out", path)

    def _user(self, path: str, parts: tuple[Part, ...], *, last: bool) -> list[Json]:
        before = len(self.documents)
        content = self._content(path, parts)
        if len(self.documents) > before and (not last or not content):
            said = "documents were moved: the model reads them beside the last turn"
            self._once("DOCUMENT_MOVED", said, path)
        elif not content:
            self._empty(path)
        return [{"role": "user", "content": _plain(content)}] if content else []

    def _assistant(self, path: str, parts: tuple[Part, ...]) -> list[Json]:
        calls: list[Json] = [_call(part) for part in parts if isinstance(part, ToolCall)]
        plan: list[str] = []
        if calls:
            plan = [part.text for part in parts if isinstance(part, Text | Refusal) and part.text]
            parts = tuple(part for part in parts if not isinstance(part, Text | Refusal))
        said: JsonObject = {"role": "assistant"}
        if content := self._content(path, parts):
            said["content"] = _plain(content)
        if plan:
            said["tool_plan"] = _BETWEEN.join(plan)
        if calls:
            said["tool_calls"] = calls
        if len(said) == 1:
            self._empty(path)
            return []
        return [said]

    def _results(self, path: str, parts: tuple[Part, ...]) -> list[JsonObject]:
        out: list[JsonObject] = []
        for index, part in enumerate(parts):
            if isinstance(part, ToolResult):
                out.append(self._result(f"{path}.parts[{index}].tool_result", part))
        return out

    def _result(self, path: str, result: ToolResult) -> JsonObject:
        if result.is_error:
            said = f"{self._provider} has no error flag for tool results; their text alone says so"
            self._once("ERROR_FLAG_DROPPED", said, f"{path}.is_error")
        content: list[Json] = []
        for index, part in enumerate(result.parts):
            if isinstance(part, Text):
                content.append({"type": "text", "text": part.text})
            elif document := self._document(f"{path}.parts[{index}].media", part):
                content.append({"type": "document", "document": document})
        return {"role": "tool", "tool_call_id": result.call_id, "content": _plain(content)}

    def _content(self, path: str, parts: tuple[Part, ...]) -> list[Json]:
        content: list[Json] = []
        for index, part in enumerate(parts):
            made = self._part(f"{path}.parts[{index}]", part)
            if made is not None:
                content.append(made)
        return content

    def _part(self, path: str, part: Part) -> JsonObject | None:
        match part:
            case Text(text) | Refusal(text):  # there is no word for a refusal
                return {"type": "text", "text": text} if text else None
            case Media():
                return self._media(f"{path}.media", part)
            case Reasoning():
                return self._thought(f"{path}.reasoning", part)
            case ToolCall() | ToolResult():
                return None  # not content: these have their own places
            case _:
                assert_never(part)

    def _thought(self, path: str, part: Reasoning) -> JsonObject | None:
        ours = part.provider in ("", self._provider) and not part.signature and not part.redacted
        if ours and self._rules.thinking:
            return {"type": "thinking", "thinking": part.text} if part.text else None
        code = "SIGNATURE_DROPPED" if part.signature else "REASONING_DROPPED"
        whose = "reasoning" if ours else "another provider's reasoning"
        self._once(code, f"{self._provider} cannot be shown {whose}; left out", path)
        return None

    def _media(self, path: str, media: Media) -> JsonObject | None:
        image = media.media_type.startswith("image/") or not media.media_type
        if not image:
            if document := self._document(path, media):
                if not self._rules.documents:
                    self._lacking.refuse(path, "documents")
                self.documents.append({"id": f"doc_{len(self.documents)}", **document})
            return None
        if not self._rules.images:
            self._lacking.refuse(path, "images")
        match media.source:
            case Inline(data):
                url = f"data:{media.media_type};base64,{b64encode(data).decode()}"
            case Link(url):
                pass
            case FileId(provider):
                self._lacking.refuse(path, f"files of {provider} at {self._provider}")
                return None
            case _:
                assert_never(media.source)
        return {"type": "image_url", "image_url": {"url": url}}

    def _document(self, path: str, media: Media) -> JsonObject | None:
        text = text_of(media)
        if text is None:
            kind = media.media_type or "media"
            inline = isinstance(media.source, Inline)
            how = "here; send text in UTF-8" if inline else "by reference; send the bytes"
            self._lacking.refuse(path, f"{kind} {how}")
            return None
        data: JsonObject = {"text": text}
        if media.filename:
            data["title"] = media.filename
        return {"data": data}

    def _once(self, code: str, message: str, path: str) -> None:
        """One warning per request and kind, at the first place: histories repeat themselves."""
        if code not in self._told:
            self._told.add(code)
            self._lacking.warn(code, message, path)


def _plain(content: list[Json]) -> Json:
    """A plain string where one says it all."""
    match content:
        case []:
            return ""
        case [{"type": "text", "text": text}]:
            return text
        case _:
            return content


def _asked(said: list[Json]) -> bool:
    """Whether a user has the last word."""
    last = said[-1] if said else None
    return isinstance(last, dict) and last["role"] == "user"


def _call(call: ToolCall) -> JsonObject:
    function: JsonObject = {"name": call.name, "arguments": call.arguments_json or "{}"}
    return {"id": call.call_id, "type": "function", "function": function}
