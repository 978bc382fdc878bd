"""Moments as people write them."""

from __future__ import annotations

import pytest

from hexgate.entrypoints.reports.period import Unclear, moment, stamp, told

NOW = 1_763_700_000.5  # 2025-11-21T04:40:00.5Z


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30m", NOW - 1_800),
        ("24h", NOW - 86_400),
        ("7d", NOW - 604_800),
        ("2w", NOW - 1_209_600),
        ("0h", NOW),
        ("999999w", 0.0),
        ("2025-11-21", 1_763_683_200.0),
        ("2025-11-21T04:40:00Z", 1_763_700_000.0),
        ("2025-11-21T04:40", 1_763_700_000.0),
        ("2025-11-21T05:40:00.5+01:00", NOW),
    ],
)
def test_a_moment_is_so_long_ago_or_a_date_or_a_time(text: str, at: float) -> None:
    assert moment("--since", text, NOW) == at


@pytest.mark.parametrize("text", ["", "yesterday", "24", "h", "-1h", "1.5h", "24H", "2025-13-01"])
def test_another_word_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(Unclear) as refused:
        moment("--until", text, NOW)
    assert str(refused.value).startswith(f"--until: found {text!r}; expected ")


def test_a_moment_is_sent_to_the_microsecond() -> None:
    assert stamp(NOW).ToMicroseconds() == 1_763_700_000_500_000
    assert stamp(-0.25).ToMicroseconds() == -250_000
    assert told(NOW) == "2025-11-21 04:40"
