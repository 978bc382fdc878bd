"""Lines in a file that nobody but its owner may read, with its older ones beside it."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path


class PrivateFile(RotatingFileHandler):
    """Writes `path`; before it grows beyond `max_bytes` it becomes `path.1`, that one `path.2`.

    `keep` of those are kept. Making it raises OSError where it cannot be written. What goes wrong
    later is told to `failed`, once for each record that is not written.
    """

    def __init__(
        self, path: Path, *, max_bytes: int, keep: int, failed: Callable[[BaseException], None]
    ) -> None:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        self._failed = failed
        super().__init__(path, maxBytes=max_bytes, backupCount=keep, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        torn = _torn(self.baseFilename)
        stream = open(self.baseFilename, "a", encoding="utf-8", opener=_private)  # noqa: SIM115 - the handler closes it
        if torn:
            stream.write("\n")
        return stream

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - see logging
        """See logging.Handler. What is left in the stream's buffers goes, else it tears a line."""
        stream, self.stream = self.stream, None
        with suppress(OSError, ValueError):
            if stream is not None:
                stream.close()
        error = sys.exc_info()[1]
        if error is not None:
            self._failed(error)


def _private(path: str, flags: int) -> int:
    file = os.open(path, flags, 0o600)
    try:
        os.fchmod(file, 0o600)  # it may have been there before
    except OSError:
        os.close(file)
        raise
    return file


def _torn(path: str) -> bool:
    """Whether the last line has no end, as when the disk was full."""
    try:
        with open(path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:  # it is not there, or it is empty
        return False
