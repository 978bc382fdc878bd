"""Prompts in this process's memory: gone when it ends."""

from __future__ import annotations

from hexgate.domain.chat import Message
from hexgate.domain.errors import StoreUnavailable
from hexgate.domain.prompts import Prompt, placeholders


class MemoryPrompts:
    """A PromptStore of at most `max_versions` versions over all tenants.

    Beyond that `add` raises StoreUnavailable.
    """

    def __init__(self, max_versions: int = 10_000) -> None:
        self._max_versions = max_versions
        self._held = 0
        self._versions: dict[tuple[str, str], list[Prompt]] = {}

    async def add(self, tenant: str, name: str, messages: tuple[Message, ...]) -> Prompt:
        """See PromptStore."""
        if self._held >= self._max_versions:
            raise StoreUnavailable(
                f"the prompt store holds {self._held} versions, which is its limit",
                metadata={"limit": str(self._max_versions)},
            )
        versions = self._versions.setdefault((tenant, name), [])
        prompt = Prompt(name, len(versions) + 1, messages, placeholders(messages))
        versions.append(prompt)
        self._held += 1
        return prompt

    async def get(self, tenant: str, name: str, version: int | None = None) -> Prompt | None:
        """See PromptStore."""
        versions = self._versions.get((tenant, name), [])
        number = len(versions) if version is None else version
        return versions[number - 1] if 1 <= number <= len(versions) else None
