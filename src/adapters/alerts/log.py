"""Log lines about budgets."""

from __future__ import annotations

import contextlib
from typing import Any, Protocol

from hexgate.domain.budget import Alert


class Logger(Protocol):
    """What a line is written with: structlog's loggers fit."""

    def warning(self, event: str, **fields: Any) -> object:
        """Write one line that somebody should look at."""
        ...

    def error(self, event: str, **fields: Any) -> object:
        """Write one line about what will not be done again."""
        ...


class AlertLog:
    """A Witness. What cannot be written is lost in silence: see CallLog."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def raised(self, alert: Alert) -> None:
        """See Witness."""
        with contextlib.suppress(OSError, ValueError):
            self._logger.warning("budget reached a share of its limit", **fields(alert))

    def undelivered(self, alert: Alert, why: str, *, for_good: bool) -> None:
        """See Witness. One line for the first try, the second, the fourth, and so on."""
        tries = alert.claims + 1
        if tries & (tries - 1) and not for_good:
            return
        write = self._logger.error if for_good else self._logger.warning
        text = "alert given up" if for_good else "alert not delivered yet"
        with contextlib.suppress(OSError, ValueError):
            write(text, **fields(alert), why=why, tries=tries)


def fields(alert: Alert) -> dict[str, str | int]:
    """What an alert says, for people and for machines; amounts in nano-USD."""
    budget, window, subject = alert.account.split("|", 2)
    return {
        "budget": budget,
        "window": window,
        "scope": subject,
        "threshold_nanos": alert.threshold_nanos,
        "limit_nanos": alert.limit_nanos,
        "spent_nanos": alert.spent_nanos,
    }
