"""What each family of models can do."""

from __future__ import annotations

import pytest

from hexgate.adapters.providers.dialects.cohere_chat.models import Rules, rules

KNOWN = {
    "command-a-plus-05-2026": "images documents tools tool_choice json thinking",
    "command-a-reasoning-08-2025": "documents tools tool_choice json thinking",
    "command-a-vision-07-2025": "images documents json",
    "command-a-translate-08-2025": "documents json",
    "command-a-03-2025": "documents tools tool_choice json",
    "command-r7b-12-2024": "documents tools tool_choice json",
    "command-r7b-arabic-02-2025": "documents tools tool_choice json",
    "command-r-plus-08-2024": "documents tools json",
    "command-r-03-2024": "documents tools json",
    "command-r": "documents tools json",
    "command-r-plus": "documents tools json",
    "command": "",
    "command-light-nightly": "",
    "c4ai-aya-vision-32b": "images documents json",
    "c4ai-aya-expanse-32b": "documents json",
    "tiny-aya-global": "documents json",
    "north-mini-code-1-0": "documents tools tool_choice json thinking",
    "north-small-translate-1-0": "documents json",
    # At the caller's word.
    "sim-echo": "images documents tools tool_choice json thinking",
    "command-z-01-2030": "images documents tools tool_choice json thinking",
    "0f3c-ft": "images documents tools tool_choice json thinking",
}


@pytest.mark.parametrize("model", KNOWN)
def test_each_family_is_known_by_its_name(model: str) -> None:
    found = rules(model)
    names = {name for name in Rules.__slots__ if getattr(found, name)}
    assert names == set(KNOWN[model].split())
