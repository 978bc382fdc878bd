"""Which variables order the targets, and how."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hexgate.entrypoints.config.balancing import STRATEGIES
from hexgate.entrypoints.config.errors import ConfigError
from hexgate.entrypoints.config.load import load

OPENAI = {"OPENAI_API_KEY": "sk-1"}
BALANCED = {**OPENAI, "ENABLE_LOAD_BALANCING": "true"}
CHOICES = (
    "one of: round_robin, weighted, least_loaded, least_connections, latency, latency_based, cost, "
    "cost_based"
)


def given(environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """The strategy of an environment, and what was noticed."""
    notices: list[str] = []
    made = load(None, environ, dotenv=None, probe=lambda _: False, notice=notices.append)
    return made.routing.strategy, notices


def test_nothing_is_balanced_unless_asked_for() -> None:
    assert given(OPENAI) == ("order", [])


def test_balancing_goes_round_unless_told_how() -> None:
    assert given(BALANCED) == ("round_robin", [])


@pytest.mark.parametrize(("wish", "strategy"), STRATEGIES.items())
def test_a_strategy_goes_by_each_of_its_names(wish: str, strategy: str) -> None:
    assert given({**BALANCED, "LOAD_BALANCING_STRATEGY": wish}) == (strategy, [])


def test_a_strategy_may_be_written_large_and_with_hyphens() -> None:
    assert given({**BALANCED, "LOAD_BALANCING_STRATEGY": " Least-Loaded "})[0] == "least_loaded"


@pytest.mark.parametrize("value", ["1", "TRUE", "yes", "On"])
def test_a_switch_is_on_in_any_of_its_words(value: str) -> None:
    assert given({**OPENAI, "ENABLE_LOAD_BALANCING": value})[0] == "round_robin"
    assert given({**OPENAI, "ENABLE_COST_OPTIMIZATION": value}) == ("cost", [])


@pytest.mark.parametrize("value", ["", "0", "False", "no", "off"])
def test_a_switch_that_is_off_asks_for_nothing(value: str) -> None:
    off = {"ENABLE_LOAD_BALANCING": value, "ENABLE_COST_OPTIMIZATION": value}
    assert given({**OPENAI, **off}) == ("order", [])


def test_a_strategy_beside_a_switch_that_is_off_is_left_alone() -> None:
    off = {"ENABLE_LOAD_BALANCING": "false", "LOAD_BALANCING_STRATEGY": "nonsense"}
    assert given({**OPENAI, **off}) == ("order", [])


def test_a_strategy_without_its_switch_is_not_ignored_in_silence() -> None:
    assert given({**OPENAI, "LOAD_BALANCING_STRATEGY": "latency"}) == (
        "order",
        ["LOAD_BALANCING_STRATEGY is not used without ENABLE_LOAD_BALANCING; set both"],
    )


@pytest.mark.parametrize(
    ("how", "notice"),
    [
        (
            {"LOAD_BALANCING_STRATEGY": "least_connections"},
            [
                "ENABLE_COST_OPTIMIZATION wins over LOAD_BALANCING_STRATEGY: targets are ordered "
                "by cost, not by least_loaded; unset one of them"
            ],
        ),
        (
            {},
            [
                "ENABLE_COST_OPTIMIZATION wins over ENABLE_LOAD_BALANCING: targets are ordered "
                "by cost, not by round_robin; unset one of them"
            ],
        ),
        ({"LOAD_BALANCING_STRATEGY": "cost_based"}, []),
    ],
)
def test_cost_wins_over_another_strategy_and_says_so(
    how: dict[str, str], notice: list[str]
) -> None:
    assert given({**BALANCED, **how, "ENABLE_COST_OPTIMIZATION": "true"}) == ("cost", notice)


@pytest.mark.parametrize(
    ("environ", "lines"),
    [
        (
            {"ENABLE_LOAD_BALANCING": "true", "LOAD_BALANCING_STRATEGY": "rondom"},
            [f"environment: LOAD_BALANCING_STRATEGY: found 'rondom', expected {CHOICES}"],
        ),
        (
            {"ENABLE_LOAD_BALANCING": "true", "LOAD_BALANCING_STRATEGY": "order"},
            [f"environment: LOAD_BALANCING_STRATEGY: found 'order', expected {CHOICES}"],
        ),
        (
            {"ENABLE_LOAD_BALANCING": "maybe", "ENABLE_COST_OPTIMIZATION": "perhaps"},
            [
                "environment: ENABLE_LOAD_BALANCING: found 'maybe', expected true or false",
                "environment: ENABLE_COST_OPTIMIZATION: found 'perhaps', expected true or false",
            ],
        ),
    ],
)
def test_a_word_that_means_nothing_is_an_error_that_names_the_choices(
    environ: dict[str, str], lines: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        given({**OPENAI, **environ})
    assert str(caught.value).splitlines() == lines
