"""How each family is told to reason."""

from __future__ import annotations

from typing import Any

import pytest

from hexgate.domain.spec import Effort, Thinking
from tests.adapters.providers.dialects.gemini.asking import FLASH, NEW, PRO, ask, sent, warned

LITE, OLD, DEEP, OWN = "gemini-2.5-flash-lite", "gemini-2.0-flash", "gemini-3-pro-preview", "own"
EFFORT, TOKENS = "spec.reasoning.effort", "spec.reasoning.budget_tokens"
CASES: list[tuple[str, Thinking, Any, str]] = [
    (FLASH, Thinking(Effort.NONE), {"thinkingBudget": 0}, ""),
    (FLASH, Thinking(Effort.LOW), {"thinkingBudget": 1024}, ""),
    (FLASH, Thinking(Effort.MAX), {"thinkingBudget": 24576}, ""),
    (FLASH, Thinking(budget_tokens=0), {"thinkingBudget": 0}, ""),
    (FLASH, Thinking(budget_tokens=99_999), {"thinkingBudget": 24576}, TOKENS),
    (FLASH, Thinking(include=True), {"includeThoughts": True}, ""),
    (FLASH, Thinking(Effort.NONE, include=True), {"thinkingBudget": 0}, ""),
    (LITE, Thinking(budget_tokens=5), {"thinkingBudget": 512}, TOKENS),
    (PRO, Thinking(Effort.NONE), {"thinkingBudget": 128}, EFFORT),
    (PRO, Thinking(budget_tokens=2000), {"thinkingBudget": 2000}, ""),
    (PRO, Thinking(Effort.MAX), {"thinkingBudget": 32768}, ""),
    (NEW, Thinking(Effort.MINIMAL), {"thinkingLevel": "MINIMAL"}, ""),
    (NEW, Thinking(Effort.NONE), {"thinkingLevel": "MINIMAL"}, EFFORT),
    (NEW, Thinking(Effort.XHIGH), {"thinkingLevel": "HIGH"}, EFFORT),
    (NEW, Thinking(budget_tokens=10_000), {"thinkingLevel": "MEDIUM"}, ""),
    (
        NEW,
        Thinking(Effort.HIGH, include=True),
        {"thinkingLevel": "HIGH", "includeThoughts": True},
        "",
    ),
    (DEEP, Thinking(Effort.MEDIUM), {"thinkingLevel": "LOW"}, EFFORT),
    (DEEP, Thinking(Effort.MINIMAL), {"thinkingLevel": "LOW"}, ""),
    ("gemini-3.8-flash", Thinking(Effort.MINIMAL), {"thinkingLevel": "LOW"}, ""),
    ("gemini-3.8-flash", Thinking(Effort.NONE), {"thinkingLevel": "LOW"}, EFFORT),
    ("gemini-3.8-flash-lite", Thinking(Effort.MINIMAL), {"thinkingLevel": "MINIMAL"}, ""),
    ("gemini-3.6-flash", Thinking(Effort.MINIMAL), {"thinkingLevel": "MINIMAL"}, ""),
    ("gemini-flash-latest", Thinking(Effort.MAX), {"thinkingLevel": "HIGH"}, ""),
    ("gemini-3.1-pro", Thinking(Effort.MEDIUM), {"thinkingLevel": "MEDIUM"}, ""),
    ("models/gemini-3-flash", Thinking(Effort.LOW), {"thinkingLevel": "LOW"}, ""),
    (OLD, Thinking(Effort.HIGH), None, "spec.reasoning"),
    (OLD, Thinking(Effort.NONE), None, ""),
    (OWN, Thinking(Effort.HIGH), {"thinkingLevel": "HIGH"}, ""),
    (OWN, Thinking(Effort.NONE), {"thinkingBudget": 0}, ""),
    (OWN, Thinking(budget_tokens=77), {"thinkingBudget": 77}, ""),
]


@pytest.mark.parametrize(("model", "wish", "said", "changed"), CASES)
def test_every_family_is_told_in_its_own_way(
    model: str, wish: Thinking, said: Any, changed: str
) -> None:
    request = sent(ask(model, thinking=wish))
    config: Any = request.payload["generationConfig"]
    assert config.get("thinkingConfig") == said
    assert [field for _, field in warned(request)] == ([changed] if changed else [])


def test_nothing_wished_is_nothing_said() -> None:
    assert "thinkingConfig" not in str(sent(ask()).payload)
