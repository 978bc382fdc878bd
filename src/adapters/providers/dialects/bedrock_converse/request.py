"""A call as the body of `POST /model/{id}/converse`, whole or as a stream."""

from __future__ import annotations

import re
from typing import assert_never
from urllib.parse import quote

from hexgate.adapters.providers.claude.rules import beside_reasoning
from hexgate.adapters.providers.dialects.bedrock_converse.content import Translator
from hexgate.adapters.providers.dialects.bedrock_converse.models import Family, TopK, family
from hexgate.adapters.providers.dialects.bedrock_converse.thinking import think
from hexgate.adapters.providers.dialects.bedrock_converse.tools import forced, offer
from hexgate.adapters.providers.extras import merged, pass_through
from hexgate.adapters.providers.history import json_object
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Role
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.spec import AnyJson, Params, PlainText, SchemaJson, Spec

_NATIVE = "additionalModelRequestFields"
_STREAM_TYPE = "application/vnd.amazon.eventstream"
# What the gateway answers for, or bounds the price by.
_OWNED = frozenset(("modelId", "messages", "system", "toolConfig"))
_PRICED = frozenset(("serviceTier", "performanceConfig", "guardrailConfig"))
_LIMITS = ("maxTokens", "max_tokens", "max_completion_tokens", "max_tokens_to_sample")
_OTHER_LIMITS = ("max_gen_len", "maxTokenCount", "max_new_tokens")
_ANSWERS = ("n", "numResults", "num_generations")  # each of them is charged for
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,-.]{1,256}")


def build(call: ChatCall, provider: str, *, stream: bool) -> WireRequest:
    """Translate; raises Unsupported with every field that can be neither said nor dropped."""
    spec, lacking, known = call.spec, Lacking(call), family(call.model)
    translator = Translator(provider, known, lacking)
    payload = translator.all(spec.messages)
    native: JsonObject = {}  # in the words of the model's own API
    offer(payload, native, spec, translator.called, known, lacking, stream=stream)
    must = forced(payload, native)
    limit = call.max_output_tokens
    thinks = think(payload, native, spec, limit, known, lacking, forced=must)
    if not known.prefill:
        _end(payload, spec, lacking)
    config: JsonObject = {"maxTokens": limit}
    payload["inferenceConfig"] = config
    _sample(config, native, spec.params, known, lacking, thinks=thinks)
    _stop(payload, config, spec.params, known, lacking)
    _shape(payload, spec, known, lacking)
    _end_user(payload, call, lacking)
    if native:
        payload[_NATIVE] = native
    _extend(payload, call, provider, lacking)
    accept = _STREAM_TYPE if stream else "application/json"
    step = "converse-stream" if stream else "converse"
    return WireRequest(path(call.model, step), payload, lacking.settle(), {"Accept": accept})


def path(model: str, step: str) -> str:
    """Where a model does something; ids have colons, and ARNs slashes."""
    return f"/model/{quote(model, safe='')}/{step}"


def _end(payload: JsonObject, spec: Spec, lacking: Lacking) -> None:
    """Newer models do not go on with what they are told to have said."""
    turns = payload["messages"]
    assert isinstance(turns, list)
    if turns and _object(turns[-1])["role"] == "assistant":
        last = max(i for i, message in enumerate(spec.messages) if message.role is Role.ASSISTANT)
        what = "going on with an answer; end the conversation with a message of the user"
        lacking.refuse(f"spec.messages[{last}]", what)


def _sample(
    config: JsonObject,
    native: JsonObject,
    params: Params,
    known: Family,
    lacking: Lacking,
    *,
    thinks: bool,
) -> None:
    for name, unsaid, what in (
        ("seed", params.seed, "a seed"),
        ("presence_penalty", params.presence_penalty, "a presence penalty"),
        ("frequency_penalty", params.frequency_penalty, "a frequency penalty"),
        ("top_logprobs", params.top_logprobs, "log probabilities"),
    ):
        if unsaid is not None:
            lacking.drop(f"spec.params.{name}", what)
    for name, value in (
        ("temperature", params.temperature),
        ("top_p", params.top_p),
        ("top_k", params.top_k),
    ):
        if value is None:
            continue
        at = f"spec.params.{name}"
        able = known.top_k is not TopK.NONE if name == "top_k" else known.sampling
        if not able:
            lacking.drop(at, name)
        elif thinks and not beside_reasoning(name, value):
            lacking.drop(at, f"{name} together with reasoning")
        elif name == "top_p" and "temperature" in config and not known.sampling_pair:
            lacking.drop(at, "top_p together with temperature")
        else:
            _set(config, native, name, value, known, lacking)


