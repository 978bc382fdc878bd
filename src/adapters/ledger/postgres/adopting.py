"""What accounts lack of what was spent in their windows, read at one moment."""

from __future__ import annotations

from collections.abc import Sequence

from hexgate.adapters.ledger.auditing import Ask, Rows
from hexgate.adapters.ledger.postgres.operations import Opening
from hexgate.domain.attribution import LABEL
from hexgate.domain.budget import Budget
from hexgate.domain.report import day_of

_SUMS = (
    "SELECT value, sum(input_nanos + output_nanos + wasted_nanos)::bigint FROM sums "
    "WHERE dimension = ? AND day >= ? GROUP BY value"
)
# There may be no sums of a label from before it was configured.
_ROWS = (
    "SELECT nullif(labels, '')::json ->> ?::text AS value, sum(CASE WHEN cost_unknown THEN 0 ELSE "
    "input_nanos + output_nanos + wasted_nanos END)::bigint FROM calls "
    "WHERE state <> 'pending' AND started_at >= ? AND labels <> '' GROUP BY 1"
)
_ACCOUNTS = (
    "SELECT account, spent_nanos, opening_nanos FROM accounts WHERE account = ANY(?::text[])"
)


async def openings(ask: Ask, budgets: Sequence[Budget], now: float) -> list[Opening]:
    """One for each account of these budgets in which something was spent."""
    found: list[Opening] = []
    for budget in budgets:
        scope = budget.scope
        spent = [
            (budget.on(scope.of(value or ""), now), nanos)
            for value, nanos in await _spent(ask, budget, now)
            if not scope.dimension or (value and scope.value in ("", value))
        ]
        names = [charge.account for charge, _ in spent]
        known = {name: rest for name, *rest in await ask(_ACCOUNTS, (names,))}
        for charge, nanos in spent:
            had, opening = known.get(charge.account, (0, 0))
            found.append(Opening(charge, max(0, nanos - had), opening))
    return found


async def _spent(ask: Ask, budget: Budget, now: float) -> Rows:
    """Each value of the dimension, and what was spent for it in the window."""
    dimension, first = budget.scope.dimension, budget.window.bounds_at(now)[0]
    if dimension.startswith(LABEL):
        return await ask(_ROWS, (dimension.removeprefix(LABEL), first))
    return await ask(_SUMS, (dimension, day_of(first)))
