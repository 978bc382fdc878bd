"""The values of one record of an export, each checked where it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from hexgate.domain.report import day_of

MAX_COUNT = 10**18
MAX_USD = 10**9
_MIN_EXPONENT = -40
_SHOWN = 64
_DIGITS = re.compile(r"\d{1,19}")
# Seconds since the epoch: a smaller number is a date without dashes, a larger one is milliseconds.
_EARLIEST = 10**8
_LATEST = 253_402_300_799
_NANOS = 9


class Broken(ValueError):
    """A file is not the export it should be; the message names file, line, column and what was
    expected.
    """


class Fields:
    """A record by the names of its fields, at a place such as `usage.csv:7`. What is read of it
    raises Broken.
    """

    def __init__(self, values: Mapping[str, object], at: str, path: str = "") -> None:
        self._values = values
        self._at = at
        self._path = path

    def has(self, name: str) -> bool:
        """Whether there is something: more than null, and more than no text."""
        return self._values.get(name) not in (None, "")

    def count(self, name: str, *, absent: int | None = None) -> int:
        """A whole number from 0 on; `absent` where there is none."""
        value = self._values.get(name)
        if value is None and absent is not None:
            return absent
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
            raise self.broken(name, f"a whole number from 0 to {MAX_COUNT}")
        return value

    def nanos(self, name: str, per_usd: int = 1) -> Decimal:
        """An amount of money as nano-USD, of which there may be fractions; `per_usd` such units are
        a dollar.
        """
        value = self._values.get(name)
        if isinstance(value, str):
            try:
                value = Decimal(value)
            except InvalidOperation:
                value = None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.broken(name, "an amount of money, such as 0.25")
        amount = Decimal(value)
        small = amount.is_finite() and abs(amount) <= MAX_USD * per_usd
        if not small or int(amount.as_tuple().exponent) < _MIN_EXPONENT:
            raise self.broken(name, f"at most {MAX_USD} dollars, with at most 40 decimals")
        return amount.scaleb(_NANOS) / per_usd

    def text(self, name: str, *, absent: str | None = None) -> str:
        """Some text; `absent` where there is none."""
        value = self._values.get(name)
        if value in (None, "") and absent is not None:
            return absent
        if not isinstance(value, str) or not value or not _is_text(value):
            raise self.broken(name, "some text in UTF-8")
        return value

    def day(self, name: str) -> str:
        """The day of a date, of a time (in UTC, unless it says otherwise), or of seconds since the
        epoch.
        """
        value = self._values.get(name)
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if isinstance(value, int | Decimal) and _EARLIEST <= value <= _LATEST:
            return day_of(float(value))
        if isinstance(value, str):
            try:
                at = datetime.fromisoformat(value)
                return (at.astimezone(UTC) if at.tzinfo else at).date().isoformat()
            except (ValueError, OverflowError):
                pass
        raise self.broken(
            name, "a date (2026-11-30), a time (2026-11-30T08:00:00Z) or seconds since the epoch"
        )

    def inner(self, name: str) -> Fields:
        """A record within it; an empty one where there is none."""
        value = self._values.get(name)
        if value is None:
            return Fields({}, self._at, self._named(name))
        if not isinstance(value, dict):
            raise self.broken(name, "an object")
        return Fields(value, self._at, self._named(name))

    def each(self, name: str) -> Iterator[Fields]:
        """The records of a list within it."""
        value = self._values.get(name)
        if not isinstance(value, list):
            raise self.broken(name, "a list")
        for place, one in enumerate(value):
            path = f"{self._named(name)}[{place}]"
            if not isinstance(one, dict):
                raise Broken(f"{self._at}: {path}: found {_shown(one)}; expected an object")
            yield Fields(one, self._at, path)

    def broken(self, name: str, wanted: str) -> Broken:
        """What to raise when a field is not what it should be."""
        found = _shown(self._values[name]) if name in self._values else "nothing"
        return Broken(f"{self._at}: {self._named(name)}: found {found}; expected {wanted}")

    def _named(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def _is_text(value: str) -> bool:
    # What was no UTF-8 in the file came in as surrogates, and half a character does in JSON.
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, int | Decimal) else repr(value)
    text = text.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
