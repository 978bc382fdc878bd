"""A log in a folder of its own, over a clock that stands still."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hexgate.adapters.observers.interactions import InteractionLog, open_log
from hexgate.adapters.observers.redaction import Redaction
from hexgate.adapters.observers.transcript import Wording
from hexgate.domain.chat import Text
from hexgate.domain.interaction import Interaction
from tests.contracts.interactions import ASKED
from tests.fakes import FakeClock

WORDING = Wording(Redaction.usual(), contents=True, most=1_000)
WAIT_S = 20.0
TOO_SLOW = "interactions dropped, the log is too slow"
NOT_WRITTEN = "interactions not written"


class Told:
    """A Logger that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.spoke = threading.Event()

    def warning(self, event: str, **fields: Any) -> None:
        """See Logger."""
        self.lines.append((event, fields))
        self.spoke.set()

    info = error = warning


Open = Callable[..., InteractionLog]


@pytest.fixture
def told() -> Told:
    """The ordinary log."""
    return Told()


@pytest.fixture
def clock() -> FakeClock:
    """It stands still."""
    return FakeClock()


@pytest.fixture
async def opened(tmp_path: Path, told: Told, clock: FakeClock) -> AsyncIterator[Open]:
    """Opens `log.jsonl`; closed at the end."""
    made: list[InteractionLog] = []

    def go(path: Path | None = None, **fields: Any) -> InteractionLog:
        wish = {"max_bytes": 1 << 20, "keep": 2, "share": 1.0, "wording": WORDING, **fields}
        made.append(open_log(path or tmp_path / "log.jsonl", clock=clock, logger=told, **wish))
        return made[-1]

    yield go
    for log in made:
        await log.aclose()


def numbered(count: int, text: str = "") -> list[Interaction]:
    """So many calls, each with a name of its own."""
    return [replace(ASKED, call_id=f"c{n}", parts=(Text(text),)) for n in range(count)]


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a file; each of them is whole."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
