"""An engine of regular expressions that counts its steps: Python's own tells only the time.

It tries what Python's tries, in the same order, and backs off where that backs off, without the
short cuts that Python's takes; whoever uses it compares what the two find.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

_parser: Any = importlib.import_module("re._parser")
Ops: TypeAlias = list[tuple[Any, Any]]
Next: TypeAlias = Callable[[int], bool]
SINGLE = {"LITERAL", "NOT_LITERAL", "IN", "ANY", "CATEGORY"}


class Engine:
    """One expression; `steps` counts every character or place that was tried."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._flags = pattern.flags
        self._ops: Ops = list(_parser.parse(pattern.pattern, pattern.flags))
        self._single: dict[tuple[str, int], re.Pattern[str]] = {}
        self.steps = 0
        self._text = ""

    def finditer(self, text: str) -> Iterator[tuple[int, int]]:
        """Every match, from left to right and apart, as the method of that name does."""
        self._text, at = text, 0
        while at <= len(text):
            end = self._end(self._ops, at)
            if end is not None:
                yield at, end
            at = at + 1 if end is None else max(end, at + 1)

    def _end(self, ops: Ops, at: int) -> int | None:
        """Where the first match ends that begins here."""
        ends: list[int] = []

        def keep(stop: int) -> bool:
            ends.append(stop)
            return True

        return ends[0] if self._match(ops, at, keep) else None

    def _match(self, ops: Ops, at: int, then: Next) -> bool:
        if not ops:
            return then(at)
        (op, value), rest = ops[0], ops[1:]
        self.steps += 1

        def go(place: int) -> bool:
            return self._match(rest, place, then)

        match str(op):
            case name if name in SINGLE:
                return self._one(op, value, at) and go(at + 1)
            case "SUBPATTERN":
                return self._match(list(value[3]), at, go)
            case "BRANCH":
                return any(self._match(list(branch), at, go) for branch in value[1])
            case "AT":
                return self._at(str(value), at) and go(at)
            case "ASSERT" | "ASSERT_NOT":
                start = at if value[0] > 0 else at - _width(value[1])
                met = start >= 0 and self._match(list(value[1]), start, lambda _: True)
                return met is (str(op) == "ASSERT") and go(at)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                return self._repeat(str(op), value, at, go)
        raise NotImplementedError(str(op))

    def _repeat(self, op: str, value: Any, at: int, go: Next) -> bool:
        least, most, body = int(value[0]), int(value[1]), list(value[2])
        if len(body) == 1 and str(body[0][0]) in SINGLE:
            return self._run(op, least, most, body[0], at, go)
        if op == "POSSESSIVE_REPEAT":
            return self._held(least, most, body, at, go)
        assert op == "MAX_REPEAT"

        def again(count: int, place: int) -> bool:
            more = count < most and self._match(
                body, place, lambda stop: stop > place and again(count + 1, stop)
            )
            return more or (count >= least and go(place))

        return again(0, at)

    def _held(self, least: int, most: int, body: Ops, at: int, go: Next) -> bool:
        count = 0
        while count < most and (end := self._end(body, at)) is not None:
            count, at = count + 1, end
        return count >= least and go(at)

    def _run(self, op: str, least: int, most: int, one: Any, at: int, go: Next) -> bool:
        """A repetition of a single character, without a level of recursion for each of them."""
        kind, value = one
        stop = at
        if op == "MIN_REPEAT":
            while stop - at < least:
                if not self._one(kind, value, stop):
                    return False
                stop += 1
            while not go(stop):
                if stop - at >= most or not self._one(kind, value, stop):
                    return False
                stop += 1
            return True
        while stop - at < most and self._one(kind, value, stop):
            stop += 1
        if op == "POSSESSIVE_REPEAT":
            return stop - at >= least and go(stop)
        return any(go(place) for place in range(stop, at + least - 1, -1))

    def _one(self, op: Any, value: Any, at: int) -> bool:
        self.steps += 1
        if at >= len(self._text):
            return False
        if str(op) == "ANY":  # of the shapes, only where a line end is one as well
            return True
        key = str(op), id(value)
        known = self._single.get(key)
        if known is None:
            made = _parser.SubPattern(_parser.State(), [(op, value)])
            made.state.flags = self._flags
            compiled = importlib.import_module("re._compiler").compile(made, self._flags)
            known = self._single[key] = compiled
        return known.match(self._text[at]) is not None

    def _at(self, where: str, at: int) -> bool:
        if where == "AT_END_STRING":
            return at == len(self._text)
        assert where == "AT_BOUNDARY"
        before, after = self._text[at - 1 : at] if at else "", self._text[at : at + 1]
        word = [bool(re.match(r"\w", each, re.ASCII)) for each in (before, after)]
        return word[0] is not word[1]


def _width(ops: Any) -> int:
    low, high = ops.getwidth()
    assert low == high
    return int(low)
