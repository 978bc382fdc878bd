"""Reasoning settings, in the style of the model's family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hexgate.adapters.providers.claude.rules import Rules, ThinkingStyle
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.spec import Effort, Thinking

_AT = "spec.reasoning"
_OFF = ("disabled", "between_tools")
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
_REASONING = ("thinking", "redacted_thinking", "reasoningContent")
_RESULTS = ("tool_result", "toolResult")


@dataclass(frozen=True, slots=True)
class Said:
    """What goes into a request: `thinking`, empty to say nothing, and a level of effort or none."""

    thinking: JsonObject
    effort: str = ""

    @property
    def reasons(self) -> bool:
        """Whether reasoning was asked for, which rules out most sampling."""
        return bool(self.thinking) and self.thinking["type"] not in _OFF


_NOTHING = Said({})


def think(
    wish: Thinking | None,
    limit: int,
    known: Rules,
    lacking: Lacking,
    *,
    forced: bool,
    amid_calls: bool,
) -> Said:
    """How to ask for what was wished. `limit` is that of the output tokens.

    `forced` is whether a tool must be called, and `amid_calls` see there.
    """
    if wish is None:
        return _NOTHING
    if wish.effort is Effort.NONE or wish.budget_tokens == 0:
        return _off(known, lacking)
    if known.thinking is ThinkingStyle.NONE:
        lacking.drop(_AT, "reasoning")
    elif forced:
        lacking.drop(_AT, "reasoning together with a forced tool call")
    elif known.thinking is ThinkingStyle.ADAPTIVE:
        return _adaptive(wish, known, lacking)
    elif amid_calls and _budgeted(wish):
        lacking.drop(_AT, "reasoning amid tool calls that began without its own")
    else:
        return _budget(wish, limit, lacking)
    return _NOTHING


def amid_calls(turns: Sequence[Json], kind: Callable[[JsonObject], Json]) -> bool:
    """Whether the turns end amid tool calls, or an answer, that began without signed reasoning.

    Models with a budget refuse to reason there: the reasoning was another provider's, or there was
    none. `kind` names a content block.
    """
    first: list[Json] = []
    for turn in reversed(turns):
        assert isinstance(turn, dict)
        content = turn["content"]
        assert isinstance(content, list)
        kinds = [kind(block) for block in content if isinstance(block, dict)]
        if turn["role"] == "assistant":
            first = kinds
        elif not any(each in _RESULTS for each in kinds):
            break
    return bool(first) and first[0] not in _REASONING


def _off(known: Rules, lacking: Lacking) -> Said:
    if known.thinking is ThinkingStyle.NONE:
        return _NOTHING
    if known.off:
        return Said({"type": known.off})
    lacking.lower(_AT, "switching reasoning off", "the lowest effort is used")
    return Said({}, "low")


def _adaptive(wish: Thinking, known: Rules, lacking: Lacking) -> Said:
    level = level_of(wish)
    if level == "xhigh" and not known.effort_xhigh:
        lacking.warn("VALUE_CLAMPED", "the model has no level between high and max", _AT)
        level = "high"
    display = "summarized" if wish.include else "omitted"
    return Said({"type": "adaptive", "display": display}, level)


def _budgeted(wish: Thinking) -> bool:
    return wish.effort is not None or wish.budget_tokens is not None


def _budget(wish: Thinking, limit: int, lacking: Lacking) -> Said:
    if not _budgeted(wish):
        return _NOTHING
    if limit <= _LEAST_BUDGET:
        what = f"reasoning within {limit} output tokens; it needs more than {_LEAST_BUDGET}"
        lacking.drop(_AT, what)
        return _NOTHING
    if wish.effort is Effort.XHIGH:
        lacking.warn("VALUE_CLAMPED", "the model has no level between high and max", _AT)
    wanted = limit * _SHARES[wish.effort] // 100 if wish.effort else wish.budget_tokens or 0
    budget = min(max(_LEAST_BUDGET, wanted), limit - 1)
    if wish.budget_tokens not in (None, budget):
        said = f"the reasoning budget is between {_LEAST_BUDGET} and the output limit"
        lacking.warn("VALUE_CLAMPED", said, _AT)
    return Said({"type": "enabled", "budget_tokens": budget})


def level_of(wish: Thinking) -> str:
    """The level that comes nearest to a wish, from low to max; empty where it names none."""
    if wish.effort is not None:
        return _LEVELS[wish.effort]
    if wish.budget_tokens is None:
        return ""
    if wish.budget_tokens <= 4096:
        return "low"
    return "medium" if wish.budget_tokens <= 16384 else "high"
