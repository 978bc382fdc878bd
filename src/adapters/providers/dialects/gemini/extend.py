"""A caller's own settings, where the wire nests them: merged, never put in place of ours."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.answer import PRICE_UNCERTAIN
from hexgate.domain.call import ChatCall
from hexgate.domain.json import Json, JsonObject

# What the gateway answers for, or bounds the price by, in camel case as all keys here.
_OWNED = frozenset(("model", "contents", "systemInstruction", "generateContentRequest"))
_OWNED_CONFIG = frozenset(
    # The last three may have another model answer.
    ("candidateCount", "maxOutputTokens", "routingConfig", "modelConfig", "modelSelectionConfig")
)
_OWNED_TOOLS = frozenset(("functionCallingConfig",))
_PRICED = frozenset(("serviceTier", "cachedContent", "tools"))
_PRICED_CONFIG = frozenset(("responseModalities", "responseFormat", "speechConfig", "imageConfig"))
_THINKING = "thinkingConfig"
_SNAKE = re.compile(r"_([a-z])")


def extend(payload: JsonObject, call: ChatCall, provider: str, lacking: Lacking) -> None:
    """Add the caller's `provider_options` for this provider; the wire knows each key twice,
    as `toolConfig` and as `tool_config`.

    See extras.pass_through for what is refused and what is passed with a warning.
    """
    options = call.spec.provider_options.get(provider, {})
    path = f"spec.provider_options.{provider}"
    for key, at, value in _allowed(options, path, _OWNED, _PRICED, lacking):
        if key == "generationConfig":
            payload[key] = _config(payload[key], value, at, lacking)
        elif key == "toolConfig":
            payload[key] = _merged(payload.get(key, {}), value, at, lacking, _OWNED_TOOLS)
        elif key == "tools":
            payload[key] = _joined(payload.get(key, []), value, at, lacking)
        else:
            payload[key] = value


def _allowed(
    options: JsonObject,
    path: str,
    owned: Collection[str],
    priced: Collection[str],
    lacking: Lacking,
) -> Iterator[tuple[str, str, Json]]:
    """Those that may be passed: key in camel case, path and value."""
    seen: set[str] = set()
    for name, value in options.items():
        key, at = _camel(name), f"{path}.{name}"
        if key in owned:
            lacking.refuse(at, f"setting {key} here: the gateway sets it from the request")
        elif key in seen:
            lacking.refuse(at, f"setting {key} twice, in two spellings")
        else:
            seen.add(key)
            if key in priced:
                text = f"{key} may change the price, so the cost is an estimate"
                lacking.warn(PRICE_UNCERTAIN, text, at)
            yield key, at, value


def _config(ours: Json, theirs: Json, path: str, lacking: Lacking) -> Json:
    merged = _merged(ours, theirs, path, lacking, _OWNED_CONFIG, _PRICED_CONFIG)
    thinking = merged.get(_THINKING)
    if isinstance(ours, dict) and isinstance(thinking, dict):
        before = ours.get(_THINKING, {})
        merged[_THINKING] = _merged(before, thinking, f"{path}.{_THINKING}", lacking)
    return merged


def _merged(
    ours: Json,
    theirs: Json,
    path: str,
    lacking: Lacking,
    owned: Collection[str] = (),
    priced: Collection[str] = (),
) -> JsonObject:
    assert isinstance(ours, dict)
    if not isinstance(theirs, dict):
        lacking.refuse(path, "settings here that are not an object")
        return ours
    return {**ours, **{k: v for k, _, v in _allowed(theirs, path, owned, priced, lacking)}}


def _joined(ours: Json, theirs: Json, path: str, lacking: Lacking) -> list[Json]:
    """The vendor's own tools beside the declared ones."""
    assert isinstance(ours, list)
    if not isinstance(theirs, list):
        lacking.refuse(path, "tools that are not a list")
        return ours
    for i, tool in enumerate(theirs):
        if isinstance(tool, dict) and "functionDeclarations" in map(_camel, tool):
            lacking.refuse(f"{path}[{i}]", "functions here: declare them in spec.tools")
    return [*ours, *theirs]


def _camel(key: str) -> str:
    return _SNAKE.sub(lambda found: found[1].upper(), key)
