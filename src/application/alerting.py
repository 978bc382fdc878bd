"""Alerts on their way from the store to whoever should hear of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hexgate.domain.budget import Alert
from hexgate.domain.errors import GatewayError
from hexgate.ports.accounts import Alerts
from hexgate.ports.clock import Clock
from hexgate.ports.herald import TRY_S, Herald, Witness

POLL_S = 1.0
# What is claimed and not delivered by then is anybody's again: that is how it is carried once more.
CLAIM_S = 2 * TRY_S
GROUP = 100
GIVE_UP_S = 3 * 86_400.0


class Alerting:
    """Carries each alert to the witnesses, and then to the herald until it has arrived.

    The store hands an alert to one process at a time, and again when that has died: nobody is told
    twice but for a death or an answer that was lost.
    """

    def __init__(
        self, alerts: Alerts, witnesses: Sequence[Witness], herald: Herald, clock: Clock
    ) -> None:
        self._alerts = alerts
        self._witnesses = tuple(witnesses)
        self._herald = herald
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled. While the store cannot be read there is nothing to carry."""
        while True:
            try:
                await self.once()
            except GatewayError:
                pass  # the calls that it fails say so
            except Exception as error:
                # No fault of one alert may end the telling of the others.
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "alerts could not be carried", "exception": error}
                )
            await self._clock.sleep(POLL_S)

    async def once(self) -> None:
        """Carry what waits. Raises StoreUnavailable."""
        now, began = self._clock.now(), self._clock.monotonic()
        alerts = await self._alerts.claim(now, now + CLAIM_S, GROUP)
        # All of them at once: whoever claims them next takes the witnesses for told.
        for alert in alerts:
            if not alert.claims:
                for witness in self._witnesses:
                    witness.raised(alert)
        for alert in alerts:
            # What would still be on its way when the claim runs out is left to the next.
            if self._clock.monotonic() - began > CLAIM_S - TRY_S:
                return
            if await self._carried(alert):
                await self._alerts.delivered(alert)

    async def _carried(self, alert: Alert) -> bool:
        why = await self._herald.deliver(alert)
        if not why:
            return True
        for_good = self._clock.now() - alert.raised_at > GIVE_UP_S
        for witness in self._witnesses:
            witness.undelivered(alert, why, for_good=for_good)
        return for_good
