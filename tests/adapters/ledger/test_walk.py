"""Budgets hold, whatever happens to calls, processes and clocks."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.ledger.sqlite import open_sqlite
from hexgate.ports.store import Store
from tests.adapters.ledger.walk import Walk

# The long form: HEXGATE_WALK_STEPS=1000000.
STEPS = int(os.environ.get("HEXGATE_WALK_STEPS", "8000"))
pytestmark = pytest.mark.timeout(120 + STEPS / 100)


async def test_no_account_is_ever_above_its_limit_in_memory() -> None:
    walk = Walk([MemoryLedger(max_entries=2 * STEPS)], seed=STEPS)
    await walk.steps(STEPS)
    await walk.finish()
    assert walk.refused
    assert walk.swept


class Disk:
    """A ledger's files. A crash leaves what was on the disk at that moment, in another place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = (f"ledger-{number}.db" for number in itertools.count())
        self._path = folder / next(self._names)
        self.ledger = open_sqlite(self._path, labels=("team",))

    async def crash(self) -> list[Store]:
        """The process is gone; a new one opens the files as they are."""
        if self.ledger._writer._group is not None:
            # What is being committed is done: half a write is for tests that kill real processes.
            await self.ledger.get("")
        # What is queued and not begun is lost.
        there = self._folder / next(self._names)
        for suffix in ("", "-wal"):
            source = self._path.with_name(f"{self._path.name}{suffix}")
            if source.exists():
                shutil.copy(source, there.with_name(f"{there.name}{suffix}"))
        await self.ledger.aclose()
        for file in self._folder.glob(f"{self._path.name}*"):
            file.unlink()
        self._path = there
        self.ledger = open_sqlite(there, labels=("team",))
        return [self.ledger]


async def test_no_account_is_ever_above_its_limit_on_disk(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    try:
        walk = Walk([disk.ledger], STEPS, disk.crash)
        await walk.steps(STEPS)
        await walk.finish()
        assert walk.refused
        assert walk.swept
        assert walk.crashes
        assert await disk.ledger.audit() == ()
    finally:
        await disk.ledger.aclose()
