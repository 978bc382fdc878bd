"""Windows begin and end where they should, and a call asks of the accounts that it is on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.domain.budget import (
    MILLION,
    AtLimit,
    Balance,
    Budget,
    Charge,
    Scope,
    Window,
    exceeded,
    window_end,
)
from hexgate.domain.call import Options


def at(text: str) -> float:
    """A moment in UTC, in seconds since the epoch."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOON = at("2026-11-20T12:00")


# Windows


@pytest.mark.parametrize(
    ("window", "moment", "name", "begins", "ends"),
    [
        (Window.DAY, "2026-11-20T12:00", "2026-11-20", "2026-11-20", "2026-11-21"),
        (Window.DAY, "2026-11-20T00:00", "2026-11-20", "2026-11-20", "2026-11-21"),
        (Window.DAY, "2026-11-20T23:59:59.999", "2026-11-20", "2026-11-20", "2026-11-21"),
        (Window.DAY, "2026-12-31T12:00", "2026-12-31", "2026-12-31", "2027-01-01"),
        (Window.DAY, "2028-02-28T12:00", "2028-02-28", "2028-02-28", "2028-02-29"),
        (Window.MONTH, "2026-11-20T12:00", "2026-11", "2026-11-01", "2026-12-01"),
        (Window.MONTH, "2026-11-01T00:00", "2026-11", "2026-11-01", "2026-12-01"),
        (Window.MONTH, "2026-01-31T23:59:59.999", "2026-01", "2026-01-01", "2026-02-01"),
        (Window.MONTH, "2026-12-31T12:00", "2026-12", "2026-12-01", "2027-01-01"),
        (Window.MONTH, "2027-02-28T12:00", "2027-02", "2027-02-01", "2027-03-01"),
        (Window.MONTH, "2028-02-29T12:00", "2028-02", "2028-02-01", "2028-03-01"),
        (Window.MONTH, "2100-02-28T12:00", "2100-02", "2100-02-01", "2100-03-01"),
    ],
)
def test_a_window_is_a_day_or_a_month_of_utc(
    window: Window, moment: str, name: str, begins: str, ends: str
) -> None:
    assert window.name_at(at(moment)) == name
    assert window.bounds_at(at(moment)) == (at(begins), at(ends))
    assert window_end(name) == at(ends)


def test_what_counts_for_ever_has_one_window_without_an_end() -> None:
    assert {Window.TOTAL.name_at(moment) for moment in (0.0, NOON)} == {"total"}
    assert Window.TOTAL.bounds_at(NOON) == (0.0, None)
    assert window_end("total") is None


MOMENTS = st.integers(0, int(at("2200-01-01")) * 1000).map(lambda millis: millis / 1000)
RECURRING = st.sampled_from((Window.DAY, Window.MONTH))


@given(RECURRING, MOMENTS)
def test_every_moment_is_in_the_window_of_its_name_and_the_next_begins_where_it_ends(
    window: Window, moment: float
) -> None:
    begins, ends = window.bounds_at(moment)
    assert ends is not None
    assert begins <= moment < ends
    assert window.bounds_at(begins) == window.bounds_at(ends - 0.001) == (begins, ends)
    assert window.bounds_at(ends)[0] == ends
    name = window.name_at(moment)
    assert window.name_at(begins) == window.name_at(ends - 0.001) == name
    assert window.name_at(ends) > name
    assert window_end(name) == ends


@given(RECURRING, MOMENTS, MOMENTS)
def test_names_sort_as_the_windows_do(window: Window, one: float, other: float) -> None:
    names, begins = [], []
    for moment in (one, other):
        names.append(window.name_at(moment))
        begins.append(window.bounds_at(moment)[0])
    assert (names[0] < names[1]) == (begins[0] < begins[1])


# Scopes

EVERYBODY = Scope()
WHO = Options(
    session_id="s1",
    agent_id="indexer",
    end_user_id="u1",
    api_key="k1",
    labels={"team": "search", "env": "a=b|c"},
)
NOBODY = Options()


@pytest.mark.parametrize(
    ("scope", "subject", "text"),
    [
        (EVERYBODY, "global", "global"),
        (Scope("agent", "indexer"), "agent:indexer", "agent:indexer"),
        (Scope("agent", "writer"), None, "agent:writer"),
        (Scope("agent"), "agent:indexer", "agent:*"),
        (Scope("session"), "session:s1", "session:*"),
        (Scope("end_user"), "end_user:u1", "end_user:*"),
        (Scope("api_key"), "api_key:k1", "api_key:*"),
        (Scope("label:team", "search"), "label:team=search", "label:team=search"),
        (Scope("label:team", "ads"), None, "label:team=ads"),
        (Scope("label:team"), "label:team=search", "label:team=*"),
        (Scope("label:env"), "label:env=a=b|c", "label:env=*"),
        (Scope("label:region"), None, "label:region=*"),
    ],
)
def test_a_scope_names_whose_account_a_call_is_on(
    scope: Scope, subject: str | None, text: str
) -> None:
    assert scope.subject(WHO) == subject
    assert str(scope) == text