def _set(
    config: JsonObject,
    native: JsonObject,
    name: str,
    value: float,
    known: Family,
    lacking: Lacking,
) -> None:
    if name == "temperature" and value > 1:
        lacking.warn("VALUE_CLAMPED", "temperature is at most 1", "spec.params.temperature")
        value = 1
    if name == "top_p":
        config["topP"] = value
    elif name == "temperature":
        config[name] = value
    else:
        native.update(_top_k(known.top_k, value))


def _top_k(kind: TopK, value: float) -> JsonObject:
    match kind:
        case TopK.TOP_K:
            return {"top_k": value}
        case TopK.K:
            return {"k": value}
        case TopK.NOVA:
            return {"inferenceConfig": {"topK": value}}
        case TopK.NONE:
            return {}
        case _:
            assert_never(kind)


def _stop(
    payload: JsonObject, config: JsonObject, params: Params, known: Family, lacking: Lacking
) -> None:
    at = "spec.params.stop_sequences"
    stop: list[Json] = [text for text in params.stop if text.strip()]
    if len(stop) < len(params.stop):
        lacking.drop(at, "stop sequences of white space only")
    if stop and not known.stops:
        lacking.drop(at, "stop sequences")
        return
    if len(stop) > known.stops:
        what = f"more than {known.stops} stop sequences"
        lacking.lower(at, what, f"the first {known.stops} are used")
    if stop:
        config["stopSequences"] = stop[: known.stops]
        if known.tells_stop:
            payload["additionalModelResponseFieldPaths"] = ["/stop_sequence"]


def _shape(payload: JsonObject, spec: Spec, known: Family, lacking: Lacking) -> None:
    match spec.output:
        case PlainText():
            return
        case AnyJson():
            lacking.refuse("spec.output", "JSON without a schema; send json_schema instead")
        case SchemaJson() if not known.schemas:
            lacking.refuse("spec.output", "answers that conform to a JSON schema")
        case SchemaJson(name, schema):
            if json_object(schema) is None or not schema:
                at = "spec.output.json_schema.schema_json"
                lacking.refuse(at, "schemas that are no JSON object; send valid JSON text")
            shape: JsonObject = {"schema": schema}  # as text
            if name:
                shape["name"] = name
            structure: JsonObject = {"jsonSchema": shape}
            text: JsonObject = {"type": "json_schema", "structure": structure}
            payload["outputConfig"] = {**_object(payload.get("outputConfig")), "textFormat": text}
        case _:
            assert_never(spec.output)


def _end_user(payload: JsonObject, call: ChatCall, lacking: Lacking) -> None:
    user = call.options.end_user_id
    if user and _METADATA.fullmatch(user):
        payload["requestMetadata"] = {"end_user_id": user}
    elif user:
        at = "options.attribution.end_user_id"
        lacking.drop(at, "an end user's id of these characters or of more than 256")


def _extend(payload: JsonObject, call: ChatCall, provider: str, lacking: Lacking) -> None:
    """The caller's own words come last and win, member by member, save for limits of the output."""
    own: JsonObject = {}
    pass_through(own, call, provider, lacking, owned=_OWNED, priced=_PRICED)
    for key, value in own.items():
        mine = payload.get(key)
        at = f"spec.provider_options.{provider}.{key}"
        if key in ("inferenceConfig", _NATIVE):
            _refuse_limits(value, at, lacking)
        if isinstance(mine, dict) and isinstance(value, dict):
            payload[key] = merged(mine, value, at, lacking)
        else:
            payload[key] = value


def _refuse_limits(value: Json, at: str, lacking: Lacking) -> None:
    """The price of a call is bounded by its output, in whichever words a model has for that."""
    if not isinstance(value, dict):
        lacking.refuse(at, "what is no object here")
        return
    for name, inner in value.items():
        if name in (*_LIMITS, *_OTHER_LIMITS):
            what = f"setting {name} here: the gateway sets the output limit from the request"
            lacking.refuse(f"{at}.{name}", what)
        elif name in _ANSWERS:
            lacking.refuse(f"{at}.{name}", "more than one answer to a call")
        elif name in ("inferenceConfig", "textGenerationConfig"):
            _refuse_limits(inner, f"{at}.{name}", lacking)


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
