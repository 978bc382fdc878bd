"""A call as the body of `POST /v1/messages`."""

from __future__ import annotations

from typing import assert_never

from hexgate.adapters.providers.claude.rules import Rules, beside_reasoning, rules
from hexgate.adapters.providers.claude.thinking import amid_calls, think
from hexgate.adapters.providers.dialects.anthropic_messages.content import Translator
from hexgate.adapters.providers.dialects.anthropic_messages.hosts import Host
from hexgate.adapters.providers.extras import merged, pass_through
from hexgate.adapters.providers.history import json_object
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Role
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.spec import (
    AnyJson,
    Params,
    PlainText,
    SchemaJson,
    Spec,
    Tool,
    ToolChoice,
    ToolMode,
)

_SAMPLING = ("temperature", "top_p", "top_k")
# Server tools would come as `tools`: their blocks have no place in the contract.
_OWNED = frozenset(
    (
        "model",
        "messages",
        "system",
        "max_tokens",
        "stream",
        "tools",
        "tool_choice",
        "anthropic_version",
    )
)
# Source: https://platform.claude.com/docs/en/about-claude/pricing.
_PRICED = frozenset(
    (
        "service_tier",
        "speed",
        "inference_geo",
        "mcp_servers",
        "container",
        "fallbacks",
        "billing_policy",
        "compaction",
        "context_management",
    )
)


def build(call: ChatCall, provider: str, host: Host, *, stream: bool) -> WireRequest:
    """Translate; raises Unsupported with every field that can be neither said nor dropped."""
    spec, lacking, known = call.spec, Lacking(call), rules(call.model)
    translator = Translator(provider, lacking, references=host.references)
    payload: JsonObject = {"max_tokens": call.max_output_tokens}
    if system := translator.system(spec.messages):
        payload["system"] = system
    turns = translator.turns(spec.messages)
    payload["messages"] = [*turns]
    if not turns and not lacking.refused:
        lacking.refuse("spec.messages", "conversations without a turn of the user")
    elif turns and not known.prefill and turns[-1]["role"] == "assistant":
        _going_on(spec, lacking)
    if call.options.end_user_id:
        payload["metadata"] = {"user_id": call.options.end_user_id}
    _offer(payload, spec, known, lacking)
    reasons = _reason(payload, turns, call, known, lacking)
    _sample(payload, spec.params, known, lacking, reasons=reasons)
    _shape(payload, spec, known, lacking)
    _extend(payload, call, provider, lacking)
    old = known.old_version or any(name in payload for name in _SAMPLING)
    return host.address(payload, call.model, lacking.settle(), old=old, stream=stream)


def _going_on(spec: Spec, lacking: Lacking) -> None:
    """Newer models do not go on with what they are told to have said."""
    last = max(i for i, message in enumerate(spec.messages) if message.role is Role.ASSISTANT)
    what = "going on with an answer; end the conversation with a message of the user"
    lacking.refuse(f"spec.messages[{last}]", what)


def _reason(
    payload: JsonObject, turns: list[JsonObject], call: ChatCall, known: Rules, lacking: Lacking
) -> bool:
    """Add `thinking` and `output_config.effort` to a payload that has its tool choice."""
    choice = payload.get("tool_choice")
    said = think(
        call.spec.thinking,
        call.max_output_tokens,
        known,
        lacking,
        forced=isinstance(choice, dict) and choice["type"] in ("any", "tool"),
        amid_calls=amid_calls(turns, lambda block: block["type"]),
    )
    if said.thinking:
        payload["thinking"] = said.thinking
    if said.effort:
        payload["output_config"] = {"effort": said.effort}
    return said.reasons


def _sample(
    payload: JsonObject, params: Params, known: Rules, lacking: Lacking, *, reasons: bool
) -> None:
    for name, value, what in (
        ("seed", params.seed, "a seed"),
        ("presence_penalty", params.presence_penalty, "a presence penalty"),
        ("frequency_penalty", params.frequency_penalty, "a frequency penalty"),
        ("top_logprobs", params.top_logprobs, "log probabilities"),
    ):
        if value is not None:
            lacking.drop(f"spec.params.{name}", what)
    _stop(payload, params, lacking)
    asked: list[tuple[str, float]] = []
    for name, value in zip(
        _SAMPLING, (params.temperature, params.top_p, params.top_k), strict=True
    ):
        if value is not None:
            asked.append((name, value))
    for name, value in asked:
        if not known.sampling:
            lacking.drop(f"spec.params.{name}", name)
        elif reasons and not beside_reasoning(name, value):
            lacking.drop(f"spec.params.{name}", f"{name} together with reasoning")
        elif name == "top_p" and "temperature" in payload and not known.sampling_pair:
            lacking.drop("spec.params.top_p", "top_p together with temperature")
        elif name == "temperature" and value > 1:
            lacking.warn("VALUE_CLAMPED", "temperature is at most 1", "spec.params.temperature")
            payload[name] = 1
        else:
            payload[name] = value


