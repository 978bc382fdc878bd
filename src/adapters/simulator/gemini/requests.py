"""The body of generateContent, strictly. Source: the protos of both APIs and the official SDK."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

# What is inside is the caller's own; the decoder cannot follow a recursive type.
Object: TypeAlias = dict[str, Any]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$")]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]

# Below these keys, names are the caller's own and stay as they are.
_FREE = frozenset(
    (
        "args",
        "response",
        "parametersJsonSchema",
        "responseJsonSchema",
        "properties",
        "labels",
        "partMetadata",
    )
)
_SNAKE = re.compile(r"(?<=[a-z0-9])_([a-z])")


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Nothing may be sent that is not declared."""


class Blob(Strict):
    """Bytes, in either alphabet of base64."""

    mime_type: str
    data: str
    display_name: str = ""


class FileData(Strict):
    """Where a file is."""

    file_uri: str
    mime_type: str = ""
    display_name: str = ""


class FunctionCall(Strict):
    """A call of an earlier turn."""

    name: Name
    args: Object = {}
    id: str = ""


class ResponsePart(Strict):
    """Media that a function returned."""

    inline_data: Blob | None = None
    file_data: FileData | None = None


class FunctionResponse(Strict):
    """What a function returned."""

    name: Name
    response: Object
    id: str = ""
    parts: list[ResponsePart] = []
    will_continue: bool = False
    scheduling: str = ""


class Part(Strict):
    """A part: one of the first seven, and what goes with it."""

    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: Object | None = None
    code_execution_result: Object | None = None
    thought: bool = False
    thought_signature: str = ""
    video_metadata: Object | None = None
    media_resolution: Object | None = None
    part_metadata: Object | None = None


class Content(Strict):
    """A turn."""

    parts: list[Part] = []
    role: Literal["user", "model", "function", "system", ""] = ""


class Declaration(Strict):
    """A function on offer: its parameters as JSON schema, or in the API's own words."""

    name: Name
    description: str = ""
    parameters: Object | None = None
    parameters_json_schema: Object | None = None
    response: Object | None = None
    response_json_schema: Object | None = None
    behavior: str = ""


class Tool(Strict):
    """Functions on offer, or one of the vendor's own tools."""

    function_declarations: list[Declaration] = []
    google_search: Object | None = None
    google_search_retrieval: Object | None = None
    google_maps: Object | None = None
    code_execution: Object | None = None
    url_context: Object | None = None
    file_search: Object | None = None
    computer_use: Object | None = None


class CallingConfig(Strict):
    """Whether and what to call."""

    mode: Literal["AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"] = "AUTO"
    allowed_function_names: list[str] = []


class ToolConfig(Strict):
    """How tools are used."""

    function_calling_config: CallingConfig = msgspec.field(default_factory=CallingConfig)
    retrieval_config: Object | None = None


class ThinkingConfig(Strict):
    """Whether to think, and whether to tell."""

    include_thoughts: bool = False
    thinking_budget: Annotated[int, msgspec.Meta(ge=-1)] | None = None
    thinking_level: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"] | None = None


class GenerationConfig(Strict):
    """How to answer."""

    candidate_count: Annotated[int, msgspec.Meta(ge=1, le=8)] | None = None
    stop_sequences: Annotated[list[str], msgspec.Meta(max_length=5)] = []
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    top_k: Annotated[float, msgspec.Meta(ge=1)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=-(1 << 31), lt=1 << 31)] | None = None
    response_mime_type: Literal["text/plain", "application/json", "text/x.enum", ""] = ""
    response_schema: Object | None = None
    response_json_schema: Object | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    response_logprobs: bool = False
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    thinking_config: ThinkingConfig | None = None
    response_modalities: list[Literal["TEXT", "IMAGE", "AUDIO"]] = []
    speech_config: Object | None = None
    image_config: Object | None = None
    media_resolution: str | None = None


class SafetySetting(Strict):
    """What to block."""

    category: str
    threshold: str
    method: str = ""


class Prompt(Strict):
    """What both APIs take."""

    contents: list[Content] = []
    model: str = ""
    system_instruction: Content | None = None
    tools: list[Tool] = []
    tool_config: ToolConfig | None = None
    safety_settings: list[SafetySetting] = []
    generation_config: GenerationConfig = msgspec.field(default_factory=GenerationConfig)
    cached_content: str = ""
    service_tier: str = ""


class Developer(Prompt):
    """The body of the Developer API."""

    store: bool | None = None


class OnVertex(Prompt):
    """The body of Vertex AI."""

    labels: dict[str, str] = {}
    model_armor_config: Object | None = None


class Count(OnVertex):
    """The body of countTokens; the Developer API has all but the contents in a nested one."""

    generate_content_request: Developer | None = None
    instances: list[Object] = []


class Embed(Strict):
    """One content to embed."""

    content: Content
    model: str = ""
    task_type: str = ""
    title: str = ""
    output_dimensionality: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Batch(Strict):
    """The body of batchEmbedContents."""

    requests: Annotated[list[Embed], msgspec.Meta(min_length=1, max_length=100)]


class EmbedConfig(Strict):
    """How Vertex AI embeds a content."""

    task_type: str = ""
    title: str = ""
    output_dimensionality: Annotated[int, msgspec.Meta(ge=1)] | None = None
    auto_truncate: bool = True
    document_ocr: bool = False
    audio_track_extraction: bool = False


class EmbedOnVertex(Strict):
    """The body of Vertex AI's embedContent."""

    content: Content
    embed_content_config: EmbedConfig = msgspec.field(default_factory=EmbedConfig)


class Instance(Strict):
    """A text to embed; the API writes its keys like this."""

    content: str
    task_type: str = ""
    title: str = ""
    mime_type: str = ""


class Parameters(Strict):
    """How predictions are made."""

    auto_truncate: bool = True
    output_dimensionality: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Predict(Strict):
    """The body of predict."""

    instances: Annotated[list[Instance], msgspec.Meta(min_length=1, max_length=250)]
    parameters: Parameters = msgspec.field(default_factory=Parameters)


DEVELOPER = msgspec.json.Decoder(Developer)
ON_VERTEX = msgspec.json.Decoder(OnVertex)
COUNT = msgspec.json.Decoder(Count)
BATCH = msgspec.json.Decoder(Batch)
EMBED = msgspec.json.Decoder(EmbedOnVertex)
PREDICT = msgspec.json.Decoder(Predict)


def cameled(body: bytes) -> bytes:
    """The same JSON with its keys in camel case: the API takes `mime_type` and `mimeType` alike.

    What is no JSON is left as it is.
    """
    if b"_" not in body:
        return body
    try:
        return json.dumps(_cameled(json.loads(body)), ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
    except (ValueError, RecursionError):
        return body


def _cameled(value: object) -> object:
    if isinstance(value, list):
        return [_cameled(item) for item in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, object] = {}
    for name, inner in value.items():
        key = _SNAKE.sub(lambda found: found[1].upper(), name)
        made[key] = inner if key in _FREE else _cameled(inner)
    return made
