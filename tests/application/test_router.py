"""Where a call goes, and what it may go to after that."""

from __future__ import annotations

import pytest

from hexgate.domain.balance import Strategy
from hexgate.domain.call import FallbackMode, Objective
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import (
    InvalidRequest,
    UnknownModel,
)
from hexgate.domain.health import TargetState, Wish
from tests.application.houses import DESK, House, group, rule, targets, turned


def test_a_full_name_goes_there_and_then_to_the_fallbacks() -> None:
    assert House(fallbacks=targets("b/2")).order("a/1") == "a/1 b/2"


def test_an_alias_stands_for_its_targets_and_takes_no_other_fallbacks() -> None:
    house = House({"g": group("a/1 b/2")}, fallbacks=targets("c/3"))
    assert house.order("g") == "a/1 b/2"


def test_a_listed_name_is_no_alias_so_the_fallbacks_follow_it() -> None:
    house = House(listed={"7": ("b",)}, fallbacks=targets("c/3"))
    assert house.order("7") == "b/7 c/3"


def test_models_of_the_first_targets_own_provider_come_next() -> None:
    house = House(
        {"g": group("b/2 a/1")},
        own={"a": targets("a/8 a/9"), "b": targets("b/8")},
        fallbacks=targets("c/3"),
    )
    assert house.order("a/1") == "a/1 a/8 a/9 c/3"
    assert house.order("a/8") == "a/8 a/9 c/3"
    assert house.order("g") == "b/2 a/1 b/8"


def test_the_callers_own_fallbacks_replace_the_configured_ones() -> None:
    house = House({"g": group("b/2 c/3")}, fallbacks=targets("c/9"), own={"a": targets("a/8")})
    assert house.order("a/1", fallback_models=("g", "a/1", "c/4")) == "a/1 a/8 b/2 c/3 c/4"


def test_a_fallback_that_is_unknown_is_refused() -> None:
    with pytest.raises(UnknownModel):
        House().call("a/1", fallback_models=("nobody/x",))


def test_targets_of_rules_come_last_with_their_rule() -> None:
    limited = rule("b/2 c/3", Condition.RATE_LIMIT, of="a/*")
    other = rule("c/4", Condition.ERROR, of="c/*")
    hops = House(rules=(limited, other)).call("a/1").hops
    assert [(hop.model, hop.rule) for hop in hops] == [
        ("1", None),
        ("2", limited),
        ("3", limited),
    ]


def test_a_rule_adds_to_the_plan_only_on_what_does_not_lead_there_yet() -> None:
    both = rule("a/1 b/2", Condition.ERROR, Condition.CONTEXT_LENGTH)
    again = rule("b/2", Condition.CONTEXT_LENGTH)
    failing = rule("b/2", Condition.TIMEOUT)
    hops = House(fallbacks=targets("b/2"), rules=(both, again, failing)).call("a/1").hops
    assert [hop.model for hop in hops] == ["1", "2", "2"]
    on = [hop.rule.on for hop in hops if hop.rule is not None]
    assert on == [frozenset({Condition.CONTEXT_LENGTH})]


def test_a_rule_for_every_call_leads_nowhere_from_its_own_target() -> None:
    larger = rule("b/2", Condition.CONTEXT_LENGTH, Condition.CONTENT_FILTER)
    house = House({"g": group("b/2 a/1")}, rules=(larger,))
    assert house.order("a/1") == "a/1 b/2"
    assert house.order("b/2") == "b/2"
    assert house.order("g") == "b/2 a/1"


def test_without_fallback_there_is_only_the_first_that_the_order_gives() -> None:
    house = House(
        {"g": group("a/1 b/2", Strategy.ROUND_ROBIN)},
        own={"a": targets("a/8")},
        fallbacks=targets("c/3"),
        rules=(rule("c/9", Condition.ERROR),),
    )
    none = {"fallback_mode": FallbackMode.DISABLED}
    assert [house.order("g", **none) for _ in range(3)] == ["a/1", "b/2", "a/1"]
    assert house.order("a/1", fallback_models=("b/2",), **none) == "a/1"
    assert house.order("g", denied_providers=("a",), **none) == "b/2"


def test_turns_are_counted_for_each_group_and_begin_by_chance() -> None:
    two = {"g": group("a/1 b/2", Strategy.ROUND_ROBIN), "h": group("a/1 b/2", Strategy.ROUND_ROBIN)}
    house = House(two)
    assert [house.order(name)[0] for name in ("g", "h", "g", "h")] == ["a", "a", "b", "b"]
    starts = {House(two, chance=n / 7).order("g")[0] for n in range(7)}
    assert starts == {"a", "b"}


def test_a_group_that_is_a_fallback_takes_no_turn_from_those_who_name_it() -> None:
    house = House({"g": group("a/1 b/2", Strategy.ROUND_ROBIN)})
    after = {"fallback_models": ("g",)}
    found = [house.order(name, **options) for name, options in [("g", {}), ("c/3", after)] * 2]
    assert found == ["a/1 b/2", "c/3 a/1 b/2", "b/2 a/1", "c/3 b/2 a/1"]


def test_a_dry_run_takes_no_turn() -> None:
    house = turned(Strategy.ROUND_ROBIN)
    for first in ("a", "b", "c", "a"):
        for _ in range(2):
            plan, _ = house.prepare.dry(DESK.request(model="g"))
            assert plan.hops[0].provider == first
        assert house.order("g")[0] == first


