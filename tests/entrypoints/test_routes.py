"""What the settings say of names is what the routes know."""

from __future__ import annotations

from typing import Any

import pytest

from hexgate.adapters.clock import SystemClock
from hexgate.domain.balance import Group, Member, Strategy
from hexgate.domain.catalog import Target
from hexgate.domain.conditions import Condition
from hexgate.domain.fallback import Rule
from hexgate.entrypoints.engines import build_catalog
from hexgate.entrypoints.routes import build_routes, configured
from hexgate.entrypoints.settings import Settings

PROVIDERS: dict[str, Any] = {
    "a": {"kind": "vllm", "models": ["llama"], "fallbacks": ["small"]},
    "b": {"kind": "vllm", "models": ["llama", "qwen"]},
}
A, B = Target("a", "x"), Target("b", "y")


def settings(**sections: Any) -> Settings:
    """Two providers, and these sections."""
    return Settings.model_validate({"providers": PROVIDERS, **sections})


def test_names_without_a_wish_go_by_the_order_they_are_listed_in() -> None:
    routes = build_routes(settings(models={"default_provider": "b", "fallbacks": ["b/y"]}))
    assert routes.providers == {"a": "vllm", "b": "vllm"}
    assert routes.listed == {"llama": ("a", "b"), "qwen": ("b",)}
    assert routes.own == {"a": (Target("a", "small"),)}
    assert (routes.fallbacks, routes.default_provider) == ((B,), "b")
    assert (routes.strategy, routes.hedge_after_s) == (Strategy.ORDER, 0.0)
    assert routes.rules == ()


def test_an_alias_is_a_group_with_its_own_strategy_or_the_common_one() -> None:
    routes = build_routes(
        settings(
            models={
                "aliases": {
                    "own": {
                        "targets": [{"target": "a/x", "weight": 9}, "b/y"],
                        "strategy": "weighted",
                        "hedge_after_s": 2,
                    },
                    "common": ["a/x", "b/y"],
                    "never": {"targets": ["a/x"], "hedge_after_s": 0},
                }
            },
            routing={"strategy": "latency", "hedge_after_s": 5},
        )
    )
    both = (Member(A), Member(B))
    assert routes.aliases == {
        "own": Group(
            members=(Member(A, 9), Member(B)), strategy=Strategy.WEIGHTED, hedge_after_s=2
        ),
        "common": Group(members=both, strategy=Strategy.LATENCY, hedge_after_s=5),
        "never": Group(members=(Member(A),), strategy=Strategy.LATENCY),
    }
    assert (routes.strategy, routes.hedge_after_s) == (Strategy.LATENCY, 5)


@pytest.mark.parametrize("name", [one.value for one in Strategy])
def test_every_strategy_has_the_same_name_in_the_settings(name: str) -> None:
    ranked = {"cards": {"a/x": {"quality": 1}}}
    routes = build_routes(settings(routing={"strategy": name}, models=ranked))
    assert routes.strategy.value == name


def test_a_rule_says_all_that_its_row_says() -> None:
    row = {
        "on": ["rate_limit", "context_length"],
        "of": "a/*",
        "to": ["b/y", "a/x"],
        "retry_original": False,
        "delay_s": 1.5,
        "max_attempts": 3,
    }
    (rule,) = build_routes(settings(routing={"fallback": [row]})).rules
    assert rule == Rule(
        on=frozenset({Condition.RATE_LIMIT, Condition.CONTEXT_LENGTH}),
        to=(B, A),
        of="a/*",
        retry_original=False,
        delay_s=1.5,
        max_attempts=3,
    )


def test_the_kinds_of_failure_of_a_row_are_all_conditions_but_one() -> None:
    every = ["rate_limit", "unavailable", "overloaded", "timeout", "error"]
    every += ["context_length", "content_filter"]
    (rule,) = build_routes(settings(routing={"fallback": [{"on": every, "to": "b/y"}]})).rules
    assert rule.on == frozenset(Condition) - {Condition.CAPABILITY}
    row = {"on": ["unavailable"], "to": "b/y"}
    (rule,) = build_routes(settings(routing={"fallback": [row]})).rules
    assert rule.on == {Condition.UNAVAILABLE, Condition.UNREACHABLE}


def test_every_target_that_is_named_is_configured_once() -> None:
    told = settings(
        models={
            "aliases": {"fast": ["a/x", "b/y"]},
            "fallbacks": ["b/y", "b/z"],
            "cards": {"a/*": {}, "a/card": {}},
        },
        routing={"fallback": [{"on": ["error"], "to": ["b/rule", "a/x"]}]},
    )
    found = [str(one) for one in configured(told, build_routes(told))]
    assert sorted(found) == [
        *("a/card", "a/llama", "a/small", "a/x"),
        *("b/llama", "b/qwen", "b/rule", "b/y", "b/z"),
    ]


def test_the_rank_of_a_card_reaches_the_catalogue() -> None:
    cards: dict[str, Any] = {
        "a/x": {"quality": 80},
        "a/*": {"quality": 10},
        "b/y": {
            "quality": 5,
            "price": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2},
        },
    }
    catalog = build_catalog(settings(models={"cards": cards}), SystemClock())
    ranks = {str(one): catalog.card(one).quality for one in (A, B, Target("a", "z"))}
    assert ranks == {"a/x": 80, "b/y": 5, "a/z": 10}
    assert catalog.card(B).price is not None
    assert catalog.card(Target("b", "z")).quality == 0
