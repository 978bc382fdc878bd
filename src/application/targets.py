"""What operators see and want of targets."""

from __future__ import annotations

from hexgate.application.vitals import Vitals
from hexgate.domain.catalog import Target
from hexgate.domain.health import TargetHealth, TargetState
from hexgate.ports.breaker import Breaker
from hexgate.ports.clock import Clock


class Targets:
    """Lists targets with their health, and takes them out of rotation and back."""

    def __init__(
        self,
        providers: tuple[str, ...],
        configured: tuple[Target, ...],
        vitals: Vitals,
        breaker: Breaker,
        clock: Clock,
    ) -> None:
        self._providers = providers
        self._configured = configured
        self._vitals = vitals
        self._breaker = breaker
        self._clock = clock

    def all(self) -> tuple[TargetHealth, ...]:
        """Every provider, every configured target and every one that was called, by name."""
        raise NotImplementedError

    def set(self, name: str, state: TargetState, ttl_s: float | None, reason: str) -> TargetHealth:
        """Wish this of `provider/model` or `provider/*`; how it stands then.

        Raises UnknownProvider, and InvalidRequest for a name of another form.
        """
        raise NotImplementedError
