"""Whether a provider can be reached and accepts the gateway's credential."""

from __future__ import annotations

from typing import Protocol

from hexgate.domain.call import Timeouts


class Probe(Protocol):
    """Asks for what costs nothing. Cancelling closes the provider's connection at once."""

    async def check(self, timeouts: Timeouts) -> None:
        """Return when the provider accepts the credential, or raise a GatewayError."""
        ...
