"""What accounts lack of what was spent in their windows, read at one moment."""

from __future__ import annotations

from collections.abc import Sequence

from hexgate.adapters.ledger.auditing import Ask
from hexgate.adapters.ledger.postgres.operations import Opening
from hexgate.adapters.ledger.reporting import Reporting
from hexgate.domain.budget import Budget

_ACCOUNTS = (
    "SELECT account, spent_nanos, opening_nanos FROM accounts WHERE account = ANY(?::text[])"
)


async def openings(
    ask: Ask, reporting: Reporting, budgets: Sequence[Budget], now: float
) -> list[Opening]:
    """One for each account of these budgets in which something was spent."""
    found: list[Opening] = []
    for budget in budgets:
        scope, first = budget.scope, budget.window.bounds_at(now)[0]
        spent = [
            (budget.on(scope.of(value or ""), now), nanos)
            for value, nanos in await ask(*reporting.spent(scope.dimension, first))
            if not scope.dimension or (value and scope.value in ("", value))
        ]
        names = [charge.account for charge, _ in spent]
        known = {name: rest for name, *rest in await ask(_ACCOUNTS, (names,))}
        for charge, nanos in spent:
            had, opening = known.get(charge.account, (0, 0))
            found.append(Opening(charge, max(0, nanos - had), opening))
    return found
