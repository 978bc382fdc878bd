"""From how much to reason to the level that a model has."""

from __future__ import annotations

from hexgate.adapters.providers.dialects.openai_chat.models import Rules
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.spec import Effort, Thinking

# Up to so many tokens the level before it will do.
_BUDGETS = (
    (0, Effort.NONE),
    (1_024, Effort.MINIMAL),
    (4_096, Effort.LOW),
    (16_384, Effort.MEDIUM),
    (32_768, Effort.HIGH),
)
_ORDER = list(Effort)


def level(thinking: Thinking | None, rules: Rules, lacking: Lacking) -> str:
    """The level to send, or empty for the model's default."""
    wanted, field = _wanted(thinking)
    if wanted is None:
        return ""
    if not rules.efforts:
        if wanted is not Effort.NONE:
            lacking.drop(field, "reasoning")
        return ""
    used = _nearest(wanted, rules.efforts)
    if wanted is Effort.NONE and used is not wanted:
        lacking.lower(field, "switching reasoning off", f"{used.value} is used")
    elif used is not wanted and wanted not in (Effort.MINIMAL, Effort.MAX):
        # Minimal and max mean as little and as much as there is, so they are always honoured.
        said = f"the model has no reasoning level {wanted.value}; {used.value} is used"
        lacking.warn("PARAM_CLAMPED", said, field)
    return used.value


def _wanted(thinking: Thinking | None) -> tuple[Effort | None, str]:
    if thinking is None:
        return None, ""
    if thinking.effort is not None:
        return thinking.effort, "spec.reasoning.effort"
    if thinking.budget_tokens is None:
        return None, ""
    for most, effort in _BUDGETS:
        if thinking.budget_tokens <= most:
            return effort, "spec.reasoning.budget_tokens"
    return Effort.XHIGH, "spec.reasoning.budget_tokens"


def _nearest(wanted: Effort, efforts: tuple[Effort, ...]) -> Effort:
    """The level itself, else the next lower that reasons, else the lowest."""
    if wanted in efforts:
        return wanted
    thinking = [effort for effort in efforts if effort is not Effort.NONE]
    below = [effort for effort in thinking if _ORDER.index(effort) < _ORDER.index(wanted)]
    return below[-1] if below else thinking[0]
