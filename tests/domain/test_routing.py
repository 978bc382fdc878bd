"""Names lead to targets, always the same way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hexgate.domain.balance import Group, Member, Strategy
from hexgate.domain.catalog import Target
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import UnknownModel
from hexgate.domain.fallback import Rule
from hexgate.domain.routing import Routes

FAST = Group(
    members=(Member(Target("oai", "gpt-small"), 3), Member(Target("claude", "haiku"))),
    strategy=Strategy.WEIGHTED,
    hedge_after_s=2.0,
)
ROUTES = Routes(
    providers={"oai": "openai", "claude": "anthropic", "second": "anthropic"},
    aliases={"fast": FAST},
    listed={"llama": ("second", "oai"), "meta/llama": ("oai",)},
    hedge_after_s=5.0,
)
BALANCED = replace(ROUTES, strategy=Strategy.LATENCY)


def vendors_of(model: str) -> tuple[str, ...]:
    """A catalogue that knows two names."""
    if model == "llama":
        return ("anthropic",)
    return ("anthropic",) if model.startswith("claude-") else ()


def names(model: str, routes: Routes = ROUTES) -> list[str]:
    """The targets as text."""
    return [str(one.target) for one in routes.group(model, vendors_of).members]


def test_an_alias_is_its_group_as_it_is() -> None:
    assert ROUTES.group("fast", vendors_of) is FAST


def test_a_full_name_goes_there_and_is_hedged_as_the_gateway_says() -> None:
    assert names("oai/gpt-big") == ["oai/gpt-big"]
    assert ROUTES.group("oai/gpt-big", vendors_of).hedge_after_s == 5.0


def test_a_model_may_have_slashes_of_its_own() -> None:
    assert names("oai/meta/llama") == ["oai/meta/llama"]


def test_a_listed_name_goes_to_the_first_provider_that_lists_it() -> None:
    assert names("llama") == ["second/llama"]
    assert names("meta/llama") == ["oai/meta/llama"]


def test_what_begins_with_a_provider_goes_there_whoever_lists_such_a_name() -> None:
    listed = {"oai/gpt-big": ("second",)}
    assert names("oai/gpt-big", replace(ROUTES, listed=listed)) == ["oai/gpt-big"]


def test_a_bare_name_finds_the_first_provider_of_its_vendor() -> None:
    assert names("claude-opus") == ["claude/claude-opus"]


def test_of_several_that_serve_a_bare_name_the_default_provider_is_taken() -> None:
    assert names("claude-opus", replace(ROUTES, default_provider="second")) == [
        "second/claude-opus"
    ]
    assert names("llama", replace(ROUTES, default_provider="oai")) == ["oai/llama"]
    # Who does not serve it is not asked for it.
    assert names("claude-opus", replace(ROUTES, default_provider="oai")) == ["claude/claude-opus"]
    assert names("llama", replace(ROUTES, default_provider="claude")) == ["second/llama"]


def test_where_names_are_balanced_a_bare_name_is_everybody_who_serves_it() -> None:
    assert names("claude-opus", BALANCED) == ["claude/claude-opus", "second/claude-opus"]
    assert names("llama", BALANCED) == ["second/llama", "oai/llama", "claude/llama"]
    assert BALANCED.group("llama", vendors_of).strategy is Strategy.LATENCY
    assert names("oai/llama", BALANCED) == ["oai/llama"]


def test_a_bare_name_goes_to_the_default_provider_when_nobody_knows_it() -> None:
    routes = replace(ROUTES, default_provider="oai")
    assert names("mystery", routes) == ["oai/mystery"]
    assert names("mystery", replace(BALANCED, default_provider="oai")) == ["oai/mystery"]


def test_a_bare_name_goes_to_the_only_provider() -> None:
    assert names("mystery", Routes(providers={"sim": "simulator"})) == ["sim/mystery"]


@pytest.mark.parametrize("model", ["mystery", "nobody/model", "oai/", "/x", "", "fats"])
@pytest.mark.parametrize("routes", [ROUTES, BALANCED], ids=["order", "latency"])
def test_an_unknown_name_is_refused(model: str, routes: Routes) -> None:
    with pytest.raises(UnknownModel) as caught:
        names(model, routes)
    assert caught.value.metadata["model"] == model


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(UnknownModel, match="did you mean fast"):
        names("fats")
    with pytest.raises(UnknownModel, match="did you mean llama"):
        names("llaama")


def test_a_provider_that_is_not_there_is_no_part_of_a_models_name() -> None:
    with pytest.raises(UnknownModel):
        names("nobody/model", replace(ROUTES, default_provider="oai"))


def test_an_unknown_name_is_not_compared_without_end_nor_told_without_end() -> None:
    compared = 0

    class Name(str):
        def __len__(self) -> int:
            nonlocal compared
            compared += 1
            return super().__len__()

    many = replace(ROUTES, listed={Name(f"model-{n}"): ("oai",) for n in range(5000)})
    with pytest.raises(UnknownModel) as caught:
        names("x" * 100_000, many)
    assert compared < 1000
    assert len(caught.value.message) < 1000
    assert len(caught.value.metadata["model"]) < 1000


@pytest.mark.parametrize(
    ("name", "known"),
    [("oai/x", True), ("oai/a/b", True), ("oai/", False), ("oai", False), ("no/x", False)],
)
def test_a_target_is_known_by_its_provider(name: str, known: bool) -> None:
    assert ROUTES.has(name) is known


@pytest.mark.parametrize(
    ("of", "name", "first", "fits"),
    [
        ("", "anything", Target("oai", "x"), True),
        ("fast", "fast", Target("oai", "x"), True),
        ("fast", "slow", Target("oai", "x"), False),
        ("oai/x", "fast", Target("oai", "x"), True),
        ("oai/x", "oai/x", Target("oai", "y"), True),
        ("oai/x", "fast", Target("oai", "y"), False),
        ("oai/*", "fast", Target("oai", "y"), True),
        ("oai/*", "fast", Target("oai2", "y"), False),
    ],
)
def test_a_rule_is_for_what_a_call_begins_with(
    of: str, name: str, first: Target, fits: bool
) -> None:
    rule = Rule(on=frozenset({Condition.ERROR}), to=(Target("claude", "z"),), of=of)
    assert rule.fits(name, first) is fits
