"""Calls by month, accounts, daily sums, alerts, and what retention has removed.

Text sorts by code points, as in Python, whatever the locale of the database. Rows of accounts and
sums change all the time, so their pages keep room for it.
"""

from __future__ import annotations

from alembic import op

revision = "1"
down_revision = None

_STEPS = (
    """
    CREATE TABLE calls (
        call_id text COLLATE "C" NOT NULL,
        tenant text COLLATE "C" NOT NULL,
        requested_model text COLLATE "C" NOT NULL,
        provider text COLLATE "C" NOT NULL,
        model text COLLATE "C" NOT NULL,
        hold_nanos bigint NOT NULL,
        price_known boolean NOT NULL,
        started_at double precision NOT NULL,
        expires_at double precision NOT NULL,
        session_id text COLLATE "C" NOT NULL,
        agent_id text COLLATE "C" NOT NULL,
        end_user_id text COLLATE "C" NOT NULL,
        api_key text COLLATE "C" NOT NULL,
        labels text COLLATE "C" NOT NULL,
        streamed boolean NOT NULL,
        accounts text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL DEFAULT 'pending',
        uncached_input bigint,
        cache_read bigint,
        cache_write bigint,
        cache_write_1h bigint,
        audio_input bigint,
        audio_cache_read bigint,
        image_input bigint,
        output bigint,
        audio_output bigint,
        reasoning bigint,
        usage_estimated boolean,
        input_nanos bigint,
        output_nanos bigint,
        wasted_nanos bigint,
        price_version text COLLATE "C",
        cost_estimated boolean,
        cost_unknown boolean,
        served_provider text COLLATE "C",
        served_model text COLLATE "C",
        ended_at double precision,
        first_token_at double precision,
        finish text COLLATE "C",
        failure text COLLATE "C",
        attempts text COLLATE "C",
        PRIMARY KEY (call_id, started_at)
    ) PARTITION BY RANGE (started_at)
    """,
    "CREATE INDEX calls_open ON calls (expires_at) WHERE state = 'pending'",
    "CREATE INDEX calls_recent ON calls (tenant, started_at, call_id)",
    "CREATE INDEX calls_session ON calls (session_id, started_at) WHERE session_id <> ''",
    """
    CREATE TABLE accounts (
        account text COLLATE "C" PRIMARY KEY,
        limit_nanos bigint NOT NULL,
        alerts text COLLATE "C" NOT NULL,
        spent_nanos bigint NOT NULL,
        held_nanos bigint NOT NULL,
        opening_nanos bigint NOT NULL,
        alerted_nanos bigint NOT NULL
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE sums (
        dimension text COLLATE "C" NOT NULL,
        day text COLLATE "C" NOT NULL,
        value text COLLATE "C" NOT NULL,
        provider text COLLATE "C" NOT NULL,
        model text COLLATE "C" NOT NULL,
        tenant text COLLATE "C" NOT NULL,
        calls bigint NOT NULL,
        failed bigint NOT NULL,
        cancelled bigint NOT NULL,
        unknown bigint NOT NULL,
        unpriced bigint NOT NULL,
        estimated bigint NOT NULL,
        uncached_input bigint NOT NULL,
        cache_read bigint NOT NULL,
        cache_write bigint NOT NULL,
        cache_write_1h bigint NOT NULL,
        audio_input bigint NOT NULL,
        audio_cache_read bigint NOT NULL,
        image_input bigint NOT NULL,
        output bigint NOT NULL,
        audio_output bigint NOT NULL,
        reasoning bigint NOT NULL,
        input_nanos bigint NOT NULL,
        output_nanos bigint NOT NULL,
        wasted_nanos bigint NOT NULL,
        PRIMARY KEY (dimension, day, value, provider, model, tenant)
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX sums_value ON sums (dimension, value, day) WHERE dimension <> ''",
    """
    CREATE TABLE alerts (
        account text COLLATE "C" NOT NULL,
        threshold_nanos bigint NOT NULL,
        limit_nanos bigint NOT NULL,
        spent_nanos bigint NOT NULL,
        raised_at double precision NOT NULL,
        claimed_until double precision NOT NULL DEFAULT 0,
        claims bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (account, threshold_nanos)
    )
    """,
    """
    CREATE TABLE facts (
        name text COLLATE "C" PRIMARY KEY,
        value double precision NOT NULL
    )
    """,
)


def upgrade() -> None:
    """Make everything."""
    for step in _STEPS:
        op.execute(step)
