"""Messages of the conversation as alternating turns of content blocks."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

from hexgate.adapters.providers.dialects.bedrock_converse.media import Shelf
from hexgate.adapters.providers.dialects.bedrock_converse.models import Cache, Family
from hexgate.adapters.providers.history import arguments, fitting_id, fitting_name
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.roles import belongs
from hexgate.adapters.providers.system import in_front
from hexgate.domain.chat import (
    CacheMark,
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

MAX_MARKS = 4
_FIVE_MINUTES_S, _HOUR_S = 300, 3600
_BEFORE = "Continue."  # the words of a turn that the API wants and nobody spoke
_BESIDE = "See the document."
Group = list[JsonObject]  # a block and the cache point behind it


@dataclass
class Turn:
    """One side's say, as groups that stay together."""

    side: str
    groups: list[Group] = field(default_factory=list)

    def has(self, kind: str) -> bool:
        """Whether there is a block of that kind."""
        return any(kind in block for group in self.groups for block in group)

    def blocks(self) -> list[Json]:
        """The blocks, tool results first, as the API wants them; all else keeps its order."""
        ordered = sorted(self.groups, key=lambda group: "toolResult" not in group[0])
        return [block for group in ordered for block in group]


class Translator:
    """Translates the messages of one call, and counts its cache marks."""

    def __init__(self, provider: str, family: Family, lacking: Lacking) -> None:
        self._provider = provider
        self._family = family
        self._lacking = lacking
        self._shelf = Shelf(provider, family, lacking)
        self._marks = 0
        self._short = False  # a point of five minutes was made
        self.called: dict[str, None] = {}  # names of the tools that were called, in order

    def all(self, messages: Sequence[Message]) -> JsonObject:
        """`system` and `messages`. A family without system prompts reads it in its first turn."""
        system = self._system(messages)
        turns = self._turns(messages)
        if not turns:
            self._lacking.refuse("spec.messages", "conversations without a turn of the user")
        elif turns[0].side != "user":
            what = "conversations that begin with the assistant"
            self._lacking.lower("spec.messages", what, "a turn of the user was put before it")
            turns.insert(0, Turn("user", [[{"text": _BEFORE}]]))
        made: JsonObject = {}
        if system and self._family.system:
            made["system"] = [block for group in system for block in group]
        elif system and turns:
            turns[0].groups[:0] = system
            said = "the model has no system prompt; its text leads the first turn of the user"
            self._lacking.warn("SYSTEM_MOVED", said, "spec.messages")
        made["messages"] = [{"role": turn.side, "content": turn.blocks()} for turn in turns]
        return made

    def _system(self, messages: Sequence[Message]) -> list[Group]:
        """The system messages. They lead the conversation wherever they stood."""
        texts = in_front(messages, self._lacking)
        return [group for part, at in texts for group in self._text(part, at)]

    def _turns(self, messages: Sequence[Message]) -> list[Turn]:
        """Messages of one side that follow each other become one turn."""
        turns: list[Turn] = []
        for i, message in enumerate(messages):
            if message.role is Role.SYSTEM:
                continue
            at = f"spec.messages[{i}]"
            if message.name:
                self._lacking.drop(f"{at}.name", "participant names")
            groups: list[Group] = []
            for j, part in enumerate(message.parts):
                groups += self._groups(message.role, part, f"{at}.parts[{j}]")
            side = "assistant" if message.role is Role.ASSISTANT else "user"
            if not groups:
                self._lacking.warn("EMPTY_DROPPED", "a message without content was left out", at)
            elif turns and turns[-1].side == side:
                turns[-1].groups += groups
            else:
                turns.append(Turn(side, groups))
        for turn in turns:
            self._accompany(turn)
        return turns

    def _accompany(self, turn: Turn) -> None:
        """The API refuses documents that no text goes with."""
        if turn.has("document") and not turn.has("text"):
            turn.groups.append([{"text": _BESIDE}])
            said = "a document needs a text beside it; a neutral one was added"
            self._lacking.warn("TEXT_ADDED", said, "spec.messages")

    def _groups(self, role: Role, part: Part, at: str) -> list[Group]:
        if not belongs(role, part, at, self._lacking):
            return []
        match part:
            case Text():
                return self._text(part, at)
            case Media():
                return self._marked(self._shelf.block(part, at), part.mark, at)
            case ToolCall():
                return self._call(part, at)
            case ToolResult():
                return self._result(part, at)
            case Reasoning():
                return self._reasoning(part, at)
            case Refusal():
                return self._text(Text(part.text), at)
            case _:
                assert_never(part)

    def _text(self, part: Text, at: str) -> list[Group]:
        if part.text.strip():
            return self._marked({"text": part.text}, part.mark, at)
        if part.text:  # the API refuses blank text as well as empty text
            self._lacking.warn("EMPTY_DROPPED", "a text of white space only was left out", at)
        if part.mark is not None:
            said = "the cache mark of an empty text was left out"
            self._lacking.warn("CACHE_MARK_DROPPED", said, f"{at}.prompt_cache")
        return []

    def _call(self, part: ToolCall, at: str) -> list[Group]:
        given = arguments(part, at, self._lacking)
        if given is None:
            return []
        name = fitting_name(part.name, at, self._lacking)
        self.called[name] = None
        use: JsonObject = {"toolUseId": fitting_id(part.call_id), "name": name, "input": given}
        return self._marked({"toolUse": use}, part.mark, at)

    def _result(self, part: ToolResult, at: str) -> list[Group]:
        content: list[Json] = []
        mark = part.mark
        for k, inner in enumerate(part.parts):
            where = f"{at}.tool_result.parts[{k}]"
            if isinstance(inner, Media):
                block = self._shelf.block(inner, where)
                content += [block] if block else []
            elif inner.text.strip():
                content.append({"text": inner.text})
            elif inner.text:
                said = "a text of white space only was left out"
                self._lacking.warn("EMPTY_DROPPED", said, where)
            mark = inner.mark or mark  # a point cannot stand inside a result, only behind it
        result: JsonObject = {"toolUseId": fitting_id(part.call_id), "content": content}
        if part.is_error and self._family.result_status:
            result["status"] = "error"
        elif part.is_error:
            self._lacking.drop(f"{at}.tool_result.is_error", "marking a tool result as an error")
        return self._marked({"toolResult": result}, mark, at)

    def _reasoning(self, part: Reasoning, at: str) -> list[Group]:
        if part.provider != self._provider or not part.signature or not self._family.signed:
            said = f"reasoning that this model at {self._provider} did not sign was left out"
            self._lacking.warn("SIGNATURE_DROPPED", said, f"{at}.reasoning")
            return []
        if part.redacted:
            content: JsonObject = {"redactedContent": base64.b64encode(part.signature).decode()}
        else:
            signature = part.signature.decode("utf-8", "replace")
            content = {"reasoningText": {"text": part.text, "signature": signature}}
        return [[{"reasoningContent": content}]]

    def _marked(self, block: JsonObject | None, mark: CacheMark | None, at: str) -> list[Group]:
        """A block, and the cache point behind it."""
        if block is None:
            return []
        if mark is None:
            return [[block]]
        at = f"{at}.prompt_cache"
        said = ""
        if self._family.cache is Cache.NONE:
            said = "the model has no prompt cache; a cache mark was left out"
        elif self._marks == MAX_MARKS:
            said = f"at most {MAX_MARKS} cache marks are sent; this one was left out"
        if said:
            self._lacking.warn("CACHE_MARK_DROPPED", said, at)
            return [[block]]
        self._marks += 1
        return [[block, {"cachePoint": self._point(mark, at)}]]

    def _point(self, mark: CacheMark, at: str) -> JsonObject:
        """A point; the API wants the longer lifetimes first."""
        point: JsonObject = {"type": "default"}
        long = self._family.cache is Cache.LONG
        if mark.ttl_s is None or mark.ttl_s <= _FIVE_MINUTES_S:
            self._short = True
            return {**point, "ttl": "5m"} if long and mark.ttl_s is not None else point
        longest_s, words = (_HOUR_S, "one hour") if long else (_FIVE_MINUTES_S, "five minutes")
        if mark.ttl_s > longest_s:
            said = f"the longest cache lifetime is {words}"
            self._lacking.warn("VALUE_CLAMPED", said, f"{at}.ttl")
        if long and self._short:
            said = "a lifetime of an hour cannot follow one of five minutes, which is used"
            self._lacking.warn("VALUE_CLAMPED", said, f"{at}.ttl")
            return {**point, "ttl": "5m"}
        return {**point, "ttl": "1h"} if long else point
