"""From a call to the payload of a chat completion."""

from __future__ import annotations

import re
from typing import assert_never

from hexgate.adapters.providers.dialects.openai_chat.effort import level
from hexgate.adapters.providers.dialects.openai_chat.messages import Messages
from hexgate.adapters.providers.dialects.openai_chat.models import Rules, Sampling
from hexgate.adapters.providers.dialects.openai_chat.models import rules as family
from hexgate.adapters.providers.dialects.openai_chat.quirks import Quirks
from hexgate.adapters.providers.extras import pass_through
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.schemas import schema_object
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import ChatCall
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.spec import (
    AnyJson,
    Effort,
    PlainText,
    SchemaJson,
    Spec,
    Tool,
    ToolChoice,
    ToolMode,
)

PATH = "/chat/completions"
# What the gateway answers for, or bounds the price by.
OWNED = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "n",
        "best_of",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "max_new_tokens",
        "max_length",
        "n_predict",  # llama.cpp, as the following
        "n_cmpl",
        "num_predict",  # Ollama
        "functions",  # what tools were before, whose calls are not read
        "function_call",
    }
)
# What is paid for beside or instead of the tokens of the model that was asked.
PRICED = frozenset(
    {
        "service_tier",
        "modalities",
        "audio",
        "prediction",
        "tools",
        "web_search_options",
        "search_parameters",  # xAI
        "compound_custom",  # Groq
        "data_sources",  # Azure
        "models",  # OpenRouter, as the following
        "route",
        "plugins",
        "provider",
    }
)
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")


def build(call: ChatCall, provider: str, quirks: Quirks, *, stream: bool) -> WireRequest:
    """The request; raises Unsupported for what can be neither said nor dropped."""
    rules = quirks.rules or family(call.model)
    lacking = Lacking(call)
    spec = call.spec
    messages = Messages(provider, quirks, lacking, developer=rules.developer)
    payload: JsonObject = {
        "model": call.model,
        "messages": messages.all(spec.messages),
        quirks.max_tokens: call.max_output_tokens,
        "stream": stream,
    }
    if stream and quirks.stream_options:
        payload["stream_options"] = {"include_usage": True}
    if effort := level(spec.thinking, rules, lacking):
        payload["reasoning_effort"] = effort
    _params(payload, spec, rules, quirks, lacking, reasons=_reasons(rules, effort))
    if spec.tools:
        _tools(payload, spec, rules, quirks, lacking)
    _output(payload, spec, rules, lacking)
    _end_user(payload, call, quirks, lacking)
    pass_through(payload, call, provider, lacking, owned=OWNED, priced=PRICED)
    return WireRequest(PATH, payload, lacking.settle())


def _reasons(rules: Rules, effort: str) -> bool:
    """Whether the model will reason in a way that rules sampling out."""
    match rules.sampling:
        case Sampling.ALWAYS:
            return False
        case Sampling.UNLESS_REASONING:
            return effort not in ("", Effort.NONE.value)
        case Sampling.WHEN_OFF:
            return effort != Effort.NONE.value
        case Sampling.NEVER:
            return True
        case _:
            assert_never(rules.sampling)


def _params(
    payload: JsonObject,
    spec: Spec,
    rules: Rules,
    quirks: Quirks,
    lacking: Lacking,
    *,
    reasons: bool,
) -> None:
    params = spec.params
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty", "top_logprobs"):
        value: float | None = getattr(params, name)
        if value is None:
            continue
        if reasons:
            lacking.drop(f"spec.params.{name}", f"{name} while it reasons")
        elif name == "top_logprobs":
            payload["logprobs"] = True
            if value:
                payload[name] = value
        else:
            payload[name] = value
    if params.seed is not None:
        payload[quirks.seed] = params.seed
    if params.top_k is not None:
        if quirks.top_k:
            payload["top_k"] = params.top_k
        else:
            lacking.drop("spec.params.top_k", "top_k")
    _stop(payload, params.stop, rules, lacking)


def _stop(payload: JsonObject, stop: tuple[str, ...], rules: Rules, lacking: Lacking) -> None:
    field = "spec.params.stop_sequences"
    if stop and not rules.stops:
        lacking.drop(field, "stop sequences")
    elif stop:
        if len(stop) > rules.stops:
            what = f"more than {rules.stops} stop sequences"
            lacking.lower(field, what, f"the first {rules.stops} are used")
        payload["stop"] = list(stop[: rules.stops])


def _tools(payload: JsonObject, spec: Spec, rules: Rules, quirks: Quirks, lacking: Lacking) -> None:
    choice = spec.tool_choice or ToolChoice()
    offered = spec.tools
    if choice.allowed and not quirks.allowed_tools:
        offered = tuple(tool for tool in offered if tool.name in choice.allowed)
    payload["tools"] = [
        _tool(f"spec.tools[{spec.tools.index(tool)}]", tool, lacking) for tool in offered
    ]
    if spec.tool_choice is not None:
        payload["tool_choice"] = _choice(choice, quirks)
    if choice.parallel is not None:
        if rules.parallel:
            payload["parallel_tool_calls"] = choice.parallel
        else:
            lacking.drop("spec.tool_choice.parallel_calls", "choosing parallel tool calls")


def _tool(path: str, tool: Tool, lacking: Lacking) -> JsonObject:
    function: JsonObject = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.schema_json:
        path = f"{path}.parameters_schema_json"
        function["parameters"] = schema_object(path, tool.schema_json, lacking)
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice, quirks: Quirks) -> Json:
    if choice.name:
        return _named(choice.name)
    if choice.allowed and quirks.allowed_tools and choice.mode is not ToolMode.NONE:
        tools: list[Json] = [_named(name) for name in choice.allowed]
        allowed: JsonObject = {"mode": choice.mode.value, "tools": tools}
        return {"type": "allowed_tools", "allowed_tools": allowed}
    return choice.mode.value


def _named(name: str) -> JsonObject:
    return {"type": "function", "function": {"name": name}}


def _output(payload: JsonObject, spec: Spec, rules: Rules, lacking: Lacking) -> None:
    match spec.output:
        case PlainText():
            return
        case AnyJson():
            payload["response_format"] = {"type": "json_object"}
        case SchemaJson(name, schema, strict):
            if not rules.schemas:
                lacking.refuse("spec.output.json_schema", "answers that conform to a schema")
            shape: JsonObject = {
                "name": _NO_NAME.sub("_", name)[:64] or "answer",  # required, a mere label
                "schema": schema_object("spec.output.json_schema.schema_json", schema, lacking),
            }
            if strict:
                shape["strict"] = True
            payload["response_format"] = {"type": "json_schema", "json_schema": shape}
        case _:
            assert_never(spec.output)


def _end_user(payload: JsonObject, call: ChatCall, quirks: Quirks, lacking: Lacking) -> None:
    user = call.options.end_user_id
    if user and quirks.end_user:
        if len(user) > quirks.end_user_chars:
            what = f"an end user's id of more than {quirks.end_user_chars} characters"
            lacking.drop("options.attribution.end_user_id", what)
        else:
            payload[quirks.end_user] = user
