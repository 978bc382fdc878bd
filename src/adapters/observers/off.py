"""Where no interaction is written down. Apart, since the log brings much that most never need."""

from __future__ import annotations

from hexgate.domain.interaction import Interaction


class Off:
    """An Interactions that wants nothing."""

    def wants(self, call_id: str) -> bool:  # noqa: ARG002 - whatever it is
        """See Interactions."""
        return False

    def ended(self, interaction: Interaction) -> None:
        """See Interactions."""
