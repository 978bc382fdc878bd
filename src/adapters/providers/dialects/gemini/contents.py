"""The conversation as Gemini's contents.

A thought's signature may come with any part of an answer. Here it is a Reasoning: with the
thought's words if it came with a thought, else without words and right before the part that it
came with, or last where it came alone. So it is said back exactly where it was.
"""

from __future__ import annotations

import itertools
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import assert_never

import msgspec

from hexgate.adapters.providers.dialects.gemini.hosts import Host
from hexgate.adapters.providers.dialects.gemini.models import Rules
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

# Stands in for a signature where a call was made by another vendor's model. Source: the vendor's
# page on thought signatures.
NO_SIGNATURE = "skip_thought_signature_validator"
_FILES = "https://generativelanguage.googleapis.com/v1beta/"
_KINDS = (
    *("image/", "audio/", "video/", "text/", "application/pdf", "application/json"),
    *("application/xml", "application/rtf", "application/x-javascript", "application/x-python"),
)
_OBJECT: msgspec.json.Decoder[JsonObject] = msgspec.json.Decoder(dict)


class Contents:
    """Translates the messages of one request; what cannot be said goes to `lacking`."""

    def __init__(self, provider: str, host: Host, known: Rules, lacking: Lacking) -> None:
        self._provider = provider
        self._ids = host.call_ids
        self._known = known
        self._lacking = lacking
        self._told: set[str] = set()
        self._places = itertools.count()
        self._calls: dict[str, tuple[int, str]] = {}  # place and name of the last call of an id

    def system(self, messages: Sequence[Message]) -> list[Json]:
        """The system messages as parts. They lead the conversation wherever they stood."""
        parts: list[Json] = []
        talked = False
        for i, message in enumerate(messages):
            if message.role is not Role.SYSTEM:
                talked = True
                continue
            path = f"spec.messages[{i}]"
            if talked:
                self._once("SYSTEM_MOVED", "has system messages only before all others", path)
            self._name(path, message)
            for j, part in enumerate(message.parts):
                if not isinstance(part, Text):
                    self._lacking.refuse(f"{path}.parts[{j}]", "system messages other than text")
                elif part.text:
                    parts.append({"text": part.text})
        return parts

    def all(self, messages: Sequence[Message]) -> list[Json]:
        """The turns, oldest first; results that follow each other are one turn, in the order of
        their calls, and so is what the model said: it is refused to call after its own turn.
        """
        turns: list[JsonObject] = []
        results: list[tuple[int, JsonObject]] = []
        for i, message in enumerate(messages):
            path = f"spec.messages[{i}]"
            if message.role is Role.SYSTEM:
                continue
            self._name(path, message)
            if message.role is Role.TOOL:
                results += self._results(path, message.parts)
                continue
            turns += _in_order(results)
            results = []
            parts = list(self._parts(path, message.parts))
            if not parts:
                self._once("EMPTY_DROPPED", "takes no message without content; left out", path)
            elif message.role is Role.ASSISTANT:
                _go_on(turns, parts)
            else:
                turns.append({"role": "user", "parts": [*parts]})
        turns += _in_order(results)
        return [*turns]

    def _parts(self, path: str, parts: tuple[Part, ...]) -> Iterator[JsonObject]:
        held = ""  # the signature of the next part
        for j, part in enumerate(parts):
            where = f"{path}.parts[{j}]"
            if isinstance(part, Reasoning):
                if held:
                    yield {"text": "", "thoughtSignature": held}
                signature = self._signature(where, part)
                held = "" if part.text else signature
                if part.text and (signature or self._own(part)):
                    yield _signed({"text": part.text, "thought": True}, signature)
                continue
            said = self._part(where, part)
            if said is None and held and isinstance(part, Text | Refusal):
                said = {"text": ""}
            if said is not None:
                yield _signed(said, held)
                held = ""
        if held:
            yield {"text": "", "thoughtSignature": held}

    def _part(self, path: str, part: Part) -> JsonObject | None:
        match part:
            case Text(text) | Refusal(text):
                return {"text": text} if text else None  # the API refuses empty ones
            case Media():
                return self._media(f"{path}.media", part)
            case ToolCall():
                return self._call(f"{path}.tool_call", part)
            case Reasoning() | ToolResult():
                return None  # these have their own places
            case _:
                assert_never(part)

    def _signature(self, path: str, part: Reasoning) -> str:
        if self._own(part):
            return part.signature.decode("utf-8", "replace")
        code = "SIGNATURE_DROPPED" if part.signature else "REASONING_DROPPED"
        self._once(code, "cannot be shown another provider's reasoning; left out", path)
        return ""

    def _own(self, part: Reasoning) -> bool:
        owner = part.provider or ("" if part.signature else self._provider)
        return owner == self._provider and not part.redacted

    def _media(self, path: str, media: Media) -> JsonObject:
        """Empty where it is refused."""
        if media.filename:
            self._once("FIELD_DROPPED", "has no field for a file's name; left out", path)
        kind = media.media_type.lower()
        match media.source:
            case Inline(data) if kind.startswith(_KINDS):
                encoded = b64encode(data).decode()
                return {"inlineData": {"mimeType": kind, "data": encoded}}
            case Inline():
                self._lacking.refuse(path, f"media of type {kind or 'unknown'}")
            case FileId(provider, file_id) if provider == self._provider:
                uri = _FILES + file_id if file_id.startswith("files/") else file_id
                typed: JsonObject = {"mimeType": kind} if kind else {}
                return {"fileData": {**typed, "fileUri": uri}}
            case FileId():
                self._lacking.refuse(path, "files of another provider")
            case Link():
                self._lacking.refuse(path, "links; send the bytes")
            case _:
                assert_never(media.source)
        return {}

    def _call(self, path: str, call: ToolCall) -> JsonObject:
        self._calls[call.call_id] = (next(self._places), call.name)
        arguments: JsonObject = {}
        try:
            arguments = _OBJECT.decode(call.arguments_json or "{}")
        except (msgspec.DecodeError, RecursionError):
            self._lacking.refuse(f"{path}.arguments_json", "arguments that are not a JSON object")
        made: JsonObject = {"name": call.name, "args": arguments}
        return {"functionCall": {"id": call.call_id, **made} if self._ids else made}

    def _results(self, path: str, parts: tuple[Part, ...]) -> Iterator[tuple[int, JsonObject]]:
        for j, part in enumerate(parts):
            if isinstance(part, ToolResult):
                yield self._result(f"{path}.parts[{j}].tool_result", part)

    def _result(self, path: str, result: ToolResult) -> tuple[int, JsonObject]:
        place, name = self._calls.get(result.call_id, (0, ""))
        if not name:
            self._lacking.refuse(f"{path}.call_id", "a tool result without its call")
        texts: list[Json] = [part.text for part in result.parts if isinstance(part, Text)]
        said: Json = texts if len(texts) > 1 else "".join(map(str, texts))
        made: JsonObject = {
            "name": name,
            "response": {"error" if result.is_error else "output": said},
        }
        if self._ids:
            made["id"] = result.call_id
        shown: list[Json] = []
        for k, part in enumerate(result.parts):
            if isinstance(part, Media):
                shown += self._shown(f"{path}.parts[{k}].media", part)
        if shown:
            made["parts"] = shown
        return place, {"functionResponse": made}

    def _shown(self, path: str, media: Media) -> list[Json]:
        if not self._known.media_results:
            self._lacking.refuse(path, "media in tool results")
        elif not isinstance(media.source, Inline):
            self._lacking.refuse(path, "media by reference in tool results; send the bytes")
        else:
            return [self._media(path, media)]
        return []

    def _name(self, path: str, message: Message) -> None:
        if message.name:
            self._lacking.drop(f"{path}.name", "participant names")

    def _once(self, code: str, what: str, path: str) -> None:
        """One warning per request and kind, at the first place: histories repeat themselves."""
        if code not in self._told:
            self._told.add(code)
            self._lacking.warn(code, f"{self._provider} {what}", path)


