"""A caller's own settings, where the wire nests them: merged, never put in place of ours."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection

from hexgate.adapters.providers.extras import pass_through
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.answer import PRICE_UNCERTAIN
from hexgate.domain.call import ChatCall
from hexgate.domain.json import Json, JsonObject

# What the gateway answers for, or bounds the price by.
OWNED = frozenset(
    ("model", "contents", "systemInstruction", "system_instruction", "generateContentRequest")
)
OWNED_CONFIG = frozenset(("candidateCount", "maxOutputTokens"))
OWNED_TOOLS = frozenset(("functionCallingConfig",))
_PRICED = frozenset(("serviceTier", "service_tier", "cachedContent", "cached_content", "tools"))
_PRICED_CONFIG = frozenset(("responseModalities", "speechConfig", "imageConfig"))
_THINKING = "thinkingConfig"
_NESTED = ("generationConfig", "tools", "toolConfig")
_SNAKE = re.compile(r"_([a-z])")


def extend(payload: JsonObject, call: ChatCall, provider: str, lacking: Lacking) -> None:
    """Add the caller's `provider_options` for this provider; the wire knows each key twice,
    as `toolConfig` and as `tool_config`.
    """
    options = {_camel(k): v for k, v in call.spec.provider_options.get(provider, {}).items()}
    if not options:
        return
    path = f"spec.provider_options.{provider}"
    ours = {key: payload[key] for key in _NESTED if key in payload}
    said = dataclasses.replace(call.spec, provider_options={provider: options})
    asked = dataclasses.replace(call, spec=said)
    pass_through(payload, asked, provider, lacking, owned=OWNED, priced=_PRICED)
    for key in _NESTED:
        if key in options and key != "tools":
            before = ours.get(key, {})
            assert isinstance(before, dict)
            owned = OWNED_CONFIG if key == "generationConfig" else OWNED_TOOLS
            payload[key] = _merged(before, options[key], owned, f"{path}.{key}", lacking)
    if "tools" in options:
        payload["tools"] = _joined(ours.get("tools", []), options["tools"], path, lacking)


def _merged(
    ours: JsonObject, theirs: Json, owned: Collection[str], path: str, lacking: Lacking
) -> JsonObject:
    if not isinstance(theirs, dict):
        lacking.refuse(path, "settings here that are not an object")
        return ours
    merged = dict(ours)
    for name, value in theirs.items():
        key = _camel(name)
        if key in owned:
            said = f"setting {key} here: the gateway sets it from the request"
            lacking.refuse(f"{path}.{name}", said)
            continue
        if key in _PRICED_CONFIG:
            text = f"{key} may change the price, so the cost is an estimate"
            lacking.warn(PRICE_UNCERTAIN, text, f"{path}.{name}")
        merged[key] = _thought(merged.get(key), value) if key == _THINKING else value
    return merged


def _joined(ours: Json, theirs: Json, path: str, lacking: Lacking) -> list[Json]:
    """The vendor's own tools beside the declared ones."""
    assert isinstance(ours, list)
    if not isinstance(theirs, list):
        lacking.refuse(f"{path}.tools", "tools that are not a list")
        return ours
    for i, tool in enumerate(theirs):
        if isinstance(tool, dict) and "functionDeclarations" in map(_camel, tool):
            lacking.refuse(f"{path}.tools[{i}]", "functions here: declare them in spec.tools")
    return [*ours, *theirs]


def _thought(ours: Json, theirs: Json) -> Json:
    if not isinstance(theirs, dict):
        return theirs
    said = {_camel(key): value for key, value in theirs.items()}
    return {**ours, **said} if isinstance(ours, dict) else said


def _camel(key: str) -> str:
    return _SNAKE.sub(lambda found: found[1].upper(), key)
