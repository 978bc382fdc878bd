"""Reasoning settings, in the style of the model's family."""

from __future__ import annotations

from hexgate.adapters.providers.claude.thinking import amid_calls, level_of
from hexgate.adapters.providers.claude.thinking import think as claude
from hexgate.adapters.providers.dialects.bedrock_converse.models import Family, Reasons
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.json import JsonObject
from hexgate.domain.spec import Effort, Spec, Thinking

_AT = "spec.reasoning"


def think(
    payload: JsonObject,
    native: JsonObject,
    spec: Spec,
    limit: int,
    family: Family,
    lacking: Lacking,
    *,
    forced: bool,
) -> bool:
    """Add what asks for reasoning to a payload that has its messages; whether that rules out most
    sampling. `limit` is that of the output tokens.

    `native` is what will be `additionalModelRequestFields`; `forced` is whether a tool must be
    called, which rules reasoning out for some.
    """
    wish = spec.thinking
    if wish is None:
        return False
    if family.reasons is Reasons.CLAUDE:
        return _as_claude(payload, native, wish, limit, family, lacking, forced=forced)
    off = wish.effort is Effort.NONE or wish.budget_tokens == 0
    match family.reasons:
        case Reasons.NEVER if not off:
            lacking.drop(_AT, "reasoning")
        case Reasons.ALWAYS | Reasons.LEVEL if off:
            lacking.drop(_AT, "answering without reasoning")
        case Reasons.ALWAYS if wish.effort or wish.budget_tokens:
            lacking.drop(_AT, "choosing how much it reasons")
        case Reasons.LEVEL:
            _levelled(native, wish, lacking)
        case Reasons.NOVA if off:
            native["reasoningConfig"] = {"type": "disabled"}
        case Reasons.NOVA:
            _nova(native, wish, lacking)
    return False


def _as_claude(
    payload: JsonObject,
    native: JsonObject,
    wish: Thinking,
    limit: int,
    family: Family,
    lacking: Lacking,
    *,
    forced: bool,
) -> bool:
    turns = payload["messages"]
    assert isinstance(turns, list)
    amid = amid_calls(turns, lambda block: next(iter(block)))
    said = claude(wish, limit, family.claude, lacking, forced=forced, amid_calls=amid)
    if said.thinking:
        native["thinking"] = said.thinking
    if said.effort:
        payload["outputConfig"] = {"effort": said.effort}
    return said.reasons


def _nova(native: JsonObject, wish: Thinking, lacking: Lacking) -> None:
    """At level high this family takes no limit of the output, and the gateway always sets one."""
    config: JsonObject = {"type": "enabled"}
    if level := level_of(wish):
        if level not in ("low", "medium"):
            what = "reasoning above medium within an output limit"
            lacking.lower(_AT, what, "it reasons at medium")
            level = "medium"
        config["maxReasoningEffort"] = level
    native["reasoningConfig"] = config


def _levelled(native: JsonObject, wish: Thinking, lacking: Lacking) -> None:
    level = level_of(wish)
    if level in ("xhigh", "max"):
        lacking.warn("VALUE_CLAMPED", "the model has no level above high", _AT)
        level = "high"
    if level:
        native["reasoning_effort"] = level
