"""The configured budgets, and what a call asks of them."""

from __future__ import annotations

from collections.abc import Iterable

from hexgate.domain.attribution import Attributed
from hexgate.domain.budget import AtLimit, Budget, Charge


class Budgets:
    """Touches nothing but memory."""

    def __init__(self, budgets: Iterable[Budget] = ()) -> None:
        self.all = tuple(budgets)
        self._by_name = {budget.name: budget for budget in self.all}
        self._strict = tuple(budget for budget in self.all if not budget.unpriced)

    def charges(
        self, who: Attributed, at: float, *, downgraded: bool = False
    ) -> tuple[Charge, ...]:
        """What a call asks that starts at a moment; one that was `downgraded` up to the limits."""
        if not self.all:
            return ()
        charges = (budget.charge(who, at, downgraded=downgraded) for budget in self.all)
        return tuple(charge for charge in charges if charge is not None)

    def priced_alone(self, who: Attributed) -> bool:
        """Whether a budget is about the call that cannot count what has no price."""
        return any(budget.scope.subject(who) is not None for budget in self._strict)

    def downgrading(self, name: str) -> Budget | None:
        """The budget of this name, if it sends calls to cheaper models."""
        budget = self._by_name.get(name)
        return budget if budget and budget.at_limit is AtLimit.DOWNGRADE else None


NO_BUDGETS = Budgets()
