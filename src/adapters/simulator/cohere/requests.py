"""The bodies of Cohere's endpoints, strictly. Source: the types of the official SDK."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

# What is inside is the caller's own; the decoder cannot follow a recursive type.
Object: TypeAlias = dict[str, Any]
Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Unit = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing may be sent that is not declared."""


class Part(Strict, tag_field="type"):
    """A content part."""


class TextPart(Part, tag="text"):
    """Text."""

    text: str


class ThinkingPart(Part, tag="thinking"):
    """What the model thought."""

    thinking: str


class ImageUrl(Strict):
    """A link or a data URI."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(Part, tag="image_url"):
    """An image."""

    image_url: ImageUrl


class Document(Strict):
    """A document: its text, and whatever else is known of it."""

    data: Object
    id: str | None = None


class DocumentPart(Part, tag="document"):
    """A document that a tool returned."""

    document: Document


class Function(Strict):
    """A call's name and arguments, which are JSON text."""

    name: str
    arguments: str


class ToolCall(Strict):
    """A call of an earlier turn."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    function: Function
    type: Literal["function"] = "function"


class Message(Strict, tag_field="role"):
    """A message."""


class System(Message, tag="system"):
    """What the model is told to be."""

    content: str | list[TextPart]


class User(Message, tag="user"):
    """The user's say."""

    content: str | list[TextPart | ImagePart]


class Assistant(Message, tag="assistant"):
    """The model's earlier say."""

    content: str | list[TextPart | ThinkingPart] | None = None
    tool_plan: str | None = None
    tool_calls: list[ToolCall] | None = None
    citations: list[Object] | None = None


class ToolMessage(Message, tag="tool"):
    """What a tool returned."""

    tool_call_id: str
    content: str | list[TextPart | DocumentPart]


class FunctionSpec(Strict):
    """A function on offer."""

    name: Name
    parameters: Object
    description: str | None = None


class Tool(Strict):
    """A tool on offer."""

    function: FunctionSpec
    type: Literal["function"] = "function"


class Format(Strict, tag_field="type"):
    """The form of the answer."""


class TextFormat(Format, tag="text"):
    """Any text."""


class JsonFormat(Format, tag="json_object"):
    """JSON, by a schema if there is one."""

    json_schema: Object | None = None


class CitationOptions(Strict):
    """How citations are made."""

    mode: Literal["ENABLED", "DISABLED", "FAST", "ACCURATE", "OFF"] | None = None


class Thinking(Strict):
    """Whether to think, and how long."""

    type: Literal["enabled", "disabled"]
    token_budget: Positive | None = None


AnyMessage: TypeAlias = System | User | Assistant | ToolMessage
AnyFormat: TypeAlias = TextFormat | JsonFormat


class Body(Strict):
    """The body of `POST /v2/chat`."""

    model: str
    messages: Annotated[list[AnyMessage], msgspec.Meta(min_length=1)]
    stream: bool = False
    tools: list[Tool] | None = None
    strict_tools: bool | None = None
    tool_choice: Literal["REQUIRED", "NONE"] | None = None
    documents: list[str | Document] | None = None
    citation_options: CitationOptions | None = None
    response_format: AnyFormat = msgspec.field(default_factory=TextFormat)
    safety_mode: Literal["CONTEXTUAL", "STRICT", "OFF"] | None = None
    max_tokens: Positive | None = None
    stop_sequences: Annotated[list[str], msgspec.Meta(max_length=5)] | None = None
    temperature: Unit | None = None
    seed: Annotated[int, msgspec.Meta(ge=0)] | None = None
    frequency_penalty: Unit | None = None
    presence_penalty: Unit | None = None
    k: Annotated[int, msgspec.Meta(ge=0, le=500)] | None = None
    p: Annotated[float, msgspec.Meta(ge=0.01, le=0.99)] | None = None
    logprobs: bool | None = None
    thinking: Thinking | None = None
    priority: Annotated[int, msgspec.Meta(ge=0, le=999)] | None = None


class EmbedInput(Strict):
    """One thing to embed, of texts and images."""

    content: Annotated[list[TextPart | ImagePart], msgspec.Meta(min_length=1)]


class Embed(Strict):
    """The body of `POST /v2/embed`."""

    model: str
    input_type: Literal["search_document", "search_query", "classification", "clustering", "image"]
    texts: Annotated[list[str], msgspec.Meta(max_length=96)] | None = None
    images: Annotated[list[str], msgspec.Meta(max_length=96)] | None = None
    inputs: Annotated[list[EmbedInput], msgspec.Meta(max_length=96)] | None = None
    max_tokens: Positive | None = None
    output_dimension: Annotated[int, msgspec.Meta(ge=1, le=4096)] | None = None
    embedding_types: (
        list[Literal["float", "int8", "uint8", "binary", "ubinary", "base64"]] | None
    ) = None
    truncate: Literal["NONE", "START", "END"] | None = None
    priority: Annotated[int, msgspec.Meta(ge=0, le=999)] | None = None


class Tokenize(Strict):
    """The body of `POST /v1/tokenize`."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=65536)]
    model: str


BODY = msgspec.json.Decoder(Body)
EMBED = msgspec.json.Decoder(Embed)
TOKENIZE = msgspec.json.Decoder(Tokenize)
