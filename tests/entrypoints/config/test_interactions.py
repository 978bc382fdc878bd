"""The settings of the interaction log: off unless they are there, and said when they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hexgate.entrypoints.config.describe import describe
from hexgate.entrypoints.settings import Settings

FromText = Callable[..., Settings]
Refused = Callable[..., list[str]]
SIM = "providers: {sim: {kind: simulator}}\n"


def log(settings: str) -> str:
    """A file with these settings of the log."""
    return f"{SIM}log:\n  interactions:{settings}\n"


def test_there_is_none_unless_it_is_configured(from_text: FromText) -> None:
    assert from_text(SIM).log.interactions is None
    assert from_text(log("")).log.interactions is None
    assert not [line for line in describe(from_text(SIM)) if line.startswith("interactions")]


def test_a_path_is_enough(from_text: FromText) -> None:
    wish = from_text(log(" {path: said.jsonl}")).log.interactions
    assert wish is not None
    assert (wish.path, wish.sample, wish.contents, wish.redact) == ("said.jsonl", 1, True, True)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            "",
            "interactions: prompts and answers of 1 of the calls are written to said.jsonl, "
            "redacted (0 own patterns); 64 MiB, and 4 older files",
        ),
        (
            ", sample: 0.05, patterns: ['PRJ-[0-9]+'], max_mb: 16, keep: 1",
            "interactions: prompts and answers of 0.05 of the calls are written to said.jsonl, "
            "redacted (1 own patterns); 16 MiB, and 1 older files",
        ),
        (
            ", contents: false, redact: false",
            "interactions: the sizes of prompts and answers of 1 of the calls are written to "
            "said.jsonl, not redacted; 64 MiB, and 4 older files",
        ),
    ],
)
def test_the_description_says_that_prompts_are_written(
    from_text: FromText, more: str, line: str
) -> None:
    assert line in describe(from_text(log(f" {{path: said.jsonl{more}}}")))


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            "\n    sample: 1",
            "interactions.path: is missing, expected: The file that prompts and answers go to.",
        ),
        (
            "\n    path: p\n    sample: 2",
            "interactions.sample: found '2', expected a number from 0 to 1",
        ),
        (
            "\n    path: p\n    patterns: ['a', '(b']",
            "interactions.patterns[1]: found '(b', expected a regular expression as Python's re "
            "takes it: missing ), unterminated subpattern at position 0",
        ),
        (
            "\n    path: p\n    patterns: ['b*']",
            "interactions.patterns[0]: found 'b*', expected a regular expression that needs at "
            "least one character",
        ),
        (
            "\n    path: p\n    patterns: [b]\n    redact: false",
            "interactions: expected redact: true, for without it patterns mean nothing",
        ),
        ("\n    path: p\n    keeps: 1", "interactions.keeps: unknown key, expected one of: path, "),
    ],
)
def test_what_is_wrong_is_one_line_with_its_key(refused: Refused, settings: str, line: str) -> None:
    (found,) = refused(log(settings))
    assert line in found, found
