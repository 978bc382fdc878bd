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


def test_an_answer_that_broke_off_is_the_last_of_its_leg_that_did_not_fail() -> None:
    attempts = made((0, "LATE"), (0, ""), (1, "LATE"))
    attempts.done.append(Attempt(provider="p", model="m", hedged=True))
    broken = attempts.broke("BROKE", USED, hedged=False)
    assert [one.failure for one in attempts.done] == ["LATE", "BROKE", "LATE", ""]
    assert broken is attempts.done[1]
    assert broken.billed == USED
    assert attempts.broke("BROKE", hedged=False) is None
    assert attempts.broke("BROKE", hedged=True) is attempts.done[3]


def test_what_is_the_answer_after_all_is_the_last_and_costs_nothing_beside() -> None:
    attempts = made((0, ""), (0, "BROKE"), (1, "LATE"))
    shared = attempts.done
    broken = attempts.broke("BROKE", USED, hedged=False)
    assert broken is not None
    attempts.answered(broken)
    assert [(one.hop, one.failure) for one in shared] == [(0, "BROKE"), (1, "LATE"), (0, "")]
    assert shared[-1].billed is None
