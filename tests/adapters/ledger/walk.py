"""A random walk over a ledger: calls, cancels, crashes, replicas and expiries, beside a model.

The model is arithmetic of whole numbers in a dictionary. After every step the accounts of the store
are those of the model, and no account has spent and held more than its limit.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from hexgate.domain.budget import Balance, Budget, Charge, Scope, Window, window_end
from hexgate.domain.errors import BudgetExceeded, StoreUnavailable
from hexgate.domain.ledger import CallState, Intent, Settlement
from hexgate.domain.price import Cost
from hexgate.domain.report import DAY_S
from hexgate.ports.store import Store
from tests.contracts.ledger import START, intent, settlement

BUDGETS = (
    Budget(name="daily", limit_nanos=20_000, window=Window.DAY, alert_shares=(500_000, 1_000_000)),
    Budget(name="agents", limit_nanos=6_000, window=Window.MONTH, scope=Scope("agent")),
    Budget(name="user", limit_nanos=9_000, window=Window.TOTAL, scope=Scope("end_user", "u1")),
    Budget(name="teams", limit_nanos=7_000, window=Window.DAY, scope=Scope("label:team")),
)
ENDED = (CallState.SETTLED, CallState.CANCELLED, CallState.FAILED)
WIDEST = 12  # operations at a time


@dataclass(slots=True)
class Held:
    """A call that the model knows to be pending."""

    intent: Intent
    charges: tuple[Charge, ...]
    hold: int


@dataclass(slots=True)
class Model:
    """What the accounts must be."""

    spent: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    open: dict[str, Held] = field(default_factory=dict)
    closed: int = 0

    def begin(self, call: Held) -> None:
        self.open[call.intent.call_id] = call
        for charge in call.charges:
            self.limits[charge.account] = charge.limit_nanos
            self.spent.setdefault(charge.account, 0)
            self.held[charge.account] = self.held.get(charge.account, 0) + call.hold

    def extend(self, call_id: str, hold: int) -> None:
        call = self.open[call_id]
        for charge in call.charges:
            self.held[charge.account] += max(0, hold - call.hold)
        call.hold = max(call.hold, hold)

    def end(self, call_id: str, cost: int) -> None:
        call = self.open.pop(call_id)
        self.closed += 1
        for charge in call.charges:
            self.held[charge.account] -= call.hold
            self.spent[charge.account] += cost

    def room(self, charges: Sequence[Charge], hold: int) -> bool:
        return all(
            self.spent.get(one.account, 0) + self.held.get(one.account, 0) + hold <= one.limit_nanos
            for one in charges
        )


class Walk:
    """`stores` are replicas over the same store of truth. `crash` replaces them, one or all, by new
    ones that find what was durable, losing whatever had been asked and not begun.
    """

    def __init__(
        self,
        stores: list[Store],
        seed: int,
        crash: Callable[[], Awaitable[list[Store]]] | None = None,
    ) -> None:
        self.stores = stores
        self.model = Model()
        self.dice = random.Random(seed)
        self.refused = self.swept = self.crashes = 0
        self._crash = crash
        self._now = START
        self._ids = (f"{seed}-{number:07}" for number in itertools.count())

    async def steps(self, count: int) -> None:
        """So many operations, some at a time, each group checked."""
        done = 0
        while done < count:
            group = self.dice.randint(1, WIDEST)
            await self._some(group)
            done += group
            if self.dice.random() < 0.02:
                self._now += self.dice.choice((30.0, 600.0, 90_000.0, 32 * 86_400.0))
                await self._sweep()
                await self._prune()
            if self._crash is not None and self.dice.random() < 0.01:
                await self._crashed(self._crash)
            await self.check()

    async def finish(self) -> None:
        """End or sweep everything: holds return to zero."""
        for call_id in list(self.model.open)[::2]:
            await self._end(call_id)
        self._now += 10_000.0
        await self._sweep()
        assert not self.model.open
        await self.check()
        for balance in await self.stores[0].balances("", "", 1_000_000):
            assert balance.held_nanos == 0

    async def check(self) -> None:
        """The store is the model, and the model is within its limits."""
        found = {one.account: one for one in await self.stores[0].balances("", "", 1_000_000)}
        model = self.model
        assert found.keys() == model.spent.keys()
        for name, balance in found.items():
            assert balance == Balance(
                account=name,
                limit_nanos=model.limits[name],
                spent_nanos=model.spent[name],
                held_nanos=model.held[name],
            )
            assert balance.held_nanos >= 0
            assert balance.spent_nanos + balance.held_nanos <= balance.limit_nanos

    async def _some(self, count: int) -> None:
        """Several operations at once, on different calls, by whichever replica."""
        ready = list(self.model.open)
        self.dice.shuffle(ready)
        work: list[Awaitable[None]] = []
        for _ in range(count):
            if not ready or self.dice.random() < 0.5:
                work.append(self._begin())
            elif self.dice.random() < 0.2:
                work.append(self._extend(ready.pop()))
            else:
                work.append(self._end(ready.pop()))
        await asyncio.gather(*work)

    def _call(self) -> Held:
        dice = self.dice
        labels = {"team": dice.choice(("red", "blue"))} if dice.random() < 0.5 else {}
        call = replace(
            intent(next(self._ids), started_at=self._now),
            agent_id=dice.choice(("", "a", "b")),
            end_user_id=dice.choice(("u1", *["u2"] * 9)),
            labels=labels,
            hold_nanos=dice.choice((0, dice.randint(1, 300), dice.randint(1, 3_000))),
        )
        charges = (budget.charge(call, call.started_at) for budget in BUDGETS)
        return Held(call, tuple(one for one in charges if one is not None), call.hold_nanos)

    async def _begin(self) -> None:
        call = self._call()
        try:
            await self._any().begin(call.intent, call.charges)
        except BudgetExceeded:
            self.refused += 1
            assert await self._any().get(call.intent.call_id) is None
            return
        self.model.begin(call)

    async def _extend(self, call_id: str) -> None:
        hold = self.model.open[call_id].hold + self.dice.randint(0, 500)
        try:
            await self._any().extend(call_id, hold)
        except BudgetExceeded:
            self.refused += 1
        else:
            self.model.extend(call_id, hold)

    async def _end(self, call_id: str) -> None:
        cost = self.dice.randint(0, self.model.open[call_id].hold)
        outcome = self._outcome(call_id, cost)
        again = self.dice.random() < 0.1
        first = await asyncio.gather(*(self._any().settle(outcome) for _ in range(1 + again)))
        assert sum(first) == 1
        self.model.end(call_id, cost)

    def _outcome(self, call_id: str, cost: int) -> Settlement:
        spent = Cost(input_nanos=cost // 2, wasted_nanos=cost - cost // 2)
        state = self.dice.choice(ENDED)
        return replace(settlement(call_id), state=state, cost=spent, ended_at=self._now)

    async def _sweep(self) -> None:
        """Every replica at once: each expired call is charged at its hold, once."""
        due = [one for one in self.model.open.values() if one.intent.expires_at <= self._now]
        swept = sum(await asyncio.gather(*(store.sweep(self._now) for store in self.stores)))
        assert swept == len(due)
        self.swept += swept
        for call in due:
            self.model.end(call.intent.call_id, call.hold)

    async def _prune(self) -> None:
        """Forget what is over: rows, and accounts without a hold whose window has ended."""
        await self._any().prune(self._now)
        midnight, model = self._now // DAY_S * DAY_S, self.model
        for name, held in list(model.held.items()):
            ends_at = window_end(name.split("|", 2)[1])
            if ends_at is not None and ends_at <= midnight and not held:
                del model.held[name], model.spent[name], model.limits[name]

    async def _crashed(self, crash: Callable[[], Awaitable[list[Store]]]) -> None:
        """In the midst of new calls and of ends, of which each has happened whole or not at all."""
        self.crashes += 1
        calls = [self._call() for _ in range(self.dice.randint(0, 5))]
        ends = list(self.model.open)[: self.dice.randint(0, 5)]
        costs = {call_id: self.dice.randint(0, self.model.open[call_id].hold) for call_id in ends}
        doing = [
            *(asyncio.ensure_future(self._any().begin(one.intent, one.charges)) for one in calls),
            *(
                asyncio.ensure_future(self._any().settle(self._outcome(call_id, cost)))
                for call_id, cost in costs.items()
            ),
        ]
        for _ in range(self.dice.randint(0, 3)):
            await asyncio.sleep(0)
        self.stores = await crash()
        for outcome in await asyncio.gather(*doing, return_exceptions=True):
            assert outcome is None or isinstance(
                outcome, bool | BudgetExceeded | StoreUnavailable | asyncio.CancelledError
            )
        for call in calls:
            if await self.stores[0].get(call.intent.call_id) is not None:
                self.model.begin(call)
        for call_id, cost in costs.items():
            found = await self.stores[0].get(call_id)
            assert found is not None
            if found.settlement is not None:
                self.model.end(call_id, cost)

    def _any(self) -> Store:
        return self.dice.choice(self.stores)
