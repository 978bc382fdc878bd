"""Rows of the ledger's table give back what went in, whatever it was."""

from __future__ import annotations

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.ledger import rows
from hexgate.adapters.ledger.schema import upgrade
from hexgate.domain.attempts import Attempt
from hexgate.domain.ledger import CallState, Entry, Intent, Settlement
from hexgate.domain.price import Cost
from hexgate.domain.usage import Usage

WHOLE = st.integers(0, 2**63 - 1)
SECONDS = st.floats(allow_nan=False, allow_infinity=False)
# A lone surrogate is no text; protobuf refuses it at the door.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))

INTENTS = st.builds(
    Intent,
    call_id=st.just("call"),
    tenant=TEXT,
    requested_model=TEXT,
    provider=TEXT,
    model=TEXT,
    hold_nanos=WHOLE,
    price_known=st.booleans(),
    started_at=SECONDS,
    expires_at=SECONDS,
    session_id=TEXT,
    agent_id=TEXT,
    end_user_id=TEXT,
    api_key=TEXT,
    labels=st.dictionaries(TEXT, TEXT),
    streamed=st.booleans(),
)
USAGES = st.builds(
    Usage,
    uncached_input=WHOLE,
    cache_read=WHOLE,
    cache_write=WHOLE,
    cache_write_1h=WHOLE,
    audio_input=WHOLE,
    audio_cache_read=WHOLE,
    image_input=WHOLE,
    output=WHOLE,
    audio_output=WHOLE,
    reasoning=WHOLE,
    estimated=st.booleans(),
)
COSTS = st.builds(
    Cost,
    input_nanos=WHOLE,
    output_nanos=WHOLE,
    wasted_nanos=WHOLE,
    price_version=TEXT,
    estimated=st.booleans(),
    unknown=st.booleans(),
)
ATTEMPTS = st.builds(
    Attempt,
    provider=TEXT,
    model=TEXT,
    failure=TEXT,
    http_status=st.integers(0, 999),
    duration_s=SECONDS,
    request_id=TEXT,
)
SETTLEMENTS = st.builds(
    Settlement,
    call_id=st.just("call"),
    state=st.sampled_from([state for state in CallState if state is not CallState.PENDING]),
    usage=USAGES,
    cost=COSTS,
    provider=TEXT,
    model=TEXT,
    ended_at=SECONDS,
    first_token_at=st.none() | SECONDS,
    finish=TEXT,
    failure=TEXT,
    attempts=st.lists(ATTEMPTS, max_size=4).map(tuple),
)


@given(INTENTS, st.none() | SETTLEMENTS)
def test_an_entry_survives_the_table(intent: Intent, settlement: Settlement | None) -> None:
    columns = ", ".join((*rows.INTENT, *rows.OUTCOME))
    pending = (CallState.PENDING.value, *[None] * (len(rows.OUTCOME) - 1))
    outcome = pending if settlement is None else rows.outcome_row(settlement)
    values = (*rows.intent_row(intent), *outcome)
    db = sqlite3.connect(":memory:")
    try:
        upgrade(db, 0, 0)
        db.execute(f"INSERT INTO calls ({columns}) VALUES ({', '.join('?' * len(values))})", values)
        row = db.execute(f"SELECT {columns} FROM calls").fetchone()
    finally:
        db.close()
    assert rows.entry_of(row) == Entry(intent, settlement)
    assert rows.intent_of(row) == intent


@given(st.lists(TEXT).map(tuple))
def test_names_of_accounts_survive(names: tuple[str, ...]) -> None:
    assert rows.names_of(rows.names_text(names)) == names
