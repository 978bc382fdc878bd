"""Budgets: whose spending counts, over which window, and what happens at the limit."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from hexgate.domain import attribution
from hexgate.domain.attribution import LABEL, Attributed
from hexgate.domain.catalog import Target
from hexgate.domain.errors import BudgetExceeded

MILLION = 1_000_000


class Window(enum.Enum):
    """How long spending counts before it begins at zero again, in UTC."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"

    def name_at(self, at: float) -> str:
        """The window that holds a moment, in seconds since the epoch: a day, a month, or `total`.

        Names of one kind sort as the windows do.
        """
        return "total" if self is Window.TOTAL else _named(self, at // _DAY_S)

    def bounds_at(self, at: float) -> tuple[float, float | None]:
        """When that window begins, and when it ends; None is never."""
        if self is Window.TOTAL:
            return 0.0, None
        start = datetime.fromtimestamp(at // _DAY_S * _DAY_S, UTC)
        if self is Window.DAY:
            return start.timestamp(), (start + timedelta(days=1)).timestamp()
        start = start.replace(day=1)
        return start.timestamp(), (start + timedelta(days=32)).replace(day=1).timestamp()


_FORMATS = {Window.DAY: "%Y-%m-%d", Window.MONTH: "%Y-%m"}
_MONTH_CHARS = len("2026-11")


_DAY_S = 86_400


@lru_cache(maxsize=64)
def _named(window: Window, day: float) -> str:
    """The name of the window that holds a day, counted since the epoch."""
    return datetime.fromtimestamp(day * _DAY_S, UTC).strftime(_FORMATS[window])


class AtLimit(enum.Enum):
    """What becomes of a call for which too little is left."""

    REFUSE = "refuse"
    DOWNGRADE = "downgrade"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose spending counts: everybody's, that of one value of a dimension, or each value's apart.

    `dimension` is one of attribution, or empty for everybody; `value` empty is each.
    """

    dimension: str = ""
    value: str = ""

    def subject(self, who: Attributed) -> str | None:
        """Whose account a call is on, such as `agent:indexer`; None where it is on none.

        A call that does not name a value of the dimension is in no scope of it.
        """
        if not self.dimension:
            return "global"
        found = attribution.value(who, self.dimension)
        if not found or (self.value and found != self.value):
            return None
        return self.of(found)

    def of(self, value: str) -> str:
        """The subject of one value."""
        joint = "=" if self.dimension.startswith(LABEL) else ":"
        return f"{self.dimension}{joint}{value}" if self.dimension else "global"

    def __str__(self) -> str:
        return self.of(self.value or "*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What a call asks of one account: to stay, with its hold, at or below `ceiling_nanos`.

    `alerts` are the amounts, in rising order, at which an alert is raised; all in nano-USD.
    """

    account: str
    limit_nanos: int
    ceiling_nanos: int
    alerts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A bound on spending. Shares are millionths of the limit.

    A DOWNGRADE budget sends calls to `cheaper` once they would take it beyond `downgrade_share`;
    the limit holds for those as well. Where `unpriced` is not allowed, a call whose price is not
    known is refused, since it could not be counted.
    """

    name: str
    limit_nanos: int
    window: Window
    scope: Scope = Scope()
    at_limit: AtLimit = AtLimit.REFUSE
    cheaper: tuple[Target, ...] = ()
    downgrade_share: int = MILLION
    alert_shares: tuple[int, ...] = ()
    unpriced: bool = False

    def charge(self, who: Attributed, at: float, *, downgraded: bool = False) -> Charge | None:
        """What a call that starts at a moment asks of this budget; None where the budget is not
        about it.
        """
        subject = self.scope.subject(who)
        if subject is None:
            return None
        soft = self.at_limit is AtLimit.DOWNGRADE and not downgraded
        return self.on(subject, at, self.downgrade_share if soft else MILLION)

    def on(self, subject: str, at: float, share: int = MILLION) -> Charge:
        """The terms of a subject's account in the window that holds a moment."""
        return Charge(
            account=f"{self.name}|{self.window.name_at(at)}|{subject}",
            limit_nanos=self.limit_nanos,
            ceiling_nanos=self._share(share),
            alerts=self.alerts,
        )

    @property
    def alerts(self) -> tuple[int, ...]:
        """The amounts at which an alert is raised, rising, in nano-USD."""
        return _amounts(self.limit_nanos, self.alert_shares)

    def _share(self, millionths: int) -> int:
        return self.limit_nanos * millionths // MILLION


@lru_cache(maxsize=1024)
def _amounts(limit_nanos: int, shares: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted({limit_nanos * share // MILLION for share in shares}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One account as it is, in nano-USD. Of `spent_nanos`, `opening_nanos` were spent before the
    budget was known.
    """

    account: str
    limit_nanos: int
    spent_nanos: int = 0
    held_nanos: int = 0
    opening_nanos: int = 0

    @property
    def budget(self) -> str:
        """The name of the budget."""
        return self.account.split("|", 2)[0]

    @property
    def window(self) -> str:
        """The name of the window."""
        return self.account.split("|", 2)[1]

    @property
    def subject(self) -> str:
        """Whose account it is."""
        return self.account.split("|", 2)[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An account whose spending reached an amount. Raised once for each, in the transaction that
    settled the spending; `raised_at` is in seconds since the epoch. `claims` is how often somebody
    tried to deliver it before.
    """

    account: str
    threshold_nanos: int
    limit_nanos: int
    spent_nanos: int
    raised_at: float
    claims: int = 0


def exceeded(balance: Balance, needed_nanos: int) -> BudgetExceeded:
    """The refusal of a call that needs so much more than it holds already."""
    limit, spent, held = balance.limit_nanos, balance.spent_nanos, balance.held_nanos
    metadata = {
        "budget": balance.budget,
        "scope": balance.subject,
        "limitNanos": str(limit),
        "spentNanos": str(spent),
        "heldNanos": str(held),
        "neededNanos": str(needed_nanos),
    }
    ends_at = window_end(balance.window)
    then = "raise its limit" if ends_at is None else f"it starts again at {_rfc3339(ends_at)}"
    if ends_at is not None:
        metadata["resetTime"] = _rfc3339(ends_at)
    return BudgetExceeded(
        f"the budget {balance.budget} ({balance.subject}, {balance.window}) allows {limit} "
        f"nano-USD; {spent} are spent, {held} are held, and {needed_nanos} more may be needed; "
        f"{then}",
        metadata=metadata,
    )


def window_end(name: str) -> float | None:
    """When the window of this name ends, in seconds since the epoch; None is never."""
    window = _window(name)
    return window.bounds_at(window_start(name))[1]


def window_start(name: str) -> float:
    """When it begins."""
    window = _window(name)
    if window is Window.TOTAL:
        return 0.0
    return datetime.strptime(name, _FORMATS[window]).replace(tzinfo=UTC).timestamp()


def _window(name: str) -> Window:
    if name == "total":
        return Window.TOTAL
    return Window.DAY if len(name) > _MONTH_CHARS else Window.MONTH


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
