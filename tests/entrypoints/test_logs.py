"""What the process writes to its log, whoever writes it."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime
from typing import Any

SCRIPT = """
import logging, sys, warnings
import structlog
from hexgate.entrypoints import logs

logs.configure({level!r}, as_json={as_json})
structlog.get_logger().error("ours", call="c-1")
library = logging.getLogger("some.library")
library.warning("took %d s", 3)
library.warning("two\\nlines")
library.warning("lone \\ud800")
library.warning("no %d", "number")
library.info("chatter")
try:
    1 / 0
except ZeroDivisionError:
    library.exception("broke")
warnings.warn("old", DeprecationWarning, stacklevel=1)
"""


async def written(*, as_json: bool, level: str = "info") -> list[str]:
    """What a process of its own writes to stderr."""
    script = SCRIPT.format(level=level, as_json=as_json)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "always", "-c", script),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    assert (child.returncode, out) == (0, b""), err
    return err.decode().splitlines()


async def test_every_line_is_json_whoever_logs() -> None:
    lines: list[dict[str, Any]] = [json.loads(line) for line in await written(as_json=True)]
    assert all(datetime.fromisoformat(line["timestamp"]).tzinfo for line in lines)
    ours, *theirs, warned = lines
    assert (ours["event"], ours["level"], ours["call"]) == ("ours", "error", "c-1")
    assert [(line["event"], line["level"]) for line in theirs] == [
        ("took 3 s", "warning"),
        ("two\nlines", "warning"),
        ("lone \ud800", "warning"),
        ("no %d", "warning"),
        ("broke", "error"),
    ]
    assert {line["logger"] for line in theirs} == {"some.library"}
    assert "ZeroDivisionError" in theirs[-1]["exception"]
    assert (warned["logger"], warned["level"]) == ("py.warnings", "warning")
    assert "old" in warned["event"]


async def test_libraries_are_heard_from_the_level_on() -> None:
    lines = [json.loads(line) for line in await written(as_json=True, level="error")]
    assert [line["event"] for line in lines] == ["ours", "broke"]


async def test_text_is_for_people() -> None:
    text = "\n".join(await written(as_json=False))
    assert "ours" in text
    assert "took 3 s" in text
    assert '"event"' not in text
