"""Does a provider answer, and accept the gateway's credential?"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from hexgate.application.policies.deadline import late
from hexgate.domain.call import Timeouts
from hexgate.domain.errors import DeadlineExceeded, GatewayError, UnknownProvider
from hexgate.ports.clock import Clock
from hexgate.ports.probe import Probe


@dataclass(frozen=True, slots=True)
class Checked:
    """How a check ended, and after how many seconds. `failure` None means the provider is fine."""

    failure: GatewayError | None
    duration_s: float


class Check:
    """Asks a provider directly: no breaker, no limit and no retry stands between."""

    def __init__(
        self, probes: Mapping[str, Probe], timeouts: Mapping[str, Timeouts], clock: Clock
    ) -> None:
        self._probes = probes
        self._timeouts = timeouts
        self._clock = clock

    @property
    def providers(self) -> tuple[str, ...]:
        """The names that can be asked for."""
        return tuple(self._probes)

    async def __call__(self, provider: str, deadline: float) -> Checked:
        """Ask within the provider's time limits; `deadline` is on the clock's monotonic scale.

        Raises UnknownProvider, and DeadlineExceeded when the caller's time is up first.
        """
        probe = self._probes.get(provider)
        if probe is None:
            raise unknown_provider(provider, self._probes)
        started = self._clock.monotonic()
        failure = None
        try:
            await self._ask(provider, probe, deadline - started)
        except DeadlineExceeded:
            raise
        except GatewayError as error:
            failure = error
        return Checked(failure, self._clock.monotonic() - started)

    async def _ask(self, provider: str, probe: Probe, left_s: float) -> None:
        limits = self._timeouts.get(provider, _TIMEOUTS)
        # What is asked for is ready, so the whole answer may take as long as the first of others.
        limit_s = min(limits.first_token_s, limits.attempt_s)
        try:
            async with asyncio.timeout(min(limit_s, left_s)):
                await probe.check(replace(limits, attempt_s=limit_s))
        except TimeoutError as error:
            raise late(provider, "attempt", limit_s, left_s) from error


def unknown_provider(name: str, configured: Collection[str]) -> UnknownProvider:
    """What to say of a name that is none of these."""
    name = name[:64]
    close = difflib.get_close_matches(name, configured, n=3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(close)}" if close else ""
    return UnknownProvider(
        f"no provider is called {name!r}{hint}; configured: {', '.join(configured)}",
        metadata={"provider": name, "suggestions": ",".join(close)},
    )


_TIMEOUTS = Timeouts()
