"""The books of one call: an intent before the provider is called, a settlement after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from hexgate.application.bounds import worst
from hexgate.application.budgets import NO_BUDGETS, Budgets
from hexgate.domain.answer import PRICE_UNCERTAIN, Finish, Warned
from hexgate.domain.budget import Budget
from hexgate.domain.call import Call, Hop
from hexgate.domain.errors import BudgetExceeded, DeadlineExceeded, GatewayError
from hexgate.domain.estimate import apart_tokens, text_tokens
from hexgate.domain.ledger import CallState, Intent, Settlement
from hexgate.domain.price import Cost, cost, untold
from hexgate.domain.receipt import Receipt
from hexgate.domain.usage import Usage
from hexgate.ports.clock import Clock
from hexgate.ports.ledger import Ledger
from hexgate.ports.observer import Observer

C = TypeVar("C", bound=Call)
A = TypeVar("A")

# After the deadline the call settles by itself; only a crash leaves an intent for the sweep.
SWEEP_MARGIN_S = 60.0


class Cheaper(Protocol):
    """How a call goes on that a budget sends to cheaper models."""

    def __call__(self, call: C, budget: Budget) -> C | None:
        """The same call to these models; None where it may not go to any of them."""
        ...


class Books:
    """Opens and closes the account of each call. What returns is durable."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        observer: Observer,
        budgets: Budgets = NO_BUDGETS,
        cheaper: Cheaper | None = None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._budgets = budgets
        self._cheaper = cheaper

    async def ask(
        self, call: C, go: Callable[[C], Awaitable[A]], *, streamed: bool = False
    ) -> tuple[Account[C], A]:
        """Record the intent, then ask by `go`: the open account and what was answered.

        What `go` raises is settled, carries the receipt and is raised again. The call is that of
        the account: a budget may have sent it elsewhere.
        """
        account = await self.open(call, streamed=streamed)
        try:
            answer = await go(account.call)
        except BaseException as error:
            await account.failed(error)
            raise
        account.accepted()
        return account, answer

    async def open(self, call: C, *, streamed: bool) -> Account[C]:
        """Record the intent, held on the accounts of its budgets.

        Raises StoreUnavailable and BudgetExceeded; then no provider may be called.
        """
        try:
            return await self._begin(call, streamed=streamed)
        except BudgetExceeded as refused:
            budget = self._budgets.downgrading(refused.metadata["budget"])
            if budget is None or self._cheaper is None:
                raise
            cheaper = self._cheaper(call, budget)
            if cheaper is None:
                raise
        return await self._begin(cheaper, streamed=streamed, downgraded=True)

    async def _begin(self, call: C, *, streamed: bool, downgraded: bool = False) -> Account[C]:
        first, hold = call.hops[0], call.hold
        hold.base_nanos = hold.nanos = worst(call)
        options = call.options
        intent = Intent(
            call_id=call.call_id,
            tenant=call.tenant,
            requested_model=call.spec.model,
            provider=first.provider,
            model=first.model,
            hold_nanos=hold.nanos,
            price_known=all(hop.price is not None for hop in call.hops),
            started_at=call.started_at,
            expires_at=call.started_at + (call.deadline - call.started) + SWEEP_MARGIN_S,
            session_id=options.session_id,
            agent_id=options.agent_id,
            end_user_id=options.end_user_id,
            api_key=options.api_key,
            labels=options.labels,
            streamed=streamed,
        )
        account = Account(call, intent, self._ledger, self._clock, self._observer)
        charges = self._budgets.charges(options, call.started_at, downgraded=downgraded)
        try:
            await self._ledger.begin(intent, charges)
        except asyncio.CancelledError:
            # The write goes on without us, so the intent stands and must not stay open.
            await account.abandon()
            raise
        return account


