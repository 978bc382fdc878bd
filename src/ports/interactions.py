"""Who is told what was said in calls."""

from __future__ import annotations

from typing import Protocol

from hexgate.domain.interaction import Interaction


class Interactions(Protocol):
    """Told of the calls that it wants, once each, after their end. Must not raise, must not block.

    What it is told is what callers said and were answered: nobody else may come to see it.
    """

    def wants(self, call_id: str) -> bool:
        """Whether to be told of this call: the same at each asking, and asking costs nothing."""
        ...

    def ended(self, interaction: Interaction) -> None:
        """A call ended, in whatever way."""
        ...
