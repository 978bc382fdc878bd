"""Settings of the interaction log: what was said in calls, for those who debug prompts."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from hexgate.entrypoints.fields import expected
from hexgate.entrypoints.section import Section


def _expression(text: str) -> str:
    try:
        found = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise expected(f"a regular expression as Python's re takes it: {error}") from error
    if found.match(""):
        raise expected("a regular expression that needs at least one character")
    return text


Expression = Annotated[str, Field(max_length=1000), AfterValidator(_expression)]


class Interactions(Section):
    """Prompts and answers, as JSON lines in a file that the server's own user alone may read."""

    path: str = Field(
        min_length=1, max_length=4096, description="The file that prompts and answers go to."
    )
    sample: float = Field(default=1, ge=0, le=1, description="Share of the calls written, 0 to 1.")
    contents: bool = Field(
        default=True, description="Whether texts are written; else their sizes alone."
    )
    redact: bool = Field(
        default=True,
        description="Whether keys, tokens, e-mail addresses, card and phone numbers and IBANs "
        "become marks.",
    )
    patterns: tuple[Expression, ...] = Field(
        default=(),
        max_length=64,
        description="Regular expressions of one's own whose matches become [redacted].",
    )
    max_text_chars: int = Field(
        default=20_000,
        ge=100,
        le=200_000,
        description="Longest text written, in characters; a longer one is cut to it.",
    )
    max_mb: int = Field(
        default=64,
        ge=16,
        le=65_536,
        description="Size of the file, in MiB, at which a new one is begun.",
    )
    keep: int = Field(default=4, ge=1, le=1000, description="Older files kept beside it.")

    @model_validator(mode="after")
    def _heeds_patterns(self) -> Self:
        if self.patterns and not self.redact:
            raise expected("redact: true, for without it patterns mean nothing")
        return self
