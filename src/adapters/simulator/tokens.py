"""The simulator's tokens: four bytes of UTF-8 are one, and a begun one counts.

The rule holds for the prompt as a whole and for the output as a whole, so a stream and a whole
answer count the same. A picture or document counts as 256 tokens whatever its size.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from hexgate.adapters.simulator.chat import Ask, Called, Media, Part, Result, Text, canonical

BYTES = 4
MEDIA = 256
_PIECE = re.compile(r"\s*\S+|\s+")


def count(text: str) -> int:
    """The tokens of a text."""
    return -(-_size(text) // BYTES)


def cut(text: str, tokens: int) -> str:
    """The longest start of `text` that has at most `tokens` tokens; no character is split."""
    return text.encode("utf-8", "surrogatepass")[: max(0, tokens) * BYTES].decode(errors="ignore")


def pieces(text: str) -> list[str]:
    """A text as it is streamed: word by word, white space before the word."""
    return _PIECE.findall(text)


def prompt(ask: Ask) -> int:
    """The tokens of everything that was sent."""
    size, pictures = 0, 0
    for _, _, size, pictures in prefixes(ask):  # noqa: B007 - the last prefix is the whole prompt
        pass
    return -(-size // BYTES) + pictures * MEDIA


def prefixes(ask: Ask) -> Iterator[tuple[str, str, int, int]]:
    """Each start of the prompt that ends with a part: new text, ttl, bytes and pictures so far."""
    size = pictures = 0
    for tool in ask.tools:
        text = tool.name + canonical(tool.schema)
        size += _size(text)
        yield text, tool.ttl, size, pictures
    for turn in ask.turns:
        for part in turn.parts:
            text = _words(part)
            size += _size(text)
            inner = part.media if isinstance(part, Result) else ()
            pictures += isinstance(part, Media) + len(inner)
            shown = [part] if isinstance(part, Media) else list(inner)
            seen = [each.reference or hashlib.sha256(each.data).hexdigest() for each in shown]
            yield canonical([turn.role, text, seen]), part.ttl, size, pictures


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _words(part: Part) -> str:
    match part:
        case Text() | Result():
            return part.text
        case Called():
            return part.name + part.arguments
        case _:
            return ""
