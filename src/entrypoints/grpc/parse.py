"""From protobuf to the domain. What a field cannot mean is refused by its path."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict

from hexgate.domain.chat import (
    CacheMark,
    FileId,
    Inline,
    Link,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.errors import InvalidRequest, Unimplemented, Violation
from hexgate.domain.json import JsonObject
from hexgate.domain.spec import (
    AnyJson,
    Effort,
    OnUnsupported,
    Output,
    Params,
    PlainText,
    SchemaJson,
    Spec,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
)
from hexgate.v1 import content_pb2, generation_pb2

T = TypeVar("T")

_ROLES: Mapping[int, Role] = {
    content_pb2.ROLE_SYSTEM: Role.SYSTEM,
    content_pb2.ROLE_USER: Role.USER,
    content_pb2.ROLE_ASSISTANT: Role.ASSISTANT,
    content_pb2.ROLE_TOOL: Role.TOOL,
}
_ON_UNSUPPORTED: Mapping[int, OnUnsupported] = {
    generation_pb2.UNSUPPORTED_PARAM_POLICY_UNSPECIFIED: OnUnsupported.DROP,
    generation_pb2.UNSUPPORTED_PARAM_POLICY_DROP: OnUnsupported.DROP,
    generation_pb2.UNSUPPORTED_PARAM_POLICY_REJECT: OnUnsupported.REJECT,
}
_TOOL_MODES: Mapping[int, ToolMode] = {
    generation_pb2.TOOL_MODE_UNSPECIFIED: ToolMode.AUTO,
    generation_pb2.TOOL_MODE_AUTO: ToolMode.AUTO,
    generation_pb2.TOOL_MODE_NONE: ToolMode.NONE,
    generation_pb2.TOOL_MODE_REQUIRED: ToolMode.REQUIRED,
}
_EFFORTS: Mapping[int, Effort | None] = {
    generation_pb2.REASONING_EFFORT_UNSPECIFIED: None,
    generation_pb2.REASONING_EFFORT_NONE: Effort.NONE,
    generation_pb2.REASONING_EFFORT_MINIMAL: Effort.MINIMAL,
    generation_pb2.REASONING_EFFORT_LOW: Effort.LOW,
    generation_pb2.REASONING_EFFORT_MEDIUM: Effort.MEDIUM,
    generation_pb2.REASONING_EFFORT_HIGH: Effort.HIGH,
    generation_pb2.REASONING_EFFORT_XHIGH: Effort.XHIGH,
    generation_pb2.REASONING_EFFORT_MAX: Effort.MAX,
}
# Parts of the contract that this server does not honour yet. Ignoring one would be a lie.
_LATER_SPEC: tuple[Literal["prompt", "selection", "context"], ...] = (
    "prompt",
    "selection",
    "context",
)


def spec(proto: generation_pb2.CompletionSpec) -> Spec:
    """Translate what is asked. Raises InvalidRequest and Unimplemented."""
    for name in _LATER_SPEC:
        if proto.HasField(name):
            raise later(f"spec.{name}")
    return Spec(
        model=proto.model,
        messages=tuple(
            _message(f"spec.messages[{i}]", message) for i, message in enumerate(proto.messages)
        ),
        params=_params(proto.params) if proto.HasField("params") else _NO_PARAMS,
        tools=tuple(
            Tool(tool.name, tool.description, tool.parameters_schema_json, tool.strict)
            for tool in proto.tools
        ),
        tool_choice=_choice(proto.tool_choice) if proto.HasField("tool_choice") else None,
        output=_output(proto.output) if proto.HasField("output") else _PLAIN,
        thinking=_thinking(proto.reasoning) if proto.HasField("reasoning") else None,
        provider_options=_provider_options(proto) if proto.provider_options else _NOTHING,
    )


def seconds(field: str, duration: Duration) -> float:
    """A duration in seconds; raises InvalidRequest unless it is 0 or more."""
    value = duration.seconds + duration.nanos / 1e9
    if value < 0:
        raise invalid(field, f"is {value:g} s, expected 0 or more", "OUT_OF_RANGE")
    return value


def invalid(field: str, description: str, reason: str = "INVALID") -> InvalidRequest:
    """An error about one field."""
    violation = Violation(field, description, reason)
    return InvalidRequest(f"{field}: {description}", (violation,), metadata={"field": field})


def _message(path: str, proto: content_pb2.Message) -> Message:
    return Message(
        role=known(f"{path}.role", proto.role, _ROLES),
        parts=tuple(part(f"{path}.parts[{i}]", one) for i, one in enumerate(proto.parts)),
        name=proto.name,
    )


def part(path: str, proto: content_pb2.ContentPart) -> Part:
    """One part of a message or an input. Raises InvalidRequest."""
    mark = _mark(path, proto) if proto.HasField("prompt_cache") else None
    match proto.WhichOneof("kind"):
        case "text":
            return Text(proto.text.text, mark)
        case "media":
            return _media(f"{path}.media", proto.media, mark)
        case "tool_call":
            call = proto.tool_call
            return ToolCall(call.call_id, call.name, call.arguments_json, mark)
        case "tool_result":
            return _result(f"{path}.tool_result", proto.tool_result, mark)
        case "reasoning":
            said = proto.reasoning
            return Reasoning(said.text, said.signature, said.provider, said.redacted)
        case "refusal":
            return Refusal(proto.refusal.text)
        case _:
            raise invalid(path, "has no kind that this server knows", "REQUIRED")


def _result(path: str, proto: content_pb2.ToolResult, mark: CacheMark | None) -> ToolResult:
    parts: list[Text | Media] = []
    for index, inner in enumerate(proto.parts):
        one = part(f"{path}.parts[{index}]", inner)
        if not isinstance(one, Text | Media):
            raise invalid(f"{path}.parts[{index}]", "must be text or media", "ROLE")
        parts.append(one)
    return ToolResult(proto.call_id, tuple(parts), proto.is_error, mark)


def _media(path: str, proto: content_pb2.MediaPart, mark: CacheMark | None) -> Media:
    source: Source
    match proto.WhichOneof("source"):
        case "data":
            source = Inline(proto.data)
        case "url":
            source = Link(proto.url)
        case "file_id":
            provider, colon, handle = proto.file_id.partition(":")
            if not colon or not provider or not handle:
                raise invalid(f"{path}.file_id", "must be provider:handle", "FORMAT")
            source = FileId(provider, handle)
        case _:
            raise invalid(f"{path}.source", "needs data, url or file_id", "REQUIRED")
    return Media(proto.media_type, source, proto.filename, mark)


def _mark(path: str, proto: content_pb2.ContentPart) -> CacheMark:
    if not proto.prompt_cache.HasField("ttl"):
        return CacheMark()
    return CacheMark(seconds(f"{path}.prompt_cache.ttl", proto.prompt_cache.ttl))


def _params(proto: generation_pb2.GenerationParams) -> Params:
    has = proto.HasField
    return Params(
        max_output_tokens=proto.max_output_tokens if has("max_output_tokens") else None,
        temperature=proto.temperature if has("temperature") else None,
        top_p=proto.top_p if has("top_p") else None,
        top_k=proto.top_k if has("top_k") else None,
        presence_penalty=proto.presence_penalty if has("presence_penalty") else None,
        frequency_penalty=proto.frequency_penalty if has("frequency_penalty") else None,
        seed=proto.seed if has("seed") else None,
        stop=tuple(proto.stop_sequences),
        top_logprobs=proto.top_logprobs if has("top_logprobs") else None,
        on_unsupported=known(
            "spec.params.unsupported_params", proto.unsupported_params, _ON_UNSUPPORTED
        ),
    )


def _choice(proto: generation_pb2.ToolChoice) -> ToolChoice:
    named = proto.WhichOneof("choice") == "tool_name"
    return ToolChoice(
        mode=known("spec.tool_choice.mode", proto.mode, _TOOL_MODES),
        name=proto.tool_name if named else "",
        allowed=tuple(proto.allowed_tool_names),
        parallel=proto.parallel_calls if proto.HasField("parallel_calls") else None,
    )


def _output(proto: generation_pb2.OutputFormat) -> Output:
    match proto.WhichOneof("format"):
        case "json_object":
            return AnyJson()
        case "json_schema":
            schema = proto.json_schema
            return SchemaJson(schema.name, schema.schema_json, schema.strict)
        case _:
            return _PLAIN


def _thinking(proto: generation_pb2.ReasoningParams) -> Thinking:
    if proto.WhichOneof("amount") == "budget_tokens":
        return Thinking(budget_tokens=proto.budget_tokens, include=proto.include_reasoning)
    effort = known("spec.reasoning.effort", proto.effort, _EFFORTS)
    return Thinking(effort=effort, include=proto.include_reasoning)


def _provider_options(proto: generation_pb2.CompletionSpec) -> dict[str, JsonObject]:
    return {name: _json(proto, name) for name in sorted(proto.provider_options)}


def _json(proto: generation_pb2.CompletionSpec, name: str) -> JsonObject:
    try:
        value: JsonObject = MessageToDict(proto.provider_options[name])
    except ValueError:
        # NaN and the infinities are no JSON.
        raise invalid(f"spec.provider_options.{name}", "holds a number that is no JSON") from None
    return {key: _whole(inner) for key, inner in value.items()}  # type: ignore[misc]  # keeps Json


def _whole(value: object) -> object:
    """A Struct knows doubles only: what is a whole number was written as one."""
    match value:
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case list():
            return [_whole(item) for item in value]
        case dict():
            return {key: _whole(item) for key, item in value.items()}
        case _:
            return value


def known(field: str, value: int, table: Mapping[int, T]) -> T:
    """What a value of an enumeration stands for; raises InvalidRequest for an unknown one."""
    try:
        return table[value]
    except KeyError:
        found = "is not set" if value == 0 else f"is {value}, which this server does not know"
        raise invalid(field, found, "REQUIRED" if value == 0 else "UNKNOWN") from None


def later(feature: str) -> Unimplemented:
    """What is in the contract and not yet honoured."""
    return Unimplemented(
        f"{feature} is not implemented in this server; leave it unset",
        metadata={"feature": feature},
    )


_NO_PARAMS = Params()
_PLAIN = PlainText()
_NOTHING: Mapping[str, JsonObject] = MappingProxyType({})
