"""Reasoning settings."""

from __future__ import annotations

from hexgate.adapters.providers.dialects.cohere_chat.models import Rules
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.call import ChatCall
from hexgate.domain.json import JsonObject
from hexgate.domain.spec import Effort

_AT = "spec.reasoning"
# The wire has no levels but a budget: the share of max_tokens that a level may spend on reasoning,
# in percent; the rest is the answer's. The highest has no budget of its own.
_SHARES = {
    Effort.MINIMAL: 10,
    Effort.LOW: 20,
    Effort.MEDIUM: 50,
    Effort.HIGH: 80,
    Effort.XHIGH: 80,
}


def think(payload: JsonObject, call: ChatCall, rules: Rules, lacking: Lacking) -> None:
    """Add `thinking`. What a model thinks is in the answer whether it is asked for or not."""
    wish = call.spec.thinking
    if wish is None or (wish.effort is None and wish.budget_tokens is None):
        return  # a model that can, thinks
    if wish.effort is Effort.NONE or wish.budget_tokens == 0:
        if rules.thinking:
            payload["thinking"] = {"type": "disabled"}
        return
    if not rules.thinking:
        lacking.drop(_AT, "reasoning")
        return
    if wish.effort is Effort.XHIGH:
        said = "the model has no reasoning level xhigh; high is used"
        lacking.warn("PARAM_CLAMPED", said, f"{_AT}.effort")
    budget = wish.budget_tokens
    if wish.effort in _SHARES:
        budget = max(1, call.max_output_tokens * _SHARES[wish.effort] // 100)
    thinking: JsonObject = {"type": "enabled"}
    if budget is not None:
        thinking["token_budget"] = budget
    payload["thinking"] = thinking
