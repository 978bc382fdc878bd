"""Is a request well formed? Every fault is named at once, by its path in the request."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from hexgate.domain.attribution import LABEL_KEY
from hexgate.domain.call import Options
from hexgate.domain.chat import (
    Inline,
    Link,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.embed import EmbedInput, EmbedSpec
from hexgate.domain.errors import InvalidRequest, Violation
from hexgate.domain.spec import Params, SchemaJson, Spec, Tool, ToolChoice, ToolMode

MAX_MESSAGES = 10_000
MAX_TOOLS = 512
MAX_STOPS = 16
MAX_LABELS = 32
MAX_NAMES = 64
MAX_ID_CHARS = 256
# One answer holds all vectors, and clients read messages of at most 32 MiB.
MAX_INPUTS = 2_000
MAX_DIMENSIONS = 65_536
MAX_NUMBERS = 8_192_000

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ALLOWED: dict[Role, tuple[type[Part], ...]] = {
    Role.SYSTEM: (Text,),
    Role.USER: (Text, Media),
    Role.ASSISTANT: (Text, Media, ToolCall, Reasoning, Refusal),
    Role.TOOL: (ToolResult,),
}
# The name of each kind in the request's schema.
KIND = {
    Text: "text",
    Media: "media",
    ToolCall: "tool_call",
    ToolResult: "tool_result",
    Reasoning: "reasoning",
    Refusal: "refusal",
}


def validate(spec: Spec | EmbedSpec, options: Options) -> None:
    """Raise InvalidRequest with every violation, or return."""
    of_spec = _embed(spec) if isinstance(spec, EmbedSpec) else _spec(spec)
    violations = (*of_spec, *_options(options))
    if violations:
        raise refused(*violations)


def refused(*violations: Violation) -> InvalidRequest:
    """The error that names them all, the first in its message."""
    first = violations[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    return InvalidRequest(
        f"{first.field}: {first.description}{more}", violations, metadata={"field": first.field}
    )


def _spec(spec: Spec) -> Iterator[Violation]:
    if not spec.model:
        yield Violation("spec.model", "is required: an alias or provider/model", "REQUIRED")
    if not spec.messages:
        yield Violation("spec.messages", "needs at least one message", "REQUIRED")
    if len(spec.messages) > MAX_MESSAGES:
        yield Violation(
            "spec.messages", f"has {len(spec.messages)}, at most {MAX_MESSAGES}", "TOO_MANY"
        )
    called: set[str] = set()
    for index, message in enumerate(spec.messages):
        yield from _message(f"spec.messages[{index}]", message, called)
    yield from _params(spec.params)
    yield from _tools(spec.tools)
    if spec.tool_choice is not None:
        yield from _choice(spec.tool_choice, {tool.name for tool in spec.tools})
    if isinstance(spec.output, SchemaJson):
        path = "spec.output.json_schema.schema_json"
        yield from _schema(path, spec.output.schema_json)
    if spec.thinking is not None and (spec.thinking.budget_tokens or 0) < 0:
        yield _range("spec.reasoning.budget_tokens", spec.thinking.budget_tokens, "0 or more")


def _embed(spec: EmbedSpec) -> Iterator[Violation]:
    if not spec.model:
        yield Violation("model", "is required: an alias or provider/model", "REQUIRED")
    count = len(spec.inputs)
    if not count:
        yield Violation("inputs", "needs at least one input", "REQUIRED")
    if count > MAX_INPUTS:
        yield Violation("inputs", f"has {count}, at most {MAX_INPUTS}", "TOO_MANY")
    for index, parts in enumerate(spec.inputs):
        yield from _input(f"inputs[{index}].parts", parts)
    length = spec.dimensions
    if length is None:
        return
    if not 1 <= length <= MAX_DIMENSIONS:
        yield _range("dimensions", length, f"1 to {MAX_DIMENSIONS}")
    elif length * count > MAX_NUMBERS:
        yield Violation(
            "inputs",
            f"has {count}, at most {MAX_NUMBERS // length} fit one answer with {length} dimensions",
            "TOO_MANY",
        )


def _input(path: str, parts: EmbedInput) -> Iterator[Violation]:
    if not parts:
        yield Violation(path, "needs at least one part", "REQUIRED")
    for index, part in enumerate(parts):
        if part.mark is not None:
            where = f"{path}[{index}].prompt_cache"
            yield Violation(where, "is for completions; leave it unset", "NOT_APPLICABLE")
        if isinstance(part, Media):
            yield from _media(f"{path}[{index}].media", part)
        elif not part.text:
            yield Violation(f"{path}[{index}].text", "is empty", "REQUIRED")


def _message(path: str, message: Message, called: set[str]) -> Iterator[Violation]:
    if len(message.name) > MAX_ID_CHARS:
        yield Violation(f"{path}.name", f"at most {MAX_ID_CHARS} characters", "TOO_LONG")
    if not message.parts:
        yield Violation(f"{path}.parts", "needs at least one part", "REQUIRED")
    for index, part in enumerate(message.parts):
        where = f"{path}.parts[{index}].{KIND[type(part)]}"
        if not isinstance(part, _ALLOWED[message.role]):
            allowed = ", ".join(KIND[kind] for kind in _ALLOWED[message.role])
            yield Violation(
                where, f"not allowed in a {message.role.value} message; allowed: {allowed}", "ROLE"
            )
        match part:
            case Media():
                yield from _media(where, part)
            case ToolCall():
                yield from _call(where, part, called)
            case ToolResult():
                yield from _result(where, part, called)
            case _:
                pass


def _media(path: str, media: Media) -> Iterator[Violation]:
    if isinstance(media.source, Inline):
        if not media.media_type:
            yield Violation(
                f"{path}.media_type", "is required with data, e.g. image/png", "REQUIRED"
            )
        if not media.source.data:
            yield Violation(f"{path}.data", "is empty", "REQUIRED")
    elif isinstance(media.source, Link):
        try:
            url = urlsplit(media.source.url)
        except ValueError:
            url = urlsplit("")
        if url.scheme not in ("http", "https") or not url.netloc:
            yield Violation(f"{path}.url", "must be an http or https URL", "FORMAT")


def _call(path: str, call: ToolCall, called: set[str]) -> Iterator[Violation]:
    if not call.call_id:
        yield Violation(f"{path}.call_id", "is required", "REQUIRED")
    elif call.call_id in called:
        yield Violation(f"{path}.call_id", "was used by an earlier call", "DUPLICATE")
    called.add(call.call_id)
    if not call.name:
        yield Violation(f"{path}.name", "is required", "REQUIRED")


def _result(path: str, result: ToolResult, called: set[str]) -> Iterator[Violation]:
    if result.call_id not in called:
        yield Violation(
            f"{path}.call_id", "does not match any earlier tool call of the conversation", "UNKNOWN"
        )
    for index, part in enumerate(result.parts):
        if isinstance(part, Media):
            yield from _media(f"{path}.parts[{index}].media", part)


def _params(params: Params) -> Iterator[Violation]:
    for name, value, low, high in (
        ("max_output_tokens", params.max_output_tokens, 1, None),
        ("temperature", params.temperature, 0, 2),
        ("top_k", params.top_k, 1, None),
        ("presence_penalty", params.presence_penalty, -2, 2),
        ("frequency_penalty", params.frequency_penalty, -2, 2),
        ("top_logprobs", params.top_logprobs, 0, 20),
    ):
        if value is None:
            continue
        if not math.isfinite(value) or value < low or (high is not None and value > high):
            expected = f"{low} or more" if high is None else f"{low} to {high}"
            yield _range(f"spec.params.{name}", value, expected)
    if params.top_p is not None and not 0 < params.top_p <= 1:
        yield _range("spec.params.top_p", params.top_p, "above 0, at most 1")
    if len(params.stop) > MAX_STOPS:
        found = f"has {len(params.stop)}, at most {MAX_STOPS}"
        yield Violation("spec.params.stop_sequences", found, "TOO_MANY")
    for index, stop in enumerate(params.stop):
        if not stop:
            yield Violation(f"spec.params.stop_sequences[{index}]", "is empty", "REQUIRED")


def _tools(tools: tuple[Tool, ...]) -> Iterator[Violation]:
    if len(tools) > MAX_TOOLS:
        yield Violation("spec.tools", f"has {len(tools)}, at most {MAX_TOOLS}", "TOO_MANY")
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        path = f"spec.tools[{index}]"
        if not _TOOL_NAME.fullmatch(tool.name):
            yield Violation(f"{path}.name", "must be 1-64 characters of A-Z a-z 0-9 _ -", "FORMAT")
        elif tool.name in seen:
            yield Violation(f"{path}.name", "is used twice", "DUPLICATE")
        seen.add(tool.name)
        if tool.schema_json:
            yield from _schema(f"{path}.parameters_schema_json", tool.schema_json)


def _choice(choice: ToolChoice, names: set[str]) -> Iterator[Violation]:
    if choice.name and choice.name not in names:
        yield Violation("spec.tool_choice.tool_name", "is not among spec.tools", "UNKNOWN")
    for index, name in enumerate(choice.allowed):
        if name not in names:
            yield Violation(
                f"spec.tool_choice.allowed_tool_names[{index}]",
                "is not among spec.tools",
                "UNKNOWN",
            )
    if choice.mode is ToolMode.REQUIRED and not names:
        yield Violation("spec.tool_choice.mode", "requires a tool and spec.tools is empty", "TOOLS")


def _schema(path: str, text: str) -> Iterator[Violation]:
    """A JSON Schema is a JSON object; what it says is the provider's business."""
    try:
        schema = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        yield Violation(path, "is nested too deeply", "JSON")
        return
    except ValueError as error:
        at = f"line {error.lineno} column {error.colno}" if isinstance(error, _Bad) else "its text"
        yield Violation(path, f"is not valid JSON at {at}", "JSON")
        return
    if not isinstance(schema, dict):
        yield Violation(path, f"must be a JSON object, found {type(schema).__name__}", "JSON")


