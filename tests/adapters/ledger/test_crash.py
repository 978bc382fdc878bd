"""SIGKILL at any moment: nothing that was acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
from collections import Counter
from pathlib import Path

import pytest

from hexgate.adapters.ledger.sqlite import open_sqlite
from hexgate.domain.ledger import CallState

# The long form: HEXGATE_CRASH_ROUNDS=200.
ROUNDS = int(os.environ.get("HEXGATE_CRASH_ROUNDS", "5"))
pytestmark = pytest.mark.timeout(120 + 10 * ROUNDS)


async def killed(path: Path, run: int, after: int) -> list[str]:
    """What a writer acknowledged before it was killed, which was after so many lines.

    In every other run it kills itself the moment it is answered, when an answer given too early
    would be caught; else it is killed from outside, wherever it is by then.
    """
    own = str(after if run % 2 else 0)
    victim = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.adapters.ledger.victim", str(path), f"run{run}", own),
        stdout=asyncio.subprocess.PIPE,
    )
    assert victim.stdout is not None
    lines = [await victim.stdout.readline() for _ in range(after)]
    if not run % 2:
        victim.kill()
    lines += (await victim.stdout.read()).splitlines(keepends=True)
    await victim.wait()
    assert len(lines) >= after
    # The kill may cut the last line.
    return [line.decode().strip() for line in lines if line.endswith(b"\n")]


async def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    moments = random.Random(7)
    said: list[str] = []
    for run in range(ROUNDS):
        said += await killed(path, run, moments.randrange(1, 1500))
    begun = {line.split()[1] for line in said if line.startswith("begun")}
    settled = {line.split()[1]: int(line.split()[2]) for line in said if line.startswith("settled")}
    winners = Counter(line.split()[1] for line in said if line.startswith("settled"))
    assert begun
    assert all(count == 1 for count in winners.values())

    ledger = open_sqlite(path)
    try:
        for call_id in begun:
            assert await ledger.get(call_id) is not None
        for call_id, nanos in settled.items():
            found = await ledger.get(call_id)
            assert found is not None
            assert found.settlement is not None
            assert found.settlement.cost.input_nanos == nanos
        # Whatever was left open is found, once, by the sweep of the next start.
        swept = await ledger.sweep(1e12)
        assert await ledger.sweep(1e12) == 0
    finally:
        await ledger.aclose()

    db = sqlite3.connect(path)
    try:
        states = dict(db.execute("SELECT state, count(*) FROM calls GROUP BY state"))
        assert states.get(CallState.UNKNOWN.value, 0) == swept
        assert CallState.PENDING.value not in states
        assert db.execute("SELECT count(*) - count(DISTINCT call_id) FROM calls").fetchone() == (0,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        db.close()
