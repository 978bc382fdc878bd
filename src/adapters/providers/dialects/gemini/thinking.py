"""Reasoning settings, in the style of the model's family."""

from __future__ import annotations

from hexgate.adapters.providers.dialects.gemini.models import Budget, Rules
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.json import JsonObject
from hexgate.domain.spec import Effort, Thinking

_EFFORT, _TOKENS = "spec.reasoning.effort", "spec.reasoning.budget_tokens"
# What the vendor's own compatibility layer makes of the first four.
_BUDGETS = {
    Effort.NONE: 0,
    Effort.MINIMAL: 1_024,
    Effort.LOW: 1_024,
    Effort.MEDIUM: 8_192,
    Effort.HIGH: 24_576,
    Effort.XHIGH: 32_768,
    Effort.MAX: 1 << 20,
}
# Up to so many tokens the level before it will do.
_EFFORTS = (
    (0, Effort.NONE),
    (512, Effort.MINIMAL),
    (4_096, Effort.LOW),
    (16_384, Effort.MEDIUM),
)
_ORDER = list(Effort)


def think(config: JsonObject, wish: Thinking | None, known: Rules, lacking: Lacking) -> None:
    """Add `thinkingConfig`. Without a wish the model decides for itself."""
    if wish is None:
        return
    off = wish.effort is Effort.NONE or wish.budget_tokens == 0
    if not known.levels and known.budget is None:
        if not off:
            lacking.drop("spec.reasoning", "reasoning")
        return
    made: JsonObject = {}
    if known.budget is not None and (not known.levels or wish.effort is None or off):
        _budget(made, wish, known.budget, lacking)
    else:
        _level(made, wish, known.levels, lacking)
    if wish.include and not off:
        made["includeThoughts"] = True
    if made:
        config["thinkingConfig"] = made


def _budget(made: JsonObject, wish: Thinking, bounds: Budget, lacking: Lacking) -> None:
    if wish.effort is not None:
        wanted, field = _BUDGETS[wish.effort], _EFFORT
    elif wish.budget_tokens is not None:
        wanted, field = wish.budget_tokens, _TOKENS
    else:
        return
    used = max(bounds.least, min(bounds.most, wanted))
    if wanted == 0 and bounds.off:
        used = 0
    elif wanted == 0:
        lacking.lower(field, "switching reasoning off", f"{used} tokens are used")
    elif used != wanted and wish.effort is None:
        said = f"the reasoning budget is between {bounds.least} and {bounds.most} tokens"
        lacking.warn("PARAM_CLAMPED", f"{said}; {used} are used", field)
    made["thinkingBudget"] = used


def _level(made: JsonObject, wish: Thinking, levels: tuple[Effort, ...], lacking: Lacking) -> None:
    wanted, field = wish.effort, _EFFORT
    if wanted is None and wish.budget_tokens is not None:
        wanted, field = _effort(wish.budget_tokens), _TOKENS
    if wanted is None:
        return
    used = _nearest(wanted, levels)
    if wanted is Effort.NONE:
        lacking.lower(field, "switching reasoning off", f"{used.value} is used")
    elif used is not wanted and wanted not in (Effort.MINIMAL, Effort.MAX):
        # Minimal and max mean as little and as much as there is, so they are always honoured.
        said = f"the model has no reasoning level {wanted.value}; {used.value} is used"
        lacking.warn("PARAM_CLAMPED", said, field)
    made["thinkingLevel"] = used.value.upper()


def _effort(tokens: int) -> Effort:
    return next((effort for most, effort in _EFFORTS if tokens <= most), Effort.HIGH)


def _nearest(wanted: Effort, levels: tuple[Effort, ...]) -> Effort:
    """The level itself, else the next lower, else the lowest."""
    below = [level for level in levels if _ORDER.index(level) <= _ORDER.index(wanted)]
    return below[-1] if below else levels[0]
