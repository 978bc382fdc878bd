"""The clock of the machine."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Real time."""

    monotonic = staticmethod(time.monotonic)
    now = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        """Wait at least so long."""
        until = time.monotonic() + seconds
        while True:
            await asyncio.sleep(seconds)
            # uvloop's timers count whole milliseconds and fire up to one too early.
            seconds = until - time.monotonic()
            if seconds <= 0:
                return
