"""The gateway's keys at its providers: seen and replaced while the server runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hexgate.application.check import unknown_provider
from hexgate.domain.errors import InvalidRequest, Violation
from hexgate.domain.keys import KeyStatus
from hexgate.ports.keys import Keyring


class Keys:
    """Keys by provider."""

    def __init__(self, rings: Mapping[str, Keyring], providers: Sequence[str]) -> None:
        self._rings = rings
        self._providers = tuple(providers)

    def all(self, provider: str = "") -> tuple[tuple[str, KeyStatus], ...]:
        """The keys of one provider, or of all that have some: provider and status.

        Raises UnknownProvider, and InvalidRequest for a provider that has none.
        """
        rings = {provider: self._ring(provider)} if provider else self._rings
        return tuple((name, status) for name, ring in rings.items() for status in ring.status())

    async def replace(self, provider: str, keys: Sequence[str]) -> tuple[KeyStatus, ...]:
        """See Keyring. Raises UnknownProvider, and InvalidRequest where there are no keys."""
        return await self._ring(provider).replace(keys)

    def _ring(self, provider: str) -> Keyring:
        if provider not in self._providers:
            raise unknown_provider(provider, self._providers)
        ring = self._rings.get(provider)
        if ring is None:
            text = (
                f"{provider} has no keys: it proves itself by another credential, or by none; "
                f"set api_key or api_keys of providers.{provider} and start again"
            )
            violation = Violation("provider", text, "NOT_APPLICABLE")
            raise InvalidRequest(text, (violation,), metadata={"provider": provider})
        return ring
