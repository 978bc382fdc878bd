"""The table of calls: its schema, and rows from and to the domain."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

from hexgate.domain.attempts import Attempt
from hexgate.domain.ledger import CallState, Entry, Intent, Settlement
from hexgate.domain.price import Cost
from hexgate.domain.usage import Usage

# Raise it with every change of the schema, and add the step from the version before.
VERSION = 1

Value: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = tuple[Value, ...]

# Money is nano-USD, times are seconds since the epoch. One row per call: `begin` writes the first
# half, `settle` the second, once. Columns that `settle` writes are NULL while the call is pending.
SCHEMA = """
CREATE TABLE calls (
    call_id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    hold_nanos INTEGER NOT NULL,
    price_known INTEGER NOT NULL,
    started_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    session_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    end_user_id TEXT NOT NULL,
    labels TEXT NOT NULL,
    streamed INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    uncached_input INTEGER,
    cache_read INTEGER,
    cache_write INTEGER,
    cache_write_1h INTEGER,
    output INTEGER,
    reasoning INTEGER,
    usage_estimated INTEGER,
    input_nanos INTEGER,
    output_nanos INTEGER,
    wasted_nanos INTEGER,
    price_version TEXT,
    cost_estimated INTEGER,
    cost_unknown INTEGER,
    served_provider TEXT,
    served_model TEXT,
    ended_at REAL,
    first_token_at REAL,
    finish TEXT,
    failure TEXT,
    attempts TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX calls_open ON calls (expires_at) WHERE state = 'pending';
CREATE INDEX calls_recent ON calls (tenant, started_at);
"""

_INTENT = (
    "call_id, tenant, requested_model, provider, model, hold_nanos, price_known, started_at, "
    "expires_at, session_id, agent_id, end_user_id, labels, streamed"
)
_OUTCOME = (
    "state, uncached_input, cache_read, cache_write, cache_write_1h, output, reasoning, "
    "usage_estimated, input_nanos, output_nanos, wasted_nanos, price_version, cost_estimated, "
    "cost_unknown, served_provider, served_model, ended_at, first_token_at, finish, failure, "
    "attempts"
)
_INTENT_WIDTH = _INTENT.count(",") + 1
_MARKS = ", ".join("?" * _INTENT_WIDTH)
_SETS = ", ".join(f"{column} = ?" for column in _OUTCOME.split(", "))

BEGIN = f"INSERT INTO calls ({_INTENT}) VALUES ({_MARKS}) ON CONFLICT DO NOTHING"  # noqa: S608 # constants
SETTLE = f"UPDATE calls SET {_SETS} WHERE call_id = ? AND state = 'pending'"  # noqa: S608 # constants
EXISTS = "SELECT 1 FROM calls WHERE call_id = ?"
GET = f"SELECT {_INTENT}, {_OUTCOME} FROM calls WHERE call_id = ?"  # noqa: S608 # constants
RECENT = (
    f"SELECT {_INTENT}, {_OUTCOME} FROM calls WHERE tenant = ? "  # noqa: S608 # constants
    "ORDER BY started_at DESC, call_id DESC LIMIT ?"
)
EXPIRED = (
    f"SELECT {_INTENT} FROM calls WHERE state = 'pending' AND expires_at <= ? "  # noqa: S608 # constants
    "ORDER BY expires_at LIMIT ?"
)

_encode = msgspec.json.Encoder().encode
_labels = msgspec.json.Decoder(dict[str, str]).decode
_attempts = msgspec.json.Decoder(tuple[Attempt, ...]).decode


def intent_row(intent: Intent) -> Row:
    """The arguments of BEGIN."""
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
        _encode(dict(intent.labels)).decode() if intent.labels else "",
        intent.streamed,
    )


def outcome_row(settlement: Settlement) -> Row:
    """The arguments of SETTLE."""
    usage, cost = settlement.usage, settlement.cost
    return (
        settlement.state.value,
        usage.uncached_input,
        usage.cache_read,
        usage.cache_write,
        usage.cache_write_1h,
        usage.output,
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
        settlement.call_id,
    )


# A row's types are what the STRICT table holds, which a type checker cannot see.
def intent_of(row: tuple[Any, ...]) -> Intent:
    """The intent in a row of EXPIRED, GET or RECENT."""
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
        labels=MappingProxyType(_labels(row[12]) if row[12] else {}),
        streamed=bool(row[13]),
    )


def entry_of(row: tuple[Any, ...]) -> Entry:
    """The whole row of GET or RECENT."""
    intent = intent_of(row)
    state = CallState(row[_INTENT_WIDTH])
    if state is CallState.PENDING:
        return Entry(intent)
    return Entry(intent, _settlement(intent.call_id, state, row[_INTENT_WIDTH + 1 :]))


def _settlement(call_id: str, state: CallState, row: tuple[Any, ...]) -> Settlement:
    return Settlement(
        call_id=call_id,
        state=state,
        usage=Usage(
            uncached_input=row[0],
            cache_read=row[1],
            cache_write=row[2],
            cache_write_1h=row[3],
            output=row[4],
            reasoning=row[5],
            estimated=bool(row[6]),
        ),
        cost=Cost(
            input_nanos=row[7],
            output_nanos=row[8],
            wasted_nanos=row[9],
            price_version=row[10],
            estimated=bool(row[11]),
            unknown=bool(row[12]),
        ),
        provider=row[13],
        model=row[14],
        ended_at=row[15],
        first_token_at=row[16],
        finish=row[17],
        failure=row[18],
        attempts=_attempts(row[19]) if row[19] else (),
    )
