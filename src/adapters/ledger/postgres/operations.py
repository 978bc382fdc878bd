"""What many callers ask of the ledger, and what shares a transaction: calls in and out."""

from __future__ import annotations

import abc
import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from hexgate.adapters.ledger import rows
from hexgate.adapters.ledger.postgres.failures import unfit
from hexgate.adapters.ledger.postgres.page import Page
from hexgate.adapters.ledger.rows import Row
from hexgate.domain.budget import Charge
from hexgate.domain.ledger import CallState, Intent, Settlement
from hexgate.domain.price import Cost
from hexgate.domain.usage import Usage

T_co = TypeVar("T_co", covariant=True)

_MOST = 2**63 - 1
# A month that begins at or after this has no name.
_LATEST = 253_370_764_800.0


class Operation(abc.ABC, Generic[T_co]):
    """What it does is done to a page that has its call and its accounts, and to nothing else."""

    __slots__ = ()

    @property
    def call_id(self) -> str:
        """The call that it looks at; empty for none."""
        return ""

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that it looks at, beside those of its call."""
        return ()

    @abc.abstractmethod
    def apply(self, page: Page, *, doubtful: bool) -> T_co:
        """Do it, or raise and leave the page as it was. `doubtful` is one that may have been done
        already, in a transaction whose end is not known.
        """

    def undone(self) -> Operation[object] | None:
        """What has to be done when nobody may rely on it, although it may have been done."""
        return None


@dataclass(frozen=True, slots=True)
class Beginning(Operation[None]):
    """Made by `beginning`."""

    intent: Intent
    charges: Sequence[Charge]
    row: Row

    @property
    def call_id(self) -> str:
        return self.intent.call_id

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(charge.account for charge in self.charges)

    def apply(self, page: Page, *, doubtful: bool) -> None:  # noqa: ARG002 # there is there
        if self.intent.call_id not in page.calls:
            page.begin(self.intent, self.row, self.charges)

    def undone(self) -> Operation[object]:
        """Its provider was never called, so it must not be charged as if it had been."""
        intent = self.intent
        void = Settlement(
            call_id=intent.call_id,
            state=CallState.FAILED,
            usage=Usage(),
            cost=Cost(),
            provider=intent.provider,
            model=intent.model,
            ended_at=intent.started_at,
            failure="STORE_UNAVAILABLE",
        )
        return settling(void)


@dataclass(frozen=True, slots=True)
class Settling(Operation[bool]):
    """Made by `settling`."""

    settlement: Settlement
    row: Row

    @property
    def call_id(self) -> str:
        return self.settlement.call_id

    def apply(self, page: Page, *, doubtful: bool) -> bool:
        call = page.calls[self.settlement.call_id]
        if call.settlement is not None:
            return doubtful and call.settlement == self.settlement
        page.settle(call, self.settlement, self.row)
        return True


@dataclass(frozen=True, slots=True)
class Extending(Operation[None]):
    """Made by `extending`."""

    call: str
    hold_nanos: int

    @property
    def call_id(self) -> str:
        return self.call

    def apply(self, page: Page, *, doubtful: bool) -> None:  # noqa: ARG002 # never less
        call = page.calls[self.call]
        if call.settlement is not None:
            raise KeyError(self.call)
        if self.hold_nanos > call.intent.hold_nanos:
            page.grow(call, self.hold_nanos)


@dataclass(frozen=True, slots=True)
class Opening:
    """What an account lacks of what was spent in its window, when its `opening_nanos` were this."""

    charge: Charge
    lacks_nanos: int
    opening_nanos: int


@dataclass(frozen=True, slots=True)
class Adopting(Operation[None]):
    """Several openings, as of a moment."""

    openings: Sequence[Opening]
    now: float

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(one.charge.account for one in self.openings)

    def apply(self, page: Page, *, doubtful: bool) -> None:  # noqa: ARG002 # see below
        for one in self.openings:
            account = page.account(one.charge.account)
            spent, opening = (account.spent_nanos, account.opening_nanos) if account else (0, 0)
            # Else it was added meanwhile, by another gateway that read the same sums, or by us.
            lacks = one.lacks_nanos if opening == one.opening_nanos else 0
            page.sheet.adopt(one.charge, spent + lacks, self.now)


@dataclass(frozen=True, slots=True)
class Waiting(Operation[None]):
    """Nothing: done when everything before it is."""

    def apply(self, page: Page, *, doubtful: bool) -> None:
        pass


def beginning(intent: Intent, charges: Sequence[Charge]) -> Beginning:
    """Raises StoreUnavailable for values that no column holds."""
    with _fitting():
        names = rows.names_text(charge.account for charge in charges)
        row = (*rows.intent_row(intent), names)
        _check(row)
        # JSON hides NUL from the check, and PostgreSQL finds it when it reads the JSON.
        _check(tuple(text for label in intent.labels.items() for text in label))
    if not 0.0 <= intent.started_at < _LATEST:
        raise unfit("DatetimeFieldOverflow")
    return Beginning(intent, charges, row)


def settling(settlement: Settlement) -> Settling:
    """Raises StoreUnavailable for values that no column holds."""
    with _fitting():
        row = rows.outcome_row(settlement)
        _check((settlement.call_id, *row))
    return Settling(settlement, row)


def extending(call_id: str, hold_nanos: int) -> Extending:
    """Raises StoreUnavailable for values that no column holds."""
    with _fitting():
        _check((call_id, hold_nanos))
    return Extending(call_id, hold_nanos)


@contextlib.contextmanager
def _fitting() -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError as error:
        raise unfit("UnicodeEncodeError") from error


def _check(row: Row) -> None:
    """PostgreSQL keeps any text but NUL, and half a surrogate pair is no text at all."""
    for value in row:
        if isinstance(value, str):
            if "\0" in value:
                raise unfit("UntranslatableCharacter")
            if not value.isascii():
                value.encode()
        elif isinstance(value, int):
            if not -_MOST <= value <= _MOST:
                raise unfit("OverflowError")
        elif isinstance(value, float) and not math.isfinite(value):
            raise unfit("OverflowError")
