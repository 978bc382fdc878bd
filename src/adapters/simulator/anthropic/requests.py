"""The body of `POST /v1/messages`, strictly. Source: the parameter types of the official SDK."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

Loose: TypeAlias = dict[str, object]
# What is inside is the caller's own; the decoder cannot follow a recursive type.
Object: TypeAlias = dict[str, Any]
Name = Annotated[str, msgspec.Meta(pattern="^[a-zA-Z0-9_-]{1,128}$")]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing may be sent that is not declared."""


class CacheControl(Strict):
    """The prompt up to here shall be cached."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] = "5m"


class Source(Strict, tag_field="type"):
    """Where an image or a document is."""


class ImageData(Source, tag="base64"):
    """Bytes of an image."""

    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str


class PdfData(Source, tag="base64"):
    """Bytes of a document."""

    media_type: Literal["application/pdf"]
    data: str


class PlainText(Source, tag="text"):
    """A document that is text."""

    media_type: Literal["text/plain"]
    data: str


class Link(Source, tag="url"):
    """An address."""

    url: str


class FileId(Source, tag="file"):
    """An uploaded file."""

    file_id: str


class Block(Strict, tag_field="type", kw_only=True):
    """A content block."""


class Text(Block, tag="text", kw_only=True):
    """Text."""

    text: str
    cache_control: CacheControl | None = None
    citations: list[Loose] | None = None


class Image(Block, tag="image", kw_only=True):
    """An image."""

    source: ImageData | Link | FileId
    cache_control: CacheControl | None = None
    transformations: Loose | None = None


class Document(Block, tag="document", kw_only=True):
    """A document."""

    source: PdfData | PlainText | Link | FileId
    cache_control: CacheControl | None = None
    citations: Loose | None = None
    context: str | None = None
    title: str | None = None


class Thinking(Block, tag="thinking", kw_only=True):
    """Reasoning of an earlier turn, exactly as it was received."""

    thinking: str
    signature: str


class Redacted(Block, tag="redacted_thinking", kw_only=True):
    """Reasoning that nobody may read."""

    data: str


class ToolUse(Block, tag="tool_use", kw_only=True):
    """A call of an earlier turn."""

    id: Annotated[str, msgspec.Meta(pattern="^[a-zA-Z0-9_-]+$")]
    name: Name
    input: Object
    cache_control: CacheControl | None = None
    caller: Loose | None = None
    toolset_name: str | None = None


class ToolResult(Block, tag="tool_result", kw_only=True):
    """What a tool returned."""

    tool_use_id: str
    content: str | list[Text | Image | Document] = ""
    is_error: bool = False
    cache_control: CacheControl | None = None
    toolset_name: str | None = None


AnyBlock: TypeAlias = Text | Image | Document | Thinking | Redacted | ToolUse | ToolResult


class Message(Strict):
    """A message."""

    role: Literal["user", "assistant", "system"]
    content: str | list[AnyBlock]


class Tool(Strict):
    """A tool on offer."""

    name: Name
    input_schema: Object
    type: Literal["custom"] | None = None
    description: str = ""
    strict: bool = False
    cache_control: CacheControl | None = None
    allowed_callers: list[str] = []
    defer_loading: bool = False
    eager_input_streaming: bool | None = None
    input_examples: list[Loose] = []


class ToolChoice(Strict):
    """Whether and what to call."""

    type: Literal["auto", "any", "tool", "none"]
    name: str = ""
    disable_parallel_tool_use: bool = False


class ThinkingConfig(Strict):
    """Whether to reason."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Annotated[int, msgspec.Meta(ge=1024)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class Format(Strict):
    """The form of the answer."""

    type: Literal["json_schema"]
    schema: Object


class OutputConfig(Strict):
    """The form of the answer, and how hard to try."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: Format | None = None


class Metadata(Strict):
    """Who asks."""

    user_id: str | None = None


class Prompt(Strict, kw_only=True):
    """What both endpoints take: the body of `POST /v1/messages/count_tokens`."""

    model: str
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    system: str | list[Text] = ""
    tools: list[Tool] = []
    tool_choice: ToolChoice | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig = msgspec.field(default_factory=OutputConfig)
    cache_control: CacheControl | None = None
    speed: Literal["fast", "standard"] | None = None
    user_profile_id: str = ""
    workspace_id: str = ""


class Body(Prompt, kw_only=True):
    """The whole request. The last three are taken by `2023-06-01` alone."""

    max_tokens: Annotated[int, msgspec.Meta(ge=1)]
    stream: bool = False
    stop_sequences: list[str] = []
    metadata: Metadata = msgspec.field(default_factory=Metadata)
    service_tier: Literal["auto", "standard_only"] = "auto"
    inference_geo: str | None = None
    container: Loose | str | None = None
    diagnostics: Loose | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0)] | None = None


BODY = msgspec.json.Decoder(Body)
PROMPT = msgspec.json.Decoder(Prompt)
