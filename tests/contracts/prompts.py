"""What every PromptStore must do."""

from __future__ import annotations

import abc

from hexgate.domain.chat import Message, Role, Text
from hexgate.ports.prompts import PromptStore


def said(text: str) -> tuple[Message, ...]:
    """One user message."""
    return (Message(Role.USER, (Text(text),)),)


class PromptStoreContract(abc.ABC):
    """Subclasses give an empty store."""

    @abc.abstractmethod
    def make(self) -> PromptStore:
        """An empty store."""

    async def test_versions_count_from_one(self) -> None:
        store = self.make()
        assert [(await store.add("acme", "greet", said(t))).version for t in "abc"] == [1, 2, 3]
        assert (await store.add("acme", "other", said("d"))).version == 1

    async def test_what_was_added_is_what_is_read(self) -> None:
        store = self.make()
        added = await store.add("acme", "greet", said("Hello {{name}}"))
        assert added.messages == said("Hello {{name}}")
        assert added.name == "greet"
        assert await store.get("acme", "greet", 1) == added

    async def test_the_newest_version_is_the_default(self) -> None:
        store = self.make()
        await store.add("acme", "greet", said("old"))
        newest = await store.add("acme", "greet", said("new"))
        assert await store.get("acme", "greet") == newest

    async def test_an_older_version_stays_as_it_was(self) -> None:
        store = self.make()
        first = await store.add("acme", "greet", said("old"))
        await store.add("acme", "greet", said("new"))
        assert await store.get("acme", "greet", 1) == first

    async def test_the_variables_are_those_in_the_text(self) -> None:
        prompt = await self.make().add(
            "acme", "greet", said("{{ b }} and {{a}}, {{b}}, {{1}}, {c}")
        )
        assert prompt.variables == ("b", "a")

    async def test_what_does_not_exist_is_none(self) -> None:
        store = self.make()
        assert await store.get("acme", "greet") is None
        await store.add("acme", "greet", said("a"))
        for version in (-1, 0, 2):
            assert await store.get("acme", "greet", version) is None

    async def test_tenants_do_not_see_each_other(self) -> None:
        store = self.make()
        await store.add("acme", "greet", said("a"))
        assert await store.get("other", "greet") is None
        assert (await store.add("other", "greet", said("b"))).version == 1
