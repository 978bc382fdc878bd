"""What is told of attempts after they were made."""

from __future__ import annotations

from hexgate.domain.attempts import Attempt, Attempts
from hexgate.domain.usage import Usage

USED = Usage(uncached_input=3)


def made(*told: tuple[int, str]) -> Attempts:
    """Attempts, by hop and failure."""
    attempts = Attempts(8)
    attempts.done.extend(
        Attempt(provider="p", model="m", hop=hop, failure=failure) for hop, failure in told
    )
    return attempts


def test_an_answer_that_broke_off_is_the_last_of_its_target_that_did_not_fail() -> None:
    attempts = made((0, ""), (0, ""), (0, "LATE"), (1, ""))
    broken = attempts.broke(0, "BROKE", USED)
    assert [one.failure for one in attempts.done] == ["", "BROKE", "LATE", ""]
    assert broken is attempts.done[1]
    assert broken.billed == USED
    assert attempts.broke(2, "BROKE") is None


def test_what_is_the_answer_after_all_is_the_last_and_costs_nothing_beside() -> None:
    attempts = made((0, ""), (0, "BROKE"), (1, "LATE"))
    shared = attempts.done
    broken = attempts.broke(0, "BROKE", USED)
    assert broken is not None
    attempts.answered(broken)
    assert [(one.hop, one.failure) for one in shared] == [(0, "BROKE"), (1, "LATE"), (0, "")]
    assert shared[-1].billed is None
