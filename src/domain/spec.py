"""What a caller asks for: everything that determines the answer."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from hexgate.domain.chat import Message
from hexgate.domain.json import JsonObject


class OnUnsupported(enum.Enum):
    """What to do with a setting that the model lacks."""

    DROP = "drop"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Sampling and length. None is the provider's default, which is not the same as zero."""

    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None
    on_unsupported: OnUnsupported = OnUnsupported.DROP


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool offered to the model. The schema is JSON text, so that key order survives."""

    name: str
    description: str
    schema_json: str
    strict: bool = False


class ToolMode(enum.Enum):
    """General tool-use rules."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """How the model may use the tools. `name` set means: call exactly this one."""

    mode: ToolMode = ToolMode.AUTO
    name: str = ""
    allowed: tuple[str, ...] = ()
    parallel: bool | None = None


@dataclass(frozen=True, slots=True)
class PlainText:
    """Free text."""


@dataclass(frozen=True, slots=True)
class AnyJson:
    """Any JSON object."""


@dataclass(frozen=True, slots=True)
class SchemaJson:
    """JSON that conforms to a schema, given as JSON text."""

    name: str
    schema_json: str
    strict: bool = False


Output: TypeAlias = PlainText | AnyJson | SchemaJson


class Effort(enum.Enum):
    """Coarse reasoning levels, in rising order."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Thinking:
    """Reasoning behaviour. At most one of `effort` and `budget_tokens` is set; 0 tokens is off."""

    effort: Effort | None = None
    budget_tokens: int | None = None
    include: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Everything that determines the answer. Equal specs may share an answer."""

    model: str
    messages: tuple[Message, ...]
    params: Params = field(default_factory=Params)
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    output: Output = field(default_factory=PlainText)
    thinking: Thinking | None = None
    # Settings outside the contract, by provider name. Applied by that provider alone.
    provider_options: Mapping[str, JsonObject] = field(default_factory=lambda: MappingProxyType({}))
