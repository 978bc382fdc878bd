"""From a call to the payload of /v2/chat."""

from __future__ import annotations

import re
from typing import assert_never

from hexgate.adapters.providers.dialects.cohere_chat.messages import Messages
from hexgate.adapters.providers.dialects.cohere_chat.models import Rules
from hexgate.adapters.providers.dialects.cohere_chat.models import rules as family
from hexgate.adapters.providers.dialects.cohere_chat.params import sample
from hexgate.adapters.providers.dialects.cohere_chat.thinking import think
from hexgate.adapters.providers.extras import pass_through
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.schemas import schema_object
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import ChatCall
from hexgate.domain.json import JsonObject
from hexgate.domain.spec import AnyJson, PlainText, SchemaJson, Spec, Tool, ToolChoice, ToolMode

PATH = "/v2/chat"
# What the gateway answers for, or bounds the price by. Nothing else changes the price: `priority`
# is a place in the queue.
OWNED = frozenset({"model", "messages", "stream", "max_tokens"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def build(call: ChatCall, provider: str, *, stream: bool) -> WireRequest:
    """The request; raises Unsupported for what can be neither said nor dropped."""
    rules = family(call.model)
    lacking = Lacking(call)
    spec = call.spec
    messages = Messages(provider, rules, lacking)
    payload: JsonObject = {
        "model": call.model,
        "messages": messages.all(spec.messages),
        "max_tokens": call.max_output_tokens,
        "stream": stream,
    }
    if messages.documents:
        payload["documents"] = messages.documents
    sample(payload, spec.params, lacking)
    if spec.tools:
        _tools(payload, spec, rules, lacking)
    _output(payload, spec, rules, lacking)
    think(payload, call, rules, lacking)
    pass_through(payload, call, provider, lacking, owned=OWNED)
    return WireRequest(PATH, payload, lacking.settle())


def _tools(payload: JsonObject, spec: Spec, rules: Rules, lacking: Lacking) -> None:
    """The wire forces a tool, but not a certain one: that is said by what is offered."""
    choice = spec.tool_choice or ToolChoice()
    if choice.mode is ToolMode.NONE and not choice.name and not rules.tool_choice:
        return  # what is not offered is not called
    if not rules.tools:
        lacking.refuse("spec.tools", "tools")
    if choice.parallel is False:
        lacking.drop("spec.tool_choice.parallel_calls", "calling one tool at a time")
    if choice.name or choice.mode is ToolMode.REQUIRED:
        if not rules.tool_choice:
            field = "tool_name" if choice.name else "mode"
            lacking.refuse(f"spec.tool_choice.{field}", "being made to call a tool")
        payload["tool_choice"] = "REQUIRED"
    elif choice.mode is ToolMode.NONE:
        payload["tool_choice"] = "NONE"
    allowed = (choice.name,) if choice.name else choice.allowed
    offered = [
        (i, each) for i, each in enumerate(spec.tools) if not allowed or each.name in allowed
    ]
    payload["tools"] = [_tool(f"spec.tools[{index}]", tool, lacking) for index, tool in offered]
    _strict(payload, offered, lacking)


def _tool(path: str, tool: Tool, lacking: Lacking) -> JsonObject:
    if not _NAME.fullmatch(tool.name):
        what = f"the tool name {tool.name!r}; use letters, digits and _, a digit not first"
        lacking.refuse(f"{path}.name", what)
    function: JsonObject = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    parameters: JsonObject = {"type": "object", "properties": {}}  # a tool must have some
    if tool.schema_json:
        path = f"{path}.parameters_schema_json"
        parameters = schema_object(path, tool.schema_json, lacking)
    function["parameters"] = parameters
    return {"type": "function", "function": function}


def _strict(payload: JsonObject, offered: list[tuple[int, Tool]], lacking: Lacking) -> None:
    """All tools are strict, or none is."""
    strict = [index for index, tool in offered if tool.strict]
    if strict and len(strict) == len(offered):
        payload["strict_tools"] = True
    elif strict:
        lacking.drop(f"spec.tools[{strict[0]}].strict", "strict tools beside others")


def _output(payload: JsonObject, spec: Spec, rules: Rules, lacking: Lacking) -> None:
    match spec.output:
        case PlainText():
            return
        case AnyJson():
            field, shape = "spec.output.json", None
        case SchemaJson(_, schema):
            # Decoding is always constrained, so `strict` asks for nothing more.
            field = "spec.output.json_schema"
            shape = schema_object(f"{field}.schema_json", schema, lacking)
        case _:
            assert_never(spec.output)
    if not rules.json:
        lacking.refuse(field, "answers that are JSON")
    for beside in ("tools", "documents"):
        if beside in payload:
            lacking.refuse(field, f"answers that are JSON when there are {beside}")
    form: JsonObject = {"type": "json_object"}
    if shape is not None:
        form["json_schema"] = shape
    payload["response_format"] = form
