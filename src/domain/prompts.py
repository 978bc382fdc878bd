"""Stored prompts: named, versioned from 1, immutable."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hexgate.domain.chat import Message, Text

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of a prompt, with `{{variable}}` placeholders in its text."""

    name: str
    version: int
    messages: tuple[Message, ...]
    variables: tuple[str, ...] = ()
    description: str = ""


def placeholders(messages: tuple[Message, ...]) -> tuple[str, ...]:
    """The variables that the text of these messages names, each once, in order of appearance."""
    texts = (part.text for message in messages for part in message.parts if isinstance(part, Text))
    return tuple(dict.fromkeys(name for text in texts for name in _PLACEHOLDER.findall(text)))
