"""`hexgate ledger` as it is run, in a folder with a ledger of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hexgate.adapters.ledger.sqlite import SqliteLedger, open_sqlite
from hexgate.entrypoints.cli import app

CONFIG = """\
providers:
  sim: {kind: simulator}
ledger: {backend: sqlite, path: hexgate.db}
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class House:
    """A folder with a configuration and a ledger."""

    folder: Path

    @property
    def ledger(self) -> Path:
        """The file of the ledger."""
        return self.folder / "hexgate.db"

    def configure(self, text: str = CONFIG) -> None:
        """Write the configuration."""
        (self.folder / "hexgate.yaml").write_text(text)

    def fill(self, work: Callable[[SqliteLedger], Awaitable[object]]) -> None:
        """Let an engine do something with the ledger, then close it."""

        async def fill() -> None:
            ledger = open_sqlite(self.ledger)
            try:
                await work(ledger)
            finally:
                await ledger.aclose()

        asyncio.run(fill())

    def tamper(self, sql: str) -> None:
        """Change the ledger behind its back."""
        with contextlib.closing(sqlite3.connect(self.ledger)) as db:
            db.executescript(sql)

    def run(self, *words: str) -> Ran:
        """Run `hexgate ledger` with these words and the configuration."""
        with contextlib.chdir(self.folder):
            # As wide as a table likes, whatever terminal the tests run in.
            runner = CliRunner(env={"COLUMNS": "200"})
            done = runner.invoke(app, ["ledger", *words, "--config", "hexgate.yaml"])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    def verified(self) -> dict[str, Any]:
        """What `verify --json` says; its exit code has to agree."""
        done = self.run("verify", "--json")
        found: dict[str, Any] = json.loads(done.out)
        assert (done.code, done.err) == (int(not found["adds_up"]), "")
        return found


@pytest.fixture
def house(tmp_path: Path) -> House:
    """One with an empty ledger."""
    found = House(tmp_path)
    found.configure()
    open_sqlite(found.ledger).close()
    return found
