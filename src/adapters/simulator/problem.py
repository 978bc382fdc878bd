"""What is wrong with a body of JSON: where, and what was expected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")
Kind: TypeAlias = Literal["json", "unknown", "missing", "type", "value"]
_AT = re.compile(r" - at `\$\.?(.*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_TYPE = re.compile(r"Expected `(.*)`, got `(\w+)`")
_STEP = re.compile(r"\[(\d+|\.\.\.)\]|([^.\[\]]+)")


class Problem(Exception):
    """One thing wrong with a body."""

    def __init__(self, found: Found) -> None:
        super().__init__(found.text)
        self.found = found


@dataclass(frozen=True, slots=True)
class Found:
    """The place as steps, and what was expected and found where that is known."""

    kind: Kind
    path: tuple[str | int, ...]
    text: str
    expected: str = ""
    got: str = ""

    @property
    def brackets(self) -> str:
        """The place as `messages[0].role`."""
        text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return text.removeprefix(".")

    @property
    def dots(self) -> str:
        """The place as `messages.0.role`."""
        return ".".join(map(str, self.path))


def decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode; raises Problem."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Problem(_found(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(Found("json", (), str(error))) from error


def _found(message: str) -> Found:
    at = _AT.search(message)
    path = _steps(at[1]) if at else ()
    text = message[: at.start()] if at else message
    if match := _UNKNOWN.match(text):
        return Found("unknown", (*path, match[1]), text)
    if match := _MISSING.match(text):
        return Found("missing", (*path, match[1]), text)
    if match := _TYPE.match(text):
        return Found("type", path, text, match[1], match[2])
    return Found("value", path, text)


def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(
        int(index) if index.isdigit() else (index or name) for index, name in _STEP.findall(path)
    )
