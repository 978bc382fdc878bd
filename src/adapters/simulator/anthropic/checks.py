"""The checks of a request that a type cannot express, each worded as the API words it."""

from __future__ import annotations

from collections.abc import Sequence

from hexgate.adapters.simulator.anthropic import requests as wire
from hexgate.adapters.simulator.anthropic.signature import is_own
from hexgate.adapters.simulator.problem import Found
from hexgate.adapters.simulator.wire import Refused, Wrong

OLD_VERSION, NEW_VERSION = "2023-06-01", "2026-10-21"
_MAX_MARKS = 4


def invalid(message: str) -> Refused:
    """A 400 of this API."""
    return Refused(Wrong.INVALID, message)


def refused(found: Found) -> Refused:
    """A body that has not the right form."""
    match found.kind:
        case "json":
            return Refused(Wrong.NOT_JSON)
        case "unknown":
            return invalid(f"{found.dots}: Extra inputs are not permitted")
        case "missing":
            return invalid(f"{found.dots}: Field required")
        case "type":
            wanted = _NAMES.get(found.expected, found.expected)
            return invalid(f"{found.dots}: Input should be a valid {wanted}")
        case _:
            return invalid(f"{found.dots}: {found.text}")


_NAMES = {"str": "string", "int": "integer", "array": "list", "object": "dictionary"}


def check(request: wire.Prompt, version: str) -> None:
    """All checks; raises Refused."""
    _check_tools(request)
    _check_thinking(request)
    for i, message in enumerate(request.messages):
        _check_message(message, i, version)
    _check_pairs(request.messages)
    marks = _marks(request)
    if marks > _MAX_MARKS:
        text = (
            f"A maximum of {_MAX_MARKS} blocks with cache_control may be provided. Found {marks}."
        )
        raise invalid(text)
    if isinstance(request, wire.Body):
        _check_settings(request, version)


def _check_settings(request: wire.Body, version: str) -> None:
    sampling = [
        name for name in ("temperature", "top_p", "top_k") if getattr(request, name) is not None
    ]
    if sampling and version == NEW_VERSION:
        raise invalid(f"{sampling[0]}: Extra inputs are not permitted")
    thinking = request.thinking
    on = thinking is not None and thinking.type not in ("disabled", "between_tools")
    if on and request.temperature not in (None, 1):
        raise invalid("`temperature` may only be set to 1 when thinking is enabled.")
    budget = thinking.budget_tokens if thinking else None
    if budget is not None and budget >= request.max_tokens:
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
    for name in ("container", "diagnostics"):
        if getattr(request, name) is not None:
            raise invalid(f"{name}: not simulated")
    if any(not stop.strip() for stop in request.stop_sequences):
        raise invalid("stop_sequences: each stop sequence must contain non-whitespace")


def _check_thinking(request: wire.Prompt) -> None:
    thinking, choice = request.thinking, request.tool_choice
    if thinking is None:
        return
    if (thinking.type == "enabled") != (thinking.budget_tokens is not None):
        word = "Field required" if thinking.type == "enabled" else "Extra inputs are not permitted"
        raise invalid(f"thinking.{thinking.type}.budget_tokens: {word}")
    if thinking.type != "disabled" and choice is not None and choice.type in ("any", "tool"):
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
    if thinking.type == "enabled":
        _check_opening(request.messages)


def _check_opening(messages: Sequence[wire.Message]) -> None:
    """What the model was about when it was interrupted began with its own reasoning."""
    first: wire.AnyBlock | None = None
    for message in reversed(messages):
        blocks = message.content if isinstance(message.content, list) else []
        if message.role == "assistant":
            first = blocks[0] if blocks else None
        elif not any(isinstance(block, wire.ToolResult) for block in blocks):
            break
    if first is not None and not isinstance(first, wire.Thinking | wire.Redacted):
        raise invalid(
            "Expected `thinking` or `redacted_thinking`. When `thinking` is enabled, a final "
            "`assistant` message must start with a thinking block."
        )


