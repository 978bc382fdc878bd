"""The gateway's keys at its providers: seen and replaced while the server runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hexgate.domain.keys import KeyStatus
from hexgate.ports.keys import Keyring


class Keys:
    """Keys by provider."""

    def __init__(self, rings: Mapping[str, Keyring], providers: Sequence[str]) -> None:
        self._rings = rings
        self._providers = tuple(providers)

    def all(self, provider: str = "") -> tuple[tuple[str, KeyStatus], ...]:
        """The keys of one provider, or of all: provider and status. Raises UnknownProvider."""
        raise NotImplementedError

    async def replace(self, provider: str, keys: Sequence[str]) -> tuple[KeyStatus, ...]:
        """See Keyring. Raises UnknownProvider, and InvalidRequest where there are no keys."""
        raise NotImplementedError
