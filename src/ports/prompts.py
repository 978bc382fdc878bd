"""Versioned prompts."""

from __future__ import annotations

from typing import Protocol

from hexgate.domain.chat import Message
from hexgate.domain.prompts import Prompt


class PromptStore(Protocol):
    """Immutable versions under movable labels, per tenant."""

    async def add(self, tenant: str, name: str, messages: tuple[Message, ...]) -> Prompt:
        """Store the next version of `name`, counting from 1."""
        ...

    async def get(self, tenant: str, name: str, version: int | None = None) -> Prompt | None:
        """One version, the newest by default, or None."""
        ...
