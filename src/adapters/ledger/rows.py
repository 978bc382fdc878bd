"""The rows of the table of calls, from and to the domain; the columns are those of every engine.

Money is nano-USD, times are seconds since the epoch. One row per call: `begin` writes the first
half, `settle` the second, once. Columns that `settle` writes are NULL while the call is pending.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

from hexgate.domain.attempts import Attempt
from hexgate.domain.ledger import CallState, Entry, Intent, Settlement
from hexgate.domain.price import Cost
from hexgate.domain.usage import Usage

Value: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = tuple[Value, ...]

INTENT = (
    "call_id",
    "tenant",
    "requested_model",
    "provider",
    "model",
    "hold_nanos",
    "price_known",
    "started_at",
    "expires_at",
    "session_id",
    "agent_id",
    "end_user_id",
    "api_key",
    "labels",
    "streamed",
)
OUTCOME = (
    "state",
    "uncached_input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "audio_input",
    "audio_cache_read",
    "image_input",
    "output",
    "audio_output",
    "reasoning",
    "usage_estimated",
    "input_nanos",
    "output_nanos",
    "wasted_nanos",
    "price_version",
    "cost_estimated",
    "cost_unknown",
    "served_provider",
    "served_model",
    "ended_at",
    "first_token_at",
    "finish",
    "failure",
    "attempts",
)
ACCOUNT = (
    "account",
    "limit_nanos",
    "alerts",
    "spent_nanos",
    "held_nanos",
    "opening_nanos",
    "alerted_nanos",
)
"""The columns of the table of accounts."""

ACCOUNTS = "accounts"
"""The column with the names of the accounts that a call is held on."""

_encode = msgspec.json.Encoder().encode
_labels = msgspec.json.Decoder(dict[str, str]).decode
_attempts = msgspec.json.Decoder(tuple[Attempt, ...]).decode
_names = msgspec.json.Decoder(tuple[str, ...]).decode


def names_text(names: Iterable[str]) -> str:
    """The value of ACCOUNTS: a JSON list, or empty."""
    listed = tuple(names)
    return _encode(listed).decode() if listed else ""


def names_of(text: str) -> tuple[str, ...]:
    """The names in ACCOUNTS."""
    return _names(text) if text else ()


def intent_row(intent: Intent) -> Row:
    """The values of INTENT."""
    return (
        intent.call_id,
        intent.tenant,
        intent.requested_model,
        intent.provider,
        intent.model,
        intent.hold_nanos,
        intent.price_known,
        intent.started_at,
        intent.expires_at,
        intent.session_id,
        intent.agent_id,
        intent.end_user_id,
        intent.api_key,
        _encode(dict(intent.labels)).decode() if intent.labels else "",
        intent.streamed,
    )


def outcome_row(settlement: Settlement) -> Row:
    """The values of OUTCOME."""
    usage, cost = settlement.usage, settlement.cost
    return (
        settlement.state.value,
        usage.uncached_input,
        usage.cache_read,
        usage.cache_write,
        usage.cache_write_1h,
        usage.audio_input,
        usage.audio_cache_read,
        usage.image_input,
        usage.output,
        usage.audio_output,
        usage.reasoning,
        usage.estimated,
        cost.input_nanos,
        cost.output_nanos,
        cost.wasted_nanos,
        cost.price_version,
        cost.estimated,
        cost.unknown,
        settlement.provider,
        settlement.model,
        settlement.ended_at,
        settlement.first_token_at,
        settlement.finish,
        settlement.failure,
        _encode(settlement.attempts).decode() if settlement.attempts else "",
    )


# A row's types are what its table holds, which a type checker cannot see.
def intent_of(row: tuple[Any, ...]) -> Intent:
    """The intent in a row that begins with INTENT."""
    return Intent(
        call_id=row[0],
        tenant=row[1],
        requested_model=row[2],
        provider=row[3],
        model=row[4],
        hold_nanos=row[5],
        price_known=bool(row[6]),
        started_at=row[7],
        expires_at=row[8],
        session_id=row[9],
        agent_id=row[10],
        end_user_id=row[11],
        api_key=row[12],
        labels=MappingProxyType(_labels(row[13]) if row[13] else {}),
        streamed=bool(row[14]),
    )


def entry_of(row: tuple[Any, ...]) -> Entry:
    """The whole row: INTENT, then OUTCOME."""
    intent = intent_of(row)
    state = CallState(row[len(INTENT)])
    if state is CallState.PENDING:
        return Entry(intent)
    return Entry(intent, _settlement(intent.call_id, state, row[len(INTENT) + 1 :]))


def _settlement(call_id: str, state: CallState, row: tuple[Any, ...]) -> Settlement:
    return Settlement(
        call_id=call_id,
        state=state,
        usage=Usage(
            uncached_input=row[0],
            cache_read=row[1],
            cache_write=row[2],
            cache_write_1h=row[3],
            audio_input=row[4],
            audio_cache_read=row[5],
            image_input=row[6],
            output=row[7],
            audio_output=row[8],
            reasoning=row[9],
            estimated=bool(row[10]),
        ),
        cost=Cost(
            input_nanos=row[11],
            output_nanos=row[12],
            wasted_nanos=row[13],
            price_version=row[14],
            estimated=bool(row[15]),
            unknown=bool(row[16]),
        ),
        provider=row[17],
        model=row[18],
        ended_at=row[19],
        first_token_at=row[20],
        finish=row[21],
        failure=row[22],
        attempts=_attempts(row[23]) if row[23] else (),
    )
