"""What settings of money amount to."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hexgate.domain.attribution import FIELDS
from hexgate.domain.budget import AtLimit, Scope, Window
from hexgate.domain.budget import Budget as Made
from hexgate.domain.catalog import Target
from hexgate.entrypoints.core import build_budgets
from hexgate.entrypoints.kinds import Simulator
from hexgate.entrypoints.routes import build_routes, configured
from hexgate.entrypoints.settings import Settings
from hexgate.entrypoints.spending import Budget, Webhook, millionths, scope_of
from hexgate.ports.herald import TRY_S

SIM = {"sim": Simulator(kind="simulator")}


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("global", Scope()),
        ("agent:indexer", Scope("agent", "indexer")),
        ("agent:*", Scope("agent")),
        ("end_user:a:b", Scope("end_user", "a:b")),
        ("session:s=1|2", Scope("session", "s=1|2")),
        ("label:team=search", Scope("label:team", "search")),
        ("label:team=*", Scope("label:team")),
        ("label:a.b-c=x=y", Scope("label:a.b-c", "x=y")),
    ],
)
def test_a_scope_is_a_dimension_and_a_value_or_each(text: str, scope: Scope) -> None:
    assert scope_of(text) == scope
    assert str(scope) == text


NO_SCOPES = (
    *("", "Global", "global:", "*", ":x", "agent", "agent:", "user:x", "agent_id:x"),
    *("label", "label:team", "label:=x", "label:team=", "label:TEAM=x", "label:1=x", "team=x"),
)


@pytest.mark.parametrize("text", NO_SCOPES)
def test_anything_else_is_no_scope(text: str) -> None:
    with pytest.raises(ValidationError, match="global, agent:<id>"):
        Budget(limit_usd=Decimal(1), window="day", scope=text)


def test_every_dimension_is_one_or_is_refused_with_its_reason() -> None:
    for dimension in FIELDS:
        assert scope_of(f"{dimension}:x") == Scope(dimension, "x")
    with pytest.raises(ValidationError, match="does not know callers by their keys yet"):
        Budget(limit_usd=Decimal(1), window="day", scope="api_key:k-1")


@given(st.integers(1, 1_000_000))
def test_a_share_is_exact(share: int) -> None:
    assert millionths(Decimal(share).scaleb(-6)) == share


def budget(**wish: Any) -> Made:
    """What a budget of 5 dollars a day amounts to."""
    settings = Settings.model_validate(
        {"providers": SIM, "budgets": {"daily": {"limit_usd": "5", "window": "day", **wish}}}
    )
    (made,) = build_budgets(settings).all
    return made


def test_a_budget_without_wishes_refuses_and_tells_of_four_fifths_and_all() -> None:
    assert budget() == Made(
        name="daily",
        limit_nanos=5 * 10**9,
        window=Window.DAY,
        scope=Scope(),
        at_limit=AtLimit.REFUSE,
        cheaper=(),
        downgrade_share=800_000,
        alert_shares=(800_000, 1_000_000),
        unpriced=False,
    )


def test_every_wish_reaches_the_budget() -> None:
    made = budget(
        limit_usd="0.000000123",
        window="total",
        scope="label:team=*",
        at_limit="downgrade",
        downgrade_to=["sim/a", "sim/b/c"],
        downgrade_at="0.123456",
        alerts=["0.000001"],
        unpriced="allow",
    )
    assert made == Made(
        name="daily",
        limit_nanos=123,
        window=Window.TOTAL,
        scope=Scope("label:team"),
        at_limit=AtLimit.DOWNGRADE,
        cheaper=(Target("sim", "a"), Target("sim", "b/c")),
        downgrade_share=123_456,
        alert_shares=(1,),
        unpriced=True,
    )


def test_a_budget_is_about_those_in_its_scope_alone() -> None:
    made = budget(scope="label:team=search")
    who = {"session_id": "", "agent_id": "", "end_user_id": "", "api_key": ""}
    charge = made.charge(SimpleNamespace(**who, labels={"team": "search"}), 0.0)
    assert charge is not None
    assert charge.account == "daily|1970-01-01|label:team=search"
    assert made.charge(SimpleNamespace(**who, labels={"team": "ads"}), 0.0) is None


def test_cheaper_models_are_among_the_targets_that_operators_see() -> None:
    settings = Settings.model_validate(
        {
            "providers": SIM,
            "budgets": {
                "daily": {
                    "limit_usd": 5,
                    "window": "day",
                    "at_limit": "downgrade",
                    "downgrade_to": "sim/small",
                }
            },
        }
    )
    assert configured(settings, build_routes(settings)) == (Target("sim", "small"),)


@pytest.mark.parametrize("url", ["http://h", "https://h:8443/a/b", "https://h/x?y=z?&@=1"])
def test_a_webhook_may_have_a_token_in_its_path_or_query(url: str) -> None:
    assert Webhook.model_validate({"url": url}).url.get_secret_value() == url


def test_a_try_of_a_webhook_is_over_before_another_process_may_begin_one() -> None:
    assert Webhook.model_validate({"url": "http://h", "timeout_s": TRY_S}).timeout_s == TRY_S
    with pytest.raises(ValidationError, match="less than or equal to 30"):
        Webhook.model_validate({"url": "http://h", "timeout_s": TRY_S + 0.1})
