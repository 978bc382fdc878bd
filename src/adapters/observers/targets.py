"""Log lines about targets: breakers that turn, and providers that fail their checks."""

from __future__ import annotations

import contextlib
from typing import Any, Protocol

from hexgate.domain.health import BreakerState


class Logger(Protocol):
    """What a line is written with: structlog's loggers fit."""

    def info(self, event: str, **fields: Any) -> object:
        """Write one line."""
        ...

    def warning(self, event: str, **fields: Any) -> object:
        """Write one line that somebody should look at."""
        ...

    def error(self, event: str, **fields: Any) -> object:
        """Write one line about a fault of the gateway's own."""
        ...


class TargetLog:
    """One line for each change. What cannot be written is lost in silence: see CallLog."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def turned(self, key: str, old: BreakerState, new: BreakerState) -> None:
        """A breaker went from one state to another: a warning where it opened."""
        write = self._logger.warning if new is BreakerState.OPEN else self._logger.info
        with contextlib.suppress(OSError, ValueError):
            write("breaker turned", target=key, old=old.value, new=new.value)

    def judged(self, provider: str, failure: str) -> None:
        """A provider fails its checks, for this reason; or is well again, where that is empty."""
        with contextlib.suppress(OSError, ValueError):
            if failure:
                self._logger.warning("provider is unhealthy", provider=provider, failure=failure)
            else:
                self._logger.info("provider is healthy again", provider=provider)

    def stumbled(self, provider: str, error: Exception) -> None:
        """A check broke. Only the kind of the error is written: its text may quote anything."""
        with contextlib.suppress(OSError, ValueError):
            self._logger.error("check failed", provider=provider, error=type(error).__name__)
