"""The bodies of the Converse API, strictly. Source: botocore's service model of bedrock-runtime."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

# What is inside is the caller's own; the decoder cannot follow a recursive type.
Object: TypeAlias = dict[str, Any]
Name = Annotated[str, msgspec.Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
Id = Annotated[str, msgspec.Meta(pattern="^[a-zA-Z0-9_.:-]{1,64}$")]
NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
MetadataKey = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9\s:_@$#=/+,-.]{1,256}$")]
MetadataValue = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9\s:_@$#=/+,-.]{0,256}$")]


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Nothing may be sent that is not declared."""


class S3(Strict):
    """An object in S3."""

    uri: str
    bucket_owner: str = ""


class Source(Strict):
    """A union: bytes as base64, or where they are."""

    bytes: NonEmpty | None = None
    s3_location: S3 | None = None


class Image(Strict):
    """An image."""

    format: Literal["png", "jpeg", "gif", "webp"]
    source: Source


class Video(Strict):
    """A video."""

    format: Literal["mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"]
    source: Source


class Audio(Strict):
    """Sound."""

    format: str
    source: Source


class Document(Strict):
    """A document."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9\s()\[\]-]{1,200}$")]
    source: Source
    format: Literal["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"] = "txt"
    context: str = ""
    citations: Object | None = None


class CachePoint(Strict):
    """The prompt up to here shall be cached."""

    type: Literal["default"]
    ttl: Literal["5m", "1h"] = "5m"


class ToolUse(Strict):
    """A call of an earlier turn."""

    tool_use_id: Id
    name: Name
    input: Object


class Told(Strict):
    """A union: a piece of what a tool returned."""

    text: str | None = None
    json: Object | None = None
    image: Image | None = None
    document: Document | None = None
    video: Video | None = None


class ToolResult(Strict):
    """What a tool returned."""

    tool_use_id: Id
    content: list[Told]
    status: Literal["success", "error"] = "success"


class ReasoningText(Strict):
    """Reasoning of an earlier turn, exactly as it was received."""

    text: str
    signature: str = ""


class Reasoning(Strict):
    """A union: words, or bytes (base64) that nobody may read."""

    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class Block(Strict):
    """A union: a content block."""

    text: str | None = None
    image: Image | None = None
    document: Document | None = None
    video: Video | None = None
    audio: Audio | None = None
    tool_use: ToolUse | None = None
    tool_result: ToolResult | None = None
    cache_point: CachePoint | None = None
    reasoning_content: Reasoning | None = None
    guard_content: Object | None = None


class Message(Strict):
    """A message."""

    role: Literal["user", "assistant"]
    content: Annotated[list[Block], msgspec.Meta(min_length=1)]


class SystemBlock(Strict):
    """A union: a piece of the system prompt."""

    text: NonEmpty | None = None
    cache_point: CachePoint | None = None
    guard_content: Object | None = None


class InferenceConfig(Strict):
    """How to generate."""

    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    stop_sequences: Annotated[list[NonEmpty], msgspec.Meta(max_length=2500)] = []


class InputSchema(Strict):
    """A union of one: the schema of a tool's arguments."""

    json: Object


class ToolSpec(Strict):
    """A tool on offer."""

    name: Name
    input_schema: InputSchema
    description: NonEmpty | None = None
    strict: bool = False


class Tool(Strict):
    """A union: a tool, or a cache point."""

    tool_spec: ToolSpec | None = None
    cache_point: CachePoint | None = None


class Named(Strict):
    """The tool that must be called."""

    name: Name


class ToolChoice(Strict):
    """A union: whether and what to call."""

    auto: dict[str, str] | None = None
    any: dict[str, str] | None = None
    tool: Named | None = None


class ToolConfig(Strict):
    """The tools, and whether to call them."""

    tools: Annotated[list[Tool], msgspec.Meta(min_length=1)]
    tool_choice: ToolChoice | None = None


class Thinking(msgspec.Struct, forbid_unknown_fields=True):
    """Whether to reason, in the words of one family."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Annotated[int, msgspec.Meta(ge=1024)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class NativeChoice(msgspec.Struct, forbid_unknown_fields=True):
    """Whether and what to call, in the words of one family."""

    type: Literal["auto", "any", "tool"]
    name: str = ""
    disable_parallel_tool_use: bool = False


class TopK(Strict):
    """Sampling, in the words of another family."""

    top_k: Annotated[int, msgspec.Meta(ge=0)]


class ReasoningConfig(Strict):
    """Whether to reason, in the words of another family."""

    type: Literal["enabled", "disabled"]
    max_reasoning_effort: Literal["low", "medium", "high"] | None = None


class Native(msgspec.Struct, forbid_unknown_fields=True):
    """`additionalModelRequestFields`: what families call their own settings."""

    top_k: Annotated[int, msgspec.Meta(ge=0)] | None = None
    k: Annotated[int, msgspec.Meta(ge=0)] | None = None
    inference_config: TopK | None = msgspec.field(default=None, name="inferenceConfig")
    thinking: Thinking | None = None
    tool_choice: NativeChoice | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    reasoning_config: ReasoningConfig | None = msgspec.field(default=None, name="reasoningConfig")


class JsonSchema(Strict):
    """A schema, as text."""

    schema: str
    name: str = ""
    description: str = ""


class Structure(Strict):
    """A union of one."""

    json_schema: JsonSchema


class TextFormat(Strict):
    """The form of the answer."""

    type: Literal["json_schema"]
    structure: Structure


class OutputConfig(Strict):
    """The form of the answer, and how hard to try."""

    text_format: TextFormat | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


class Guardrail(Strict):
    """The guardrail to apply."""

    guardrail_identifier: str = ""
    guardrail_version: str = ""
    trace: Literal["enabled", "disabled", "enabled_full"] = "disabled"
    stream_processing_mode: Literal["sync", "async"] = "sync"


class Latency(Strict):
    """How fast to be."""

    latency: Literal["standard", "optimized"] = "standard"


class Tier(Strict):
    """How urgent it is."""

    type: Literal["priority", "default", "flex", "reserved"]


class Prompt(Strict):
    """What is counted."""

    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    system: list[SystemBlock] = []
    tool_config: ToolConfig | None = None
    additional_model_request_fields: Native = msgspec.field(default_factory=Native)


class Body(Prompt):
    """The whole request."""

    inference_config: InferenceConfig = msgspec.field(default_factory=InferenceConfig)
    guardrail_config: Guardrail | None = None
    prompt_variables: Object | None = None
    additional_model_response_field_paths: Annotated[list[str], msgspec.Meta(max_length=10)] = []
    request_metadata: Annotated[dict[MetadataKey, MetadataValue], msgspec.Meta(max_length=16)] = {}
    performance_config: Latency | None = None
    service_tier: Tier | None = None
    output_config: OutputConfig = msgspec.field(default_factory=OutputConfig)


class Invoked(Strict):
    """The body of another endpoint, as base64."""

    body: str


class Counted(Strict):
    """A union: what is counted."""

    converse: Prompt | None = None
    invoke_model: Invoked | None = None


class Count(Strict):
    """The body of `count-tokens`."""

    input: Counted


BODY = msgspec.json.Decoder(Body)
COUNT = msgspec.json.Decoder(Count)
