"""Reasoning settings, in the style of the model's family."""

from __future__ import annotations

from hexgate.adapters.providers.dialects.anthropic_messages.models import Rules, ThinkingStyle
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.json import JsonObject
from hexgate.domain.spec import Effort, Spec, Thinking

_AT = "spec.reasoning"
OFF = ("disabled", "between_tools")
_LEAST_BUDGET = 1024  # the API's own minimum
# The share of max_tokens that a level may spend on reasoning, in percent; the rest is the answer's.
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


def think(payload: JsonObject, spec: Spec, known: Rules, lacking: Lacking) -> None:
    """Add `thinking` and `output_config.effort` to a payload that has its tool choice."""
    wish = spec.thinking
    if wish is None:
        return
    off = wish.effort is Effort.NONE or wish.budget_tokens == 0
    if off:
        _off(payload, known, lacking)
    elif known.thinking is ThinkingStyle.NONE:
        lacking.drop(_AT, "reasoning")
    elif _forced(payload):
        lacking.drop(_AT, "reasoning together with a forced tool call")
    elif known.thinking is ThinkingStyle.ADAPTIVE:
        _adaptive(payload, wish, known, lacking)
    else:
        _budget(payload, wish, lacking)


def _off(payload: JsonObject, known: Rules, lacking: Lacking) -> None:
    if known.thinking is ThinkingStyle.NONE:
        return
    if known.off:
        payload["thinking"] = {"type": known.off}
    else:
        lacking.lower(_AT, "switching reasoning off", "the lowest effort is used")
        payload["output_config"] = {"effort": "low"}


def _adaptive(payload: JsonObject, wish: Thinking, known: Rules, lacking: Lacking) -> None:
    display = "summarized" if wish.include else "omitted"
    payload["thinking"] = {"type": "adaptive", "display": display}
    level = _LEVELS[wish.effort] if wish.effort else _level(wish.budget_tokens)
    if level == "xhigh" and not known.effort_xhigh:
        lacking.warn("VALUE_CLAMPED", "the model has no level between high and max", _AT)
        level = "high"
    if level:
        payload["output_config"] = {"effort": level}


def _budget(payload: JsonObject, wish: Thinking, lacking: Lacking) -> None:
    limit = payload["max_tokens"]
    assert isinstance(limit, int)
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
    payload["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _level(budget_tokens: int | None) -> str:
    if budget_tokens is None:
        return ""
    if budget_tokens <= 4096:
        return "low"
    return "medium" if budget_tokens <= 16384 else "high"


def _forced(payload: JsonObject) -> bool:
    choice = payload.get("tool_choice")
    return isinstance(choice, dict) and choice["type"] in ("any", "tool")
