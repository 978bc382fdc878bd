"""What applies where the caller says nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from hexgate.domain.call import Timeouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Tokens, attempts, nano-USD. `timeouts` are by provider."""

    model: str = ""
    max_output_tokens: int = 2048
    max_output_tokens_with_tools: int = 1024
    max_attempts: int = 4
    max_cost_nanos: int | None = None
    timeouts: dict[str, Timeouts] = field(default_factory=dict)
