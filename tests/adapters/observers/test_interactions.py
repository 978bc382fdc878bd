"""Real files: what is told is there, one line each; what is lost is counted and said."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hexgate.adapters.observers.interactions import MAX_BYTES, MAX_RECORDS, InteractionLog
from hexgate.adapters.observers.off import Off
from hexgate.adapters.observers.tally import EVERY_S, Tally
from hexgate.domain.chat import Text
from hexgate.ports.interactions import Interactions
from tests.adapters.observers.conftest import (
    NOT_WRITTEN,
    TOO_SLOW,
    WAIT_S,
    WORDING,
    Open,
    Told,
    numbered,
    read,
)
from tests.contracts.interactions import ASKED, EMBEDDED, InteractionsContract
from tests.fakes import FakeClock


class Stuck(logging.Handler):
    """A file whose disk does not answer until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.gate = threading.Event(), threading.Event()
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self.entered.set()
        assert self.gate.wait(WAIT_S)
        self.written.append(record.getMessage())


@pytest.fixture
async def stuck(told: Told, clock: FakeClock) -> AsyncIterator[tuple[InteractionLog, Stuck]]:
    """A log over a disk that does not answer, and the disk."""
    file = Stuck()
    lost = Tally(told, NOT_WRITTEN, clock)
    log = InteractionLog(file, share=1.0, wording=WORDING, clock=clock, logger=told, lost=lost)
    log.start()
    yield log, file
    file.gate.set()
    await log.aclose()


class TestInteractionLog(InteractionsContract):
    @pytest.fixture(autouse=True)
    def _open(self, opened: Open) -> None:
        self.open = opened

    async def make(self) -> Interactions:
        return self.open()

    async def broken(self) -> Interactions:
        log = self.open()
        await log.aclose()
        return log


class TestOff(InteractionsContract):
    async def make(self) -> Interactions:
        return Off()

    async def broken(self) -> Interactions:
        return Off()


async def test_each_call_is_a_line_and_closing_writes_what_still_waits(
    opened: Open, tmp_path: Path, told: Told
) -> None:
    log = opened(max_bytes=10 << 20)
    for one in numbered(300, "grüß dich\nkim@example.com"):
        log.ended(one)
    log.ended(replace(EMBEDDED, call_id="c300"))
    await log.aclose()
    lines = read(tmp_path / "log.jsonl")
    assert [line["call_id"] for line in lines] == [f"c{n}" for n in range(301)]
    assert lines[0]["answered"]["parts"] == [{"type": "text", "text": "grüß dich\n[email]"}]
    assert told.lines == []


async def test_half_a_character_is_written_as_json_can_say_it(opened: Open, tmp_path: Path) -> None:
    log = opened()
    log.ended(replace(ASKED, parts=(Text("half \ud83d of it"),)))
    await log.aclose()
    (line,) = read(tmp_path / "log.jsonl")
    assert line["answered"]["parts"][0]["text"] == "half \ud83d of it"


def test_a_share_is_chosen_by_the_name_of_the_call(opened: Open, tmp_path: Path) -> None:
    names = [f"call-{number}" for number in range(4_000)]
    chosen = []
    for share in (0.0, 0.1, 0.5, 1.0):
        log = opened(tmp_path / f"{share}", share=share)
        chosen.append({name for name in names if log.wants(name)})
    none, tenth, half, every = chosen
    assert (none, every) == (set(), set(names))
    assert tenth < half
    assert (len(tenth), len(half)) == (419, 2011)  # of these names, at each replica