@pytest.mark.parametrize("dimension", ["session", "agent", "end_user", "api_key", "label:team"])
def test_a_call_that_does_not_say_who_it_is_for_is_in_no_scope_but_everybodys(
    dimension: str,
) -> None:
    assert Scope(dimension).subject(NOBODY) is None
    assert Scope(dimension, "x").subject(NOBODY) is None
    assert EVERYBODY.subject(NOBODY) == "global"


# Charges


def budget(**fields: Any) -> Budget:
    """A thousand nano-USD a day for everybody, but for these fields."""
    given: dict[str, Any] = {"name": "daily", "limit_nanos": 1_000, "window": Window.DAY}
    return Budget(**(given | fields))


def test_a_call_asks_to_stay_within_the_limit() -> None:
    assert budget().charge(WHO, NOON) == Charge(
        account="daily|2026-11-20|global", limit_nanos=1_000, ceiling_nanos=1_000
    )


@pytest.mark.parametrize(
    ("fields", "account"),
    [
        ({}, "daily|2026-11-20|global"),
        ({"name": "all", "window": Window.TOTAL}, "all|total|global"),
        ({"name": "m", "window": Window.MONTH, "scope": Scope("agent")}, "m|2026-11|agent:indexer"),
        ({"scope": Scope("label:env")}, "daily|2026-11-20|label:env=a=b|c"),
    ],
)
def test_an_account_is_named_by_its_budget_its_window_and_whose_it_is(
    fields: dict[str, Any], account: str
) -> None:
    charge = budget(**fields).charge(WHO, NOON)
    assert charge is not None
    assert charge.account == account
    found = Balance(account=account, limit_nanos=1_000)
    assert "|".join((found.budget, found.window, found.subject)) == account
    assert (found.budget, found.subject) == (fields.get("name", "daily"), account.split("|", 2)[2])


def test_a_call_that_is_in_no_scope_is_not_charged() -> None:
    assert budget(scope=Scope("agent", "writer")).charge(WHO, NOON) is None
    assert budget(scope=Scope("agent")).charge(NOBODY, NOON) is None


def test_a_call_is_charged_in_the_window_in_which_it_starts() -> None:
    last, first = at("2026-11-20T23:59:59.999"), at("2026-11-21")
    accounts = [
        charge and charge.account for charge in map(budget().charge, (WHO,) * 2, (last, first))
    ]
    assert accounts == ["daily|2026-11-20|global", "daily|2026-11-21|global"]


@pytest.mark.parametrize(
    ("at_limit", "downgraded", "ceiling"),
    [
        (AtLimit.DOWNGRADE, False, 800),
        (AtLimit.DOWNGRADE, True, 1_001),  # what cheaper models may use in the end is all of it
        (AtLimit.REFUSE, False, 1_001),
        (AtLimit.REFUSE, True, 1_001),
    ],
)
def test_only_what_is_not_downgraded_yet_has_to_stay_below_a_share(
    at_limit: AtLimit, downgraded: bool, ceiling: int
) -> None:
    # 0.8 of 1,001 is 800.8: no more than that, in whole nano-USD.
    soft = budget(limit_nanos=1_001, at_limit=at_limit, downgrade_share=800_000)
    charge = soft.charge(WHO, NOON, downgraded=downgraded)
    assert charge is not None
    assert (charge.ceiling_nanos, charge.limit_nanos) == (ceiling, 1_001)


def test_alerts_are_amounts_in_rising_order_each_once() -> None:
    shares = (MILLION, 500_000, 800_000, 500_000, 799_999)
    # 0.799999 and 0.8 of 1,000 are 799.999 and 800.
    assert budget(alert_shares=shares).alerts == (500, 799, 800, 1_000)
    charge = budget(alert_shares=shares).charge(WHO, NOON)
    assert charge is not None
    assert charge.alerts == (500, 799, 800, 1_000)
    # 1.2 and 1.5 nano-USD are one amount.
    assert budget(limit_nanos=3, alert_shares=(400_000, 500_000, MILLION)).alerts == (1, 3)


# Refusals


@pytest.mark.parametrize(
    ("window", "name", "reset"),
    [
        (Window.DAY, "2028-02-28", "2028-02-29T00:00:00Z"),
        (Window.DAY, "2026-12-31", "2027-01-01T00:00:00Z"),
        (Window.MONTH, "2028-02", "2028-03-01T00:00:00Z"),
        (Window.MONTH, "2026-12", "2027-01-01T00:00:00Z"),
        (Window.TOTAL, "total", None),
    ],
)
def test_a_refusal_says_how_the_account_is_and_when_it_begins_again(
    window: Window, name: str, reset: str | None
) -> None:
    balance = Balance(
        account=f"each|{name}|agent:a|b", limit_nanos=1_000, spent_nanos=600, held_nanos=300
    )
    error = exceeded(balance, 101)
    numbers = {
        "budget": "each",
        "scope": "agent:a|b",
        "limitNanos": "1000",
        "spentNanos": "600",
        "heldNanos": "300",
        "neededNanos": "101",
    }
    assert error.metadata == numbers | ({} if reset is None else {"resetTime": reset})
    assert all(value in error.message for value in error.metadata.values())
    assert name in error.message
    assert ("raise its limit" in error.message) == (window is Window.TOTAL)
    assert not error.sent
