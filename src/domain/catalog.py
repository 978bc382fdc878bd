"""Facts about a model, and the targets that a name stands for."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.domain.price import Price


@dataclass(frozen=True, slots=True)
class Target:
    """One place a call can go: a configured provider and the provider's own model name."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What is known of a model. 0 and None mean: not known. `quality` is a rank, 0 to 100."""

    target: Target
    context_tokens: int = 0
    max_output_tokens: int = 0
    price: Price | None = None
    quality: int = 0