async def test_when_too_many_wait_the_rest_is_dropped_counted_and_said_once_a_minute(
    stuck: tuple[InteractionLog, Stuck], told: Told, clock: FakeClock
) -> None:
    log, file = stuck
    log.ended(ASKED)
    assert file.entered.wait(WAIT_S)  # that one is on its way to the disk, and waits no more
    for one in numbered(MAX_RECORDS + 5):
        log.ended(one)
    assert told.lines == [(TOO_SLOW, {"count": 1})]
    clock.advance(EVERY_S - 1)
    log.ended(ASKED)
    assert len(told.lines) == 1
    clock.advance(1)
    log.ended(ASKED)
    assert told.lines[1:] == [(TOO_SLOW, {"count": 6})]
    log.ended(ASKED)
    file.gate.set()
    await log.aclose()
    assert len(file.written) == MAX_RECORDS + 1
    assert told.lines[2:] == [(TOO_SLOW, {"count": 1})]


async def test_what_waits_has_a_bound_in_bytes_too(
    stuck: tuple[InteractionLog, Stuck], told: Told, clock: FakeClock
) -> None:
    log, file = stuck
    (heavy,) = numbered(1, "x" * (MAX_BYTES // 2))
    log.ended(heavy)
    log.ended(heavy)
    log.ended(heavy)
    assert told.lines == [(TOO_SLOW, {"count": 1})]
    clock.advance(EVERY_S)
    log.ended(ASKED)  # for which there is room; the other is said all the same
    assert told.lines == [(TOO_SLOW, {"count": 1})] * 2
    file.gate.set()
    await log.aclose()
    assert len(file.written) == 2


async def test_one_alone_may_be_heavier_than_the_bound(
    stuck: tuple[InteractionLog, Stuck], told: Told
) -> None:
    log, file = stuck
    log.ended(replace(ASKED, parts=(Text("x" * (MAX_BYTES + 1)),)))
    file.gate.set()
    await log.aclose()
    assert (len(file.written), told.lines) == (1, [])


async def test_a_disk_that_does_not_answer_holds_nobody_up(
    stuck: tuple[InteractionLog, Stuck],
) -> None:
    log, file = stuck
    for one in numbered(20):
        log.ended(one)
    assert file.entered.wait(WAIT_S)
    assert file.written == []
    closing = asyncio.create_task(log.aclose())
    await asyncio.sleep(0)  # the loop goes on meanwhile
    file.gate.set()
    await closing
    assert len(file.written) == 20


async def test_closing_gives_up_what_takes_too_long(
    stuck: tuple[InteractionLog, Stuck], told: Told, clock: FakeClock
) -> None:
    log, file = stuck
    for one in numbered(5):
        log.ended(one)
    assert file.entered.wait(WAIT_S)
    closing = asyncio.create_task(log.aclose())
    await asyncio.sleep(0)
    clock.advance(11)
    file.gate.set()
    await closing
    assert len(file.written) == 1
    assert sum(fields["count"] for _, fields in told.lines) == 4
    assert {(event, fields["error"]) for event, fields in told.lines} == {
        (NOT_WRITTEN, "TimeoutError")
    }


async def test_what_is_told_after_the_end_is_dropped(opened: Open, tmp_path: Path) -> None:
    log = opened()
    await log.aclose()
    await log.aclose()
    log.ended(ASKED)
    assert log._queue.empty()
    assert (tmp_path / "log.jsonl").read_text() == ""


async def test_one_that_cannot_be_written_is_not_the_last_and_its_words_are_not_said(
    opened: Open, tmp_path: Path, told: Told
) -> None:
    log = opened()
    log.ended(replace(ASKED, started_at=float("inf")))
    log.ended(ASKED)
    await log.aclose()
    assert len(read(tmp_path / "log.jsonl")) == 1
    assert told.lines == [(NOT_WRITTEN, {"count": 1, "error": "OverflowError"})]


async def test_a_log_that_cannot_be_told_either_breaks_nothing(
    tmp_path: Path, clock: FakeClock
) -> None:
    class Closed(Told):
        def warning(self, event: str, **fields: Any) -> None:
            raise ValueError("I/O operation on closed file")

    tally = Tally(Closed(), NOT_WRITTEN, clock)
    tally.add(OSError("x"))
    tally.flush()
