"""OpenAI's usage and costs: GET /v1/organization/usage/completions, .../embeddings and .../costs.

Shapes and meanings are those of `openai.types.admin.organization` in openai 3.52
(`UsageCompletionsResponse`, `UsageEmbeddingsResponse`, `UsageCostsResponse`), and of the examples
in https://platform.openai.com/docs/api-reference/usage. Every bucket begins at `start_time`, in
seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from hexgate.adapters.exports.fields import Fields
from hexgate.domain.reconcile import CALLS, COST, OUTPUT, READ, UNCACHED, WRITTEN, Billed

_USAGE = "organization.usage.completions.result"
_EMBEDDINGS = "organization.usage.embeddings.result"
_COSTS = "organization.costs.result"


def billed(bucket: Fields) -> Iterator[Billed]:
    """The lines of one bucket, after one that says that its day is covered. Raises Broken."""
    day = bucket.day("start_time")
    yield Billed(day=day)
    for result in bucket.each("results"):
        kind = result.text("object", absent="")
        if kind in (_USAGE, _EMBEDDINGS):
            model = result.text("model", absent="")  # null unless grouped by it
            yield Billed(day=day, model=model, figures=_tokens(result))
        elif kind == _COSTS:
            # Line items have no documented names, so costs are those of all models of a day.
            yield Billed(day=day, figures=_cost(result))
        else:
            raise result.broken("object", f"{_USAGE}, {_EMBEDDINGS} or {_COSTS}")


def _tokens(result: Fields) -> dict[str, int | Decimal]:
    """`input_tokens` includes what came from the cache and what went into it; older answers do not
    say the latter, nor `input_uncached_tokens`.
    """
    read = result.count("input_cached_tokens", absent=0)
    written = result.count("input_cache_write_tokens", absent=0)
    uncached = result.count("input_tokens") - read - written
    if uncached < 0:
        raise result.broken("input_tokens", "those of the cache to be among them")
    return {
        UNCACHED: result.count("input_uncached_tokens", absent=uncached),
        READ: read,
        WRITTEN: written,
        OUTPUT: result.count("output_tokens", absent=0),  # embeddings have none
        CALLS: result.count("num_model_requests"),
    }


def _cost(result: Fields) -> dict[str, int | Decimal]:
    amount = result.inner("amount")
    if amount.text("currency", absent="usd").lower() != "usd":
        raise amount.broken("currency", "usd")
    return {COST: amount.nanos("value")}
