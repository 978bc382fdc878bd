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
    audio_input=COUNTS,
    audio_cache_read=COUNTS,
    image_input=COUNTS,
    output=COUNTS,
    audio_output=COUNTS,
    reasoning=COUNTS,
    estimated=st.booleans(),
)


def test_input_is_every_class_of_input_once() -> None:
    usage = Usage(
        uncached_input=1,
        cache_read=20,
        cache_write=300,
        cache_write_1h=4_000,
        audio_input=50_000,
        audio_cache_read=600_000,
        image_input=7_000_000,
    )
    assert (usage.input, usage.written) == (7_654_321, 0)


def test_the_output_is_what_was_written_and_what_was_spoken() -> None:
    usage = Usage(output=1, audio_output=20)
    assert (usage.written, usage.total) == (21, 21)


def test_reasoning_lies_within_the_output() -> None:
    assert Usage(uncached_input=1, output=10, reasoning=7).total == 11


def test_nothing_used_is_zero() -> None:
    assert (Usage().input, Usage().total, Usage().estimated) == (0, 0, False)


@given(USAGES, USAGES)
def test_a_sum_counts_every_token_of_both(one: Usage, other: Usage) -> None:
    both = one + other
    for name in (
        *("uncached_input", "cache_read", "cache_write", "cache_write_1h"),
        *("audio_input", "audio_cache_read", "image_input", "audio_output"),
        *("output", "reasoning", "input", "written", "total"),
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
