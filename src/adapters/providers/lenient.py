"""What a good answer says beside its words, such as counts: odd values are as good as none."""

from __future__ import annotations

from typing import Annotated

import msgspec

MOST_TOKENS = 1 << 40  # no answer is as long; what says so is out of its mind
UNSAID = msgspec.Raw(b"null")

_COUNT: msgspec.json.Decoder[int | None] = msgspec.json.Decoder(
    Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)] | None
)
_ANY = msgspec.json.Decoder()


def count(raw: msgspec.Raw) -> int | None:
    """A number of tokens, from 0 to MOST_TOKENS; None where nothing usable was said."""
    try:
        return _COUNT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def value(raw: msgspec.Raw) -> object:
    """Any JSON; None where nothing usable was said."""
    try:
        found: object = _ANY.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found


def number(said: object) -> int | None:
    """A number of tokens, as `count`, from a value that has been decoded."""
    return said if type(said) is int and 0 <= said <= MOST_TOKENS else None


def fields(said: object) -> dict[str, object]:
    """An object that has been decoded; an empty one for anything else."""
    return said if isinstance(said, dict) else {}


def text(raw: msgspec.Raw) -> str:
    """A text; empty where none was said."""
    found = value(raw)
    return found if isinstance(found, str) else ""
