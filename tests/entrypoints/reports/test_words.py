"""Amounts and names as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.entrypoints.reports.words import clean, dollars, places

NANOS = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (10_000_000, "$0.01"),
        (1_500_000_000, "$1.50"),
        (-250_000_000, "-$0.25"),
        (1_234_567_123_400_000, "$1,234,567.1234"),
        (9_223_372_036_854_775_807, "$9,223,372,036.854775807"),
    ],
)
def test_dollars_have_the_decimals_that_they_need(nanos: int, text: str) -> None:
    assert dollars(nanos) == text


@given(st.lists(NANOS, min_size=1))
def test_dollars_of_one_column_are_exact_and_have_as_many_decimals(column: list[int]) -> None:
    decimals = places(column)
    texts = [dollars(nanos, decimals) for nanos in column]
    assert {len(text.partition(".")[2]) for text in texts} == {decimals}
    for text, nanos in zip(texts, column, strict=True):
        assert Decimal(text.replace("$", "").replace(",", "")) == Decimal(nanos) / 10**9


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("gpt-4o", "gpt-4o"),
        ("\u00e9 \u4e2d", "\u00e9 \u4e2d"),
        ("", "(none)"),
        ("a\x1b[2Jb\nc\x07", "a\\x1b[2Jb\\nc\\x07"),
        ("[red]", "[red]"),
    ],
)
def test_a_name_does_nothing_to_a_terminal(name: str, shown: str) -> None:
    assert clean(name) == shown