def _check_tools(request: wire.Prompt) -> None:
    names = [tool.name for tool in request.tools]
    if len(set(names)) < len(names):
        raise invalid("tools: Tool names must be unique.")
    for i, tool in enumerate(request.tools):
        if tool.input_schema.get("type") != "object":
            raise invalid(f"tools.{i}.custom.input_schema.type: Input should be 'object'")
    choice = request.tool_choice
    if choice is None:
        return
    if choice.type != "none" and not names:
        raise invalid("tool_choice may only be specified while providing tools.")
    if (choice.type == "tool") != bool(choice.name):
        word = "Field required" if choice.type == "tool" else "Extra inputs are not permitted"
        raise invalid(f"tool_choice.{choice.type}.name: {word}")
    if choice.type == "none" and choice.disable_parallel_tool_use:
        raise invalid("tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted")
    if choice.name and choice.name not in names:
        raise invalid(f"Tool '{choice.name}' not found in provided tools")


def _check_message(message: wire.Message, i: int, version: str) -> None:
    if message.role == "system" and version == OLD_VERSION:
        raise invalid(
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
            'parameter, not "system" as an input message role.'
        )
    if not message.content:
        raise invalid(f"messages.{i}: all messages must have non-empty content")
    for j, block in enumerate(message.content if isinstance(message.content, list) else ()):
        _check_block(message.role, block, f"messages.{i}.content.{j}", version)


def _check_block(role: str, block: wire.AnyBlock, at: str, version: str) -> None:
    allowed = _BLOCKS[role]
    new = version == NEW_VERSION
    if not isinstance(block, allowed) or (
        new and role == "assistant" and isinstance(block, wire.Document)
    ):
        kind = type(block).__struct_config__.tag
        raise invalid(f"{at}: `{kind}` blocks are not allowed in {role} messages")
    match block:
        case wire.Text(text=""):
            raise invalid("messages: text content blocks must be non-empty")
        case wire.Text() if not block.text.strip():
            raise invalid("messages: text content blocks must contain non-whitespace text")
        case wire.Text(citations=[_, *_]) if new and role == "user":
            raise invalid(f"{at}.citations: citations are not allowed in user messages")
        case wire.Thinking() if not is_own(block.thinking, block.signature):
            raise invalid(f"{at}: Invalid `signature` in `thinking` block")


_BLOCKS: dict[str, tuple[type[wire.Block], ...]] = {
    "system": (wire.Text,),
    "user": (wire.Text, wire.Image, wire.Document, wire.ToolResult),
    "assistant": (wire.Text, wire.Image, wire.Document, wire.Thinking, wire.Redacted, wire.ToolUse),
}


def _check_pairs(messages: Sequence[wire.Message]) -> None:
    waiting: list[str] = []
    for i, message in enumerate(messages):
        blocks = message.content if isinstance(message.content, list) else []
        answered = [block.tool_use_id for block in blocks if isinstance(block, wire.ToolResult)]
        for each in answered:
            if each not in waiting:
                raise invalid(
                    f"messages.{i}.content.0: unexpected `tool_use_id` found in `tool_result` "
                    f"blocks: {each}. Each `tool_result` block must have a corresponding "
                    "`tool_use` block in the previous message."
                )
        _check_answered([each for each in waiting if each not in answered], i)
        kinds = [isinstance(block, wire.ToolResult) for block in blocks]
        if kinds != sorted(kinds, reverse=True):
            raise invalid(f"messages.{i}: `tool_result` blocks must come first in their message")
        waiting = [block.id for block in blocks if isinstance(block, wire.ToolUse)]
        if len(set(waiting)) < len(waiting):
            raise invalid(f"messages.{i}: `tool_use` ids must be unique")
    _check_answered(waiting, len(messages))


def _check_answered(missing: list[str], i: int) -> None:
    if missing:
        raise invalid(
            f"messages.{i - 1}: `tool_use` ids were found without `tool_result` blocks immediately "
            f"after: {', '.join(missing)}. Each `tool_use` block must have a corresponding "
            "`tool_result` block in the next message."
        )


def _marks(request: wire.Prompt) -> int:
    system = request.system if isinstance(request.system, list) else []
    marked = [block.cache_control for block in system]
    marked += [tool.cache_control for tool in request.tools]
    for message in request.messages:
        for block in message.content if isinstance(message.content, list) else ():
            if not isinstance(block, wire.Thinking | wire.Redacted):
                marked.append(block.cache_control)
    marked.append(request.cache_control)
    return sum(mark is not None for mark in marked)
