"""What a model answers, in words that belong to no wire."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from hexgate.adapters.simulator.memory import Cached


class Finish(enum.Enum):
    """Why the answer ended."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    TOOLS = "tools"
    FILTER = "filter"


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One tool call; `token` is what every wire makes its identifier of."""

    token: str
    name: str
    arguments: str  # canonical JSON object


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Everything said, in order: thought, text, calls. Output tokens count all of it."""

    model: str
    thought: str = ""
    text: str = ""
    calls: tuple[ToolUse, ...] = ()
    finish: Finish = Finish.STOP
    stop_sequence: str = ""
    input_tokens: int = 0
    thought_tokens: int = 0
    output_tokens: int = 0
    cached: Cached = field(default_factory=Cached)
    usage: bool = True  # False: the token counts are withheld
