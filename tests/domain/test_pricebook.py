"""The dated prices of one model."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.domain.price import Price, Rates
from hexgate.domain.pricebook import ALWAYS, Dated, PriceBook, Quote

MOMENTS = st.floats(-1e12, 1e12)


def price(name: str) -> Price:
    return Price(rates=Rates(input=1, output=2), version=name)


BOOKS = st.lists(MOMENTS, unique=True).map(
    lambda moments: PriceBook(
        tuple(Dated(moment, price(f"from {moment}")) for moment in sorted(moments))
    )
)


def test_one_price_holds_for_ever() -> None:
    book = PriceBook.of(price("only"))
    for now in (-math.inf, -1.0, 0.0, 1e18):
        assert book.at(now) == Quote(price("only"), math.inf)


def test_an_empty_book_says_nothing() -> None:
    assert PriceBook().at(7) == Quote(None, math.inf)


def test_each_price_holds_from_its_moment_until_the_next() -> None:
    book = PriceBook((Dated(10, price("one")), Dated(20, price("two"))))
    assert book.at(9.999) == Quote(None, 10)
    assert book.at(10) == Quote(price("one"), 20)
    assert book.at(19.999) == Quote(price("one"), 20)
    assert book.at(20) == Quote(price("two"), math.inf)


@given(BOOKS, MOMENTS)
def test_the_price_is_the_last_that_has_begun(book: PriceBook, now: float) -> None:
    begun = [dated.price for dated in book.prices if dated.since <= now]
    assert book.at(now).price == (begun[-1] if begun else None)


@given(BOOKS, MOMENTS, MOMENTS)
def test_nothing_changes_before_it_is_said_to(book: PriceBook, now: float, later: float) -> None:
    quote = book.at(now)
    assert quote.until > now
    assert later < now or later >= quote.until or book.at(later) == quote
    assert math.isinf(quote.until) or book.at(quote.until).price != quote.price


@pytest.mark.parametrize("moments", [(1.0, 1.0), (2.0, 1.0), (ALWAYS, ALWAYS), (1.0, math.nan)])
def test_moments_rise(moments: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="expected later than"):
        PriceBook(tuple(Dated(moment, price("p")) for moment in moments))
