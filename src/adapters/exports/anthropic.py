"""Anthropic's usage and cost reports: GET /v1/organizations/usage_report/messages, .../cost_report,
and their successors under .../analytics.

Shapes and meanings are those of `BetaAnalyticsUsageBucketedResult` and
`BetaAnalyticsCostBucketedResult` in anthropic 2.11, and of the example in
https://platform.claude.com/docs/en/api/admin/usage_report/retrieve_messages. Every bucket begins at
`starting_at`, an RFC 3339 time.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from hexgate.adapters.exports.fields import Fields
from hexgate.domain.reconcile import CALLS, COST, OUTPUT, READ, UNCACHED, WRITTEN, Billed

_CENTS = 100


def billed(bucket: Fields) -> Iterator[Billed]:
    """The lines of one bucket, after one that says that its day is covered. Raises Broken."""
    day = bucket.day("starting_at")
    yield Billed(day=day)
    for result in bucket.each("results"):
        if result.has("amount"):
            # Not every cost is a model's, so costs are those of all models of a day.
            yield Billed(day=day, figures=_cost(result))
        else:
            model = result.text("model", absent="")  # null unless grouped by it
            yield Billed(day=day, model=model, figures=_tokens(result))


def _tokens(result: Fields) -> dict[str, int | Decimal]:
    written = result.inner("cache_creation")
    figures: dict[str, int | Decimal] = {
        UNCACHED: result.count("uncached_input_tokens"),
        READ: result.count("cache_read_input_tokens"),
        WRITTEN: written.count("ephemeral_5m_input_tokens", absent=0)
        + written.count("ephemeral_1h_input_tokens", absent=0),
        OUTPUT: result.count("output_tokens"),
    }
    if result.has("requests"):  # the successor's alone
        figures[CALLS] = result.count("requests")
    return figures


def _cost(result: Fields) -> dict[str, int | Decimal]:
    """`amount` is in cents, of which there may be fractions."""
    if result.text("currency", absent="USD").upper() != "USD":
        raise result.broken("currency", "USD")
    return {COST: result.nanos("amount", _CENTS)}
