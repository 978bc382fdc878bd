"""Tokens in disjoint classes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hexgate.domain.usage import Usage

COUNTS = st.integers(0, 10**9)
USAGES = st.builds(
    Usage,
    uncached_input=COUNTS,
    cache_read=COUNTS,
    cache_write=COUNTS,
    cache_write_1h=COUNTS,
    output=COUNTS,
    reasoning=COUNTS,
    estimated=st.booleans(),
)


def test_input_is_every_class_of_input_once() -> None:
    usage = Usage(uncached_input=1, cache_read=20, cache_write=300, cache_write_1h=4_000)
    assert usage.input == 4_321


def test_reasoning_lies_within_the_output() -> None:
    assert Usage(uncached_input=1, output=10, reasoning=7).total == 11


def test_nothing_used_is_zero() -> None:
    assert (Usage().input, Usage().total, Usage().estimated) == (0, 0, False)


@given(USAGES, USAGES)
def test_a_sum_counts_every_token_of_both(one: Usage, other: Usage) -> None:
    both = one + other
    for name in (
        *("uncached_input", "cache_read", "cache_write", "cache_write_1h"),
        *("output", "reasoning", "input", "total"),
    ):
        assert getattr(both, name) == getattr(one, name) + getattr(other, name), name


@given(USAGES, USAGES)
def test_a_sum_is_estimated_when_either_is(one: Usage, other: Usage) -> None:
    assert (one + other).estimated == (one.estimated or other.estimated)


@given(USAGES, USAGES, USAGES)
def test_the_order_of_adding_does_not_matter(one: Usage, two: Usage, three: Usage) -> None:
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert one + Usage() == one
