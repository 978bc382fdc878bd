"""From a call to the payload of Ollama's /api/chat."""

from __future__ import annotations

from typing import assert_never

from hexgate.adapters.providers.dialects.ollama_chat.messages import Messages
from hexgate.adapters.providers.extras import merged, pass_through
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.schemas import schema_object
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import ChatCall
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.spec import (
    AnyJson,
    Effort,
    Params,
    PlainText,
    SchemaJson,
    Spec,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
)

PATH = "/api/chat"
# What the gateway answers for, or bounds the price by.
OWNED = frozenset({"model", "messages", "stream", "tools"})
OWNED_OPTIONS = frozenset({"num_predict"})
_THINK: dict[Effort, bool | str] = {
    Effort.NONE: False,
    Effort.MINIMAL: "low",
    Effort.LOW: "low",
    Effort.MEDIUM: "medium",
    Effort.HIGH: "high",
    Effort.XHIGH: "high",
    Effort.MAX: "high",
}


def build(call: ChatCall, provider: str, context_tokens: int, *, stream: bool) -> WireRequest:
    """The request; raises Unsupported for what can be neither said nor dropped."""
    lacking = Lacking(call)
    spec = call.spec
    options: JsonObject = {"num_predict": call.max_output_tokens}
    if context_tokens:
        options["num_ctx"] = context_tokens
    payload: JsonObject = {
        "model": call.model,
        "messages": Messages(provider, lacking).all(spec.messages),
        "stream": stream,
        # The server's default is to cut a long prompt in silence; so it says that it is too long.
        "truncate": False,
        "options": options,
    }
    _params(payload, options, spec.params)
    if spec.tools:
        _tools(payload, spec, lacking)
    _output(payload, spec, lacking)
    if spec.thinking is not None:
        _think(payload, spec.thinking, lacking)
    _extra(payload, options, call, provider, lacking)
    return WireRequest(PATH, payload, lacking.settle())


def _params(payload: JsonObject, options: JsonObject, params: Params) -> None:
    for name in (
        "temperature",
        "top_p",
        "top_k",
        "presence_penalty",
        "frequency_penalty",
        "seed",
    ):
        value: float | None = getattr(params, name)
        if value is not None:
            options[name] = value
    if params.stop:
        options["stop"] = list(params.stop)
    if params.top_logprobs is not None:
        payload["logprobs"] = True
        if params.top_logprobs:
            payload["top_logprobs"] = params.top_logprobs


def _tools(payload: JsonObject, spec: Spec, lacking: Lacking) -> None:
    """The wire has no tool_choice: none and a restriction are said by what is offered."""
    choice = spec.tool_choice or ToolChoice()
    if choice.name:
        lacking.refuse("spec.tool_choice.tool_name", "being made to call one tool")
    elif choice.mode is ToolMode.REQUIRED:
        lacking.refuse("spec.tool_choice.mode", "being made to call a tool")
    if choice.parallel is False:
        lacking.drop("spec.tool_choice.parallel_calls", "calling one tool at a time")
    if choice.mode is ToolMode.NONE:
        return
    tools: list[Json] = []
    for index, tool in enumerate(spec.tools):
        if not choice.allowed or tool.name in choice.allowed:
            tools.append(_tool(f"spec.tools[{index}]", tool, lacking))
    payload["tools"] = tools


def _tool(path: str, tool: Tool, lacking: Lacking) -> JsonObject:
    if tool.strict:
        lacking.drop(f"{path}.strict", "strict tools")
    function: JsonObject = {"name": tool.name, "description": tool.description}
    if tool.schema_json:
        path = f"{path}.parameters_schema_json"
        function["parameters"] = schema_object(path, tool.schema_json, lacking)
    return {"type": "function", "function": function}


def _output(payload: JsonObject, spec: Spec, lacking: Lacking) -> None:
    match spec.output:
        case PlainText():
            return
        case AnyJson():
            payload["format"] = "json"
        case SchemaJson(_, schema):
            # Decoding is always constrained, so `strict` asks for nothing more.
            path = "spec.output.json_schema.schema_json"
            payload["format"] = schema_object(path, schema, lacking)
        case _:
            assert_never(spec.output)


def _think(payload: JsonObject, thinking: Thinking, lacking: Lacking) -> None:
    wanted = thinking.effort
    if wanted is None and thinking.budget_tokens is not None:
        wanted = _level(thinking.budget_tokens)
    if wanted is None:
        return  # the model's default; what it thinks is in the answer either way
    payload["think"] = _THINK[wanted]
    if thinking.effort is Effort.XHIGH:
        said = "the model has no reasoning level xhigh; high is used"
        lacking.warn("PARAM_CLAMPED", said, "spec.reasoning.effort")


def _level(budget_tokens: int) -> Effort:
    if budget_tokens <= 0:
        return Effort.NONE
    if budget_tokens <= 4_096:
        return Effort.LOW
    return Effort.MEDIUM if budget_tokens <= 16_384 else Effort.HIGH


def _extra(
    payload: JsonObject, options: JsonObject, call: ChatCall, provider: str, lacking: Lacking
) -> None:
    """Merge the caller's own settings, `options` key by key."""
    del payload["options"]
    pass_through(payload, call, provider, lacking, owned=OWNED)
    theirs = payload.pop("options", {})
    path = f"spec.provider_options.{provider}"
    for key in payload:  # the server does not tell capitals from small letters
        if key.casefold() == "options":
            lacking.refuse(f"{path}.{key}", "options in other letters; write options")
    if not isinstance(theirs, dict):
        lacking.refuse(f"{path}.options", "options that are not an object")
        return
    for key in theirs:
        if key.casefold() in OWNED_OPTIONS:
            said = f"setting {key} here: the gateway sets it from the request"
            lacking.refuse(f"{path}.options.{key}", said)
    payload["options"] = merged(options, theirs, f"{path}.options", lacking)
