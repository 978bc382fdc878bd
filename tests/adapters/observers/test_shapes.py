"""What is looked for in every text takes time in proportion to it, whatever the text: by steps."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hexgate.adapters.observers.shapes import SHAPES, Shape
from tests.adapters.observers.steps import Engine
from tests.adapters.observers.test_redaction import HEADERS, PLAIN, SECRETS

# Of a character; the most that any of these texts takes is 41.
MOST = 60
PIECES = (
    *(
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "-----END ",
        "-",
        "_",
        "@",
        "@a.",
        "a@",
        "@a.b",
    ),
    *(
        "sk-",
        "gsk_",
        "xai-",
        "AIza",
        "AKIA",
        "ASIA",
        "ghp_",
        "github_pat_",
        "xoxb-",
        "xapp-",
        "eyJ",
    ),
    *("a", "A", "a" * 63, "a" * 64, "a" * 256, "=", ".", " ", " " * 8, '"', "(", "+1", "+1 ", "+"),
    *("authorization: ", "authorization: basic ", "bearer ", "api-key: ", "://", ":a", "://a:"),
    *("DE89", "DE89 ", "12 ", "4 1 ", "4-", "4", "1"),
)
EACH = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.pattern.pattern[:24])


def taken(pattern: re.Pattern[str], text: str) -> int:
    """Steps to look through a text, which are those of an engine that finds what Python's finds."""
    engine = Engine(pattern)
    assert list(engine.finditer(text)) == [match.span() for match in pattern.finditer(text)]
    return engine.steps


@given(
    st.lists(st.sampled_from(PIECES), max_size=3).map("".join),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join),
    st.sampled_from(PIECES),
)
@settings(max_examples=60)
def test_no_text_takes_more_than_a_few_steps_for_each_of_its_characters(
    begin: str, again: str, end: str
) -> None:
    text = (begin + again * 300)[:300] + end
    for shape in SHAPES:
        assert taken(shape.pattern, text) <= MOST * len(text), shape.pattern.pattern


@EACH
@pytest.mark.parametrize("again", ["a", "-", "4 ", "DE89 ", "@a.", "eyJ.", "://a:", "+1 ("])
def test_twice_the_text_is_twice_the_work(shape: Shape, again: str) -> None:
    once, twice = ((again * 1_000)[:length] for length in (500, 1_000))
    assert taken(shape.pattern, twice) <= 2.1 * taken(shape.pattern, once)


@EACH
def test_what_is_found_has_the_needle_in_it(shape: Shape) -> None:
    texts = [text for text, _ in SECRETS + HEADERS]
    found = [text for text in texts if shape.pattern.search(text)]
    assert found
    assert [text for text in found if shape.needle not in text.lower()] == []


@EACH
def test_the_steps_are_those_of_an_engine_that_finds_what_pythons_finds(shape: Shape) -> None:
    for text, _ in SECRETS + HEADERS:
        assert taken(shape.pattern, f"{text} and {text}")
    assert taken(shape.pattern, " ".join(PLAIN))


@pytest.mark.parametrize(
    ("slow", "text"),
    [(r"[\w.]+@", "a" * 300), (r"(?:a+)+b", "a" * 14), (r"\d[\d ]*x", "1 " * 150)],
)
def test_an_expression_that_takes_too_long_would_be_noticed(slow: str, text: str) -> None:
    assert taken(re.compile(slow), text) > MOST * len(text)
