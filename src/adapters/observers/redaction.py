"""Texts as they may be kept: secrets are marks, and what is too long is cut."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from hexgate.adapters.observers.shapes import SHAPES, Shape, Span

# What begins within the text that is kept is looked for so far beyond it: no shape needs more to be
# known as what it is.
_BEYOND = 1_024
# JSON within a string of JSON is what tools are often given.
_LEVELS = 2
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_MEANS = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Redaction:
    """Puts marks in the place of what has one of these shapes.

    They are looked for in the text as it is, and as it reads without the escapes of JSON, whole or
    not: a secret is found however it was written down.
    """

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self._shapes = tuple(shapes)

    @classmethod
    def usual(cls, own: Iterable[str] = ()) -> Self:
        """Of the usual shapes, and of these expressions, whose mark is [redacted]."""
        return cls((*(Shape("redacted", re.compile(pattern)) for pattern in own), *SHAPES))

    def text(self, text: str, most: int) -> str:
        """The first `most` characters with marks in them, and how many were cut."""
        kept: list[str] = []
        at = 0
        for start, end, mark in self._marks(text[: most + _BEYOND]) if self._shapes else ():
            if start >= most:
                break
            kept += (text[at:start], mark)
            at = end
        kept.append(text[at:most])
        if len(text) > most:
            kept.append(f"[cut: {len(text) - most} more characters]")
        return "".join(kept)

    def _marks(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and mark of each, in order and apart: of those that overlap, the first."""
        apart: list[tuple[int, int, str]] = []
        for start, end, mark in sorted(self._found(text), key=lambda one: (one[0], -one[1])):
            if apart and start < apart[-1][1]:
                first, last, name = apart[-1]
                apart[-1] = (first, max(last, end), name)
            else:
                apart.append((start, end, mark))
        return apart

    def _found(self, text: str) -> Iterator[tuple[int, int, str]]:
        view = _View(text, (0,), (0,))
        levels: list[_View] = []
        for _ in range(_LEVELS + 1):
            levels.append(view)
            for shape, span in self._within(view.text):
                for level in reversed(levels):
                    span = level.before(span)
                yield (*span, shape.mark)
            if "\\" not in view.text:
                return
            view = _unescaped(view.text)

    def _within(self, text: str) -> Iterator[tuple[Shape, Span]]:
        lowered = text.lower()
        for shape in self._shapes:
            if shape.needle in lowered:
                for match in shape.pattern.finditer(text):
                    span = shape.check(match)
                    if span is not None and span[0] < span[1]:
                        yield shape, span


@dataclass(frozen=True, slots=True)
class _View:
    """A text without the escapes of another, and where its pieces stood there."""

    text: str
    new: Sequence[int]
    old: Sequence[int]

    def before(self, span: Span) -> Span:
        """The same span in the other text."""
        return self._at(span[0]), self._at(span[1])

    def _at(self, place: int) -> int:
        piece = bisect_right(self.new, place) - 1
        return self.old[piece] + place - self.new[piece]


def _unescaped(text: str) -> _View:
    pieces: list[str] = []
    new, old, at, length = [0], [0], 0, 0
    for escape in _ESCAPE.finditer(text):
        code, letter = escape.groups()
        pieces += (text[at : escape.start()], chr(int(code, 16)) if code else _MEANS[letter])
        length += escape.start() - at + 1
        at = escape.end()
        new.append(length)
        old.append(at)
    pieces.append(text[at:])
    return _View("".join(pieces), new, old)
