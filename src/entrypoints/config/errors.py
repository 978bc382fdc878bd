"""What is wrong with a configuration, all of it at once, and never a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hexgate.entrypoints.references import Key

_PLAIN = re.compile(r"[\w/:-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a setting came from: `where` is file:line or "environment"; a variable has a name."""

    where: str
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to change."""

    place: Place
    key: Key
    message: str

    def __str__(self) -> str:
        """file:line: key.path: message, or environment: NAME: message."""
        parts = (self.place.where, self.place.variable or dotted(self.key), self.message)
        return ": ".join(part for part in parts if part)


class ConfigError(Exception):
    """The configuration cannot be used. `problems` are in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(map(str, self.problems)))


def dotted(key: Key) -> str:
    """A key for people: models.aliases.fast[0]."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += "." * bool(text) + (part if _PLAIN.fullmatch(part) else quoted(part))
    return text


def quoted(text: str) -> str:
    """Text as it was found, on one line and not too long."""
    return repr(text if len(text) <= 60 else text[:59] + "…")
