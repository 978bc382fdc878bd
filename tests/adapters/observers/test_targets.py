"""One line for each change of a target, at the level that it deserves."""

from __future__ import annotations

import io
import json
from typing import Any

from hexgate.adapters.observers.targets import TargetLog
from hexgate.domain.health import BreakerState
from tests.adapters.observers.test_logs import logger


def lines(file: io.StringIO) -> list[dict[str, Any]]:
    """What was written."""
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_a_breaker_that_opens_is_a_warning_and_one_that_recovers_is_not() -> None:
    file = io.StringIO()
    log = TargetLog(logger(file))
    log.turned("a/m", BreakerState.CLOSED, BreakerState.OPEN)
    log.turned("a/m", BreakerState.OPEN, BreakerState.HALF_OPEN)
    log.turned("a/m", BreakerState.HALF_OPEN, BreakerState.CLOSED)
    told = [(one["level"], one["target"], one["old"], one["new"]) for one in lines(file)]
    assert told == [
        ("warning", "a/m", "closed", "open"),
        ("info", "a/m", "open", "half_open"),
        ("info", "a/m", "half_open", "closed"),
    ]


def test_a_provider_that_falls_ill_is_a_warning_with_its_reason() -> None:
    file = io.StringIO()
    log = TargetLog(logger(file))
    log.judged("a", "PROVIDER_AUTH_FAILED")
    log.judged("a", "")
    ill, well = lines(file)
    assert (ill["level"], ill["provider"], ill["failure"]) == (
        "warning",
        "a",
        "PROVIDER_AUTH_FAILED",
    )
    assert (well["level"], well["provider"]) == ("info", "a")


def test_a_check_that_breaks_is_an_error_that_quotes_nothing() -> None:
    file = io.StringIO()
    TargetLog(logger(file)).stumbled("a", KeyError("sk-secret"))
    (line,) = lines(file)
    assert (line["level"], line["provider"], line["error"]) == ("error", "a", "KeyError")
    assert "secret" not in file.getvalue()


def test_a_log_that_cannot_be_written_disturbs_nobody() -> None:
    closed = io.StringIO()
    log = TargetLog(logger(closed))
    closed.close()
    log.turned("a/m", BreakerState.CLOSED, BreakerState.OPEN)
    log.judged("a", "X")
    log.judged("a", "")
    log.stumbled("a", KeyError())
