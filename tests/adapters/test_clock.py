"""The clock of the machine keeps the contract."""

from __future__ import annotations

import uvloop

from hexgate.adapters.clock import SystemClock
from hexgate.ports.clock import Clock
from tests.contracts.clock import ClockContract


class TestSystemClock(ClockContract):
    def make(self) -> Clock:
        return SystemClock()


def test_no_sleep_is_too_short_on_uvloop_either() -> None:
    clock = SystemClock()

    async def nap() -> None:
        for _ in range(20):
            before = clock.monotonic()
            await clock.sleep(0.0053)
            assert clock.monotonic() - before >= 0.0053

    uvloop.run(nap())
