"""The body of `POST /v1/chat/completions`, strictly. Source: the types of the official SDK."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

Loose: TypeAlias = dict[str, object]
# What is inside is the caller's own; the decoder cannot follow a recursive type.
Object: TypeAlias = dict[str, Any]
Name = Annotated[str, msgspec.Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing may be sent that is not declared."""


class Part(Strict, tag_field="type"):
    """A content part."""


class TextPart(Part, tag="text"):
    """Text."""

    text: str
    prompt_cache_breakpoint: Loose | None = None


class ImageUrl(Strict):
    """A link or a data URI."""

    url: str
    detail: Literal["auto", "low", "high", "original"] = "auto"


class ImagePart(Part, tag="image_url"):
    """An image."""

    image_url: ImageUrl
    prompt_cache_breakpoint: Loose | None = None


class File(Strict):
    """A document, inline or by reference."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(Part, tag="file"):
    """A document."""

    file: File
    prompt_cache_breakpoint: Loose | None = None


class Audio(Strict):
    """Sound, base64."""

    data: str
    format: Literal["wav", "mp3"]


class AudioPart(Part, tag="input_audio"):
    """Sound."""

    input_audio: Audio
    prompt_cache_breakpoint: Loose | None = None


class RefusalPart(Part, tag="refusal"):
    """A refusal that the assistant once gave."""

    refusal: str


class Function(Strict):
    """A call of an earlier turn."""

    name: str
    arguments: str


class ToolCall(Strict):
    """A call of an earlier turn."""

    id: str
    function: Function
    type: Literal["function"]


class Message(Strict, tag_field="role"):
    """A message."""


class System(Message, tag="system"):
    """Instructions."""

    content: str | list[TextPart]
    name: str = ""


class Developer(Message, tag="developer"):
    """Instructions, by their newer name."""

    content: str | list[TextPart]
    name: str = ""


class User(Message, tag="user"):
    """The user's say."""

    content: str | list[TextPart | ImagePart | FilePart | AudioPart]
    name: str = ""


class Assistant(Message, tag="assistant"):
    """The model's earlier say."""

    content: str | list[TextPart | RefusalPart] | None = None
    refusal: str | None = None
    name: str = ""
    tool_calls: Annotated[list[ToolCall], msgspec.Meta(min_length=1)] | None = None
    audio: Loose | None = None
    function_call: Loose | None = None


class ToolMessage(Message, tag="tool"):
    """What a tool returned."""

    content: str | list[TextPart]
    tool_call_id: str


class FunctionSpec(Strict):
    """A function on offer."""

    name: Name
    description: str = ""
    parameters: Object = {}
    strict: bool | None = None


class Tool(Strict):
    """A tool on offer."""

    function: FunctionSpec
    type: Literal["function"]


class Choice(Strict, tag_field="type"):
    """A tool choice that is more than a word."""


class Named(Strict):
    """Names a function."""

    name: str


class NamedChoice(Choice, tag="function"):
    """That one."""

    function: Named


class Allowed(Strict):
    """One of these."""

    mode: Literal["auto", "required"]
    tools: list[Object]


class AllowedChoice(Choice, tag="allowed_tools"):
    """One of these."""

    allowed_tools: Allowed


class Format(Strict, tag_field="type"):
    """The form of the answer."""


class TextFormat(Format, tag="text"):
    """Any text."""


class ObjectFormat(Format, tag="json_object"):
    """Any JSON object."""


class Schema(Strict):
    """A named JSON schema."""

    name: Name
    schema: Object = {}
    description: str = ""
    strict: bool | None = None


class SchemaFormat(Format, tag="json_schema"):
    """JSON that fits a schema."""

    json_schema: Schema


class StreamOptions(Strict):
    """What a stream shall carry."""

    include_usage: bool = False
    include_obfuscation: bool = True


AnyMessage: TypeAlias = System | Developer | User | Assistant | ToolMessage
AnyFormat: TypeAlias = TextFormat | ObjectFormat | SchemaFormat
Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Body(Strict):
    """The whole request."""

    model: str
    messages: Annotated[list[AnyMessage], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    stop: str | Annotated[list[str], msgspec.Meta(max_length=4)] | None = None
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    logit_bias: dict[str, int] | None = None
    response_format: AnyFormat = msgspec.field(default_factory=TextFormat)
    tools: list[Tool] = []
    tool_choice: Literal["none", "auto", "required"] | NamedChoice | AllowedChoice | None = None
    parallel_tool_calls: bool = True
    reasoning_effort: Effort | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    user: str = ""
    safety_identifier: str | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Loose = {}
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    audio: Loose | None = None
    function_call: str | Loose = ""
    functions: list[Loose] = []
    moderation: Loose | None = None
    prediction: Loose | None = None
    web_search_options: Loose = {}


DECODER = msgspec.json.Decoder(Body)