def _stop(payload: JsonObject, params: Params, lacking: Lacking) -> None:
    stop: list[Json] = [text for text in params.stop if text.strip()]
    if len(stop) < len(params.stop):
        lacking.drop("spec.params.stop_sequences", "stop sequences of white space only")
    if stop:
        payload["stop_sequences"] = stop


def _offer(payload: JsonObject, spec: Spec, known: Rules, lacking: Lacking) -> None:
    choice = spec.tool_choice
    allowed = choice.allowed if choice else ()
    tools: list[Json] = []
    for i, tool in enumerate(spec.tools):
        if not allowed or tool.name in allowed:
            tools.append(_tool(tool, f"spec.tools[{i}]", known, lacking))
    if tools:
        payload["tools"] = tools
    if choice is not None:
        _choose(payload, choice, known, lacking)


def _choose(payload: JsonObject, choice: ToolChoice, known: Rules, lacking: Lacking) -> None:
    rule: JsonObject = {"type": _MODES[choice.mode]}
    if choice.name:
        rule = {"type": "tool", "name": choice.name}
    forced = rule["type"] in ("any", "tool")
    if forced and not known.forced_tools:
        at = "spec.tool_choice.tool_name" if choice.name else "spec.tool_choice.mode"
        lacking.refuse(at, "being made to call a tool")
    if "tools" not in payload:
        if forced:
            lacking.refuse("spec.tool_choice", "a required tool call without that tool")
        return
    if choice.parallel is False and rule["type"] != "none":
        rule["disable_parallel_tool_use"] = True
    if rule != {"type": "auto"}:
        payload["tool_choice"] = rule


_MODES = {ToolMode.AUTO: "auto", ToolMode.NONE: "none", ToolMode.REQUIRED: "any"}


def _tool(tool: Tool, at: str, known: Rules, lacking: Lacking) -> JsonObject:
    schema = json_object(tool.schema_json)
    if schema is None:
        lacking.refuse(
            f"{at}.parameters_schema_json", "tool schemas that are no JSON object; send valid JSON"
        )
        schema = {}
    made: JsonObject = {"name": tool.name, "input_schema": {"type": "object", **schema}}
    if tool.description:
        made["description"] = tool.description
    if tool.strict and known.schemas:
        made["strict"] = True
    elif tool.strict:
        lacking.drop(f"{at}.strict", "strict tools")
    return made


def _shape(payload: JsonObject, spec: Spec, known: Rules, lacking: Lacking) -> None:
    match spec.output:
        case PlainText():
            return
        case AnyJson():
            lacking.refuse("spec.output", "JSON without a schema; send json_schema instead")
        case SchemaJson(_, schema_json) if known.schemas:
            schema = json_object(schema_json)
            if schema is None:
                at = "spec.output.json_schema.schema_json"
                lacking.refuse(at, "schemas that are no JSON object; send valid JSON text")
            else:
                _config(payload)["format"] = {"type": "json_schema", "schema": schema}
        case SchemaJson():
            lacking.refuse("spec.output", "answers that conform to a JSON schema")
        case _:
            assert_never(spec.output)


def _config(payload: JsonObject) -> JsonObject:
    config = payload.setdefault("output_config", {})
    assert isinstance(config, dict)
    return config


def _extend(payload: JsonObject, call: ChatCall, provider: str, lacking: Lacking) -> None:
    """The caller's own words come last and win, `output_config` key by key."""
    ours = payload.pop("output_config", {})
    pass_through(payload, call, provider, lacking, owned=_OWNED, priced=_PRICED)
    theirs = payload.pop("output_config", {})
    path = f"spec.provider_options.{provider}.output_config"
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        lacking.refuse(path, "settings here that are not an object")
    elif ours or theirs:
        payload["output_config"] = merged(ours, theirs, path, lacking)