def unsigned(turns: Sequence[Json]) -> None:
    """Put a stand-in on the first call of each of the model's turns since the user last spoke.

    Newer models refuse a call there that is not signed, such as another vendor's.
    """
    for turn in reversed(turns):
        assert isinstance(turn, dict)
        parts = turn["parts"]
        assert isinstance(parts, list)
        made = [part for part in parts if isinstance(part, dict)]
        if turn["role"] == "user" and not all("functionResponse" in part for part in made):
            return
        first = next((part for part in made if "functionCall" in part), None)
        if first is not None:
            first.setdefault("thoughtSignature", NO_SIGNATURE)


def _signed(part: JsonObject, signature: str) -> JsonObject:
    return {**part, "thoughtSignature": signature} if signature else part


def _go_on(turns: list[JsonObject], said: list[JsonObject]) -> None:
    """The model speaks, or speaks on."""
    if not turns or turns[-1]["role"] != "model":
        turns.append({"role": "model", "parts": [*said]})
        return
    before = turns[-1]["parts"]
    assert isinstance(before, list)
    before += said


def _in_order(results: list[tuple[int, JsonObject]]) -> list[JsonObject]:
    if not results:
        return []
    placed = sorted(results, key=lambda result: result[0])
    return [{"role": "user", "parts": [made for _, made in placed]}]
