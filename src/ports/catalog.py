"""Facts and prices of models."""

from __future__ import annotations

from typing import Protocol

from hexgate.domain.catalog import ModelCard, Target


class ModelCatalog(Protocol):
    """Looked up on every call: in memory, synchronous."""

    def card(self, target: Target) -> ModelCard:
        """What is known of a target. Unknown models get a card without facts, never an error."""
        ...

    def vendors_of(self, model: str) -> tuple[str, ...]:
        """Vendors known to serve a bare model name, such as ("openai",), likeliest first."""
        ...
