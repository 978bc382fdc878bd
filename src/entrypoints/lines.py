"""Rows as lines of a file: JSON, or comma-separated values that no spreadsheet runs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

Cell: TypeAlias = str | int | float | bool | dict[str, str] | None
"""None is what is not known: null in JSON, empty in CSV."""

# What a spreadsheet takes for a formula, or skips on its way to one.
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")
# Half of all cells, and a file may have millions: the writer knows numbers, and None as nothing.
_AS_THEY_ARE = frozenset((int, float, type(None)))


class JsonLines:
    """One JSON object per row, with these names."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._encode = msgspec.json.Encoder().encode

    def head(self) -> bytes:
        """What stands before all rows."""
        return b""

    def line(self, row: Sequence[Cell]) -> bytes:
        """One row, with its end."""
        return self._encode(dict(zip(self._names, row, strict=True))) + b"\n"


class CsvLines:
    """RFC 4180 in UTF-8, under a header line. Text that would run has an apostrophe in front;
    numbers stay numbers, truth values are `true` and `false`, and a dictionary is a JSON object.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._write: Callable[[Sequence[Cell]], str] = csv.writer(_Echo()).writerow
        self._encode = msgspec.json.Encoder(order="deterministic").encode

    def head(self) -> bytes:
        """The header line."""
        return self.line(self._names)

    def line(self, row: Sequence[Cell]) -> bytes:
        """One row, with its end."""
        cells = [one if type(one) in _AS_THEY_ARE else self._cell(one) for one in row]
        return self._write(cells).encode()

    def _cell(self, one: Cell) -> str:
        match one:
            case str():
                return harmless(one)
            case bool():
                return "true" if one else "false"
            case _:
                return self._encode(one).decode()


def harmless(text: str) -> str:
    """The same text, as no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_RUNS) else text


class _Echo:
    """A file that gives back what is written to it, as `writerow` then does."""

    def write(self, text: str) -> str:
        return text
