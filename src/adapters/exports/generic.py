"""Exports in the gateway's own words, for providers without a format of their own here.

A line of CSV, or a JSON object, has `day` or `start_time`, `model`, and of these what is known:
`input_tokens` (all of them, those from and into the cache included), `cache_read_tokens`,
`cache_write_tokens`, `output_tokens`, `calls`, `cost_usd`; and perhaps `request_id`, where it is of
a single call. What one line tells, all of them have to. Other columns are let be.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import TextIO

from hexgate.adapters.exports.fields import Broken, Fields
from hexgate.domain.reconcile import CALLS, COST, INPUT, OUTPUT, READ, UNCACHED, WRITTEN, Billed

COST_USD = "cost_usd"
NUMBERS = (INPUT, READ, WRITTEN, OUTPUT, CALLS, COST_USD)
REQUEST_ID = "request_id"
MAX_LINE_CHARS = 1 << 20

_SAME = (*NUMBERS, REQUEST_ID)

# What a writer of CSV puts an apostrophe in front of, so that no spreadsheet runs it.
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")


class Lines:
    """The lines of one file. `told` are the numbers that each must have; those of the first where
    it is None.
    """

    def __init__(self, told: Collection[str] | None = None) -> None:
        self._told = told

    def billed(self, line: Fields) -> Billed:
        """One of them. Raises Broken."""
        told = [name for name in _SAME if line.has(name)]
        if self._told is None:
            self._told = told
        for name in _SAME:
            if name in self._told and name not in told:
                raise line.broken(name, "a value as in the other lines, 0 where it is none")
            if name in told and name not in self._told:
                raise line.broken(name, "nothing, as in the lines before, or a value in them too")
        if not told:
            raise line.broken(INPUT, f"a number in {', '.join(NUMBERS[:-1])} or {NUMBERS[-1]}")
        return Billed(
            day=line.day("day" if line.has("day") else "start_time"),
            model=line.text("model"),
            figures=_figures(line),
            request_id=line.text(REQUEST_ID, absent=""),
        )


def rows(stream: TextIO, name: str) -> Iterator[Billed]:
    """The lines of CSV under a header, between commas, semicolons or tabs. Raises Broken."""
    source = _bounded(stream, name)
    header = next(source, "")
    delimiter = max(",;\t", key=header.count)
    columns = [one.strip().lower() for one in next(csv.reader([header], delimiter=delimiter), [])]
    if "model" not in columns or not {"day", "start_time"} & {*columns}:
        raise Broken(
            f"{name}:1: found the columns {ascii(', '.join(columns))[:64]}; expected the JSON of a "
            "provider's usage API, or a line that has day or start_time, model, and some of "
            f"{', '.join(NUMBERS)}"
        )
    found = Lines([one for one in columns if one in _SAME])
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    while (row := _next(reader, name)) is not None:
        at = f"{name}:{1 + reader.line_num}"
        if row and len(row) != len(columns):
            raise Broken(f"{at}: found {len(row)} columns; expected {len(columns)}, as the header")
        if row:
            yield found.billed(Fields(dict(zip(columns, map(_plain, row), strict=True)), at))


def _figures(line: Fields) -> dict[str, int | Decimal]:
    tokens = {name: line.count(name) for name in (READ, WRITTEN, OUTPUT) if line.has(name)}
    if line.has(INPUT):
        whole = line.count(INPUT)
        if READ in tokens and WRITTEN in tokens:
            tokens[UNCACHED] = whole - tokens[READ] - tokens[WRITTEN]
            if tokens[UNCACHED] < 0:
                raise line.broken(INPUT, f"{READ} and {WRITTEN} to be among them")
        else:
            tokens[INPUT] = whole
    figures: dict[str, int | Decimal] = {**tokens}
    if line.has(CALLS) or line.has(REQUEST_ID):
        figures[CALLS] = line.count(CALLS, absent=1)
    if line.has(COST_USD):
        figures[COST] = line.nanos(COST_USD)
    return figures


def _bounded(stream: TextIO, name: str) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE_CHARS), ""), 1):
        if len(line) == MAX_LINE_CHARS:
            raise Broken(f"{name}:{number}: expected a line of less than {len(line)} characters")
        yield line


def _next(reader: Iterator[list[str]], name: str) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        line = 1 + getattr(reader, "line_num", 0)
        raise Broken(f"{name}:{line}: expected a row of CSV: {error}") from error


def _plain(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:].startswith(_RUNS) else text
