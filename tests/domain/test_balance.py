"""A group is put in order, the same way for the same signals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.domain.balance import STICKY, Candidate, Strategy, by_weight, ranked, why
from hexgate.domain.catalog import Target

BALANCING = [one for one in Strategy if one is not Strategy.ORDER]


def candidate(name: str, **signals: object) -> Candidate:
    """A candidate called p/name."""
    return replace(Candidate(target=Target("p", name)), **signals)  # type: ignore[arg-type]  # by name


def names(
    candidates: list[Candidate], strategy: Strategy, turn: int = 0, affinity: str = ""
) -> str:
    """The order as one word."""
    return "".join(one.target.model for one in ranked(candidates, strategy, turn, affinity))


ABC = [candidate(name) for name in "abc"]

some = st.builds(
    Candidate,
    target=st.just(Target("p", "m")),
    weight=st.floats(0, 1000, allow_nan=False),
    preferred=st.none() | st.integers(0, 3),
    resting=st.booleans(),
    active=st.integers(0, 9),
    latency_s=st.none() | st.floats(0.001, 60),
    cost_nanos=st.none() | st.integers(0, 10**9),
    quality=st.integers(0, 100),
)
groups = st.lists(some, min_size=1, max_size=6).map(
    lambda found: [replace(one, target=Target("p", f"m{n}")) for n, one in enumerate(found)]
)
strategies = st.sampled_from(Strategy)
keys = st.text(max_size=20)


def test_by_order_they_stay_as_listed_whatever_the_turn_and_the_key() -> None:
    assert names(ABC, Strategy.ORDER, 7, "somebody") == "abc"


def test_round_robin_begins_with_each_in_turn() -> None:
    assert [names(ABC, Strategy.ROUND_ROBIN, turn) for turn in range(4)] == [
        "abc",
        "bca",
        "cab",
        "abc",
    ]


def test_least_loaded_counts_what_is_under_way_by_weight() -> None:
    found = [candidate("a", active=3), candidate("b", active=4, weight=4), candidate("c", active=2)]
    assert names(found, Strategy.LEAST_LOADED) == "bca"


def test_latency_counts_those_who_wait_as_well() -> None:
    found = [
        candidate("a", latency_s=1.0, active=2),
        candidate("b", latency_s=2.0, active=0),
        candidate("c", latency_s=0.1, active=30),
    ]
    assert names(found, Strategy.LATENCY) == "bac"


def test_a_target_never_called_is_tried_by_one_call_at_a_time() -> None:
    known = candidate("a", latency_s=5.0)
    assert names([known, candidate("b")], Strategy.LATENCY) == "ba"
    assert names([candidate("b", active=1), known], Strategy.LATENCY) == "ab"


def test_cost_takes_the_cheapest_first_and_an_unknown_price_last() -> None:
    found = [
        candidate("a"),
        candidate("b", cost_nanos=7),
        candidate("c", cost_nanos=0),
    ]
    assert names(found, Strategy.COST) == "cba"


def test_quality_takes_the_highest_rank_first() -> None:
    found = [candidate("a", quality=1), candidate("b"), candidate("c", quality=90)]
    assert names(found, Strategy.QUALITY) == "cab"


@pytest.mark.parametrize("strategy", BALANCING)
def test_ties_are_shared_out_by_turns(strategy: Strategy) -> None:
    firsts = Counter(names(ABC, strategy, turn)[0] for turn in range(3000))
    assert set(firsts) == set("abc")
    assert min(firsts.values()) > 900


def test_weights_are_shares_of_what_comes_first() -> None:
    found = [candidate("a", weight=90), candidate("b", weight=9), candidate("c", weight=1)]
    firsts = Counter(names(found, Strategy.WEIGHTED, turn)[0] for turn in range(20_000))
    assert firsts["a"] == pytest.approx(18_000, rel=0.02)
    assert firsts["b"] == pytest.approx(1_800, rel=0.1)
    assert firsts["c"] == pytest.approx(200, rel=0.3)


@pytest.mark.parametrize("strategy", [one for one in Strategy if one in STICKY])
def test_a_session_stays_while_the_turns_and_the_loads_change(strategy: Strategy) -> None:
    busy = [replace(one, active=turn, latency_s=turn + 1.0) for turn, one in enumerate(ABC)]
    for key in map(str, range(50)):
        firsts = {names(group, strategy, turn, key)[0] for group in (ABC, busy) for turn in (0, 1)}
        assert len(firsts) == 1
    assert {names(ABC, strategy, 0, str(key))[0] for key in range(50)} == set("abc")


@pytest.mark.parametrize("strategy", [one for one in Strategy if one in STICKY])
def test_a_session_stays_together_while_its_target_is_out_and_goes_back_after(
    strategy: Strategy,
) -> None:
    for key in map(str, range(50)):
        usual = names(ABC, strategy, 0, key)
        resting = [replace(one, resting=one.target.model == usual[0]) for one in ABC]
        gone = [one for one in ABC if one.target.model != usual[0]]
        for turn in range(3):
            # Who fails, but does not rest yet, is still first: the same one takes over already.
            assert names(ABC, strategy, turn, key) == usual
            assert names(resting, strategy, turn, key) == usual[1:] + usual[0]
            assert names(gone, strategy, turn, key) == usual[1:]


@pytest.mark.parametrize("strategy", [one for one in Strategy if one in STICKY])
def test_when_a_canary_grows_from_nothing_sessions_move_to_it_alone(strategy: Strategy) -> None:
    moved = Counter[int]()
    for key in map(str, range(200)):
        before = names(ABC, strategy, 0, key)[0]
        grown = [[*ABC, candidate("z", weight=weight)] for weight in (0, 0.1, 1, 10)]
        firsts = "".join(names(found, strategy, 0, key)[0] for found in grown)
        stayed = firsts.count(before)
        assert firsts == before * stayed + "z" * (4 - stayed)
        moved[stayed] += 1
    assert set(moved) == {1, 2, 3, 4}


@pytest.mark.parametrize("strategy", [Strategy.COST, Strategy.QUALITY])
def test_a_session_breaks_ties_where_it_does_not_decide(strategy: Strategy) -> None:
    firsts = {key: names(ABC, strategy, 0, key)[0] for key in map(str, range(50))}
    assert set(firsts.values()) == set("abc")
    assert all(names(ABC, strategy, 1, key)[0] == first for key, first in firsts.items())
    cheap = [*ABC, candidate("d", cost_nanos=1, quality=1)]
    assert {names(cheap, strategy, 0, key)[0] for key in firsts} == {"d"}


@given(
    given_weights=st.lists(st.floats(0.01, 1000), min_size=2, max_size=6),
    growth=st.floats(1.01, 1000),
    seeds=st.lists(keys, min_size=1, max_size=30),
)
def test_when_a_weight_grows_sessions_move_to_it_alone(
    given_weights: list[float], growth: float, seeds: list[str]
) -> None:
    before = [candidate(f"m{place}", weight=w) for place, w in enumerate(given_weights)]
    after = [replace(before[0], weight=before[0].weight * growth), *before[1:]]
    for key in seeds:
        was, became = by_weight(before, key)[0], by_weight(after, key)[0]
        assert became.target in (was.target, before[0].target)


@given(group=groups, seeds=st.lists(keys, min_size=1, max_size=10))
def test_when_a_target_goes_only_its_own_sessions_move(
    group: list[Candidate], seeds: list[str]
) -> None:
    for key in seeds:
        first, *rest = by_weight(group, key)
        assert by_weight([one for one in group if one is not first], key) == rest


@given(group=groups, strategy=strategies, turn=st.integers(0, 1 << 40), key=keys)
def test_all_are_there_once_and_the_tiers_hold(
    group: list[Candidate], strategy: Strategy, turn: int, key: str
) -> None:
    order = ranked(group, strategy, turn, key)
    assert sorted(str(one.target) for one in order) == sorted(str(one.target) for one in group)
    wished = [9 if one.preferred is None else one.preferred for one in order]
    tiers = [
        (one.resting, place, one.weight == 0) for one, place in zip(order, wished, strict=True)
    ]
    assert tiers == sorted(tiers)


@given(group=groups, strategy=strategies, turn=st.integers(0, 1 << 40), key=keys)
def test_the_same_signals_give_the_same_order(
    group: list[Candidate], strategy: Strategy, turn: int, key: str
) -> None:
    assert ranked(group, strategy, turn, key) == ranked(list(group), strategy, turn, key)


def test_what_is_preferred_goes_first_in_the_callers_order() -> None:
    found = [candidate("a"), candidate("b", preferred=1), candidate("c", preferred=0, weight=0)]
    assert names(found, Strategy.ORDER) == "cba"


def test_what_rests_is_last_even_if_it_is_preferred() -> None:
    found = [candidate("a", resting=True, preferred=0), candidate("b", weight=0), candidate("c")]
    assert names(found, Strategy.ORDER) == "cba"


@pytest.mark.parametrize(
    ("strategy", "signal"),
    [
        (Strategy.ORDER, "as listed"),
        (Strategy.ROUND_ROBIN, "in turn"),
        (Strategy.WEIGHTED, "weight 0.5"),
        (Strategy.LEAST_LOADED, "2 active, weight 0.5"),
        (Strategy.LATENCY, "0.250 s expected, 2 active"),
        (Strategy.COST, "at most 12 nano-USD"),
        (Strategy.QUALITY, "rank 7"),
    ],
)
def test_people_are_told_what_it_is_made_of(strategy: Strategy, signal: str) -> None:
    one = candidate("a", weight=0.5, active=2, latency_s=0.25, cost_nanos=12, quality=7)
    assert why(one, strategy, "") == f"{strategy.value}: {signal}"
    stays = "calls with this affinity key stay together" in why(one, strategy, "key")
    assert stays is (strategy in STICKY)


def test_people_are_told_what_is_not_known_and_what_moved_it() -> None:
    one = candidate("a", preferred=0, resting=True, weight=0)
    assert "not called yet" in why(one, Strategy.LATENCY, "")
    assert "its price is not known" in why(one, Strategy.COST, "")
    for word in ("preferred by the caller", "weight 0", "it rests or its provider fails"):
        assert word in why(one, Strategy.ORDER, "")
