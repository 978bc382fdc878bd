"""The lines of a usage export, whichever it is: recognised by what is in it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from hexgate.adapters.exports import anthropic, generic, openai
from hexgate.adapters.exports.elements import DATA, PageEnd, elements
from hexgate.adapters.exports.fields import Broken, Fields
from hexgate.domain.reconcile import Billed

_BEFORE_ANYTHING = b"\xef\xbb\xbf \t\r\n"
_UNKNOWN = (
    "a bucket of OpenAI's usage or costs API (start_time, results), one of Anthropic's usage or "
    "cost report (starting_at, results), or an object with day or start_time, and model"
)


def lines(path: Path, unfinished: Callable[[], None]) -> Iterator[Billed]:
    """Every line of a file, in its order. `unfinished` is told when the last page of it says that
    there are more. Raises Broken, also for a file that cannot be read.
    """
    try:
        with path.open("rb") as file:
            begin = file.peek(1).lstrip(_BEFORE_ANYTHING)[:1]
            # What is no UTF-8 is told of where it is read, by line.
            stream = io.TextIOWrapper(
                file, encoding="utf-8-sig", errors="surrogateescape", newline=""
            )
            if begin in (b"{", b"["):
                yield from _objects(stream, str(path), unfinished)
            else:
                yield from generic.rows(stream, str(path))
    except OSError as error:
        raise Broken(f"{path}: cannot be read: {error.strerror or error}") from error


def _objects(stream: TextIO, name: str, unfinished: Callable[[], None]) -> Iterator[Billed]:
    more, found = False, generic.Lines()
    for one in elements(stream, name):
        said = one.rest if isinstance(one, PageEnd) else one.value
        if isinstance(one, PageEnd) or DATA in said:
            more = said.get("has_more") is True
        if not isinstance(one, PageEnd):
            yield from _lines_of(Fields(one.value, one.at), found)
    if more:
        unfinished()


def _lines_of(one: Fields, found: generic.Lines) -> Iterator[Billed]:
    if one.has(DATA):  # a page within a list of them
        for bucket in one.each(DATA):
            yield from _lines_of(bucket, found)
    elif one.has("starting_at"):
        yield from anthropic.billed(one)
    elif one.has("results"):
        yield from openai.billed(one)
    elif one.has("model"):
        yield found.billed(one)
    else:
        raise one.broken("model", _UNKNOWN)
