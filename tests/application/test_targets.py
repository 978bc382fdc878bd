"""Operators see every target with its health, and take targets out of rotation and back."""

from __future__ import annotations

import pytest

from hexgate.adapters.breaker.pybreaker import Breakers, Settings
from hexgate.application.targets import Targets
from hexgate.application.vitals import Vitals
from hexgate.domain.catalog import Target
from hexgate.domain.errors import GatewayError, InvalidRequest, UnknownProvider
from hexgate.domain.health import BreakerState, TargetHealth, TargetState
from hexgate.ports.breaker import Outcome
from tests.fakes import FakeClock


class Desk:
    """Two providers and one configured target, `a/known`."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.vitals = Vitals(self.clock)
        self.breaker = Breakers(self.clock, Settings(failures=2, rest_s=10))
        self.targets = Targets(
            ("a", "b"), (Target("a", "known"),), self.vitals, self.breaker, self.clock
        )

    def names(self, after: str = "", size: int = 100) -> list[str]:
        """What a page lists."""
        return [one.name for one in self.targets.page(after, size)]

    def disable(self, name: str, ttl_s: float | None = None) -> TargetHealth:
        """Take it out of rotation."""
        return self.targets.set(name, TargetState.DISABLED, ttl_s, "ill")


def test_lists_providers_configured_targets_and_those_that_were_called_or_wished_of() -> None:
    desk = Desk()
    assert desk.names() == ["a/*", "a/known", "b/*"]
    desk.vitals.of("b", "org/called")
    desk.disable("a/wished")
    assert desk.names() == ["a/*", "a/known", "a/wished", "b/*", "b/org/called"]


def test_pages_go_on_after_a_name_whether_it_is_still_there_or_not() -> None:
    desk = Desk()
    desk.disable("a/brief", ttl_s=5)
    assert desk.names(size=2) == ["a/*", "a/brief"]
    desk.clock.advance(5)
    desk.vitals.of("b", "new")
    assert desk.names(after="a/brief", size=2) == ["a/known", "b/*"]
    assert desk.names(after="b/*", size=2) == ["b/new"]
    assert desk.names(after="z") == []


def test_a_target_tells_how_it_fares() -> None:
    desk = Desk()
    vital = desk.vitals.of("a", "m")
    vital.active = 3
    vital.answered(0.5, desk.clock.monotonic())
    vital.failed("PROVIDER_ERROR", 0.1, desk.clock.monotonic())
    for _ in range(2):
        desk.breaker.admit("a/m").settle(Outcome.FAILURE)
    desk.clock.advance(4)
    found = desk.targets.one("a/m")
    assert (found.active, found.attempts, found.failures) == (3, 2, 1)
    assert (found.failure, found.latency_s, found.first_token_s) == ("PROVIDER_ERROR", 1.0, 0.5)
    assert found.breaker is not None
    assert (found.breaker.state, found.breaker.rest_s) == (BreakerState.OPEN, 6)
    assert found.breaker.failure_ratio == 1


def test_a_target_that_was_never_called_tells_nothing() -> None:
    found = Desk().targets.one("a/known")
    assert (found.active, found.attempts, found.failures, found.failure) == (0, 0, 0, "")
    assert (found.latency_s, found.first_token_s, found.unhealthy) == (None, None, False)
    assert found.breaker is not None
    assert found.breaker.state is BreakerState.CLOSED


def test_a_providers_line_sums_up_its_models() -> None:
    desk = Desk()
    now = desk.clock.monotonic()
    for model, wait_s, reason, after_s in (("x", 1.0, "A", 1), ("y", 3.0, "B", 2)):
        vital = desk.vitals.of("a", model)
        vital.active = 2
        vital.answered(wait_s, now)
        vital.answered(wait_s, now)
        vital.broke(reason, now + after_s)
    desk.vitals.of("b", "x").answered(100.0, now)
    found = {one.name: one for one in desk.targets.page("", 10)}["a/*"]
    assert found == desk.targets.one("a/*")
    assert (found.active, found.attempts, found.failures) == (4, 4, 2)
    assert (found.failure, found.latency_s, found.first_token_s) == ("B", 3.0, 2.0)
    assert found.breaker is None


def test_failed_probes_mark_every_line_of_the_provider() -> None:
    desk = Desk()
    desk.vitals.probed("a", healthy=False)
    assert [one.unhealthy for one in desk.targets.page("", 10)] == [True, True, False]


def test_a_wish_is_told_with_its_end_and_its_reason() -> None:
    desk = Desk()
    found = desk.disable("a/known", ttl_s=60)
    assert (found.state, found.reason) == (TargetState.DISABLED, "ill")
    assert found.enable_at == desk.clock.now() + 60
    desk.clock.advance(20)
    assert desk.targets.one("a/known").enable_at == desk.clock.now() + 40
    desk.clock.advance(40)
    found = desk.targets.one("a/known")
    assert (found.state, found.enable_at, found.reason) == (TargetState.ENABLED, None, "")


def test_a_wish_of_a_provider_goes_for_each_of_its_models_until_it_is_taken_back() -> None:
    desk = Desk()
    desk.disable("a/*")
    assert desk.targets.one("a/known").state is TargetState.DISABLED
    assert desk.targets.one("b/known").state is TargetState.ENABLED
    # What is taken back is the wish for this very name.
    back = desk.targets.set("a/known", TargetState.ENABLED, None, "")
    assert back.state is TargetState.DISABLED
    desk.targets.set("a/*", TargetState.ENABLED, None, "")
    assert desk.targets.one("a/known").state is TargetState.ENABLED


@pytest.mark.parametrize(
    "name", ["", "fast", "a/", "a/b c", "a/" + "m" * 257, "a/b\n", "a/gpt-*", "a/**"]
)
def test_a_name_of_another_form_is_refused_with_the_form_expected(name: str) -> None:
    desk = Desk()
    with pytest.raises(InvalidRequest, match="expected provider/model") as refused:
        desk.disable(name)
    assert [one.field for one in refused.value.violations] == ["target"]
    assert desk.vitals.quiet


@pytest.mark.parametrize("name", ["aa/m", "/m", "A/*"])
def test_a_provider_that_is_not_configured_is_named(name: str) -> None:
    with pytest.raises(UnknownProvider) as refused:
        Desk().targets.one(name)
    assert refused.value.metadata["provider"] == name.partition("/")[0]


def test_a_refused_name_never_fills_an_error() -> None:
    for name in ("x" * 10_000, "x" * 10_000 + "/m"):
        with pytest.raises(GatewayError) as refused:
            Desk().targets.one(name)
        assert len(refused.value.message) < 300
