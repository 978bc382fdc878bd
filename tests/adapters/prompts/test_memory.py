"""Prompts in memory keep the contract, and a bound."""

from __future__ import annotations

import pytest

from hexgate.adapters.prompts.memory import MemoryPrompts
from hexgate.domain.errors import StoreUnavailable
from hexgate.ports.prompts import PromptStore
from tests.contracts.prompts import PromptStoreContract, said


class TestMemoryPrompts(PromptStoreContract):
    def make(self) -> PromptStore:
        return MemoryPrompts()


async def test_a_full_store_refuses_and_keeps_what_it_has() -> None:
    store = MemoryPrompts(max_versions=2)
    await store.add("acme", "a", said("a"))
    await store.add("other", "b", said("b"))
    with pytest.raises(StoreUnavailable) as refused:
        await store.add("acme", "a", said("c"))
    assert refused.value.metadata == {"limit": "2"}
    newest = await store.get("acme", "a")
    assert newest is not None
    assert newest.version == 1
