"""Settings of routes, retries, breakers and health: what they accept, and what cannot work."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from hexgate.adapters.breaker.pybreaker import Settings as BreakerSettings
from hexgate.application.policies.retry import RetryRules
from hexgate.application.probing import Schedule
from hexgate.domain.balance import Strategy as Strategies
from hexgate.domain.conditions import Condition
from hexgate.domain.fallback import Rule
from hexgate.entrypoints.core import build_rules
from hexgate.entrypoints.kinds import OpenAI, Simulator
from hexgate.entrypoints.resilience import (
    Alias,
    AnyAlias,
    Breaker,
    FallbackRule,
    Health,
    On,
    Retry,
    Routing,
    Strategy,
)
from hexgate.entrypoints.settings import Card, Models, Settings

ALIAS: TypeAdapter[Alias] = TypeAdapter(AnyAlias)


def whole(**sections: Any) -> Settings:
    """Settings of two simulated providers."""
    sims = {name: Simulator(kind="simulator") for name in ("a", "b")}
    return Settings.model_validate({"providers": sims, **sections})


def wrong(**sections: Any) -> list[tuple[str, str]]:
    """Where such settings are refused, and what was expected there."""
    with pytest.raises(ValidationError) as caught:
        whole(**sections)
    return [(".".join(map(str, e["loc"])), e["msg"]) for e in caught.value.errors()]


@pytest.mark.parametrize(
    "written",
    [
        "a/x",
        ["a/x"],
        [{"target": "a/x"}],
        {"targets": "a/x"},
        {"targets": ["a/x"]},
        {"targets": [{"target": "a/x", "weight": 1}]},
    ],
)
def test_an_alias_may_be_written_in_three_ways(written: object) -> None:
    alias = ALIAS.validate_python(written)
    assert [(member.target, member.weight) for member in alias.targets] == [("a/x", 1)]
    assert alias.strategy is None


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ([], "at least 1"),
        ({"targets": []}, "at least 1"),
        ({}, "Field required"),
        (["a/x", "b/x", "a/x"], "each target once, but a/x is there 2 times"),
        ([{"target": "a/x", "weight": 0}], "a weight above 0 for one target at least"),
        ([{"target": "a/x", "weight": -1}], "greater than or equal to 0"),
        ("a/*", "one model: provider/model, without *"),
        ("x", "match pattern"),
        ({"targets": "a/x", "hedge_after_s": -1}, "greater than or equal to 0"),
        ({"targets": "a/x", "strategy": "random"}, "'order', 'round_robin'"),
    ],
)
def test_an_alias_that_leads_nowhere_is_refused(written: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace("*", r"\*")):
        ALIAS.validate_python(written)


def test_the_strategies_are_those_of_the_domain() -> None:
    assert set(get_args(Strategy)) == {one.value for one in Strategies}


def test_a_rule_names_conditions_of_the_domain() -> None:
    assert set(get_args(On)) < {one.value for one in Condition}


def test_a_rule_of_one_kind_and_one_target_needs_no_lists() -> None:
    rule = FallbackRule.model_validate({"on": "timeout", "to": "a/x"})
    assert (rule.on, rule.to) == (("timeout",), ("a/x",))
    plain = Rule(on=frozenset({Condition.TIMEOUT}), to=())
    assert rule.retry_original is plain.retry_original
    assert (rule.delay_s, rule.max_attempts) == (plain.delay_s, plain.max_attempts)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"on": "timeout", "to": "a/x", "of": "a/x"}, "another target in `to` than a/x"),
        ({"on": "timeout", "to": ["a/x", "a/x"]}, "each target once"),
        ({"on": "timeout", "to": "a/*"}, "one model"),
        ({"on": [], "to": "a/x"}, "at least 1"),
        ({"on": "timeout", "to": []}, "at least 1"),
        ({"on": "capability", "to": "a/x"}, "'rate_limit', 'unavailable'"),
        ({"on": "timeout", "to": "a/x", "max_attempts": 0}, "greater than or equal to 1"),
        ({"on": "timeout", "to": "a/x", "of": "no one"}, "match pattern"),
    ],
)
def test_a_rule_that_cannot_help_is_refused(written: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace("*", r"\*")):
        FallbackRule.model_validate(written)


def test_a_rule_may_name_its_own_target_among_others_and_everything_of_a_provider() -> None:
    FallbackRule.model_validate({"on": "timeout", "to": ["a/x", "b/x"], "of": "a/x"})
    FallbackRule.model_validate({"on": "timeout", "to": "a/y", "of": "a/*"})


def test_the_defaults_of_the_table_are_those_of_the_policy() -> None:
    assert build_rules(Retry()) == RetryRules()


def test_a_row_that_is_given_in_part_keeps_its_other_defaults() -> None:
    row = Retry.model_validate({"rate_limit": {"wait_s": 3}}).rate_limit
    assert (row.retries, row.wait_s, row.factor) == (3, 3, 2)


def test_retries_are_below_the_attempts() -> None:
    message = r"attempts \(2\) above timeout.retries \(2\), for the first attempt counts"
    with pytest.raises(ValidationError, match=message):
        Retry.model_validate({"attempts": 2, "timeout": {"retries": 2}})
    Retry.model_validate({"attempts": 3, "timeout": {"retries": 2}})
    # The table's own rows are cut short by fewer attempts, and need not be written for it.
    Retry.model_validate({"attempts": 1})
    Retry.model_validate({"attempts": 1, "timeout": {"wait_s": 2}})


def test_the_defaults_of_breakers_and_checks_are_those_of_their_engines() -> None:
    breaker = Breaker().model_dump(exclude={"wait_s"})
    assert breaker == {name: getattr(BreakerSettings(), name) for name in breaker}
    health = Health().model_dump(exclude={"interval_s"})
    assert health == {name: getattr(Schedule(interval_s=1), name) for name in health}


@pytest.mark.parametrize(
    ("written", "sound"),
    [
        ({"failure_ratio": 0.05, "min_calls": 20}, False),
        ({"min_calls": 1}, False),
        ({"min_calls": 1, "failures": 1}, True),
        ({"min_calls": 1, "failure_ratio": 0}, True),
        ({"failure_ratio": 0.06, "min_calls": 20}, True),
    ],
)
def test_a_share_that_one_failure_makes_is_refused_unless_one_is_enough(
    written: dict[str, float], sound: bool
) -> None:
    if sound:
        Breaker.model_validate(written)
        return
    with pytest.raises(ValidationError, match="min_calls or failure_ratio higher: one failure in"):
        Breaker.model_validate(written)


def test_checks_that_nothing_starts_are_refused() -> None:
    with pytest.raises(ValidationError, match="interval_s as well, without which nothing"):
        Health(failures=3)
    assert Health(failures=3, interval_s=30).failures == 3
    assert Health().interval_s is None


def test_weights_need_a_strategy_that_looks_at_them() -> None:
    shares = [{"target": "a/x", "weight": 9}, "b/x"]
    assert wrong(models={"aliases": {"c": shares}}) == [
        (
            "models.aliases.c",
            "strategy: weighted or least_loaded, for by order weights mean nothing",
        )
    ]
    aliases = {"c": {"targets": shares, "strategy": "cost"}}
    assert wrong(models={"aliases": aliases}, routing={"strategy": "weighted"})
    for strategy in ("weighted", "least_loaded"):
        whole(models={"aliases": {"c": {"targets": shares, "strategy": strategy}}})
        whole(models={"aliases": {"c": shares}}, routing={"strategy": strategy})


def test_a_target_of_no_weight_stands_by_whatever_the_strategy() -> None:
    whole(models={"aliases": {"c": [{"target": "a/x", "weight": 0}, "b/x"]}})


def test_quality_needs_models_of_different_rank() -> None:
    message = "another strategy, or the quality of models in models.cards"
    assert wrong(routing={"strategy": "quality"}) == [("routing.strategy", message)]
    aliases = {"c": {"targets": "a/x", "strategy": "quality"}}
    assert wrong(models={"aliases": aliases}) == [("models.aliases.c.strategy", message)]
    models = Models(cards={"a/x": Card(quality=1)})
    assert whole(models=models, routing={"strategy": "quality"})


def test_what_starts_after_the_longest_deadline_is_refused() -> None:
    message = "less than server.max_deadline_s (5)"
    assert wrong(
        server={"max_deadline_s": 5},
        routing={
            "hedge_after_s": 5,
            "fallback": [
                {"on": "error", "to": "a/x", "delay_s": 4},
                {"on": "error", "to": "a/x", "delay_s": 5},
            ],
        },
        models={"aliases": {"c": {"targets": "a/x", "hedge_after_s": 9}}},
    ) == [
        ("routing.hedge_after_s", message),
        ("routing.fallback.1.delay_s", message),
        ("models.aliases.c.hedge_after_s", message),
    ]


def test_a_rule_for_calls_that_nobody_makes_is_refused() -> None:
    rules = [{"on": "error", "to": "c/x", "of": of} for of in ("fast", "slow", "a/x", "b/*", "d/*")]
    known = "one of the configured providers (a, b)"
    found = wrong(models={"aliases": {"fast": "a/x"}}, routing={"fallback": rules})
    assert [(loc, msg) for loc, msg in found if not loc.endswith("to.0")] == [
        ("routing.fallback.1.of", "an alias of models.aliases, provider/model or provider/*"),
        ("routing.fallback.4.of", known),
    ]
    assert [loc for loc, msg in found if msg == known and loc.endswith("to.0")] == [
        f"routing.fallback.{place}.to.0" for place in range(5)
    ]


def test_fallbacks_of_a_provider_go_without_its_name_unless_its_models_may_have_it() -> None:
    named = {"kind": "openai", "api_key": "k", "fallbacks": ["gpt-5", "openai/gpt-5"]}
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"providers": {"openai": named}})
    (error,) = caught.value.errors()
    assert error["loc"] == ("providers", "openai", "fallbacks", 1)
    assert error["msg"] == "the name of the model alone, without openai/"
    other = {"kind": "openai_compatible", "base_url": "http://h", "fallbacks": ["nvidia/x"]}
    Settings.model_validate({"providers": {"nvidia": other}})
    assert OpenAI.model_validate({**named, "fallbacks": ["gpt-5"]}).fallbacks == ("gpt-5",)


def test_routing_is_the_order_of_the_list_unless_told() -> None:
    assert (Routing().strategy, Routing().hedge_after_s, Routing().fallback) == ("order", None, ())
