"""Real files: what is told is there, one line each; what is lost is counted and said."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import stat
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hexgate.adapters.observers.interactions import (
    MAX_BYTES,
    MAX_RECORDS,
    InteractionLog,
    Off,
    open_log,
)
from hexgate.adapters.observers.redaction import Redaction
from hexgate.adapters.observers.tally import EVERY_S, Tally
from hexgate.adapters.observers.transcript import Wording
from hexgate.domain.chat import Text
from hexgate.domain.interaction import Interaction
from hexgate.ports.interactions import Interactions
from tests.contracts.interactions import ASKED, EMBEDDED, InteractionsContract
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


def numbered(count: int, text: str = "") -> list[Interaction]:
    """So many calls, each with a name of its own."""
    return [replace(ASKED, call_id=f"c{n}", parts=(Text(text),)) for n in range(count)]


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a file; each of them is whole."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def mode(path: Path) -> int:
    """Who may do what."""
    return stat.S_IMODE(path.stat().st_mode)


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


async def test_nobody_else_may_read_the_file_nor_one_that_was_there(
    opened: Open, tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"call_id": "old"}\n{"call_id": "torn')
    path.chmod(0o644)
    before = os.umask(0)
    try:
        log = opened(max_bytes=4_000)
        for one in numbered(6):
            log.ended(one)
        await log.aclose()
    finally:
        os.umask(before)
    assert sorted(os.listdir(tmp_path)) == ["log.jsonl", "log.jsonl.1", "log.jsonl.2"]
    assert {mode(tmp_path / name) for name in os.listdir(tmp_path)} == {0o600}


async def test_what_was_there_stays_and_a_torn_line_stays_alone(
    opened: Open, tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"call_id": "old"}\n{"call_id": "torn')
    log = opened()
    log.ended(ASKED)
    await log.aclose()
    first, second, third = path.read_text(encoding="utf-8").splitlines()
    assert (first, second) == ('{"call_id": "old"}', '{"call_id": "torn')
    assert json.loads(third)["call_id"] == ASKED.call_id


async def test_files_are_begun_anew_by_size_and_the_oldest_goes(
    opened: Open, tmp_path: Path
) -> None:
    log = opened(max_bytes=6_000, keep=2)
    for one in numbered(40):
        log.ended(one)
    await log.aclose()
    files = [tmp_path / f"log.jsonl{end}" for end in (".2", ".1", "")]
    assert sorted(os.listdir(tmp_path)) == sorted(file.name for file in files)
    assert all(file.stat().st_size <= 6_000 for file in files)
    names = [line["call_id"] for file in files for line in read(file)]
    # In order, without a gap, up to the last one.
    assert names == [f"c{n}" for n in range(40 - len(names), 40)]
    assert 6 <= len(names) < 40


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing"])
def test_what_is_no_file_is_refused_at_the_start(opened: Open, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "here"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)  # nobody reads it: to open it would wait for ever
    else:
        path = path / "log.jsonl"
    with pytest.raises(OSError, match="here"):
        opened(path)


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
    stuck: tuple[InteractionLog, Stuck], told: Told
) -> None:
    log, file = stuck
    (heavy,) = numbered(1, "x" * (MAX_BYTES // 2))
    log.ended(heavy)
    log.ended(heavy)
    log.ended(ASKED)
    assert told.lines == [(TOO_SLOW, {"count": 1})]
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
    assert (tmp_path / "log.jsonl").read_text() == ""


@contextmanager
def no_more_than(size: int) -> Iterator[None]:
    """No file of this process may become larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_said_and_once_there_is_room_lines_are_whole_again(
    opened: Open, tmp_path: Path, told: Told, clock: FakeClock
) -> None:
    path = tmp_path / "log.jsonl"
    log = opened()
    log.ended(replace(ASKED, call_id="before"))
    with no_more_than(2_600):
        for name in ("torn", "lost"):
            told.spoke.clear()
            clock.advance(EVERY_S)
            log.ended(replace(ASKED, call_id=name))
            assert await asyncio.to_thread(told.spoke.wait, WAIT_S)
    log.ended(replace(ASKED, call_id="after"))
    await log.aclose()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(lines[place])["call_id"] for place in (0, -1)] == ["before", "after"]
    assert len(lines) == 3
    assert lines[1].startswith('{"call_id":"torn"')
    assert told.lines == [(NOT_WRITTEN, {"count": 1, "error": "OSError: File too large"})] * 2


async def test_a_folder_that_is_gone_is_said_and_one_that_is_back_is_used(
    opened: Open, tmp_path: Path, told: Told
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = opened(folder / "log.jsonl", max_bytes=3_000)
    moved = folder.rename(tmp_path / "moved")
    log.ended(replace(ASKED, call_id="one"))  # into the file that is open
    log.ended(replace(ASKED, call_id="two"))  # for which a new one has to be begun
    assert await asyncio.to_thread(told.spoke.wait, WAIT_S)
    folder.mkdir()
    log.ended(replace(ASKED, call_id="three"))
    await log.aclose()
    assert [line["call_id"] for line in read(moved / "log.jsonl")] == ["one"]
    assert [line["call_id"] for line in read(folder / "log.jsonl")] == ["three"]
    assert told.lines == [
        (NOT_WRITTEN, {"count": 1, "error": "FileNotFoundError: No such file or directory"})
    ]


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
