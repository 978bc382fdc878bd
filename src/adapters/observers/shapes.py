"""What secrets and personal data look like in a text, where they have a shape.

Every expression takes time in proportion to the text: what repeats without a bound is either the
end of its expression, so that nothing after it can fail, or possessive. Whoever adds one tries it
in the test that counts steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
Check: TypeAlias = Callable[[re.Match[str]], Span | None]


def _whole(found: re.Match[str]) -> Span:
    return found.span()


def _value(found: re.Match[str]) -> Span:
    """Of a name and its value the value."""
    return found.span(1)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is looked for, and the name of the mark in its place.

    `check` tells which part of a match it is, None where it is none after all. Without `needle`, in
    lower case, there is no match: most texts have none of them, which is seen at once.
    """

    name: str
    pattern: re.Pattern[str]
    check: Check = _whole
    needle: str = ""

    @property
    def mark(self) -> str:
        """What is written in the place of a match."""
        return f"[{self.name}]"


def _address(found: re.Match[str]) -> Span | None:
    """An e-mail address from its @: what stands before it is read backwards, 64 characters at most.

    An expression that began there would try each character of a long word.
    """
    text, at = found.string, found.start()
    start = at
    while start > max(0, at - 64) and (text[start - 1].isalnum() or text[start - 1] in "._%+-"):
        start -= 1
    return (start, found.end()) if start < at else None


def _card(found: re.Match[str]) -> Span | None:
    """The longest beginning that is a whole number with a right check digit (ISO/IEC 7812)."""
    start, end, text, stop = found.start(), found.end(1), found.string, None
    # The sums by Luhn, should the digit be the last one, or the one before it.
    last = other = count = 0
    for place in range(start, end):
        if text[place].isdigit():
            digit = int(text[place])
            last, other = other + digit, last + sum(divmod(2 * digit, 10))
            count += 1
            if count >= 13 and last % 10 == 0 and not text[place + 1 : place + 2].isdigit():
                stop = place + 1
    return None if stop is None else (start, stop)


def _iban(found: re.Match[str]) -> Span | None:
    """The longest beginning with right check digits (ISO 13616): what follows it is prose."""
    start, end, text, stop = found.start() - 2, found.end(1), found.string, None
    head = int("".join(str(int(each, 36)) for each in text[start : start + 4]))
    rest, count = 0, 4
    for place in range(start + 4, end):
        if text[place] != " ":
            value = int(text[place], 36)
            rest = (rest * (10 if value < 10 else 100) + value) % 97
            count += 1
            right = count >= 15 and (rest * 10**6 + head) % 97 == 1
            if right and not text[place + 1 : place + 2].isalnum():
                stop = place + 1
    return None if stop is None else (start, stop)


def _shape(
    name: str, needle: str, pattern: str, check: Check = _whole, flags: int = re.ASCII
) -> Shape:
    return Shape(name, re.compile(pattern, flags), check, needle)


def _key(needle: str, rest: str, prefix: str = "", name: str = "api key") -> Shape:
    """A key that begins with `prefix`, and not within a word."""
    prefix = prefix or needle
    return _shape(name, needle.lower(), rf"{prefix}(?<![A-Za-z0-9]{prefix}){rest}")


_IS = r"[\"']?\s{0,8}[:=]\s{0,8}[\"']?"
_ANY_CASE = re.ASCII | re.IGNORECASE

SHAPES: tuple[Shape, ...] = (
    # An end that was cut off is no reason to show the beginning.
    _shape(
        "private key",
        "private key",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)"
        r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    ),
    _key("sk-", r"[A-Za-z0-9_-]{16,}"),  # OpenAI, Anthropic and many others
    _key("gsk_", r"[A-Za-z0-9]{20,}"),  # Groq
    _key("xai-", r"[A-Za-z0-9]{20,}"),
    _key("AIza", r"[A-Za-z0-9_-]{30,}"),  # Google
    _key("AKIA", r"[A-Z0-9]{12,}"),  # AWS
    _key("ASIA", r"[A-Z0-9]{12,}"),
    _key("gh", r"[A-Za-z0-9]{20,}", "gh[opusr]_"),  # GitHub
    _key("github_pat_", r"[A-Za-z0-9_]{20,}"),
    _key("xox", r"[A-Za-z0-9-]{10,}", "xox[a-z]-"),  # Slack
    _key("xapp-", r"[A-Za-z0-9-]{10,}"),
    # As JSON begins in base64, with or without the other parts.
    _key("eyJ", r"[A-Za-z0-9_-]{12,}+(?:\.[A-Za-z0-9_-]*+){0,4}", name="jwt"),
    _shape("api key", "api-key", rf"api-key{_IS}([^\s\"',;]{{8,}}+)", _value, _ANY_CASE),
    _shape(
        "bearer token",
        "authorization",
        rf"authorization{_IS}(?:bearer|basic|token)\s{{1,8}}([^\s\"',;]++)",
        _value,
        _ANY_CASE,
    ),
    _shape("bearer token", "bearer", r"\bbearer\s{1,8}([\w.~+/=-]{20,})", _value, _ANY_CASE),
    _shape(  # within a URL
        "password",
        "://",
        r"://[^\s/?#@:\"'<>]{0,256}+:([^\s/?#@\"'<>]{1,256}+)@",
        _value,
    ),
    _shape("email", "@", r"@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}", _address, re.UNICODE),
    # Those that may begin within one that turned out to be none look ahead, past their beginning.
    _shape(
        "iban",
        "",
        r"\d\d(?<=[A-Za-z]{2}\d\d)(?<![A-Za-z0-9][A-Za-z]{2}\d\d)(?=((?: ?[A-Za-z0-9]){11,30}+))",
        _iban,
    ),
    _shape("card", "", r"[2-6](?<!\d[2-6])(?=((?:[ -]?\d){12,18}+))", _card),
    # In international form.
    _shape("phone", "+", r"\+(?<![\w+]\+)[1-9](?:[ ().\-/]{0,2}\d){7,14}(?!\d)"),
)
"""What is looked for in every text."""
