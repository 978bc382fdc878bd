"""Servers under test: started on a chosen core, awaited by their ready line, read from /proc."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY = " ready: "
START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0
POLL_S = 0.002


class NotReady(Exception):
    """A server ended or stayed silent instead of printing its ready line."""


@dataclass(frozen=True, slots=True)
class Process:
    """A running server, its public address, and how long it took to print it."""

    popen: subprocess.Popen[bytes]
    address: str
    ready_s: float

    def pids(self) -> list[int]:
        """The process and all that descend from it."""
        found = [self.popen.pid]
        for pid in found:  # grows while it is walked
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            found += [int(child) for child in children.split()]
        return found

    def resident_mb(self) -> float:
        """Resident memory of all of them, in units of 10^6 bytes."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        self.popen.terminate()
        try:
            self.popen.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Processes started inside run on this core alone, with all their threads; None pins nothing.

    The mask is inherited through exec, so every thread of the child has it from its first moment.
    """
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cores() -> tuple[int | None, int | None]:
    """A core for the server and another for the rest, or neither where there is one only."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else (None, None)


@contextmanager
def started(command: Sequence[str], *, core: int | None, cwd: Path, log: Path) -> Iterator[Process]:
    """A server that has printed its ready line; ended on the way out. Raises NotReady."""
    with log.open("wb") as output, pinned(core):
        began = time.monotonic()
        popen = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=subprocess.STDOUT)
    process: Process | None = None
    try:
        address = _address(popen, log, began + START_LIMIT_S)
        process = Process(popen, address, time.monotonic() - began)
        yield process
    finally:
        (process or Process(popen, "", 0.0)).stop()


def _address(popen: subprocess.Popen[bytes], log: Path, until: float) -> str:
    """The first address in the ready line: `… ready: [public] HOST:PORT …`."""
    while time.monotonic() < until:
        for line in log.read_text(errors="replace").splitlines():
            if READY in line:
                words = line.split(READY, 1)[1].split()
                return next(word for word in words if ":" in word)
        if popen.poll() is not None:
            break
        time.sleep(POLL_S)
    raise NotReady(f"{popen.args!r} printed no ready line; it said:\n{log.read_text()[-3000:]}")
