"""What every store must find that says whether its books are right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Protocol, TypeAlias

import pytest

from hexgate.domain.audit import MOST_FINDINGS, Examined, Finding
from hexgate.domain.budget import Balance, Budget, Window
from hexgate.domain.ledger import CallState
from hexgate.domain.price import Cost
from hexgate.domain.report import DAY_S, day_of
from hexgate.ports.audit import Audit
from hexgate.ports.store import Store
from tests.adapters.ledger.walk import BUDGETS, Walk
from tests.contracts.accounts import asks
from tests.contracts.ledger import START, intent, settlement
from tests.contracts.reports import MIDNIGHT, SUMMED_LABEL, ended

Tamper: TypeAlias = Callable[[str], Awaitable[None]]
"""Change the store by a statement of SQL, behind its back."""

DAILY, AGENTS, _, TEAMS = BUDGETS
TOTAL = Budget(name="ever", limit_nanos=10**9, window=Window.TOTAL)
TODAY, YESTERDAY = day_of(START), day_of(START - DAY_S)
EVERYTHING = f"{TODAY}, openai/gpt-4o of acme"


class Books(Store, Audit, Protocol):
    """A store that can be audited."""


async def filled(ledger: Books) -> None:
    """Three calls on accounts: of yesterday, of today, and under way."""
    for name, at in (("old", START - DAY_S), ("done", START), ("open", START)):
        call = replace(
            intent(name, started_at=at), agent_id="a", labels={SUMMED_LABEL: "red"}, hold_nanos=50
        )
        await ledger.begin(call, asks(call, DAILY, AGENTS, TEAMS, TOTAL))
    for name in ("old", "done"):
        await ledger.settle(settlement(name))


def one(where: str, what: str, kept: int, summed: int) -> tuple[Finding, ...]:
    """The only finding."""
    return (Finding(where, what, kept, summed),)


TAMPERED = {
    "a hold": (
        "UPDATE calls SET hold_nanos = 60 WHERE call_id = 'open'",
        tuple(
            Finding(f"{name}|{subject}", "held, in nano-USD", kept, kept + 10)
            for name, subject, kept in (
                (f"agents|{TODAY[:7]}", "agent:a", 50),
                (f"daily|{TODAY}", "global", 50),
                ("ever|total", "global", 50),
                (f"teams|{TODAY}", "label:team=red", 50),
            )
        ),
    ),
    "spending of an account": (
        f"UPDATE accounts SET spent_nanos = 5 WHERE account = 'daily|{TODAY}|global'",
        one(f"daily|{TODAY}|global", "spent, in nano-USD", 5, 7),
    ),
    "what an account had spent before": (
        "UPDATE accounts SET opening_nanos = 3 WHERE account = 'ever|total|global'",
        one("ever|total|global", "spent, in nano-USD", 14, 17),
    ),
    "what is held on an account": (
        "UPDATE accounts SET held_nanos = 0 WHERE account = 'ever|total|global'",
        one("ever|total|global", "held, in nano-USD", 0, 50),
    ),
    "an account that is gone": (
        f"DELETE FROM accounts WHERE account = 'daily|{TODAY}|global'",
        (
            Finding(f"daily|{TODAY}|global", "held, in nano-USD, on no account", 0, 50),
            Finding(f"daily|{TODAY}|global", "spent, in nano-USD, on no account", 0, 7),
        ),
    ),
    "a sum over everything": (
        f"UPDATE sums SET output = 21 WHERE dimension = '' AND day = '{TODAY}'",
        one(EVERYTHING, "output tokens", 21, 20),
    ),
    "money of an agent": (
        f"UPDATE sums SET input_nanos = 6 WHERE dimension = 'agent' AND day = '{TODAY}'",
        one(f"{TODAY}, agent a, openai/gpt-4o of acme", "input, in nano-USD", 6, 7),
    ),
    "what a label counts": (
        f"UPDATE sums SET failed = 1 WHERE dimension = 'label:team' AND day = '{TODAY}'",
        one(f"{TODAY}, label:team red, openai/gpt-4o of acme", "failed calls", 1, 0),
    ),
    "sums of a value that no call has": (
        "INSERT INTO sums SELECT dimension, day, 'mallory', provider, model, tenant, "
        + ", ".join(("1", *["0"] * 18))
        + f" FROM sums WHERE dimension = 'agent' AND day = '{TODAY}'",
        one(f"{TODAY}, agent mallory, openai/gpt-4o of acme", "calls", 1, 0),
    ),
    "the outcome of a row": (
        "UPDATE calls SET state = 'failed' WHERE call_id = 'done'",
        (
            Finding(EVERYTHING, "failed calls", 0, 1),
            Finding(f"{TODAY}, agent a, openai/gpt-4o of acme", "failed calls", 0, 1),
            Finding(f"{TODAY}, end_user (none), openai/gpt-4o of acme", "failed calls", 0, 1),
            Finding(f"{TODAY}, api_key (none), openai/gpt-4o of acme", "failed calls", 0, 1),
        ),
    ),
}


class AuditContract:
    """For subclasses of LedgerContract whose `ledger` is a Store and an Audit. Its sums are those
    of SUMMED_LABEL as well.
    """

    @pytest.fixture
    def ledger(self) -> Books | AsyncIterator[Books]:
        """The store under test."""
        raise NotImplementedError("subclasses have one")

    @pytest.fixture
    def tamper(self) -> Tamper:
        """What changes that store behind its back."""
        raise NotImplementedError("subclasses have one")

    async def test_an_empty_ledger_adds_up(self, ledger: Books) -> None:
        assert await ledger.audit() == ()
        assert await ledger.examine(START) == Examined(
            calls=0,
            accounts=0,
            days=0,
            oldest="",
            findings=(),
            above=(),
            above_count=0,
            overdue=0,
            unknown=0,
            unknown_nanos=0,
        )

    @pytest.mark.parametrize("seed", [1, 2])
    async def test_after_random_traffic_an_audit_finds_nothing(
        self, ledger: Books, seed: int
    ) -> None:
        walk = Walk([ledger], seed)
        await walk.steps(300)
        assert walk.model.open
        assert await ledger.audit() == ()
        await ledger.prune(START + 20 * DAY_S)
        assert await ledger.audit() == ()
        await ledger.adopt((*BUDGETS, TOTAL), START)
        assert await ledger.audit() == ()

    @pytest.mark.parametrize("what", TAMPERED)
    async def test_what_was_tampered_with_is_found_and_named(
        self, ledger: Books, tamper: Tamper, what: str
    ) -> None:
        await filled(ledger)
        assert await ledger.audit() == ()
        sql, findings = TAMPERED[what]
        await tamper(sql)
        assert await ledger.audit() == findings

    async def test_a_row_that_is_gone_is_missed_everywhere(
        self, ledger: Books, tamper: Tamper
    ) -> None:
        await filled(ledger)
        await tamper("DELETE FROM calls WHERE call_id = 'done'")
        found = {(one.where, one.what): one.difference for one in await ledger.audit()}
        assert found[f"daily|{TODAY}|global", "spent, in nano-USD"] == 7
        assert found["ever|total|global", "spent, in nano-USD"] == 7
        assert found[EVERYTHING, "calls"] == 1
        assert found[EVERYTHING, "output tokens"] == 20
        assert found[f"{TODAY}, label:team red, openai/gpt-4o of acme", "calls"] == 1

    async def test_what_a_pruned_day_had_is_compared_by_its_sums(
        self, ledger: Books, tamper: Tamper
    ) -> None:
        await filled(ledger)
        await ledger.prune(MIDNIGHT)
        assert await ledger.audit() == ()
        for sql, where, what in (
            ("SET calls = 2 WHERE dimension = ''", "agent", "calls"),
            ("SET output = 19 WHERE dimension = 'agent'", "agent", "output tokens"),
            ("SET reasoning = 1 WHERE dimension = 'label:team'", "label:team", "reasoning tokens"),
        ):
            await tamper(f"UPDATE sums {sql} AND day = '{YESTERDAY}'")
            found = [(one.where, one.what) for one in await ledger.audit()]
            assert (f"{YESTERDAY}, {where}, openai/gpt-4o of acme", what) in found

    async def test_a_label_that_was_told_later_has_smaller_sums(
        self, ledger: Books, tamper: Tamper
    ) -> None:
        await filled(ledger)
        await tamper(f"DELETE FROM sums WHERE dimension = 'label:team' AND day = '{YESTERDAY}'")
        assert await ledger.audit() == ()

    async def test_while_old_rows_are_being_pruned_nothing_is_wrong(
        self, ledger: Books, tamper: Tamper
    ) -> None:
        await filled(ledger)
        await tamper(f"INSERT INTO facts VALUES ('oldest', {MIDNIGHT})")
        assert await ledger.audit() == ()

    async def test_where_all_is_wrong_not_all_of_it_is_named(
        self, ledger: Books, tamper: Tamper
    ) -> None:
        names = [f"{number:04}" for number in range(MOST_FINDINGS + 1)]
        await asyncio.gather(*(ended(ledger, name, agent_id=name) for name in names))
        await tamper("UPDATE sums SET calls = calls + 1, output = 0 WHERE dimension = 'agent'")
        accounts = ", ".join(f"('b|total|{name}', 9, '', 0, 1, 0, 0)" for name in names)
        await tamper(f"INSERT INTO accounts VALUES {accounts}")
        found = await ledger.audit()
        held = [one.where for one in found if one.what == "held, in nano-USD"]
        assert held == [f"b|total|{name}" for name in names[:-1]]
        sums = [one.where for one in found if "agent" in one.where]
        assert len(sums) == MOST_FINDINGS
        assert len(found) == 2 * MOST_FINDINGS

    async def test_labels_that_were_told_later_hide_no_wrong_one(
        self, ledger: Books, tamper: Tamper
    ) -> None:
        names = [f"{number:04}" for number in range(MOST_FINDINGS + 1)]
        await asyncio.gather(*(ended(ledger, name, labels={SUMMED_LABEL: name}) for name in names))
        await tamper("UPDATE sums SET calls = 0 WHERE dimension = 'label:team'")
        await tamper(f"UPDATE sums SET calls = 2 WHERE value = '{names[-1]}'")
        where = f"{TODAY}, label:team {names[-1]}, openai/gpt-4o of acme"
        assert await ledger.audit() == one(where, "calls", 2, 1)

    async def test_what_is_to_be_known_is_told_beside_what_adds_up(self, ledger: Books) -> None:
        await filled(ledger)
        small = replace(DAILY, name="small", limit_nanos=60)
        late = replace(intent("late", started_at=START - 100), hold_nanos=40)
        await ledger.begin(late, asks(late, small))
        await ledger.sweep(START)  # expired: its whole hold is spent
        dear = replace(intent("dear"), hold_nanos=20)
        await ledger.begin(dear, asks(dear, small))
        await ledger.settle(settlement("dear", nanos=500))
        free = intent("free", started_at=START - 100)
        await ledger.begin(replace(free, price_known=False, hold_nanos=0))
        await ledger.sweep(START)  # its price is unknown, so is what it cost
        found = await ledger.examine(START + 60)
        assert found == Examined(
            calls=6,
            accounts=7,
            days=2,
            oldest="",
            findings=(),
            above=(Balance(account=f"small|{TODAY}|global", limit_nanos=60, spent_nanos=540),),
            above_count=1,
            overdue=1,
            unknown=2,
            unknown_nanos=40,
        )
        await ledger.prune(MIDNIGHT)
        assert (await ledger.examine(START)).oldest == TODAY

    async def test_money_of_unknown_price_is_in_no_sum(self, ledger: Books) -> None:
        call = intent("a")
        await ledger.begin(call, asks(call, DAILY))
        unknown = Cost(input_nanos=9, unknown=True)
        await ledger.settle(replace(settlement("a"), cost=unknown, state=CallState.CANCELLED))
        assert await ledger.audit() == ()
