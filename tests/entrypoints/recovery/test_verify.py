"""`hexgate ledger verify`: what it checks, what it finds, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from hexgate.adapters.ledger.sqlite import SqliteLedger, open_sqlite
from tests.contracts.accounts import asks
from tests.contracts.audit import DAILY, TODAY, filled
from tests.contracts.ledger import START, intent, settlement
from tests.contracts.reports import MIDNIGHT
from tests.entrypoints.recovery.conftest import CONFIG, House


def test_a_ledger_that_adds_up_is_said_to(house: House) -> None:
    house.fill(filled)
    done = house.run("verify")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "checked in the ledger hexgate.db: calls 3, accounts 6, days of sums 2",
        "everything adds up",
        "calls pending beyond their expiry, which no gateway swept yet: 1",
    ]


def test_programs_are_told_in_one_object(house: House) -> None:
    house.fill(filled)
    assert house.verified() == {
        "adds_up": True,
        "calls": 3,
        "accounts": 6,
        "days": 2,
        "oldest_day": None,
        "findings": [],
        "above_limit_count": 0,
        "above_limit": [],
        "overdue_calls": 1,
        "unknown_calls": 0,
        "unknown_nanos": 0,
    }


@pytest.mark.parametrize(
    ("sql", "where", "what", "difference"),
    [
        ("UPDATE calls SET output = 19 WHERE call_id = 'done'", TODAY, "output tokens", 1),
        ("UPDATE sums SET calls = 3 WHERE dimension = ''", TODAY, "calls", 2),
        ("UPDATE accounts SET spent_nanos = 0", f"daily|{TODAY}|global", "spent", -7),
        ("UPDATE accounts SET held_nanos = 51", f"daily|{TODAY}|global", "held", 1),
    ],
)
def test_what_was_tampered_with_is_named_and_ends_with_1(
    house: House, sql: str, where: str, what: str, difference: int
) -> None:
    house.fill(filled)
    house.tamper(sql)
    found = house.verified()["findings"]
    (one,) = [
        one
        for one in found
        if one["where"].startswith(where)
        and one["what"].startswith(what)
        and "agent" not in one["where"]
        and "end_user" not in one["where"]
        and "api_key" not in one["where"]
    ]
    assert one["difference"] == one["kept"] - one["summed"] == difference
    done = house.run("verify")
    assert done.code == 1
    assert f"figures that do not add up: {len(found)}" in done.out
    (line,) = [
        line
        for line in done.out.splitlines()
        if line.strip().startswith(f"{one['where']} ") and one["what"] in line
    ]
    assert line.split()[-3:] == [f"{one['kept']}", f"{one['summed']}", f"{difference:+}"]


async def strained(ledger: SqliteLedger) -> None:
    """Accounts above their limits, and calls that nobody saw end."""
    small = replace(DAILY, name="small", limit_nanos=60)
    for name, hold in (("a", 20), ("lost", 40)):
        call = replace(intent(name), hold_nanos=hold)
        await ledger.begin(call, asks(call, small))
    await ledger.settle(settlement("a", nanos=500))
    await ledger.sweep(START + 60)


def test_what_is_odd_is_told_and_is_no_error(house: House) -> None:
    house.fill(strained)
    done = house.run("verify")
    assert done.code == 0
    assert done.out.splitlines()[1:] == [
        "everything adds up",
        "accounts that have spent and hold more than their limit: 1",
        f"  small|{TODAY}|global: $0.00000054 spent and $0.00 held of $0.00000006",
        "calls without a recorded outcome: 1, charged $0.00000004, as held",
    ]
    found = house.verified()
    assert found["above_limit"] == [
        {
            "account": f"small|{TODAY}|global",
            "limit_nanos": 60,
            "spent_nanos": 540,
            "held_nanos": 0,
        }
    ]
    assert (found["unknown_calls"], found["unknown_nanos"]) == (1, 40)


def test_where_rows_are_pruned_it_says_since_when_they_are_kept(house: House) -> None:
    async def pruned(ledger: SqliteLedger) -> None:
        await filled(ledger)
        await ledger.prune(MIDNIGHT)

    house.fill(pruned)
    assert f"rows are kept since {TODAY}: earlier sums were" in house.run("verify").out
    assert house.verified()["oldest_day"] == TODAY


async def test_it_works_beside_a_running_gateway(house: House) -> None:
    ledger = open_sqlite(house.ledger)
    try:
        await filled(ledger)
        for calls in (3, 4):
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "hexgate", "ledger", "verify", "--json"],
                cwd=house.folder,
                env={"PATH": os.environ["PATH"], "HEXGATE_CONFIG": "hexgate.yaml"},
                capture_output=True,
                timeout=60,
                check=True,
            )
            assert json.loads(done.stdout)["calls"] == calls
            await ledger.begin(intent(f"new-{calls}"))
    finally:
        await ledger.aclose()


def test_a_ledger_that_is_not_there_is_an_error_and_not_made(house: House) -> None:
    house.ledger.unlink()
    done = house.run("verify")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "ledger.path: the ledger hexgate.db is not there; a gateway makes it, at ledger.path\n"
    )
    assert not house.ledger.exists()


def test_an_older_schema_is_an_error_that_says_what_to_do(house: House) -> None:
    house.tamper("PRAGMA user_version = 1;")
    done = house.run("verify")
    assert done.code == 2
    assert "older version (schema 1, this one knows 2); start the gateway once" in done.err


def test_a_damaged_file_is_an_error(house: House) -> None:
    house.fill(filled)
    pages = house.ledger.read_bytes()
    house.ledger.write_bytes(pages[:4096] + b"\xff" * (len(pages) - 4096))
    done = house.run("verify")
    assert done.code == 2
    assert done.err.startswith("ledger.path: the ledger cannot be read; try again later (SQLITE_")


def test_a_ledger_in_memory_is_nobody_elses_to_read(house: House) -> None:
    house.configure(CONFIG.replace("backend: sqlite, path: hexgate.db", "backend: memory"))
    done = house.run("verify")
    assert done.code == 2
    assert done.err.startswith("ledger.backend: memory is gone when the gateway ends")


def test_a_configuration_that_is_wrong_is_an_error(house: House) -> None:
    house.configure("ledger: {backend: paper}")
    done = house.run("verify")
    assert done.code == 2
    assert "ledger.backend" in done.err
