"""Lines of JSON out of bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hexgate.domain.errors import BadResponse

MAX_BYTES = 4 * 1024 * 1024


class NdjsonReader:
    """Reads one stream. Any split of the bytes gives the same lines."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """`max_bytes` bounds a line."""
        self._max = max_bytes
        self._line: list[bytes] = []  # pieces of the unfinished line
        self._size = 0

    def feed(self, data: bytes) -> Iterable[bytes]:
        """The lines that these bytes complete, without their ends; empty lines are left out.

        Must be read out before the next call. Raises BadResponse, after the lines before it, when
        a line is larger than the bound; then it must not be fed again.
        """
        if b"\n" not in data:
            self._keep(data)
            return []
        if self._line:
            data = b"".join((*self._line, data))
            self._line.clear()
            self._size = 0
        lines = data.split(b"\n")
        rest = lines.pop()
        if len(data) > self._max:
            return self._measured(lines, rest)
        self._keep(rest)
        return [line for line in map(_stripped, lines) if line]

    def _measured(self, lines: list[bytes], rest: bytes) -> Iterator[bytes]:
        """The same one by one, so that those before one that is too large are not lost."""
        for line in lines:
            self._check(len(line))
            if stripped := _stripped(line):
                yield stripped
        self._keep(rest)

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._line.append(piece)
            self._size += len(piece)
            self._check(self._size)

    def _check(self, size: int) -> None:
        if size > self._max:
            raise BadResponse(
                f"a line of the stream is larger than {self._max} bytes",
                metadata={"limitBytes": str(self._max)},
            )


def _stripped(line: bytes) -> bytes:
    return line.strip(b" \t\r")
