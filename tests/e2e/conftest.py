"""A gateway of its own process, as a user starts it: no configuration, no keys."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

READY = re.compile(r"hexgate ready: public (?P<public>\S+) admin (?P<admin>\S+)")
START_S = 30.0
STOP_S = 30.0


@dataclass(frozen=True)
class Gateway:
    """A running gateway: `host:port` of its two ports, and its process."""

    address: str
    admin_address: str
    process: subprocess.Popen[str]


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Serves the provider `sim` alone."""
    with serving(tmp_path_factory.mktemp("gateway")) as found:
        yield found


@contextmanager
def serving(home: Path, *options: str, **variables: str) -> Iterator[Gateway]:
    """A gateway started in the folder `home`; ends by SIGTERM and must then exit with 0."""
    with started(home, *options, **variables) as gateway:
        yield gateway
    code = gateway.process.returncode
    assert code == 0, f"hexgate serve ended with {code} after SIGTERM:\n{_tail(home / 'stderr')}"


@contextmanager
def started(home: Path, *options: str, **variables: str) -> Iterator[Gateway]:
    """The same, however it ends; ends it by SIGTERM where it has not yet."""
    command = [sys.executable, "-m", "hexgate", "serve", *options]
    command += ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
    # A bare environment and an empty folder: no provider key, .env or database of the developer.
    # An Ollama that happens to run here is not asked either.
    bare = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "DEFAULT_LLM_PROVIDER": "sim",
    } | variables
    with (
        (home / "stderr").open("w") as errors,
        subprocess.Popen(
            command, cwd=home, env=bare, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            public, admin = _ready(process, home / "stderr")
            yield Gateway(public, admin, process)
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ready(process: subprocess.Popen[str], errors: Path) -> tuple[str, str]:
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    assert process.stdout is not None
    # The thread reads to the end, so the gateway never blocks on a full pipe.
    threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=START_S)
        except queue.Empty:
            line = None
        if line is None:
            pytest.fail(f"hexgate serve printed no ready line:\n{_tail(errors)}")
        if found := READY.search(line):
            return found["public"], found["admin"]


def _pump(stdout: IO[str], lines: queue.SimpleQueue[str | None]) -> None:
    for line in stdout:
        lines.put(line)
    lines.put(None)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]
