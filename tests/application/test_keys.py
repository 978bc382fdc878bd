"""Keys of many providers, seen and replaced by name."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hexgate.application.keys import Keys
from hexgate.domain.errors import InvalidRequest, UnknownProvider
from hexgate.domain.keys import KeyState, KeyStatus, hash_prefix


class FakeRing:
    """Has the keys that it was given."""

    def __init__(self, *keys: str) -> None:
        self._keys: Sequence[str] = keys

    def status(self) -> tuple[KeyStatus, ...]:
        """See Keyring."""
        return tuple(
            KeyStatus(hash_prefix=hash_prefix(key), state=KeyState.ACTIVE) for key in self._keys
        )

    async def replace(self, keys: Sequence[str]) -> tuple[KeyStatus, ...]:
        """See Keyring."""
        self._keys = keys
        return self.status()


@pytest.fixture
def keys() -> Keys:
    """Two providers with keys, and one without."""
    rings = {"one": FakeRing("sk-a", "sk-b"), "two": FakeRing("sk-c")}
    return Keys(rings, ("one", "cloud", "two"))


def shown(keys: Keys, provider: str = "") -> list[tuple[str, str]]:
    return [(name, status.hash_prefix) for name, status in keys.all(provider)]


def test_all_keys_are_listed_by_provider(keys: Keys) -> None:
    assert shown(keys) == [
        ("one", hash_prefix("sk-a")),
        ("one", hash_prefix("sk-b")),
        ("two", hash_prefix("sk-c")),
    ]
    assert shown(keys, "two") == [("two", hash_prefix("sk-c"))]


async def test_the_keys_of_one_provider_are_replaced(keys: Keys) -> None:
    (found,) = await keys.replace("one", ["sk-d"])
    assert found.hash_prefix == hash_prefix("sk-d")
    assert shown(keys) == [("one", hash_prefix("sk-d")), ("two", hash_prefix("sk-c"))]


@pytest.mark.parametrize("name", ["on", "", "x" * 100])
async def test_a_name_that_is_not_configured_is_unknown(keys: Keys, name: str) -> None:
    with pytest.raises(UnknownProvider):
        await keys.replace(name, ["sk-d"])
    if name:
        with pytest.raises(UnknownProvider):
            keys.all(name)


async def test_a_provider_that_proves_itself_in_another_way_has_no_keys(keys: Keys) -> None:
    with pytest.raises(InvalidRequest) as listed:
        keys.all("cloud")
    with pytest.raises(InvalidRequest, match=r"set api_key or api_keys of providers\.cloud"):
        await keys.replace("cloud", ["sk-secret"])
    assert listed.value.metadata == {"provider": "cloud"}
    assert [violation.field for violation in listed.value.violations] == ["provider"]
