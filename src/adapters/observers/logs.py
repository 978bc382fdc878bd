"""One log line per call: who, where, how it ended, what it took. Never what was said."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Any, Protocol

from hexgate.domain.attempts import Attempt
from hexgate.domain.ledger import Intent, Settlement


class Logger(Protocol):
    """What a line is written with: structlog's loggers fit."""

    def info(self, event: str, **fields: Any) -> object:
        """Write one line."""
        ...


class Silent:
    """An Observer that writes nothing."""

    def ended(self, intent: Intent, settlement: Settlement) -> None:
        """See Observer."""


class CallLog:
    """An Observer that writes one line, `call ended`, at level info.

    Where more than one attempt was made, `path` names each of them in order, with its failure.
    Labels are the caller's own words, so only those named in `labels` are written. What cannot be
    written, because the file is full or closed, is lost in silence: a log must not fail a call.
    """

    def __init__(self, logger: Logger, labels: Collection[str] = ()) -> None:
        self._info = logger.info
        self._labels = tuple(labels)

    def ended(self, intent: Intent, settlement: Settlement) -> None:
        """See Observer."""
        with contextlib.suppress(OSError, ValueError):
            fields = _fields(intent, settlement)
            self._info("call ended", **fields, **self._more(intent, settlement))

    def _more(
        self, intent: Intent, settlement: Settlement
    ) -> dict[str, dict[str, str] | list[str]]:
        more: dict[str, dict[str, str] | list[str]] = {}
        if len(settlement.attempts) > 1:
            more["path"] = [_step(attempt) for attempt in settlement.attempts]
        if self._labels:
            labels = intent.labels
            more["labels"] = {name: labels[name] for name in self._labels if name in labels}
        return more


def _fields(intent: Intent, settlement: Settlement) -> dict[str, str | int | float | bool | None]:
    usage, cost = settlement.usage, settlement.cost
    return {
        "call_id": intent.call_id,
        "tenant": intent.tenant,
        "provider": settlement.provider,
        "model": settlement.model,
        "streamed": intent.streamed,
        "state": settlement.state.value,
        "finish": settlement.finish,
        "failure": settlement.failure,
        "input_tokens": usage.input,
        "cached_tokens": usage.cache_read + usage.audio_cache_read,
        "output_tokens": usage.written,
        "estimated": usage.estimated,
        "cost_nanos": None if cost.unknown else cost.total_nanos,
        "duration_ms": _ms(intent.started_at, settlement.ended_at),
        "ttft_ms": _ms(intent.started_at, settlement.first_token_at),
        "attempts": len(settlement.attempts),
    }


def _step(attempt: Attempt) -> str:
    target = f"{attempt.provider}/{attempt.model}"
    return f"{target}: {attempt.failure}" if attempt.failure else target


def _ms(start: float, end: float | None) -> float | None:
    """Milliseconds between two records; the wall clock may have been set back in between."""
    return None if end is None else round(max(0.0, end - start) * 1000, 3)
