"""Hours of calls balanced by latency: who is slow or fails is left alone, but never for ever."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from hexgate.application.vitals import FORGET_S, Vital
from hexgate.domain.balance import Candidate, Strategy, ranked
from hexgate.domain.catalog import Target

HOUR = 3600

Behaviour = Callable[[int], float]
"""How long a call takes that begins in this second; negative: after how long it fails."""


def turned_to(seconds: int, **targets: Behaviour) -> dict[str, list[int]]:
    """In which seconds each was turned to, by one call a second that goes on where one fails."""
    vitals = {name: Vital() for name in targets}
    times: dict[str, list[int]] = {name: [] for name in targets}
    for second in range(seconds):
        candidates = [
            Candidate(target=Target("p", name), latency_s=vital.expected_s(second))
            for name, vital in vitals.items()
        ]
        for one in ranked(candidates, Strategy.LATENCY, second, ""):
            name = one.target.model
            times[name].append(second)
            took_s = targets[name](second)
            if took_s >= 0:
                vitals[name].answered(took_s, second + took_s)
                break
            vitals[name].failed("PROVIDER_ERROR", -took_s, second - took_s)
    return times


def steady(seconds: float) -> Behaviour:
    """Always the same."""
    return lambda _: seconds


def test_a_slow_target_is_tried_again_rarely_and_takes_over_once_it_is_fast() -> None:
    slow = turned_to(3 * HOUR, a=steady(1), b=steady(8))["b"]
    assert 3 <= len(slow) <= 12
    assert max(later - one for one, later in pairwise(slow)) < 4 * FORGET_S
    times = turned_to(2 * HOUR, a=steady(1), b=lambda now: 8 if now < HOUR else 0.5)
    assert len([now for now in times["b"] if now >= HOUR]) > HOUR / 2
    assert times["b"][-1] == 2 * HOUR - 1


def test_a_burst_of_slowness_is_overcome() -> None:
    times = turned_to(HOUR, a=steady(1.5), b=lambda now: 10 if 600 <= now < 660 else 1)
    assert len([now for now in times["b"] if 600 <= now < 660]) <= 3
    assert len([now for now in times["a"] if now >= 660]) < 900
    assert times["b"][-1] == HOUR - 1


def test_a_failing_target_is_avoided_but_asked_again_and_takes_over_once_it_is_well() -> None:
    times = turned_to(HOUR, a=steady(2), b=lambda now: -0.01 if now < 1800 else 1)
    ill = [now for now in times["b"] if now < 1800]
    assert 20 <= len(ill) <= 90
    assert max(later - one for one, later in pairwise(ill)) < 60
    well = [now for now in times["b"] if now >= 1800]
    assert well[0] < 1860
    assert len(well) > 1700
