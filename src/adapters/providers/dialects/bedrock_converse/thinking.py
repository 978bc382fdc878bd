"""Reasoning settings, in the style of the model's family."""

from __future__ import annotations

from hexgate.adapters.providers.dialects.bedrock_converse.models import Family, Reasons
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.json import JsonObject
from hexgate.domain.spec import Effort, Spec, Thinking

_AT = "spec.reasoning"
_LEAST_BUDGET = 1024  # the family's own minimum
# The share of maxTokens that a level may spend on reasoning, in percent; the rest is the answer's.
_SHARES = {
    Effort.MINIMAL: 10,
    Effort.LOW: 20,
    Effort.MEDIUM: 50,
    Effort.HIGH: 80,
    Effort.XHIGH: 80,
    Effort.MAX: 95,
}
_LEVELS = {
    Effort.MINIMAL: "low",
    Effort.LOW: "low",
    Effort.MEDIUM: "medium",
    Effort.HIGH: "high",
    Effort.XHIGH: "xhigh",
    Effort.MAX: "max",
}


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
    """Add what asks for reasoning; whether it does. `limit` is that of the output tokens.

    `native` is what will be `additionalModelRequestFields`; `forced` is whether a tool must be
    called, which rules reasoning out.
    """
    wish = spec.thinking
    if wish is None:
        return False
    if wish.effort is Effort.NONE or wish.budget_tokens == 0:
        _off(native, family, lacking)
        return False
    match family.reasons:
        case Reasons.NEVER:
            lacking.drop(_AT, "reasoning")
        case Reasons.ALWAYS:
            _always(wish, lacking)
        case Reasons.LEVEL:
            _levelled(native, wish, lacking)
        case Reasons.NOVA:
            _nova(native, wish, lacking)
        case _ if forced:
            lacking.drop(_AT, "reasoning together with a forced tool call")
        case Reasons.ADAPTIVE:
            _adaptive(payload, native, wish, family, lacking)
        case Reasons.BUDGET:
            _budget(native, wish, limit, lacking)
    return "thinking" in native


def _off(native: JsonObject, family: Family, lacking: Lacking) -> None:
    match family.reasons:
        case Reasons.BUDGET | Reasons.ADAPTIVE:
            native["thinking"] = {"type": "disabled"}
        case Reasons.NOVA:
            native["reasoningConfig"] = {"type": "disabled"}
        case Reasons.ALWAYS | Reasons.LEVEL:
            lacking.drop(_AT, "answering without reasoning")
        case Reasons.NEVER:
            pass


def _adaptive(
    payload: JsonObject, native: JsonObject, wish: Thinking, family: Family, lacking: Lacking
) -> None:
    display = "summarized" if wish.include else "omitted"
    native["thinking"] = {"type": "adaptive", "display": display}
    level = _level(wish)
    if level == "xhigh" and not family.effort_xhigh:
        lacking.warn("VALUE_CLAMPED", "the model has no level between high and max", _AT)
        level = "high"
    if level:
        payload["outputConfig"] = {"effort": level}


def _budget(native: JsonObject, wish: Thinking, limit: int, lacking: Lacking) -> None:
    if wish.effort is not None:
        budget = max(_LEAST_BUDGET, limit * _SHARES[wish.effort] // 100)
    elif wish.budget_tokens is not None:
        budget = max(_LEAST_BUDGET, wish.budget_tokens)
    else:
        return
    if limit <= _LEAST_BUDGET:
        what = f"reasoning within {limit} output tokens; it needs more than {_LEAST_BUDGET}"
        lacking.drop(_AT, what)
        return
    if wish.effort is Effort.XHIGH:
        lacking.warn("VALUE_CLAMPED", "the model has no level between high and max", _AT)
    budget = min(budget, limit - 1)
    if wish.budget_tokens not in (None, budget):
        said = f"the reasoning budget is between {_LEAST_BUDGET} and the output limit"
        lacking.warn("VALUE_CLAMPED", said, _AT)
    native["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _nova(native: JsonObject, wish: Thinking, lacking: Lacking) -> None:
    """At level high this family takes no limit of the output, and the gateway always sets one."""
    config: JsonObject = {"type": "enabled"}
    if level := _level(wish):
        if level not in ("low", "medium"):
            what = "reasoning above medium within an output limit"
            lacking.lower(_AT, what, "it reasons at medium")
            level = "medium"
        config["maxReasoningEffort"] = level
    native["reasoningConfig"] = config


def _always(wish: Thinking, lacking: Lacking) -> None:
    if wish.effort or wish.budget_tokens:
        lacking.drop(_AT, "choosing how much it reasons")


def _levelled(native: JsonObject, wish: Thinking, lacking: Lacking) -> None:
    level = _level(wish)
    if level in ("xhigh", "max"):
        lacking.warn("VALUE_CLAMPED", "the model has no level above high", _AT)
        level = "high"
    if level:
        native["reasoning_effort"] = level


def _level(wish: Thinking) -> str:
    if wish.effort is not None:
        return _LEVELS[wish.effort]
    if wish.budget_tokens is None:
        return ""
    if wish.budget_tokens <= 4096:
        return "low"
    return "medium" if wish.budget_tokens <= 16384 else "high"
