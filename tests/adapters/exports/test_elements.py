"""JSON objects come out of a stream one by one, as they went in, however it is cut."""

from __future__ import annotations

import contextlib
import io
import json
from decimal import Decimal
from typing import Any, TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.exports import elements
from hexgate.adapters.exports.elements import Element, PageEnd
from hexgate.adapters.exports.fields import Broken

NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.text(max_size=4).filter(lambda name: name != "data")
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
PAGES = st.fixed_dictionaries({"data": st.lists(OBJECTS, max_size=4), "has_more": st.booleans()})
SPACE = st.sampled_from(["", " ", "\n", "\r\n\t", "\n\n"])


class Dripping(io.StringIO):
    """A stream that gives a few characters at a time, whatever is asked."""

    def read(self, size: int | None = -1, /) -> str:
        return super().read(1 if size else 0)


def found(stream: TextIO) -> list[Any]:
    """The values, and what pages say beside their data."""
    return [
        one.value if isinstance(one, Element) else ("page", one.rest)
        for one in elements.elements(stream, "f")
    ]


def wanted(document: Any) -> list[Any]:
    """The same, of a whole document."""
    if isinstance(document, list):
        return document
    if isinstance(document.get("data"), list):
        rest = {name: value for name, value in document.items() if name != "data"}
        return [*document["data"], ("page", rest)]
    return [document]


@given(
    st.lists(st.tuples(OBJECTS | PAGES | st.lists(OBJECTS, max_size=3), SPACE), max_size=4),
    st.sampled_from([None, 1]),
)
def test_what_comes_out_is_what_went_in(
    documents: list[tuple[Any, str]], indent: int | None
) -> None:
    text = "".join(json.dumps(one, indent=indent) + space for one, space in documents)
    exact = (json.loads(json.dumps(one), parse_float=Decimal) for one, _ in documents)
    whole = [value for one in exact for value in wanted(one)]
    assert found(io.StringIO(text)) == whole
    assert found(Dripping(text)) == whole


@given(st.lists(OBJECTS, min_size=1, max_size=3), st.data())
def test_what_is_cut_off_or_garbled_ends_in_an_error_or_in_less(
    objects: list[Any], data: st.DataObject
) -> None:
    text = json.dumps(objects)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from(["", "x", '"', "[", "}", ",", "\0"]))
    for broken in (text[:place], text[:place] + letter + text[place + 1 :]):
        with contextlib.suppress(Broken):
            found(io.StringIO(broken))


def test_places_are_those_of_an_editor() -> None:
    text = '{"a": 1}\n  {"b": "\\n"}\n[{"c": 1},\n{"d": 2}]\n{"data": [\n {}]}'
    ats = [one.at for one in elements.elements(io.StringIO(text), "f") if isinstance(one, Element)]
    assert ats == ["f:1:1", "f:2:3", "f:3:2", "f:4:1", "f:6:2"]


class Endless(io.TextIOBase):
    """Elements without end, and a count of what was asked for and not given back yet."""

    def __init__(self, element: str) -> None:
        self._element = element
        self.given = 0

    def read(self, size: int | None = -1, /) -> str:
        assert size is not None
        assert size > 0
        text = self._element * max(1, size // len(self._element))
        self.given += len(text)
        return text


def test_a_file_of_any_size_is_read_piece_by_piece() -> None:
    stream = Endless('{"day": "2025-11-30", "calls": 1}\n')
    for number, one in enumerate(elements.elements(stream, "f")):  # type: ignore[arg-type] # no file
        assert isinstance(one, Element)
        if number == 20_000:
            break
    read = 20_000 * len('{"day": "2025-11-30", "calls": 1}\n')
    assert stream.given < read + 3 * (1 << 16)


def test_what_more_text_cannot_mend_is_told_at_once() -> None:
    stream = Endless('{"day": nul, "calls": 1}\n')
    with pytest.raises(Broken, match="f:1:9: found 'nul, "):
        found(stream)  # type: ignore[arg-type] # no file
    assert stream.given <= 1 << 16


def test_a_value_without_end_is_refused_in_bounded_memory() -> None:
    for begin in ('{"a": "', '[{"a": ['):
        stream = io.StringIO(begin + "1, " * elements.MAX_CHARS)
        with pytest.raises(Broken, match=f"expected a value of at most {elements.MAX_CHARS}"):
            found(stream)
        assert stream.tell() < 4 * elements.MAX_CHARS


def test_amounts_are_exact() -> None:
    (one,) = found(io.StringIO('{"value": 0.1234567890123456789012345}'))
    assert str(one["value"]) == "0.1234567890123456789012345"


def test_a_page_end_is_told_of_after_its_data() -> None:
    stream = io.StringIO('{"has_more": true, "data": [{"a": 1}]}')
    assert [*elements.elements(stream, "f")] == [
        Element({"a": 1}, "f:1:29"),
        PageEnd({"has_more": True}),
    ]
