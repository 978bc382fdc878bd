"""One line of JSON per call."""

from __future__ import annotations

import io
import json

import structlog
from structlog.typing import FilteringBoundLogger

from hexgate.adapters.observers.logs import CallLog
from hexgate.domain.ledger import CallState
from hexgate.domain.price import Cost
from hexgate.domain.usage import Usage
from hexgate.ports.observer import Observer
from tests.contracts.observer import INTENT, ObserverContract, settlement


def logger(file: io.StringIO) -> FilteringBoundLogger:
    """A logger of JSON lines."""
    made: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(file),
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        cache_logger_on_first_use=True,
    )
    return made


class TestCallLog(ObserverContract):
    def make(self) -> Observer:
        return CallLog(logger(io.StringIO()))

    def broken(self) -> Observer:
        closed = io.StringIO()
        made = logger(closed)
        closed.close()
        return CallLog(made)


def test_a_call_is_one_line_with_all_that_it_took() -> None:
    file = io.StringIO()
    CallLog(logger(file)).ended(INTENT, settlement())
    assert file.getvalue().count("\n") == 1
    assert json.loads(file.getvalue()) == {
        "event": "call ended",
        "level": "info",
        "call_id": "0190-call",
        "tenant": "acme",
        "provider": "openai",
        "model": "gpt-x",
        "streamed": True,
        "state": "settled",
        "finish": "stop",
        "failure": "",
        "input_tokens": 10,
        "cached_tokens": 3,
        "output_tokens": 5,
        "estimated": False,
        "cost_nanos": 301,
        "duration_ms": 1500.0,
        "ttft_ms": 250.0,
        "attempts": 2,
        "path": ["openai/gpt-x: PROVIDER_TIMEOUT", "openai/gpt-x"],
    }


def test_tokens_are_totals_whatever_their_kind() -> None:
    file = io.StringIO()
    usage = Usage(
        uncached_input=1,
        cache_read=2,
        audio_input=4,
        audio_cache_read=8,
        output=16,
        audio_output=32,
    )
    CallLog(logger(file)).ended(INTENT, settlement(usage=usage))
    line = json.loads(file.getvalue())
    assert (line["input_tokens"], line["cached_tokens"], line["output_tokens"]) == (15, 10, 48)


def test_one_attempt_needs_no_path() -> None:
    file = io.StringIO()
    CallLog(logger(file)).ended(INTENT, settlement(attempts=settlement().attempts[-1:]))
    line = json.loads(file.getvalue())
    assert line["attempts"] == 1
    assert "path" not in line


def test_what_is_not_known_is_null_and_not_zero() -> None:
    file = io.StringIO()
    unknown = settlement(
        CallState.FAILED,
        cost=Cost(unknown=True),
        usage=Usage(estimated=True),
        first_token_at=None,
        failure="ALL_TARGETS_FAILED",
    )
    CallLog(logger(file)).ended(INTENT, unknown)
    line = json.loads(file.getvalue())
    assert (line["cost_nanos"], line["ttft_ms"]) == (None, None)
    assert (line["state"], line["failure"]) == ("failed", "ALL_TARGETS_FAILED")
    assert line["estimated"]


def test_a_clock_that_was_set_back_gives_no_negative_duration() -> None:
    file = io.StringIO()
    CallLog(logger(file)).ended(INTENT, settlement(ended_at=INTENT.started_at - 60))
    assert json.loads(file.getvalue())["duration_ms"] == 0


def test_only_labels_that_were_allowed_are_written() -> None:
    plain, chosen = io.StringIO(), io.StringIO()
    CallLog(logger(plain)).ended(INTENT, settlement())
    CallLog(logger(chosen), labels=["team", "absent"]).ended(INTENT, settlement())
    assert json.loads(chosen.getvalue())["labels"] == {"team": "search"}
    assert "labels" not in json.loads(plain.getvalue())
    for written in (plain.getvalue(), chosen.getvalue()):
        assert "confidential" not in written
        assert "user-3" not in written
