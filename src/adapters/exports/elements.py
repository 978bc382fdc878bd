"""The JSON objects of an export, one after the other, whatever the size of the file.

A file holds objects, or lists of them, one behind the other. Of an object with a list `data`, which
is a page of a vendor's API, the members of that list come one by one, and the page's end after
them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn, TextIO

from hexgate.adapters.exports.fields import Broken

MAX_CHARS = 16 << 20
"""The longest object, in characters."""

DATA = "data"
_CHUNK_CHARS = 1 << 16
_LONGEST_WORD = len("-Infinity")
# What may be the rest of a number, up to the end of what is read: 1 is also how 1.5e3 begins.
_MAY_GO_ON = re.compile(r"[-+.0-9eE]*\Z")
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Element:
    """An object, at a place such as `usage.json:3:5`: file, line and column."""

    value: dict[str, object]
    at: str


@dataclass(frozen=True, slots=True)
class PageEnd:
    """What a page says beside its data."""

    rest: dict[str, object]


def elements(stream: TextIO, name: str) -> Iterator[Element | PageEnd]:
    """Everything in a stream; `name` is that of its file. Raises Broken."""
    return _Elements(stream, name).all()


class _Elements:
    """`_text` is what is read and not done with; `_at` is the place of the next character in it."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._text = ""
        self._at = 0
        self._ended = False
        self._line = 1
        self._column = 1
        self._decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=_constant)

    def all(self) -> Iterator[Element | PageEnd]:
        """All of it."""
        while next_one := self._peek():
            if next_one == "[":
                yield from self._list()
            elif next_one == "{":
                yield from self._object()
            else:
                self._fail("an object")

    def _list(self) -> Iterator[Element]:
        self._take("[")
        if self._peek() == "]":
            self._take("]")
            return
        while True:
            yield self._element()
            if self._peek() != ",":
                self._take("]", "a comma or ]")
                return
            self._take(",")

    def _object(self) -> Iterator[Element | PageEnd]:
        """A page is known by its data; another object is an element itself."""
        at, paged = self._place(), False
        members: dict[str, object] = {}
        if (small := self._small()) is not None:
            yield Element(small, at)
            return
        self._take("{")
        while self._peek() != "}":
            if members or paged:
                self._take(",", "a comma or }")
            name = self._member()
            if name == DATA and self._peek() == "[":
                paged = True
                yield from self._list()
            else:
                members[name] = self._value()
        self._take("}")
        yield PageEnd(members) if paged else Element(members, at)

    def _small(self) -> dict[str, object] | None:
        """The object that begins here, if all of it is read and it is no page: so most lines are
        decoded in one go.
        """
        try:
            value, end = self._decoder.raw_decode(self._text, self._at)
        except (ValueError, RecursionError):
            return None
        if isinstance(value.get(DATA), list):
            return None
        self._advance(end)
        found: dict[str, object] = value
        return found

    def _element(self) -> Element:
        if self._peek() != "{":
            self._fail("an object")
        at, value = self._place(), self._value()
        assert isinstance(value, dict)
        return Element(value, at)

    def _member(self) -> str:
        if self._peek() != '"':
            self._fail("the name of a member in quotes")
        name = self._value()
        assert isinstance(name, str)
        self._take(":")
        return name

    def _value(self) -> object:
        """The value that begins here, whole."""
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
                if self._ended or not _MAY_GO_ON.match(self._text, end):
                    self._advance(end)
                    return value
            except json.JSONDecodeError as error:
                if self._ended or self._real(error):
                    self._advance(max(error.pos, self._at))
                    self._fail(f"JSON: {error.msg}")
            except (ValueError, RecursionError) as error:
                self._fail(f"JSON within reason: {type(error).__name__}")
            if len(self._text) - self._at > MAX_CHARS:
                self._fail(f"a value of at most {MAX_CHARS} characters")
            self._read()

    def _real(self, error: json.JSONDecodeError) -> bool:
        """Whether more text could not mend it, as it does a word or a string that is cut off."""
        left = len(self._text) - error.pos
        return left > _LONGEST_WORD and self._text[error.pos] != '"'

    def _peek(self) -> str:
        """The next character that is no space; nothing at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._advance(found.end() if found else self._at)
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._read()

    def _take(self, wanted: str, told: str = "") -> None:
        if self._peek() != wanted:
            self._fail(told or wanted)
        self._advance(self._at + 1)

    def _read(self) -> None:
        """More of the stream: as much again as there is, so that to try again costs little."""
        self._text, self._at = self._text[self._at :], 0
        more = self._stream.read(max(_CHUNK_CHARS, len(self._text)))
        self._text += more
        self._ended = not more

    def _advance(self, to: int) -> None:
        lines = self._text.count("\n", self._at, to)
        if lines:
            self._line += lines
            self._column = to - self._text.rindex("\n", self._at, to)
        else:
            self._column += to - self._at
        self._at = to

    def _place(self) -> str:
        return f"{self._name}:{self._line}:{self._column}"

    def _fail(self, wanted: str) -> NoReturn:
        found = self._text[self._at : self._at + 20]
        told = repr(found) if found else "the end of the file"
        told = told.encode("ascii", "backslashreplace").decode()
        raise Broken(f"{self._place()}: found {told}; expected {wanted}")


def _constant(name: str) -> NoReturn:
    raise ValueError(name)
