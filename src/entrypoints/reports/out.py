"""Where a report goes: to a terminal, into a pipe, or into a file that is whole or not there."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rich.console import Console, RenderableType

from hexgate.entrypoints.reports.period import Unclear

# Off a terminal nothing is cut short: a table is as wide as what is in it.
WIDE = 1000


class Out:
    """`terminal` is whether a person reads it as it comes."""

    def __init__(self, stream: BinaryIO, *, terminal: bool) -> None:
        self._stream = stream
        self.terminal = terminal

    def write(self, data: bytes) -> None:
        """Raises BrokenPipeError when nobody reads on."""
        self._stream.write(data)
        self._stream.flush()

    def columns(self, width: int = WIDE) -> int:
        """The width of the terminal, else this one."""
        return shutil.get_terminal_size((width, 0)).columns

    def show(self, *parts: RenderableType, width: int = WIDE) -> None:
        """Draw these, in the width of the terminal, else in this one."""
        paper = io.StringIO()
        console = Console(
            file=paper,
            force_terminal=self.terminal,
            width=self.columns(width),
            highlight=False,
            markup=False,  # names are not ours
            emoji=False,
        )
        for part in parts:
            console.print(part)
        lines = (line.rstrip() for line in paper.getvalue().splitlines())
        encoding = sys.stdout.encoding if self.terminal else "utf-8"
        self.write("".join(f"{line}\n" for line in lines).encode(encoding, "replace"))


@contextmanager
def opened(path: Path | None) -> Iterator[Out]:
    """Standard output, or a file, which is there only once everything is in it. Raises Unclear."""
    if path is None:
        yield Out(sys.stdout.buffer, terminal=sys.stdout.isatty())
        return
    ordinary = not path.exists() or path.is_file()
    draft = path.with_name(f"{path.name}.part") if ordinary else path
    try:
        stream = draft.open("wb")
    except OSError as error:
        raise Unclear(f"--output: cannot write {draft}: {error.strerror}") from error
    try:
        with stream:
            yield Out(stream, terminal=False)
        if ordinary:
            os.replace(draft, path)
    finally:
        if ordinary:
            draft.unlink(missing_ok=True)