_Bad = json.JSONDecodeError


def _no_constant(name: str) -> None:
    """NaN and the infinities are Python's, not JSON's."""
    raise ValueError(name)


def _options(options: Options) -> Iterator[Violation]:
    yield from _attribution(options)
    for field, found, most in (
        ("options.routing.fallback_models", len(options.fallback_models), MAX_NAMES),
        ("options.routing.allowed_providers", len(options.allowed_providers), MAX_NAMES),
        ("options.routing.denied_providers", len(options.denied_providers), MAX_NAMES),
        ("options.routing.preferred_models", len(options.preferred_models), MAX_NAMES),
        ("options.routing.affinity_key", len(options.affinity_key), MAX_ID_CHARS),
        ("options.cache.partition", len(options.cache_partition), MAX_ID_CHARS),
    ):
        if found > most:
            yield Violation(field, f"has {found}, at most {most}", "TOO_MANY")
    if options.max_attempts is not None and not 1 <= options.max_attempts <= 100:
        yield _range("options.routing.max_attempts", options.max_attempts, "1 to 100")
    for name, path in (
        ("max_cost_nanos", "max_cost_nanos"),
        ("max_input_price", "max_input_price_nanos_per_mtok"),
        ("max_output_price", "max_output_price_nanos_per_mtok"),
    ):
        amount: int | None = getattr(options, name)
        if amount is not None and amount < 0:
            yield _range(f"options.spend.{path}", amount, "0 or more")


def _attribution(options: Options) -> Iterator[Violation]:
    for name in ("end_user_id", "agent_id", "session_id"):
        value: str = getattr(options, name)
        if len(value) > MAX_ID_CHARS:
            yield Violation(
                f"options.attribution.{name}", f"at most {MAX_ID_CHARS} characters", "TOO_LONG"
            )
    if len(options.labels) > MAX_LABELS:
        yield Violation("options.attribution.labels", f"at most {MAX_LABELS} pairs", "TOO_MANY")
    for key, value in options.labels.items():
        if not LABEL_KEY.fullmatch(key) or len(value) > MAX_ID_CHARS:
            yield Violation(
                "options.attribution.labels",
                f"a key must match {LABEL_KEY.pattern}, a value have at most {MAX_ID_CHARS}",
                "FORMAT",
            )


def _range(field: str, found: object, expected: str) -> Violation:
    return Violation(field, f"is {found}, expected {expected}", "OUT_OF_RANGE")
