"""Single calls as rows of a file, in the words of the contract."""

from __future__ import annotations

from datetime import UTC, datetime

from hexgate.domain.ledger import CallState, Intent, Settlement
from hexgate.entrypoints.grpc import render
from hexgate.entrypoints.grpc.records import REASONS
from hexgate.entrypoints.lines import Cell

FIELDS = (
    "response_id",
    "start_time",
    "end_time",
    "duration_s",
    "time_to_first_token_s",
    "state",
    "failure",
    "requested_model",
    "provider",
    "provider_model",
    "attempt_count",
    "streamed",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "image_input_tokens",
    "usage_estimated",
    "currency_code",
    "total_nanos",
    "input_nanos",
    "output_nanos",
    "wasted_nanos",
    "price_version",
    "cost_estimated",
    "price_unknown",
    "session_id",
    "agent_id",
    "end_user_id",
    "api_key",
    "labels",
)
"""What a row has, in this order; see ExportUsageRequest. A new field goes to the end."""

_SECOND = len("2026-11-30T14:00:00")


def row(intent: Intent, settlement: Settlement) -> tuple[Cell, ...]:
    """The values of FIELDS."""
    return (
        intent.call_id,
        *_times(intent.started_at, settlement),
        settlement.state.value,
        settlement.failure if settlement.failure in REASONS else None,
        intent.requested_model,
        settlement.provider,
        settlement.model,
        len(settlement.attempts),
        intent.streamed,
        *_tokens(settlement),
        *_money(settlement),
        intent.session_id,
        intent.agent_id,
        intent.end_user_id,
        intent.api_key,
        dict(intent.labels),
    )


def _times(started_at: float, settlement: Settlement) -> tuple[Cell, ...]:
    seen = settlement.state is not CallState.UNKNOWN  # else it was found, some time later
    first_at, ended_at = settlement.first_token_at, settlement.ended_at
    return (
        rfc3339(started_at),
        rfc3339(ended_at) if seen else None,
        round(ended_at - started_at, 6) if seen else None,
        None if first_at is None else round(first_at - started_at, 6),
    )


def _tokens(settlement: Settlement) -> tuple[Cell, ...]:
    used = render.usage(settlement.usage)
    return (
        used.input_tokens,
        used.output_tokens,
        used.cache_read_tokens,
        used.cache_write_tokens,
        used.cache_write_1h_tokens,
        used.reasoning_tokens,
        used.audio_input_tokens,
        used.audio_output_tokens,
        used.image_input_tokens,
        used.estimated,
    )


def _money(settlement: Settlement) -> tuple[Cell, ...]:
    spent = settlement.cost
    amounts = (spent.total_nanos, spent.input_nanos, spent.output_nanos, spent.wasted_nanos)
    told: tuple[Cell, ...] = (None,) * len(amounts) if spent.unknown else amounts
    return (render.CURRENCY, *told, spent.price_version, spent.estimated, spent.unknown)


def rfc3339(at: float) -> str:
    """A moment in UTC, to the microsecond, as `render.stamp` has it."""
    whole = int(at)
    second = datetime.fromtimestamp(whole, UTC).isoformat()[:_SECOND]
    return f"{second}.{int((at - whole) * 1e6):06d}Z"
