"""What may not be used is left out, and the reasons are told."""

from __future__ import annotations

import pytest

from hexgate.application.defaults import Defaults
from hexgate.domain.balance import Strategy
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import (
    NoEligibleTarget,
    PriceUnknown,
    SpendLimitExceeded,
    TargetDisabled,
)
from hexgate.domain.health import TargetState, Wish
from tests.application.houses import DESK, House, group, rule, targets, turned


def test_an_open_breaker_comes_last_until_its_rest_is_over() -> None:
    house = turned(Strategy.ORDER)
    house.breaker.trip("a/1")
    assert house.order("g") == "b/2 c/3 a/1"
    house.clock.advance(31)
    assert house.order("g") == "a/1 b/2 c/3"


def test_a_provider_that_fails_its_probes_comes_last() -> None:
    house = turned(Strategy.ORDER)
    house.vitals.probed("a", healthy=False)
    assert house.order("g") == "b/2 c/3 a/1"
    assert house.order("a/1") == "a/1"
    house.vitals.probed("a", healthy=True)
    assert house.order("g") == "a/1 b/2 c/3"


@pytest.mark.parametrize("state", [TargetState.DISABLED, TargetState.DRAINING])
def test_what_an_operator_withdraws_takes_no_new_calls(state: TargetState) -> None:
    house = turned(Strategy.ORDER, own={"b": targets("b/8")})
    house.vitals.set("a", "*", Wish(state=state))
    house.vitals.set("c", "3", Wish(state=state, until=house.clock.monotonic() + 5))
    assert house.order("g") == "b/2 b/8"
    refusal = house.refusal("a/1")
    assert refusal.metadata["constraint"] == "target_state"
    assert isinstance(refusal.ruled_out[0], TargetDisabled)
    assert state.value in refusal.message
    house.clock.advance(6)
    assert house.order("g") == "b/2 c/3 b/8"
    house.vitals.set("a", "*", Wish())
    assert house.order("a/1") == "a/1"


def test_a_rule_for_errors_stands_in_for_what_an_operator_withdraws() -> None:
    limits, errors = rule("b/2", Condition.RATE_LIMIT), rule("c/3 c/4", Condition.ERROR)
    house = House(rules=(limits, errors))
    house.vitals.set("a", "1", Wish(state=TargetState.DISABLED))
    assert house.order("a/1") == "c/3 c/4"
    only = House(rules=(limits,))
    only.vitals.set("a", "1", Wish(state=TargetState.DISABLED))
    assert len(only.refusal("a/1").ruled_out) == 1


def test_a_rule_never_stands_in_for_what_the_caller_does_not_want() -> None:
    house = House(rules=(rule("b/2", *Condition),))
    assert house.refusal("a/1", denied_providers=("a",))
    with pytest.raises(SpendLimitExceeded):
        house.call("a/9", max_cost_nanos=0)


def test_allowed_and_denied_providers_filter_everything() -> None:
    house = House(
        {"g": group("a/1 b/2")},
        own={"a": targets("a/8"), "b": targets("b/8")},
        fallbacks=targets("a/9 c/3"),
        rules=(rule("a/4 c/4", Condition.ERROR),),
    )
    assert house.order("g", denied_providers=("a",)) == "b/2 b/8 c/4"
    assert house.order("a/1", allowed_providers=("c",)) == "c/3 c/4"
    found = house.refusal("g", allowed_providers=("x", "b"), denied_providers=("b",))
    assert found.metadata == {"model": "g", "constraint": "allowed_providers, denied_providers"}
    named = {error.metadata["model"] for error in found.ruled_out}
    assert named == {"a/1", "b/2", "a/8", "a/4", "c/4"}


def test_what_is_too_dear_is_left_out() -> None:
    house = House({"g": group("a/9 b/2 c/unpriced c/3")}, defaults=Defaults(max_output_tokens=10))
    assert house.order("g", max_output_price=3 * 10**9) == "b/2 c/3"
    assert house.order("g", max_input_price=2 * 10**9) == "b/2"
    # At the most 27 tokens in (11 bytes, 16 for the message), ten out; two dollars a million.
    dearest = 37 * 2000
    assert house.order("g", max_cost_nanos=dearest) == "b/2"


def test_the_tighter_bound_counts_the_callers_or_the_gateways() -> None:
    two = {"g": group("a/9 b/2")}
    house = House(two, defaults=Defaults(max_output_tokens=10, max_cost_nanos=37 * 2000))
    assert house.order("g") == "b/2"
    assert house.order("g", max_cost_nanos=37 * 9000) == "b/2"
    with pytest.raises(SpendLimitExceeded):
        house.call("g", max_cost_nanos=37 * 2000 - 1)


def test_a_target_that_is_ruled_out_is_told_of_once_whatever_else_leads_there() -> None:
    house = House(
        {"g": group("a/9 b/1")},
        own={"b": targets("b/9")},
        rules=(rule("a/9 b/9 c/2", Condition.CONTEXT_LENGTH),),
    )
    plan, _ = house.prepare.dry(DESK.request(model="g", max_input_price=5 * 10**9))
    assert [f"{one.hop.provider}/{one.hop.model}" for one in plan.ruled_out] == ["a/9", "b/9"]
    assert [hop.provider for hop in plan.hops] == ["b", "c"]


def test_one_bound_on_money_for_all_is_the_reason_itself() -> None:
    house = House({"g": group("a/9 b/8"), "h": group("a/x b/y")})
    with pytest.raises(SpendLimitExceeded) as caught:
        house.call("g", max_cost_nanos=1)
    assert caught.value.metadata["model"] == "a/9"
    with pytest.raises(PriceUnknown):
        house.call("h", max_cost_nanos=1)


def test_reasons_that_differ_are_all_told() -> None:
    house = House({"g": group("a/9 b/x c/3")})
    found = house.refusal("g", max_cost_nanos=1, denied_providers=("c",))
    assert [type(error) for error in found.ruled_out] == [
        SpendLimitExceeded,
        PriceUnknown,
        NoEligibleTarget,
    ]
    assert all(error.message in found.message for error in found.ruled_out)


def test_the_message_names_a_few_and_counts_the_rest() -> None:
    many = " ".join(f"a/{n}" for n in range(1, 8))
    found = House({"g": group(many)}).refusal("g", denied_providers=("a",))
    assert len(found.ruled_out) == 7
    assert found.message.endswith("and 3 more")
