"""What a group of operations makes of accounts and daily sums, in memory until it is written.

The engines read rows and write rows; the arithmetic of holds, spending, alerts and sums is here,
once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import add
from typing import NamedTuple

from hexgate.domain import attribution
from hexgate.domain.attribution import LABEL
from hexgate.domain.budget import Alert, Balance, Charge, exceeded
from hexgate.domain.ledger import CallState, Intent, Settlement
from hexgate.domain.price import Cost
from hexgate.domain.report import DAY_S, Totals, day_of
from hexgate.domain.usage import Usage

SINCE = "summed "
"""What begins the names of facts that tell from when on a dimension has sums of all calls."""

ALL = ""
"""The dimension of the sums over everything."""

SUMS = (
    "calls",
    "failed",
    "cancelled",
    "unknown",
    "unpriced",
    "estimated",
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
    "input_nanos",
    "output_nanos",
    "wasted_nanos",
)
"""What is summed, in the order of the columns."""

SUMMED = ("agent", "end_user", "api_key")
"""The dimensions of attribution with daily sums of their own, beside those labels that are told. A
call that names no value is in the sums of the empty one, so each dimension sums up to all calls.
"""


MAX_KNOWN = 50_000


class SumKey(NamedTuple):
    """Which sums: those of one value of one dimension, by day, provider and model."""

    dimension: str
    day: str
    value: str
    provider: str
    model: str
    tenant: str


@dataclass(slots=True)
class Account:
    """One account; amounts in nano-USD. See Balance."""

    limit_nanos: int
    alerts: tuple[int, ...] = ()
    spent_nanos: int = 0
    held_nanos: int = 0
    opening_nanos: int = 0
    alerted_nanos: int = 0  # the highest amount for which an alert was raised

    def balance(self, name: str) -> Balance:
        """The same, frozen."""
        return Balance(
            account=name,
            limit_nanos=self.limit_nanos,
            spent_nanos=self.spent_nanos,
            held_nanos=self.held_nanos,
            opening_nanos=self.opening_nanos,
        )


class Sheet:
    """`load` finds an account in the store, or None. `labels` have daily sums of their own.

    What is `dirty`, `sums` and `alerts` has to be written; `written` says that it was, and `forget`
    that it never will be.
    """

    def __init__(self, load: Callable[[str], Account | None], labels: Iterable[str] = ()) -> None:
        self._load = load
        self._summed = (*SUMMED, *(f"{LABEL}{key}" for key in labels))
        self._accounts: dict[str, Account] = {}
        self._day = (float("-inf"), "")  # when the last one used begins, and its name
        self.dirty: dict[str, Account] = {}
        self.sums: dict[SumKey, tuple[int, ...]] = {}
        self.alerts: list[Alert] = []

    def admit(self, charges: Sequence[Charge], hold_nanos: int, at: float) -> None:
        """Raises BudgetExceeded unless every account has room for the hold.

        Spending hardly ever reaches a limit to the last nano-USD, since calls are refused before;
        so the first that is raises the limit's own alert.
        """
        for charge in charges:
            account = self._account(charge.account) or Account(charge.limit_nanos)
            if account.spent_nanos + account.held_nanos + hold_nanos > charge.ceiling_nanos:
                if charge.ceiling_nanos == charge.limit_nanos:
                    self._alert(charge.account, account, charge.limit_nanos, at)
                balance = replace(account, limit_nanos=charge.limit_nanos).balance(charge.account)
                raise exceeded(balance, hold_nanos)

    def hold(self, charges: Sequence[Charge], hold_nanos: int) -> None:
        """Take the hold, on accounts that are opened where they are new."""
        for charge in charges:
            name = charge.account
            account = self._account(name) or Account(charge.limit_nanos)
            account.limit_nanos, account.alerts = charge.limit_nanos, charge.alerts
            account.held_nanos += hold_nanos
            self._accounts[name] = self.dirty[name] = account

    def extend(self, names: Sequence[str], more_nanos: int) -> None:
        """Add to a hold. Raises BudgetExceeded, and then nothing is added."""
        found = [(name, self._account(name)) for name in names]
        for name, account in found:
            if account is None:
                continue
            used = account.spent_nanos + account.held_nanos
            if used + more_nanos > account.limit_nanos:
                raise exceeded(account.balance(name), more_nanos)
        for name, account in found:
            if account is not None:
                account.held_nanos += more_nanos
                self.dirty[name] = account

    def settle(self, names: Sequence[str], intent: Intent, settlement: Settlement) -> None:
        """Turn the hold of a call into what it was charged, and count it."""
        spent = charged(settlement.cost)
        for name in names:
            account = self._account(name)
            if account is None:
                continue  # its window was pruned long before the call ended
            account.held_nanos -= intent.hold_nanos
            self._spend(name, account, spent, settlement.ended_at)
        self._count(intent, settlement)

    def adopt(self, charge: Charge, spent_nanos: int, now: float) -> None:
        """Let an account have spent at least so much in its window, by whatever calls."""
        name = charge.account
        account = self._account(name) or Account(charge.limit_nanos)
        account.limit_nanos, account.alerts = charge.limit_nanos, charge.alerts
        more = max(0, spent_nanos - account.spent_nanos)
        account.opening_nanos += more
        self._accounts[name] = account
        self._spend(name, account, more, now)

    def remove(self, name: str) -> None:
        """The account is no longer in the store."""
        self._accounts.pop(name, None)
        self.dirty.pop(name, None)

    def written(self) -> None:
        """What was to be written is in the store; accounts stay known, within a bound."""
        self.dirty.clear()
        self.sums.clear()
        self.alerts.clear()
        if len(self._accounts) > MAX_KNOWN:
            self._accounts.clear()

    def forget(self) -> None:
        """Nothing since the last `written` happened; accounts are read again."""
        self.written()
        self._accounts.clear()

    def __bool__(self) -> bool:
        """Whether there is something to write."""
        return bool(self.dirty or self.sums)

    def _spend(self, name: str, account: Account, nanos: int, at: float) -> None:
        account.spent_nanos += nanos
        self.dirty[name] = account
        self._alert(name, account, account.spent_nanos, at)

    def _alert(self, name: str, account: Account, reached_nanos: int, at: float) -> None:
        """Raise what is due at an amount, and was not raised before."""
        due = [one for one in account.alerts if account.alerted_nanos < one <= reached_nanos]
        if not due:
            return
        account.alerted_nanos = max(due)
        self.dirty[name] = account
        self.alerts += [
            Alert(
                account=name,
                threshold_nanos=threshold,
                limit_nanos=account.limit_nanos,
                spent_nanos=account.spent_nanos,
                raised_at=at,
            )
            for threshold in due
        ]

    def _account(self, name: str) -> Account | None:
        account = self._accounts.get(name)
        if account is None:
            account = self._load(name)
            if account is not None:
                self._accounts[name] = account
        return account

    def _count(self, intent: Intent, settlement: Settlement) -> None:
        day, amounts = self._day_of(intent.started_at), summed(settlement)
        for dimension in (ALL, *self._summed):
            value = attribution.value(intent, dimension) if dimension else ""
            key = SumKey(
                dimension, day, value, settlement.provider, settlement.model, intent.tenant
            )
            sums = self.sums.get(key)
            self.sums[key] = amounts if sums is None else tuple(map(add, sums, amounts))

    def _day_of(self, at: float) -> str:
        begins, name = self._day
        if not begins <= at < begins + DAY_S:
            name = day_of(at)
            self._day = (at // DAY_S * DAY_S, name)
        return name


def charged(cost: Cost) -> int:
    """What an account is charged, in nano-USD. The amounts of an unknown price mean nothing."""
    return 0 if cost.unknown else cost.total_nanos


def summed(settlement: Settlement) -> tuple[int, ...]:
    """What one call adds to the sums, in the order of SUMS."""
    state, usage, cost = settlement.state, settlement.usage, settlement.cost
    priced = not cost.unknown
    return (
        1,
        state is CallState.FAILED,
        state is CallState.CANCELLED,
        state is CallState.UNKNOWN,
        cost.unknown,
        usage.estimated or cost.estimated,
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
        cost.input_nanos if priced else 0,
        cost.output_nanos if priced else 0,
        cost.wasted_nanos if priced else 0,
    )


def totals(sums: Sequence[int]) -> Totals:
    """Sums in the order of SUMS as the domain has them."""
    calls, failed, cancelled, unknown, unpriced, estimated = sums[:6]
    return Totals(
        calls=calls,
        failed=failed,
        cancelled=cancelled,
        unknown=unknown,
        unpriced=unpriced,
        estimated=estimated,
        usage=Usage(
            uncached_input=sums[6],
            cache_read=sums[7],
            cache_write=sums[8],
            cache_write_1h=sums[9],
            audio_input=sums[10],
            audio_cache_read=sums[11],
            image_input=sums[12],
            output=sums[13],
            audio_output=sums[14],
            reasoning=sums[15],
            estimated=bool(estimated),
        ),
        cost=Cost(
            input_nanos=sums[16],
            output_nanos=sums[17],
            wasted_nanos=sums[18],
            estimated=bool(estimated),
        ),
    )