def test_weights_share_the_calls_and_zero_is_a_reserve() -> None:
    house = House({"g": group("a/1=3 b/2 c/3=0", Strategy.WEIGHTED)})
    firsts = house.firsts("g", 2000)
    assert firsts["a/1"] == pytest.approx(1500, rel=0.1)
    assert firsts["c/3"] == 0
    assert house.order("g").endswith("c/3")


def test_a_reserve_comes_after_the_others_of_a_list_as_well() -> None:
    assert House({"g": group("a/1=0 b/2 c/3")}).order("g") == "b/2 c/3 a/1"


def test_load_is_what_the_vitals_say() -> None:
    house = turned(Strategy.LEAST_LOADED)
    for provider, model, active in (("a", "1", 2), ("b", "2", 1), ("c", "3", 3)):
        house.vitals.of(provider, model).active = active
    assert house.order("g") == "b/2 a/1 c/3"


def test_latency_is_what_the_vitals_say_until_it_is_forgotten() -> None:
    house = turned(Strategy.LATENCY)
    for name, seconds in (("a/1", 9.0), ("b/2", 1.0), ("c/3", 3.0)):
        house.vitals.of(*name.split("/")).answered(seconds, house.clock.monotonic())
    assert house.order("g") == "b/2 c/3 a/1"
    house.clock.advance(1200)
    house.vitals.of("b", "2").answered(1.0, house.clock.monotonic())
    house.vitals.of("c", "3").answered(3.0, house.clock.monotonic())
    assert house.order("g") == "a/1 b/2 c/3"


def test_cost_is_the_worst_of_this_very_request() -> None:
    house = House({"g": group("a/9 b/nobody-knows c/3", Strategy.COST)})
    assert house.order("g") == "c/3 a/9 b/nobody-knows"


def test_quality_is_the_rank_of_the_card() -> None:
    assert turned(Strategy.QUALITY).order("g") == "c/3 b/2 a/1"


@pytest.mark.parametrize(
    ("objective", "first"),
    [(Objective.COST, "a/1"), (Objective.QUALITY, "c/3"), (Objective.LATENCY, "b/2")],
)
def test_the_callers_objective_replaces_the_strategy(objective: Objective, first: str) -> None:
    house = turned(Strategy.WEIGHTED)
    for name, seconds in (("a/1", 3.0), ("b/2", 1.0), ("c/3", 9.0)):
        house.vitals.of(*name.split("/")).answered(seconds, house.clock.monotonic())
    assert house.firsts("g", 10, objective=objective) == {first: 10}


def test_equal_affinity_keys_stay_together_on_every_replica() -> None:
    replicas = [turned(Strategy.WEIGHTED, chance=n / 3) for n in range(3)]
    for key in map(str, range(20)):
        firsts = {house.order("g", affinity_key=key) for house in replicas for _ in range(2)}
        sessions = {house.order("g", session_id=key) for house in replicas}
        assert len(firsts) == 1
        assert sessions == firsts
    assert len({replicas[0].order("g", affinity_key=str(n))[0] for n in range(20)}) == 3


def test_the_affinity_key_wins_over_the_session() -> None:
    house = turned(Strategy.WEIGHTED)
    for n in range(20):
        alone = house.order("g", affinity_key=f"key {n}")
        assert house.order("g", affinity_key=f"key {n}", session_id=f"session {n}") == alone


def test_a_session_alone_does_not_undo_the_wish_for_the_fastest() -> None:
    house = turned(Strategy.WEIGHTED)
    for name, seconds in (("a/1", 3.0), ("b/2", 1.0), ("c/3", 9.0)):
        house.vitals.of(*name.split("/")).answered(seconds, house.clock.monotonic())
    wish = {"objective": Objective.LATENCY}
    assert {house.order("g", session_id=str(n), **wish) for n in range(20)} == {"b/2 a/1 c/3"}
    kept = {house.order("g", affinity_key=str(n), **wish)[0] for n in range(20)}
    assert kept == set("abc")


def test_a_session_goes_elsewhere_while_its_target_is_out_and_then_back() -> None:
    house = turned(Strategy.ROUND_ROBIN)
    session = {"session_id": "s"}
    usual = house.order("g", **session).split()
    house.breaker.trip(usual[0])
    assert house.order("g", **session).split() == [*usual[1:], usual[0]]
    house.clock.advance(30)
    assert house.order("g", **session).split() == usual
    provider, model = usual[0].split("/")
    until = house.clock.monotonic() + 5
    house.vitals.set(provider, model, Wish(state=TargetState.DISABLED, until=until))
    assert house.order("g", **session).split() == usual[1:]
    house.clock.advance(5)
    assert house.order("g", **session).split() == usual


def test_what_is_preferred_goes_first_while_it_may_be_used() -> None:
    house = turned(Strategy.ORDER)
    wish = {"preferred_models": ("c/3", "b/2")}
    assert house.order("g", **wish) == "c/3 b/2 a/1"
    assert house.order("g", denied_providers=("c",), **wish) == "b/2 a/1"
    assert house.order("a/1", **wish) == "a/1"


def test_a_preferred_name_that_is_no_targets_is_refused_by_its_field() -> None:
    house = turned(Strategy.ORDER)
    with pytest.raises(InvalidRequest) as caught:
        house.call("a/1", preferred_models=("a/1", "nobody/x", "g"))
    assert [one.field for one in caught.value.violations] == [
        "options.routing.preferred_models[1]",
        "options.routing.preferred_models[2]",
    ]


def test_a_bare_name_is_everybody_who_serves_it_where_names_are_balanced() -> None:
    house = House(strategy=Strategy.ROUND_ROBIN)
    assert [house.order("shared") for _ in range(2)] == ["a/shared b/shared", "b/shared a/shared"]
