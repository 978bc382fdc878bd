"""Which parts a side may say, on wires where the assistant shows no media."""

from __future__ import annotations

from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.chat import Media, Part, Reasoning, Refusal, Role, Text, ToolCall, ToolResult

_NAMES: dict[type[Part], str] = {
    Text: "text",
    Media: "media",
    ToolCall: "tool calls",
    ToolResult: "tool results",
    Reasoning: "reasoning",
    Refusal: "refusals",
}
_ALLOWED: dict[Role, tuple[type[Part], ...]] = {
    Role.SYSTEM: (Text,),
    Role.USER: (Text, Media),
    Role.ASSISTANT: (Text, ToolCall, Reasoning, Refusal),
    Role.TOOL: (ToolResult,),
}


def belongs(role: Role, part: Part, at: str, lacking: Lacking) -> bool:
    """Whether this side may say this; it is refused at `at` where it may not."""
    if isinstance(part, _ALLOWED[role]):
        return True
    lacking.refuse(at, f"{_NAMES[type(part)]} in {role.value} messages")
    return False
