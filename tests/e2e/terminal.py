"""The command line as people run it: at a terminal, in pipes, in a folder of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import shlex
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path

RUN_S = 60.0


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs `hexgate` in an empty folder, in an environment with nothing of the developer's.

    Commands that ask a gateway ask the one at `address`.
    """

    folder: Path
    address: str

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command with its output in pipes."""
        return self.line(shlex.join(("hexgate", *words)))

    def line(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line of a shell; a failure in the middle of a pipe is one of the line."""
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.folder,
            env=self._environ(),
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )

    def typed(self, *words: str, columns: int = 80) -> tuple[int, str]:
        """Run one command at a terminal of this width: how it ended, and what was shown."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen(
            ["hexgate", *words],
            executable=self._program(),
            cwd=self.folder,
            env=self._environ() | {"TERM": "xterm-256color"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            shown = b"".join(iter(lambda: _read(ours), b""))
            os.close(ours)
            return process.wait(RUN_S), shown.decode().replace("\r\n", "\n")

    def _environ(self) -> dict[str, str]:
        path = f"{Path(self._program()).parent}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def _program(self) -> str:
        program = self.folder / ".bin" / "hexgate"
        if not program.exists():
            program.parent.mkdir()
            call = f'exec {shlex.quote(sys.executable)} -m hexgate "$@" --address {self.address}'
            program.write_text(f"#!/bin/sh\n{call}\n")
            program.chmod(0o755)
        return str(program)


def _read(terminal: int) -> bytes:
    """What is shown next; nothing once nobody writes any more."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # how Linux says that the other side is closed
        return b""