class Account(Generic[C]):
    """One call's account: collects what was delivered, closed exactly once."""

    def __init__(
        self, call: C, intent: Intent, ledger: Ledger, clock: Clock, observer: Observer
    ) -> None:
        self.call = call
        self._intent = intent
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self.receipt: Receipt | None = None
        self.accepted_at: float | None = None
        self.first_token: float | None = None  # monotonic
        self.usage: Usage | None = None  # the last that the provider reported
        self.chars = 0  # of output delivered
        self._uncertain = False  # something was used that the price does not know
        self._place: int | None = None  # among the attempts, of the one whose answer this is
        self._tried = 0  # attempts until the first output

    def accepted(self) -> None:
        """A provider accepted the call and output is here."""
        self.accepted_at = self._clock.now()
        self.first_token = self._clock.monotonic()
        self._tried = len(self.call.attempts.done)
        self._place = self._last()

    def restarted(self) -> None:
        """What was delivered so far is void, and was billed; the last attempt answers now."""
        done, place = self.call.attempts.done, self._place
        if place is not None:
            done[place] = replace(done[place], billed=self._used(CallState.FAILED))
        self._place = self._last()
        self.usage = None
        self.chars = 0

    def broke(self, error: Exception) -> None:
        """The answer broke off: its attempt says why, unless it was told already."""
        done, place = self.call.attempts.done, self._place
        if place is not None and not done[place].failure:
            reason = error.reason if isinstance(error, GatewayError) else "INTERNAL"
            done[place] = replace(done[place], failure=reason)

    def warned(self, warnings: Iterable[Warned]) -> None:
        """The answer came with these warnings; one of them may be about its price."""
        for warned in warnings:
            if warned.code == PRICE_UNCERTAIN:
                self._uncertain = True

    async def settle(
        self, state: CallState, *, finish: Finish | None = None, failure: str = ""
    ) -> Receipt:
        """Close the account; a second time returns the first receipt.

        The receipt is made before the write, and the write survives cancellation, so that even a
        caller who leaves while it runs is recorded as what happened first.
        """
        if self.receipt is None:
            self.receipt = self._close(state)
            try:
                await self._record(self.receipt, state, finish, failure)
            except GatewayError as error:
                error.receipt = self.receipt
                raise
        return self.receipt

    async def abandon(self) -> None:
        """Settle a call whose caller has left. Nobody is there to be told of a failing ledger.

        What cannot be written now is charged by the sweep; a cancellation must not turn into an
        error on its way out.
        """
        # A KeyError is a begin that failed: then there is nothing to settle.
        with suppress(GatewayError, KeyError):
            await self.settle(CallState.CANCELLED, failure="CANCELLED")

    async def failed(self, error: BaseException) -> None:
        """Settle a call that was not answered, and attach the receipt to its error.

        What is no Exception is a cancellation: the caller left, or its time was up. Its time may
        also be up here before grpc notices, which makes no difference to what happened.
        """
        if not isinstance(error, Exception):
            await self.abandon()
        elif isinstance(error, GatewayError):
            late = isinstance(error, DeadlineExceeded)
            state = CallState.CANCELLED if late else CallState.FAILED
            error.receipt = await self.settle(state, failure=error.reason)
        else:
            await self.settle(CallState.FAILED, failure="INTERNAL")

    def _close(self, state: CallState) -> Receipt:
        call = self.call
        hop = self._hop()
        usage = self._used(state)
        spent = self._cost(usage, hop)
        now = self._clock.monotonic()
        first_s = None if self.first_token is None else self.first_token - call.started
        return Receipt(
            call_id=call.call_id,
            provider=hop.provider,
            model=hop.model,
            attempts=tuple(call.attempts.done),
            usage=usage,
            cost=self._with_waste(spent),
            accepted_at=self.accepted_at,
            total_s=now - call.started,
            first_token_s=first_s,
            provider_s=self._provider_s(now),
            delivered_chars=self.chars,
        )

    async def _record(
        self, receipt: Receipt, state: CallState, finish: Finish | None, failure: str
    ) -> None:
        first_s = receipt.first_token_s
        settlement = Settlement(
            call_id=receipt.call_id,
            state=state,
            usage=receipt.usage,
            cost=receipt.cost,
            provider=receipt.provider,
            model=receipt.model,
            ended_at=self.call.started_at + receipt.total_s,
            first_token_at=None if first_s is None else self.call.started_at + first_s,
            finish=finish.value if finish else "",
            failure=failure,
            attempts=receipt.attempts,
        )
        await self._ledger.settle(settlement)
        self._observer.ended(self._intent, settlement)

    def _used(self, state: CallState) -> Usage:
        """What the provider reported; else an estimate of what it will have billed."""
        if self.usage is not None and state is CallState.SETTLED:
            return self.usage
        # However long its tokens are, no answer has more of them than it was allowed.
        delivered = min(text_tokens(self.chars), self._hop().max_output_tokens)
        if self.usage is not None:
            # Running totals lag behind what was delivered when a stream ends early.
            output = self.usage.output + max(0, delivered - self.usage.written)
            return replace(self.usage, output=output, estimated=True)
        presumed = self._presumed()
        return replace(presumed, output=max(presumed.output, delivered), estimated=True)

    def _presumed(self) -> Usage:
        """What the call's own attempt will have been billed for without any output."""
        place = self._own()
        if place is None:
            return Usage()
        one = self.call.attempts.done[place]
        # An answer may also have been lost on its way, as when the caller left just then.
        answered = self._place is not None or not one.failure
        return self.call.to(one.hop).presumed if answered else one.billed or Usage()

    def _own(self) -> int | None:
        """The place of the attempt that the call's own usage is of: the one that answered, else
        the last; None when none was made.
        """
        return self._last() if self._place is None else self._place

    def _last(self) -> int | None:
        return len(self.call.attempts.done) - 1 if self.call.attempts.done else None

    def _hop(self) -> Hop:
        """The target of the call's own attempt; the first when none was made."""
        place = self._own()
        return self.call.hops[0 if place is None else self.call.attempts.done[place].hop]

    def _provider_s(self, now: float) -> float:
        """The attempts' own time until the first output, and all time after it."""
        tried, first = self.call.attempts.done, now
        if self.first_token is not None:
            tried, first = tried[: self._tried], self.first_token
        waited = sum(attempt.duration_s for attempt in tried)
        # Attempts that ran side by side took less than their sum.
        return min(waited, first - self.call.started) + now - first

    def _cost(self, usage: Usage, hop: Hop) -> Cost:
        price = hop.price
        if price is None:
            # Nothing used costs nothing, whatever the price.
            return Cost() if usage.total == 0 else cost(usage, None)
        spent = cost(usage, price)
        kinds = untold(usage, price)
        apart = kinds and apart_tokens(self.call.spec, kinds)
        return replace(spent, estimated=True) if self._uncertain or apart else spent

    def _wasted(self) -> Iterator[Cost]:
        call, own = self.call, self._own()
        for place, one in enumerate(call.attempts.done):
            billed = one.billed
            if billed is not None and billed.total and place != own:  # that is charged already
                yield cost(billed, call.hops[one.hop].price)

    def _with_waste(self, spent: Cost) -> Cost:
        """With what attempts cost that did not produce the answer, as far as that is known."""
        wasted = list(self._wasted())
        if not wasted:
            return spent
        if spent.unknown or (not spent.total_nanos and any(one.unknown for one in wasted)):
            return Cost(estimated=True, unknown=True)
        # Whatever else such an attempt cost is not known.
        total = sum(one.total_nanos for one in wasted)
        version = spent.price_version or wasted[0].price_version
        return replace(spent, wasted_nanos=total, price_version=version, estimated=True)
