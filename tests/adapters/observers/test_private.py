"""The file of a log: whole lines for nobody else to read, begun anew by size, whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hexgate.adapters.observers.tally import EVERY_S
from hexgate.domain.chat import Text
from tests.adapters.observers.conftest import (
    NOT_WRITTEN,
    WAIT_S,
    WORDING,
    Open,
    Told,
    numbered,
    read,
)
from tests.contracts.interactions import ASKED
from tests.fakes import FakeClock


def mode(path: Path) -> int:
    """Who may do what."""
    return stat.S_IMODE(path.stat().st_mode)


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
    log = opened(wording=replace(WORDING, most=100_000))
    log.ended(replace(ASKED, call_id="before"))
    with no_more_than(20_000):
        for name in ("torn", "lost"):
            told.spoke.clear()
            clock.advance(EVERY_S)
            # More than any buffer holds, which would keep the rest of it for later.
            log.ended(replace(ASKED, call_id=name, parts=(Text("x" * 50_000),)))
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
