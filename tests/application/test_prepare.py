"""From a request to a call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hexgate.application.defaults import Defaults
from hexgate.domain.balance import Strategy
from hexgate.domain.call import ChatCall, EmbedCall
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import (
    GatewayError,
    InvalidRequest,
    UnknownModel,
)
from tests.application.houses import DESK, House, group, rule, targets


def test_embeddings_go_only_to_what_was_named_and_are_balanced_there() -> None:
    house = House(
        {"g": group("a/1 b/2", Strategy.ROUND_ROBIN)},
        own={"a": targets("a/8"), "b": targets("b/8")},
        fallbacks=targets("c/3"),
        rules=(rule("c/9", Condition.ERROR),),
    )

    def order(model: str, **options: Any) -> str:
        call = house.prepare.embed(DESK.embed_request(model=model, **options))
        return " ".join(hop.model for hop in call.hops)

    assert [order("g"), order("g"), order("a/1")] == ["1 2", "2 1", "1"]
    assert order("a/1", fallback_models=("c/4",)) == "1 4"


def test_a_second_attempt_starts_when_the_caller_the_group_or_the_gateway_says() -> None:
    house = House({"g": group("a/1 b/2", hedge_after_s=2.0)}, hedge_after_s=5.0)
    assert house.call("a/1").hedge_after_s == 5.0
    assert house.call("g").hedge_after_s == 2.0
    assert house.call("g", hedge_after_s=0.5).hedge_after_s == 0.5
    assert house.call("g", hedge_after_s=0.0).hedge_after_s == 0.0
    assert House().call("a/1").hedge_after_s == 0.0


def test_embeddings_are_hedged_like_answers() -> None:
    house = House(hedge_after_s=5.0)

    def call(**options: Any) -> EmbedCall:
        return house.prepare.embed(DESK.embed_request(model="a/1", **options))

    assert call().hedge_after_s == 5.0
    # One may cost 11,000, a token for each byte; for two a single nano-USD is missing.
    skipped = call(hedge_after_s=1.0, max_cost_nanos=21_999)
    assert (skipped.hedge_after_s, len(skipped.warnings)) == (0.0, 1)


# Of model 1: at the most 27 tokens in (11 bytes, 16 for the message), ten out; a dollar a million.
COST = 37_000


@pytest.mark.parametrize(
    ("model", "enough"),
    [("a/1", 2 * COST), ("pair", 6 * COST), ("own", 2 * COST), ("slow", 6 * COST)],
)
@pytest.mark.parametrize("who", ["caller", "gateway"])
def test_two_attempts_have_to_be_within_the_bound(model: str, enough: int, who: str) -> None:
    def call(bound: int, **options: Any) -> ChatCall:
        most = bound if who == "gateway" else None
        house = House(
            {
                "pair": group("a/2 b/3 c/1", hedge_after_s=2.0),
                "own": group("a/1", hedge_after_s=2.0),
                "slow": group("c/3", hedge_after_s=2.0),
            },
            rules=(rule("b/1", Condition.CONTEXT_LENGTH, of="slow"),),
            hedge_after_s=2.0,
            defaults=Defaults(max_output_tokens=10, max_cost_nanos=most),
        )
        own = {"max_cost_nanos": bound} if who == "caller" else {}
        return house.call(model, **own, **options)

    assert call(enough).hedge_after_s == 2.0
    assert call(enough, hedge_after_s=1.0).warnings == ()
    less = call(enough - 1)
    assert (less.hedge_after_s, less.warnings) == (0.0, ())
    asked = call(enough - 1, hedge_after_s=1.0)
    assert asked.hedge_after_s == 0.0
    assert [warned.code for warned in asked.warnings] == ["HEDGE_SKIPPED"]


def test_a_dry_run_refuses_what_a_call_would() -> None:
    house = House(defaults=Defaults(model="a/1"))
    request = DESK.request(model="a/1")
    nameless = replace(request, spec=replace(request.spec, model=""))
    plan, call = house.prepare.dry(nameless)
    assert (plan.hops[0].provider, call and call.model) == ("a", "1")
    wrong: list[tuple[Any, type[GatewayError]]] = [
        (replace(request, spec=replace(request.spec, messages=())), InvalidRequest),
        (DESK.request(model="nobody/x"), UnknownModel),
    ]
    for asked, error in wrong:
        with pytest.raises(error):
            house.prepare.dry(asked)
