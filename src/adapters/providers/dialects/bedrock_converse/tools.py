"""The tools on offer, and whether the model may, must or must not call them.

The API has no choice `none`. Where the conversation has no calls yet, no tools are offered
instead; where it has, the API wants a tool configuration, so tools stay on offer, with a warning.
"""

from __future__ import annotations

from collections.abc import Iterable

from hexgate.adapters.providers.dialects.bedrock_converse.models import Family
from hexgate.adapters.providers.history import json_object
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.spec import Spec, Tool, ToolChoice, ToolMode

_AT = "spec.tool_choice"


def offer(
    payload: JsonObject,
    native: JsonObject,
    spec: Spec,
    called: Iterable[str],
    family: Family,
    lacking: Lacking,
    *,
    stream: bool,
) -> None:
    """Add `toolConfig`. `called` are the tools that the conversation has calls of; `native` is
    what will be `additionalModelRequestFields`.
    """
    choice = spec.tool_choice or ToolChoice()
    tools = _offered(spec, choice, family, lacking)
    history = [*dict.fromkeys(called)]
    if choice.mode is ToolMode.NONE and not choice.name:
        tools = _kept(tools, history, lacking)
    elif not tools and history:
        tools = _stubs(history)
        said = "the API wants the tools that were called to be on offer; they were added"
        lacking.warn("TOOLS_ADDED", said, "spec.tools")
    if not tools:
        if choice.name or choice.mode is ToolMode.REQUIRED:
            lacking.refuse(_AT, "a required tool call without that tool")
        return
    if not family.tools:
        lacking.refuse("spec.tools", "tools")
    elif stream and not family.stream_tools:
        lacking.refuse("spec.tools", "tools in a streamed answer; ask for a whole one")
    config: JsonObject = {"tools": tools}
    payload["toolConfig"] = config
    if family.tools and choice.mode is not ToolMode.NONE:
        _choose(config, native, choice, family, lacking)


def forced(payload: JsonObject, native: JsonObject) -> bool:
    """Whether the model is made to call a tool."""
    config = payload.get("toolConfig")
    choice = native.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") != "auto":
        return True
    return isinstance(config, dict) and "toolChoice" in config


def _offered(spec: Spec, choice: ToolChoice, family: Family, lacking: Lacking) -> list[Json]:
    return [
        _tool(tool, f"spec.tools[{i}]", family, lacking)
        for i, tool in enumerate(spec.tools)
        if not choice.allowed or tool.name in choice.allowed
    ]


def _kept(tools: list[Json], history: list[str], lacking: Lacking) -> list[Json]:
    """What is on offer although nothing shall be called."""
    if not history:
        return []
    what = "forbidding tool calls where the conversation has some"
    lacking.lower(f"{_AT}.mode", what, "the tools stay on offer")
    return tools or _stubs(history)


def _stubs(names: Iterable[str]) -> list[Json]:
    anything: JsonObject = {"json": {"type": "object"}}
    return [{"toolSpec": {"name": name, "inputSchema": anything}} for name in names]


def _tool(tool: Tool, at: str, family: Family, lacking: Lacking) -> JsonObject:
    schema = json_object(tool.schema_json)
    if schema is None:
        lacking.refuse(
            f"{at}.parameters_schema_json", "tool schemas that are no JSON object; send valid JSON"
        )
        schema = {}
    spec: JsonObject = {"name": tool.name}
    if tool.description:
        spec["description"] = tool.description
    spec["inputSchema"] = {"json": {"type": "object", **schema}}
    if tool.strict and family.schemas:
        spec["strict"] = True
    elif tool.strict:
        lacking.drop(f"{at}.strict", "strict tools")
    return {"toolSpec": spec}


def _choose(
    config: JsonObject, native: JsonObject, choice: ToolChoice, family: Family, lacking: Lacking
) -> None:
    rule: JsonObject = {}
    if choice.name:
        rule = _named(config, choice.name, family, lacking)
    elif choice.mode is ToolMode.REQUIRED and family.any_tool:
        rule = {"any": {}}
    elif choice.mode is ToolMode.REQUIRED:
        lacking.refuse(f"{_AT}.mode", "being made to call a tool")
    if choice.parallel is False and family.parallel:
        # Said in the family's own words, and then all of it: the API takes no choice twice.
        native["tool_choice"] = {**_native(rule), "disable_parallel_tool_use": True}
        return
    if choice.parallel is False:
        lacking.drop(f"{_AT}.parallel_calls", "calling one tool at a time")
    if rule:
        config["toolChoice"] = rule


def _named(config: JsonObject, name: str, family: Family, lacking: Lacking) -> JsonObject:
    if family.one_tool:
        return {"tool": {"name": name}}
    if not family.any_tool:
        lacking.refuse(f"{_AT}.tool_name", "being made to call one tool")
        return {}
    # Some tool must be called, and only this one is there.
    tools = config["tools"]
    assert isinstance(tools, list)
    config["tools"] = [tool for tool in tools if _name(tool) == name]
    return {"any": {}}


def _native(rule: JsonObject) -> JsonObject:
    match rule:
        case {"tool": {"name": name}}:
            return {"type": "tool", "name": name}
        case {"any": _}:
            return {"type": "any"}
        case _:
            return {"type": "auto"}


def _name(tool: Json) -> Json:
    spec = tool.get("toolSpec") if isinstance(tool, dict) else None
    return spec.get("name") if isinstance(spec, dict) else None
