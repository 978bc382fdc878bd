"""The form of one line of the interaction log. What is empty, absent or false is left out."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Size(msgspec.Struct, frozen=True):
    """Stands for a text that is not written."""

    chars: int


Said: TypeAlias = str | Size


class Text(msgspec.Struct, tag_field="type", tag="text", frozen=True):
    """See domain.chat; so for each of the parts."""

    text: Said


class Media(msgspec.Struct, tag_field="type", tag="media", frozen=True, omit_defaults=True):
    """Bytes by their size and the beginning of their SHA-256, 16 digits of it."""

    media_type: str
    bytes: int = 0
    sha256: str = ""
    url: Said = ""
    file_id: str = ""
    filename: Said = ""


class ToolCall(msgspec.Struct, tag_field="type", tag="tool_call", frozen=True):
    """Arguments as the model wrote them."""

    id: str
    name: str
    arguments: Said


class ToolResult(
    msgspec.Struct, tag_field="type", tag="tool_result", frozen=True, omit_defaults=True
):
    """What a tool returned."""

    id: str
    parts: tuple[Text | Media, ...]
    is_error: bool = False


class Reasoning(msgspec.Struct, tag_field="type", tag="reasoning", frozen=True):
    """Without its signature."""

    text: Said


class Refusal(msgspec.Struct, tag_field="type", tag="refusal", frozen=True):
    """The model declined."""

    text: Said


Part: TypeAlias = Text | Media | ToolCall | ToolResult | Reasoning | Refusal


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One turn."""

    role: str
    parts: tuple[Part, ...]
    name: str = ""


class Tool(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool offered."""

    name: str
    description: Said = ""
    schema: Said = ""
    strict: bool = False


class ToolChoice(msgspec.Struct, frozen=True, omit_defaults=True):
    """See domain.spec."""

    mode: str
    name: str = ""
    allowed: tuple[str, ...] = ()
    parallel: bool | None = None


class Output(msgspec.Struct, frozen=True, omit_defaults=True):
    """`form` is json or schema."""

    form: str
    name: str = ""
    schema: Said = ""
    strict: bool = False


class Asked(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The request: `messages` of a completion, `inputs` of embeddings."""

    model: str
    messages: tuple[Message, ...] = ()
    params: dict[str, int | float | str] = {}
    stop: tuple[Said, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    output: Output | None = None
    thinking: dict[str, int | float | str] = {}
    provider_options: dict[str, Said] = {}
    inputs: tuple[tuple[Part, ...], ...] = ()
    dimensions: int | None = None
    purpose: str = ""


class Answered(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The answer, as far as it was delivered."""

    provider: str = ""
    model: str = ""
    parts: tuple[Part, ...] = ()
    finish: str = ""


class Line(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One call. `cost_nanos` is absent where nobody knows it; tokens as in the log of calls."""

    call_id: str
    at: str  # when it began, RFC 3339
    tenant: str
    session_id: str = ""
    agent_id: str = ""
    end_user_id: str = ""
    labels: dict[str, Said] = {}
    streamed: bool = False
    cached: bool = False
    asked: Asked
    answered: Answered
    failure: str = ""
    duration_ms: float
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    estimated: bool = False
    cost_nanos: int | None = None
