"""A line for each alert, and for each try that failed."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

from hexgate.adapters.alerts.log import AlertLog
from hexgate.ports.herald import Witness
from tests.adapters.observers.test_logs import logger
from tests.contracts.herald import ALERT, WitnessContract

FIELDS = {
    "budget": "daily",
    "window": "2026-11-30",
    "scope": "global",
    "threshold_nanos": 800,
    "limit_nanos": 1000,
    "spent_nanos": 950,
}


class TestAlertLog(WitnessContract):
    def make(self) -> Witness:
        return AlertLog(logger(io.StringIO()))

    def broken(self) -> Witness:
        closed = io.StringIO()
        made = logger(closed)
        closed.close()
        return AlertLog(made)


def lines(file: io.StringIO) -> list[dict[str, Any]]:
    """What was written."""
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_an_alert_is_a_warning_that_says_whose_spending_reached_what() -> None:
    file = io.StringIO()
    AlertLog(logger(file)).raised(ALERT)
    event = "budget reached a share of its limit"
    assert lines(file) == [{"event": event, "level": "warning", **FIELDS}]


def test_a_try_that_failed_is_a_warning_and_the_last_one_an_error() -> None:
    file = io.StringIO()
    log = AlertLog(logger(file))
    log.undelivered(ALERT, "HTTP 500", for_good=False)
    log.undelivered(replace(ALERT, claims=4320), "TimeoutError", for_good=True)
    assert lines(file) == [
        {
            "event": "alert not delivered yet",
            "level": "warning",
            "why": "HTTP 500",
            "tries": 1,
            **FIELDS,
        },
        {
            "event": "alert given up",
            "level": "error",
            "why": "TimeoutError",
            "tries": 4321,
            **FIELDS,
        },
    ]


def test_a_scope_is_told_as_it_is_whatever_is_in_it() -> None:
    file = io.StringIO()
    log = AlertLog(logger(file))
    alert = replace(ALERT, account='teams|2026-11|label:team=a|b "c"\n\u00e9')
    log.raised(alert)
    log.undelivered(alert, "HTTP 500", for_good=False)
    assert [line["scope"] for line in lines(file)] == ['label:team=a|b "c"\n\u00e9'] * 2
