"""Rows as lines of a file: what is written is what is read, and nothing runs."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hexgate.entrypoints.lines import Cell, CsvLines, JsonLines, harmless

# What separates, quotes, ends lines or begins formulas, more often than chance would have it.
ODD = st.text(st.sampled_from("=+-@\t\r\n\"',;|\0\u00e9\u4e2d\U0001f600 a1"), max_size=8)
TEXTS = st.one_of(ODD, st.text(max_size=20))
CELLS = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(TEXTS, TEXTS, max_size=3),
)
NAMES = ("a", "b", "=c")


def read(data: bytes) -> list[list[str]]:
    """Rows, as any reader of CSV has them."""
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def said(cell: Cell) -> object:
    """What a cell of CSV stands for."""
    match cell:
        case None:
            return ""
        case bool():
            return str(cell).lower()
        case str():
            return harmless(cell)
        case dict():
            return cell
        case _:
            return str(cell)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5))
@example([("=1+1", "a\r\nb", '"'), ("\r", "\n", "\0"), ("", "", "")])
def test_csv_is_read_as_it_was_written(rows: list[tuple[Cell, Cell, Cell]]) -> None:
    lines = CsvLines(NAMES)
    data = lines.head() + b"".join(map(lines.line, rows))
    header, *found = read(data)
    assert header == ["a", "b", "'=c"]
    assert len(found) == len(rows)
    for cells, row in zip(found, rows, strict=True):
        for cell, value in zip(cells, row, strict=True):
            assert (json.loads(cell) if isinstance(value, dict) else cell) == said(value)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=5))
def test_no_text_begins_as_a_formula_does(rows: list[tuple[str, str, str]]) -> None:
    lines = CsvLines(NAMES)
    for row in read(b"".join(map(lines.line, rows))):
        for cell in row:
            assert cell[:1] not in set("=+-@\t\r\n")


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_text_that_would_run_has_an_apostrophe_and_a_number_has_none(begin: str) -> None:
    line = CsvLines(("text", "number", "share")).line((f"{begin}2", -2, -2.5))
    assert read(line) == [[f"'{begin}2", "-2", "-2.5"]]


def test_lines_end_and_quotes_double_as_rfc_4180_has_it() -> None:
    lines = CsvLines(("a", "b"))
    assert lines.head() == b"a,b\r\n"
    assert lines.line(('say "hi"', "one, two")) == b'"say ""hi""","one, two"\r\n'
    assert lines.line(("two\nlines", "\u00e9")) == '"two\nlines",\u00e9\r\n'.encode()


@given(st.tuples(CELLS, CELLS, CELLS))
def test_json_lines_are_read_as_they_were_written(row: tuple[Cell, Cell, Cell]) -> None:
    lines = JsonLines(NAMES)
    line = lines.line(row)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line) == dict(zip(NAMES, row, strict=True))
    assert lines.head() == b""
