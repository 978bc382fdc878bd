"""The ledger in memory."""

from __future__ import annotations

import pytest

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.domain.errors import StoreUnavailable
from hexgate.ports.store import Store
from tests.contracts.ledger import intent, settlement
from tests.contracts.store import StoreContract


class TestMemoryLedger(StoreContract):
    keeps_sums = False

    @pytest.fixture
    def ledger(self) -> Store:
        return MemoryLedger(max_entries=1000)


async def test_the_first_settled_leaves_first_and_pending_calls_stay() -> None:
    ledger = MemoryLedger(max_entries=3)
    for name in ("a", "b", "c"):
        await ledger.begin(intent(name))
    await ledger.settle(settlement("c"))
    await ledger.settle(settlement("b"))
    await ledger.begin(intent("d"))
    left = [name for name in ("a", "b", "c", "d") if await ledger.get(name) is not None]
    assert left == ["a", "b", "d"]


async def test_beginning_a_known_call_again_pushes_nothing_out() -> None:
    ledger = MemoryLedger(max_entries=2)
    await ledger.begin(intent("a"))
    await ledger.begin(intent("b"))
    await ledger.settle(settlement("a"))
    await ledger.begin(intent("b"))
    assert await ledger.get("a") is not None


async def test_refuses_more_calls_than_it_may_hold_until_one_ends() -> None:
    ledger = MemoryLedger(max_entries=1)
    await ledger.begin(intent("a"))
    with pytest.raises(StoreUnavailable, match="1 pending") as refused:
        await ledger.begin(intent("b"))
    assert refused.value.metadata["store"] == "ledger"
    await ledger.settle(settlement("a"))
    await ledger.begin(intent("b"))


def test_refuses_to_hold_nothing() -> None:
    with pytest.raises(ValueError, match="max_entries is 0"):
        MemoryLedger(max_entries=0)
