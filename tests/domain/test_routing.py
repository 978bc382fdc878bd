"""Names lead to targets, always the same way."""

from __future__ import annotations

import pytest

from hexgate.domain.call import FallbackMode, Options
from hexgate.domain.catalog import Target
from hexgate.domain.errors import NoEligibleTarget, UnknownModel
from hexgate.domain.routing import Routes

FAST = (Target("oai", "gpt-small"), Target("claude", "haiku"))
ROUTES = Routes(
    providers={"oai": "openai", "claude": "anthropic"},
    aliases={"fast": FAST},
    fallbacks=(Target("claude", "sonnet"),),
)


def vendors_of(model: str) -> tuple[str, ...]:
    """A catalogue that knows one name."""
    return ("anthropic",) if model.startswith("claude-") else ()


def names(model: str, options: Options | None = None, routes: Routes = ROUTES) -> list[str]:
    """The targets as text."""
    return [str(t) for t in routes.targets(model, options or Options(), vendors_of)]


def test_an_alias_stands_for_its_targets_and_takes_no_other_fallbacks() -> None:
    assert names("fast") == ["oai/gpt-small", "claude/haiku"]


def test_a_full_name_goes_there_and_then_to_the_fallbacks() -> None:
    assert names("oai/gpt-big") == ["oai/gpt-big", "claude/sonnet"]


def test_a_model_may_have_slashes_of_its_own() -> None:
    assert names("oai/meta/llama")[0] == "oai/meta/llama"


def test_a_bare_name_finds_the_provider_of_its_vendor() -> None:
    assert names("claude-opus")[0] == "claude/claude-opus"


def test_a_bare_name_goes_to_the_default_provider_when_nobody_knows_it() -> None:
    routes = Routes(providers=ROUTES.providers, default_provider="oai")
    assert names("mystery", routes=routes) == ["oai/mystery"]


def test_a_bare_name_goes_to_the_only_provider() -> None:
    assert names("mystery", routes=Routes(providers={"sim": "simulator"})) == ["sim/mystery"]


@pytest.mark.parametrize("model", ["mystery", "nobody/model", "oai/", "fats"])
def test_an_unknown_name_is_refused(model: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        names(model)
    assert caught.value.metadata["model"] == model


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(UnknownModel, match="did you mean fast"):
        names("fats")


def test_the_callers_own_fallbacks_replace_the_configured_ones() -> None:
    options = Options(fallback_models=("fast", "oai/gpt-big"))
    assert names("oai/gpt-big", options) == ["oai/gpt-big", "oai/gpt-small", "claude/haiku"]


def test_no_fallback_means_the_first_target_alone() -> None:
    assert names("fast", Options(fallback_mode=FallbackMode.DISABLED)) == ["oai/gpt-small"]


def test_allowed_and_denied_providers_narrow_the_choice() -> None:
    assert names("fast", Options(allowed_providers=("claude",))) == ["claude/haiku"]
    assert names("fast", Options(denied_providers=("claude",))) == ["oai/gpt-small"]


def test_when_nothing_is_left_the_targets_are_named() -> None:
    with pytest.raises(NoEligibleTarget, match=r"oai/gpt-small, claude/haiku"):
        names("fast", Options(allowed_providers=("nobody",)))
