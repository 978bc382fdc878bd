"""How fast the ledger is, beside the plain INSERT of its store: run it as a script.

Everything of one engine runs in one process on one core, interleaved, round by round. Look at the
ratios: a figure alone says as much of the machine as of the ledger.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
import uvloop

from hexgate.adapters.ledger.postgres.ledger import open_postgres
from hexgate.adapters.ledger.sqlite import open_sqlite
from hexgate.domain.budget import Budget, Charge, Scope, Window
from hexgate.domain.ledger import CallState, Intent, Settlement
from hexgate.domain.price import Cost
from hexgate.domain.usage import Usage
from hexgate.ports.ledger import Ledger
from tests.postgres import running

CALLERS = 64
AT = 1_764_500_000.0
HOT = Budget(name="daily", limit_nanos=10**15, window=Window.DAY)
EACH = Budget(name="agents", limit_nanos=10**15, window=Window.DAY, scope=Scope("agent"))


@dataclass(frozen=True, slots=True)
class Pace:
    """Pairs of reserving and settling per second, and what one of each took, in milliseconds."""

    per_s: float
    begin_ms: float
    settle_ms: float


def intent(number: int, run: str) -> Intent:
    """A call that holds on two accounts."""
    return Intent(
        call_id=f"{run}-{number:010}",
        tenant="default",
        requested_model="best",
        provider="openai",
        model="gpt-5-mini",
        hold_nanos=1_000,
        price_known=True,
        started_at=AT,
        expires_at=AT + 600,
        session_id=f"session-{number % 500}",
        agent_id=f"agent-{number % 50}",
    )


def settlement(call_id: str) -> Settlement:
    """Its outcome."""
    return Settlement(
        call_id=call_id,
        state=CallState.SETTLED,
        usage=Usage(uncached_input=120, output=240),
        cost=Cost(input_nanos=300, output_nanos=400, price_version="bench"),
        provider="openai",
        model="gpt-5-mini",
        ended_at=AT + 1,
        finish="stop",
    )


def charges(call: Intent) -> tuple[Charge, ...]:
    """What it asks of its budgets."""
    asked = (budget.charge(call, call.started_at) for budget in (HOT, EACH))
    return tuple(charge for charge in asked if charge is not None)


async def pairs(ledgers: list[Ledger], count: int, run: str, per_s: float = 0.0) -> Pace:
    """So many calls, by CALLERS at a time at the most: so many a second, or as many as go."""
    begins: list[float] = []
    settles: list[float] = []
    numbers = iter(range(count))

    async def caller(place: int) -> None:
        ledger = ledgers[place % len(ledgers)]
        for number in numbers:
            early_s = first + number / per_s - time.perf_counter() if per_s else 0.0
            if early_s > 0:
                await asyncio.sleep(early_s)
            call = intent(number, run)
            start = time.perf_counter()
            await ledger.begin(call, charges(call))
            begun = time.perf_counter()
            await ledger.settle(settlement(call.call_id))
            ended = time.perf_counter()
            begins.append(begun - start)
            settles.append(ended - begun)

    first = time.perf_counter()
    await asyncio.gather(*map(caller, range(CALLERS)))
    took = time.perf_counter() - first
    middle = (1000 * statistics.median(times) for times in (begins, settles))
    return Pace(count / took, *middle)


def plain(path: Path, count: int, group: int) -> float:
    """Rows per second of nothing but INSERT, so many to a commit, as durable as the ledger."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE t (id TEXT PRIMARY KEY, a INT, b INT, c TEXT) STRICT, WITHOUT ROWID")
    start = time.perf_counter()
    for first in range(0, count, group):
        db.execute("BEGIN")
        for number in range(first, min(count, first + group)):
            db.execute("INSERT INTO t VALUES (?, ?, ?, ?)", (f"{number:036}", 1, 2, "text"))
        db.execute("COMMIT")
    took = time.perf_counter() - start
    db.close()
    return count / took


RATES = (0, 5_000, 2_500, 1_000)
"""Pairs per second that are asked for; 0 is as many as go."""


async def sqlite_round(folder: Path, run: str, count: int) -> tuple[float, float, list[Pace]]:
    """Plain inserts one by one and in groups, and the ledger at each of RATES."""
    alone = plain(folder / f"{run}-one.db", count // 20, 1)
    grouped = plain(folder / f"{run}-many.db", count, 64)
    ledger = open_sqlite(folder / f"{run}.db")
    try:
        paces = [await pairs([ledger], count, f"{run}-{rate}", rate) for rate in RATES]
    finally:
        await ledger.aclose()
    return alone, grouped, paces


def of(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


async def sqlite(rounds: int, count: int) -> None:
    """Print what the SQLite ledger does."""
    with tempfile.TemporaryDirectory() as name:
        done = [await sqlite_round(Path(name), f"r{number}", count) for number in range(rounds)]
    alone, grouped = of([one[0] for one in done]), of([one[1] for one in done])
    print(f"sqlite, {CALLERS} callers, one core, synchronous=FULL; medians of {rounds} rounds")
    print(f"  plain INSERT, a commit each      {alone:9,.0f} rows/s")
    print(f"  plain INSERT, 64 to a commit     {grouped:9,.0f} rows/s")
    for place, rate in enumerate(RATES):
        paces = [one[2][place] for one in done]
        per_s = of([pace.per_s for pace in paces])
        title = f"{rate:,}/s asked" if rate else "flat out"
        print(
            f"  reserve and settle, {title:<13}{per_s:9,.0f} pairs/s "
            f"({2 * per_s / alone:.1f} writes for one plain INSERT alone, "
            f"{2 * per_s / grouped:.3f} in groups); "
            f"begin {of([pace.begin_ms for pace in paces]):.2f} ms, "
            f"settle {of([pace.settle_ms for pace in paces]):.2f} ms"
        )


async def plain_postgres(dsn: str, count: int) -> float:
    """Rows per second of nothing but INSERT over one connection, a commit each."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as db:
        await db.execute("CREATE TABLE IF NOT EXISTS t (id text, a bigint, b bigint, c text)")
        start = time.perf_counter()
        for number in range(count):
            await db.execute(
                "INSERT INTO t VALUES (%s, %s, %s, %s)", (f"{number:036}", 1, 2, "text")
            )
        return count / (time.perf_counter() - start)


async def postgres(rounds: int, count: int) -> None:
    """Print what two replicas on one hot account do."""
    with running() as server:
        dsn = server.create("bench")
        replicas = [await open_postgres(dsn) for _ in range(2)]
        alone: list[float] = []
        paces: list[Pace] = []
        for number in range(rounds):
            alone.append(await plain_postgres(dsn, count // 20))
            paces.append(await pairs([*replicas], count, f"p{number}"))
        for replica in replicas:
            await replica.aclose()
    per_s = of([pace.per_s for pace in paces])
    print(f"postgres, two replicas, one hot account, {CALLERS} callers; medians of {rounds} rounds")
    print(f"  plain INSERT, a commit each      {of(alone):9,.0f} rows/s")
    print(
        f"  reserve and settle, flat out     {per_s:9,.0f} pairs/s "
        f"({2 * per_s / of(alone):.1f} writes for one plain INSERT); "
        f"begin {of([pace.begin_ms for pace in paces]):.2f} ms, "
        f"settle {of([pace.settle_ms for pace in paces]):.2f} ms"
    )


def main() -> None:
    """Parse, pin, run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=20_000)
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(sqlite(args.rounds, args.pairs))
        runner.run(postgres(args.rounds, args.pairs // 2))


if __name__ == "__main__":
    main()
