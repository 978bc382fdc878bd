"""What can be the keys of a provider, and by what they are told apart."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from hexgate.domain.keys import hash_prefix, sendable, unfit

VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


def test_a_key_is_known_by_the_first_twelve_digits_of_its_sha_256() -> None:
    assert hash_prefix("abc") == "ba7816bf8f01"


@given(st.lists(VISIBLE, min_size=1, max_size=100, unique=True))
def test_visible_keys_that_differ_are_fit(keys: list[str]) -> None:
    assert list(unfit(keys)) == []


@example("a b")
@example("a\x7f")
@given(st.text(max_size=20))
def test_what_is_sendable_is_visible_ascii(key: str) -> None:
    assert sendable(key) == (key.isascii() and key.isprintable() and bool(key) and " " not in key)


@given(st.lists(st.text(min_size=12, max_size=15) | st.just("a key given twice"), max_size=120))
def test_what_is_wrong_is_said_by_place_and_never_by_key(keys: list[str]) -> None:
    found = list(unfit(keys))
    several = len(set(keys)) < len(keys) or not all(map(sendable, keys))
    assert bool(found) == (not keys or len(keys) > 100 or several)
    said = " ".join(f"{one.field} {one.description}" for one in found)
    assert not any(key in said for key in keys)
