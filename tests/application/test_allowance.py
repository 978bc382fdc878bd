"""Retries that a provider may still get."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hexgate.application.policies.allowance import Allowance

BURSTS = st.integers(1, 20)
RATIOS = st.integers(1, 1000).map(lambda thousandths: thousandths / 1000)


@given(ratio=RATIOS, burst=BURSTS, steps=st.lists(st.booleans(), max_size=200))
def test_no_more_is_spent_than_the_burst_and_a_share_of_what_was_earned(
    ratio: float, burst: int, steps: list[bool]
) -> None:
    allowance = Allowance(ratio, burst)
    earned = spent = 0
    for earns in steps:
        if earns:
            allowance.earn()
            earned += 1
        else:
            spent += allowance.spend()
        assert spent <= burst + ratio * earned + 1e-9


@given(ratio=RATIOS, burst=BURSTS, calls=st.integers(0, 2000))
def test_quiet_times_save_up_no_more_than_the_burst(ratio: float, burst: int, calls: int) -> None:
    allowance = Allowance(ratio, burst)
    for _ in range(calls):
        allowance.earn()
    assert [allowance.spend() for _ in range(burst + 1)] == [True] * burst + [False]


@given(thousandths=st.integers(1, 1000))
def test_what_is_earned_is_there_to_the_last_share(thousandths: int) -> None:
    allowance = Allowance(thousandths / 1000, 1)
    assert allowance.spend()
    needed = -(-1000 // thousandths)
    for _ in range(needed - 1):
        allowance.earn()
    assert not allowance.spend()
    allowance.earn()
    assert allowance.spend()
