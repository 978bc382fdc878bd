"""Stored prompts: named, versioned from 1, immutable."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.domain.chat import Message


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of a prompt, with `{{variable}}` placeholders in its text."""

    name: str
    version: int
    messages: tuple[Message, ...]
    variables: tuple[str, ...] = ()
    description: str = ""
