"""From a call to the payload of generateContent."""

from __future__ import annotations

from typing import assert_never

from hexgate.adapters.providers.dialects.gemini.contents import Contents, unsigned
from hexgate.adapters.providers.dialects.gemini.extend import extend
from hexgate.adapters.providers.dialects.gemini.hosts import Host
from hexgate.adapters.providers.dialects.gemini.models import Rules
from hexgate.adapters.providers.dialects.gemini.models import rules as family
from hexgate.adapters.providers.dialects.gemini.thinking import think
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.schemas import schema_object
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import ChatCall
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

_MOST_STOPS, _SEEDS = 5, 1 << 31
_JSON = "application/json"
_MODES = {ToolMode.AUTO: "AUTO", ToolMode.NONE: "NONE", ToolMode.REQUIRED: "ANY"}


def build(call: ChatCall, provider: str, host: Host, *, stream: bool) -> WireRequest:
    """The request; raises Unsupported for what can be neither said nor dropped.

    Cache marks need no words: prompts are cached without being asked.
    """
    spec, lacking, known = call.spec, Lacking(call), family(call.model)
    config: JsonObject = {"maxOutputTokens": call.max_output_tokens}
    payload = _conversation(spec, Contents(provider, host, known, lacking), known, lacking)
    payload["generationConfig"] = config
    _offer(payload, spec, known, lacking)
    _sample(config, spec.params, known, lacking)
    _shape(config, spec, known, lacking, offers="tools" in payload)
    think(config, spec.thinking, known, lacking)
    extend(payload, call, provider, lacking)
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return WireRequest(host.path(call.model, method), payload, lacking.settle())


def _conversation(spec: Spec, contents: Contents, known: Rules, lacking: Lacking) -> JsonObject:
    system, turns = contents.system(spec.messages), contents.all(spec.messages)
    if known.needs_signatures:
        unsigned(turns)
    payload: JsonObject = {"contents": turns}
    if system and known.system:
        payload["systemInstruction"] = {"parts": system}
    elif system:
        said = "the model has no system messages; the user says them first"
        lacking.warn("SYSTEM_MOVED", said, "spec.messages")
        turns.insert(0, {"role": "user", "parts": system})
    if not turns:
        lacking.refuse("spec.messages", "conversations without a turn; add a user message")
    return payload


def _offer(payload: JsonObject, spec: Spec, known: Rules, lacking: Lacking) -> None:
    choice = spec.tool_choice or ToolChoice()
    forced = bool(choice.name) or choice.mode is ToolMode.REQUIRED
    if choice.parallel is False and spec.tools:
        lacking.drop("spec.tool_choice.parallel_calls", "calling one tool at a time")
    if not spec.tools:
        if forced:
            lacking.refuse("spec.tool_choice", "a required tool call without that tool")
        return
    if not known.tools:
        lacking.refuse("spec.tools", "tools")
        return
    # Names can only be allowed where a call is required; elsewhere the offer says it.
    narrow = bool(choice.allowed) and not forced
    declared: list[Json] = [
        _tool(f"spec.tools[{i}]", tool, lacking)
        for i, tool in enumerate(spec.tools)
        if not narrow or tool.name in choice.allowed
    ]
    if declared:
        payload["tools"] = [{"functionDeclarations": declared}]
    if spec.tool_choice is not None and declared:
        payload["toolConfig"] = {"functionCallingConfig": _choice(choice)}


def _choice(choice: ToolChoice) -> JsonObject:
    if choice.name:
        return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    rule: JsonObject = {"mode": _MODES[choice.mode]}
    if choice.allowed and choice.mode is ToolMode.REQUIRED:
        rule["allowedFunctionNames"] = [*choice.allowed]
    return rule


def _tool(path: str, tool: Tool, lacking: Lacking) -> JsonObject:
    if tool.strict:
        lacking.drop(f"{path}.strict", "strict tools")
    made: JsonObject = {"name": tool.name}
    if tool.description:
        made["description"] = tool.description
    if tool.schema_json:
        path = f"{path}.parameters_schema_json"
        made["parametersJsonSchema"] = schema_object(path, tool.schema_json, lacking)
    return made


def _sample(config: JsonObject, params: Params, known: Rules, lacking: Lacking) -> None:
    for key, value in (
        ("temperature", params.temperature),
        ("topP", params.top_p),
        ("topK", params.top_k),
    ):
        if value is not None:
            config[key] = value
    if params.seed is not None:
        config["seed"] = _seed(params.seed, lacking)
    _penalties(config, params, known, lacking)
    if params.stop:
        if len(params.stop) > _MOST_STOPS:
            what = f"more than {_MOST_STOPS} stop sequences"
            lacking.lower("spec.params.stop_sequences", what, f"the first {_MOST_STOPS} are used")
        config["stopSequences"] = [*params.stop[:_MOST_STOPS]]
    if params.top_logprobs is not None:
        config["responseLogprobs"] = True
    if params.top_logprobs:
        config["logprobs"] = params.top_logprobs


def _seed(seed: int, lacking: Lacking) -> int:
    """The seed, which is an int32 on this wire. A larger one still gives the same each time."""
    if -_SEEDS <= seed < _SEEDS:
        return seed
    lacking.lower("spec.params.seed", "seeds of more than 32 bits", "its low 31 bits are used")
    return seed % _SEEDS


def _penalties(config: JsonObject, params: Params, known: Rules, lacking: Lacking) -> None:
    for name, key, value in (
        ("presence_penalty", "presencePenalty", params.presence_penalty),
        ("frequency_penalty", "frequencyPenalty", params.frequency_penalty),
    ):
        if value is not None and known.penalties:
            config[key] = value
        elif value is not None:
            lacking.drop(f"spec.params.{name}", name)


def _shape(config: JsonObject, spec: Spec, known: Rules, lacking: Lacking, *, offers: bool) -> None:
    """Decoding follows a schema in any case, so `strict` asks for nothing more."""
    if isinstance(spec.output, PlainText):
        return
    if not known.shapes:
        lacking.refuse("spec.output", "answers in JSON")
    elif offers and not known.shaped_tools:
        lacking.refuse("spec.output", "answers in JSON while tools are on offer")
    config["responseMimeType"] = _JSON
    match spec.output:
        case AnyJson():
            pass
        case SchemaJson(_, schema):
            path = "spec.output.json_schema.schema_json"
            config["responseJsonSchema"] = schema_object(path, schema, lacking)
        case _:
            assert_never(spec.output)
