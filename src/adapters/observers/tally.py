"""Losses that are counted and said now and then, so that a log does not drown in them."""

from __future__ import annotations

import contextlib
import math

from hexgate.adapters.observers.targets import Logger
from hexgate.ports.clock import Clock

EVERY_S = 60.0


class Tally:
    """Says `event` with a count, at the first loss and then once a minute at most.

    For one thread at a time. What cannot be said is lost in silence: see CallLog.
    """

    def __init__(self, logger: Logger, event: str, clock: Clock) -> None:
        self._logger = logger
        self._event = event
        self._clock = clock
        self._count = 0
        self._cause = ""
        self._said = -math.inf

    def add(self, error: BaseException | None = None) -> None:
        """One more is lost."""
        self._count += 1
        if error is not None:
            self._cause = _cause(error)
        self.due()

    def due(self) -> None:
        """Say what is not said yet, if the last time was long ago."""
        if self._count and self._clock.monotonic() - self._said >= EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Say what is not said yet."""
        if not self._count:
            return
        fields = {"error": self._cause} if self._cause else {}
        count, self._count, self._said = self._count, 0, self._clock.monotonic()
        with contextlib.suppress(OSError, ValueError):
            self._logger.warning(self._event, count=count, **fields)


def _cause(error: BaseException) -> str:
    """Its kind, and what the system said. The text of any other error may quote what was said."""
    said = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
