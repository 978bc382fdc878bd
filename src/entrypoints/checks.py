"""`hexgate check-providers`: does each configured provider answer, and accept its key?"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import AsyncExitStack

from hexgate.adapters.clock import SystemClock
from hexgate.application.check import Check, Checked
from hexgate.entrypoints.core import build_check, build_defaults
from hexgate.entrypoints.resources import open_leaves
from hexgate.entrypoints.settings import Settings


async def check_all(settings: Settings, say: Callable[[str], None]) -> bool:
    """Ask all providers side by side, each within its own time limits; True when all are fine.

    Says one line for each, in the order of the configuration. Raises CannotStart.
    """
    async with AsyncExitStack() as stack:
        leaves = await open_leaves(settings, stack)
        check = build_check(leaves, build_defaults(settings), SystemClock())
        found = await _ask(check)
    width = max(map(len, found), default=0)
    for name, checked in found.items():
        say(f"{name:{width}}  {_line(checked)}")
    return all(checked.failure is None for checked in found.values())


async def _ask(check: Check) -> dict[str, Checked]:
    async with asyncio.TaskGroup() as group:
        asked = {name: group.create_task(check(name, math.inf)) for name in check.providers}
    return {name: task.result() for name, task in asked.items()}


def _line(checked: Checked) -> str:
    failure = checked.failure
    verdict = "ok    " if failure is None else "failed"
    why = "" if failure is None else f"  {failure.reason}: {failure.message}"
    return f"{verdict}  {checked.duration_s:.2f} s{why}"
