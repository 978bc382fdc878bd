"""From an interaction to its line: every text as it may be kept, media by their size and hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import Enum

from hexgate.adapters.observers import line
from hexgate.adapters.observers.redaction import Redaction
from hexgate.domain import chat
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.interaction import Interaction
from hexgate.domain.spec import (
    AnyJson,
    Params,
    PlainText,
    SchemaJson,
    Spec,
    Thinking,
    Tool,
    ToolChoice,
)

# Names and identifiers are no longer, but those that a model makes up might be.
_NAME_CHARS = 256
# Of all texts of a line together, so that no call fills memory and disk: the answer first, then the
# messages from the last one to the first.
RECORD_CHARS = 1_000_000


@dataclass(frozen=True, slots=True)
class Wording:
    """How texts are written: cut to `most` characters each, or, without `contents`, not at all."""

    redaction: Redaction
    contents: bool
    most: int


def transcript(told: Interaction, wording: Wording) -> line.Line:
    """The line of one call."""
    words = _Words(wording)
    answered = line.Answered(
        provider=words.name(told.provider),
        model=words.name(told.model),
        parts=words.parts(told.parts),
        finish=told.finish.value if told.finish else "",
    )
    spec, options, usage, cost = told.spec, told.options, told.usage, told.cost
    return line.Line(
        call_id=told.call_id,
        at=datetime.fromtimestamp(told.started_at, UTC).isoformat(timespec="milliseconds"),
        tenant=told.tenant,
        session_id=words.name(options.session_id),
        agent_id=words.name(options.agent_id),
        end_user_id=words.name(options.end_user_id),
        labels={words.name(key): words.said(text) for key, text in options.labels.items()},
        streamed=told.streamed,
        cached=told.cached,
        asked=words.asked(spec) if isinstance(spec, Spec) else words.embedded(spec),
        answered=answered,
        failure=told.failure,
        duration_ms=round(told.duration_s * 1000, 3),
        input_tokens=None if usage is None else usage.input,
        cached_tokens=None if usage is None else usage.cache_read + usage.audio_cache_read,
        output_tokens=None if usage is None else usage.written,
        estimated=usage is not None and usage.estimated,
        cost_nanos=None if cost is None or cost.unknown else cost.total_nanos,
    )


class _Words:
    """Writes what one call says, within the bound of one line."""

    def __init__(self, wording: Wording) -> None:
        self._how = wording
        self._left = RECORD_CHARS

    def name(self, text: str) -> str:
        """A name or an identifier, which is written in any case."""
        return self._how.redaction.text(text, _NAME_CHARS)

    def said(self, text: str) -> line.Said:
        """A text, or only its size."""
        if not self._how.contents:
            return line.Size(len(text)) if text else ""
        most = min(self._how.most, self._left)
        self._left -= min(most, len(text))
        return self._how.redaction.text(text, most)

    def parts(self, parts: tuple[chat.Part, ...]) -> tuple[line.Part, ...]:
        return tuple(self._part(part) for part in parts)

    def asked(self, spec: Spec) -> line.Asked:
        thinking = spec.thinking
        messages = [self._message(message) for message in reversed(spec.messages)]
        return line.Asked(
            model=self.name(spec.model),
            messages=tuple(reversed(messages)),
            params=_set(replace(spec.params, stop=())),
            stop=tuple(self.said(text) for text in spec.params.stop),
            tools=tuple(self._tool(tool) for tool in spec.tools),
            tool_choice=None if spec.tool_choice is None else self._choice(spec.tool_choice),
            output=self._output(spec.output),
            thinking={} if thinking is None else _set(thinking),
            provider_options={
                self.name(provider): self.said(json.dumps(options, ensure_ascii=False))
                for provider, options in spec.provider_options.items()
            },
        )

    def embedded(self, spec: EmbedSpec) -> line.Asked:
        return line.Asked(
            model=self.name(spec.model),
            inputs=tuple(self.parts(parts) for parts in spec.inputs),
            dimensions=spec.dimensions,
            purpose=spec.purpose.value if spec.purpose else "",
        )

    def _message(self, message: chat.Message) -> line.Message:
        parts = self.parts(message.parts)
        return line.Message(message.role.value, parts, self.name(message.name))

    def _part(self, part: chat.Part) -> line.Part:
        match part:
            case chat.Text():
                return line.Text(self.said(part.text))
            case chat.Media():
                return self._media(part)
            case chat.ToolCall(call_id, name, arguments):
                return line.ToolCall(self.name(call_id), self.name(name), self.said(arguments))
            case chat.ToolResult():
                return self._result(part)
            case chat.Reasoning():
                return line.Reasoning(self.said(part.text))
            case chat.Refusal(text):
                return line.Refusal(self.said(text))

    def _result(self, result: chat.ToolResult) -> line.ToolResult:
        parts = tuple(
            line.Text(self.said(part.text)) if isinstance(part, chat.Text) else self._media(part)
            for part in result.parts
        )
        return line.ToolResult(self.name(result.call_id), parts, result.is_error)

    def _media(self, media: chat.Media) -> line.Media:
        kind, filename = self.name(media.media_type), self.said(media.filename)
        match media.source:
            case chat.Inline(data):
                digest = hashlib.sha256(data).hexdigest()[:16]
                return line.Media(kind, bytes=len(data), sha256=digest, filename=filename)
            case chat.Link(url):
                return line.Media(kind, url=self.said(_unsigned(url)), filename=filename)
            case chat.FileId(_, file_id):
                return line.Media(kind, file_id=self.name(file_id), filename=filename)

    def _tool(self, tool: Tool) -> line.Tool:
        said, schema = self.said(tool.description), self.said(tool.schema_json)
        return line.Tool(self.name(tool.name), said, schema, tool.strict)

    def _choice(self, choice: ToolChoice) -> line.ToolChoice:
        allowed = tuple(self.name(name) for name in choice.allowed)
        return line.ToolChoice(choice.mode.value, self.name(choice.name), allowed, choice.parallel)

    def _output(self, output: PlainText | AnyJson | SchemaJson) -> line.Output | None:
        match output:
            case PlainText():
                return None
            case AnyJson():
                return line.Output("json")
            case SchemaJson(name, schema, strict):
                return line.Output("schema", self.name(name), self.said(schema), strict)


def _set(values: Params | Thinking) -> dict[str, int | float | str]:
    """What is not left at its default."""
    found = ((field.name, getattr(values, field.name), field.default) for field in fields(values))
    return {
        name: value.value if isinstance(value, Enum) else value
        for name, value, default in found
        if value != default
    }


def _unsigned(url: str) -> str:
    """Without its query, which may be a signature that opens what nobody else may see."""
    place, mark, _ = url.partition("?")
    return f"{place}?[query]" if mark else place
