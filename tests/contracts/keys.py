"""What every Keyring must do."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import pytest

from hexgate.domain.errors import InvalidRequest
from hexgate.domain.keys import KeyState, hash_prefix
from hexgate.ports.keys import Keyring

BAD: tuple[tuple[Sequence[str], str], ...] = (
    ((), "keys"),
    (("sk-new", "sk-other", "sk-new"), "keys[2]"),
    (("sk-new", ""), "keys[1]"),
    (("sk-né",), "keys[0]"),
    (("sk new",), "keys[0]"),
    (("sk-new\n",), "keys[0]"),
    (("x" * 8193,), "keys[0]"),
    (tuple(f"sk-{n}" for n in range(101)), "keys"),
)


class KeyringContract(abc.ABC):
    """Subclasses give a ring of some keys, and a way to have one of them rejected."""

    @abc.abstractmethod
    async def make(self, *keys: str) -> Keyring:
        """A ring of these keys, none of them used yet."""

    @abc.abstractmethod
    async def reject(self, ring: Keyring, key: str) -> None:
        """Have calls made until the provider has rejected this key, and no other."""

    async def test_shows_the_keys_as_they_were_given_by_their_hashes_alone(self) -> None:
        ring = await self.make("sk-b", "sk-a")
        assert shown(ring) == [hash_prefix("sk-b"), hash_prefix("sk-a")]
        assert {status.state for status in ring.status()} == {KeyState.ACTIVE}
        assert not {"sk-b", "sk-a"} & set(str(ring.status()).split("'"))
        assert "sk-" not in repr(ring)

    async def test_a_rejected_key_is_told_from_the_others(self) -> None:
        ring = await self.make("sk-a", "sk-b")
        await self.reject(ring, "sk-b")
        good, bad = ring.status()
        assert (good.state, bad.state) == (KeyState.ACTIVE, KeyState.REJECTED)
        assert bad.retry_at is not None
        assert good.retry_at is None

    async def test_an_only_key_has_no_time_at_which_it_serves_again(self) -> None:
        ring = await self.make("sk-a")
        await self.reject(ring, "sk-a")
        (only,) = ring.status()
        assert (only.state, only.retry_at) == (KeyState.REJECTED, None)

    async def test_new_keys_are_all_there_is(self) -> None:
        ring = await self.make("sk-a", "sk-b")
        assert await ring.replace(["sk-c", "sk-b", "sk-d"]) == ring.status()
        assert shown(ring) == [hash_prefix(key) for key in ("sk-c", "sk-b", "sk-d")]

    async def test_a_key_that_stays_keeps_its_state(self) -> None:
        ring = await self.make("sk-a", "sk-b")
        await self.reject(ring, "sk-b")
        before = ring.status()[1]
        after, *new = await ring.replace(["sk-b", "sk-c"])
        assert (after.state, after.hash_prefix) == (KeyState.REJECTED, before.hash_prefix)
        assert [status.state for status in new] == [KeyState.ACTIVE]

    async def test_a_key_that_comes_back_is_a_new_one(self) -> None:
        ring = await self.make("sk-a", "sk-b")
        await self.reject(ring, "sk-b")
        await ring.replace(["sk-a"])
        await ring.replace(["sk-a", "sk-b"])
        assert [status.state for status in ring.status()] == [KeyState.ACTIVE] * 2

    async def test_up_to_a_hundred_keys_are_taken(self) -> None:
        ring = await self.make("sk-a")
        assert len(await ring.replace([f"sk-{n}" for n in range(100)])) == 100

    @pytest.mark.parametrize(("keys", "field"), BAD, ids=range(len(BAD)))
    async def test_bad_keys_change_nothing_and_are_not_repeated(
        self, keys: Sequence[str], field: str
    ) -> None:
        ring = await self.make("sk-a", "sk-b")
        before = ring.status()
        with pytest.raises(InvalidRequest) as caught:
            await ring.replace(keys)
        assert ring.status() == before
        assert [violation.field for violation in caught.value.violations] == [field]
        said = f"{caught.value!r} {caught.value.violations} {caught.value.metadata}"
        assert not any(key in said for key in keys if len(key) > 3)


def shown(ring: Keyring) -> list[str]:
    """The hashes, in order."""
    return [status.hash_prefix for status in ring.status()]
