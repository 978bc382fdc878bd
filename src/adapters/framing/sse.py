"""Server-sent events out of bytes, as the HTML standard defines them.

Theory of operation. Every line end becomes a line feed first, so only one kind is left to look
for. A reader between two events takes the usual block, one `data: ` line and an empty line, with a
single `split`; whatever else a block holds goes line by line. Between calls only the unfinished
line and the finished lines of the unfinished event are kept, so no byte is looked at twice. Bytes
that are too few to pass the bound are not measured; others give their events one by one, so that
those before one that is too large are not lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hexgate.domain.errors import BadResponse

MAX_BYTES = 4 * 1024 * 1024
_MARK = b"\xef\xbb\xbf"  # a byte order mark may precede the first line


class SseReader:
    """Reads one stream. Any split of the bytes gives the same events."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """`max_bytes` bounds a line, and the lines of one event together."""
        self._max = max_bytes
        self._line: list[bytes] = []  # pieces of the unfinished line
        self._line_size = 0
        self._data: list[bytes] = []
        self._size = 0
        self._name = b""
        self._after_return = False
        self._head: bytes | None = b""  # the first bytes, until they are known to be no mark

    def feed(self, data: bytes) -> Iterable[tuple[bytes, bytes]]:
        """The events that these bytes complete: name, empty for the default, and data.

        Must be read out before the next call. Raises BadResponse, after the events before it, when
        a line or an event is larger than the bound; then it must not be fed again.
        """
        if end := self._plain(data):
            self._head = None
            return [(b"", data[6:end])]
        if self._head is not None:
            data = self._unmarked(self._head + data)
        if self._after_return or b"\r" in data:
            data = self._normal(data)
        if b"\n" not in data:
            self._keep(data)
            return []
        if self._line:
            data = b"".join((*self._line, data))
            self._line.clear()
            self._line_size = 0
        if self._size + len(data) > self._max:
            return self._measured(data)
        return self._events(data)

    def _plain(self, data: bytes) -> int:
        """Where its text ends, from the end, if nothing is pending and this is one whole event of
        one line, the usual case; else 0.
        """
        if (
            not data.startswith(b"data: ")
            or len(data) > self._max
            or (self._line or self._size or self._head or self._after_return)
        ):
            return 0
        size = len(data)
        if data.endswith(b"\n\n"):
            return -2 if data.find(b"\n") == size - 2 and b"\r" not in data else 0
        # The line ends that Google's servers write.
        if data.endswith(b"\r\n\r\n"):
            return -4 if data.find(b"\r") == size - 4 and data.find(b"\n") == size - 3 else 0
        return 0

    def _events(self, data: bytes) -> list[tuple[bytes, bytes]]:
        events: list[tuple[bytes, bytes]] = []
        blocks = [] if self._size else data.split(b"\n\n")
        tail = blocks.pop() if blocks else data
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block:
                events.append((b"", block[6:]))
            else:
                self._take(block.split(b"\n"), events)
                self._take((b"",), events)
        lines = tail.split(b"\n")
        rest = lines.pop()
        self._take(lines, events)
        self._keep(rest)
        return events

    def _measured(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        lines = data.split(b"\n")
        rest = lines.pop()
        for line in lines:
            events: list[tuple[bytes, bytes]] = []
            self._take((line,), events)
            yield from events
        self._keep(rest)

    def _take(
        self, lines: list[bytes] | tuple[bytes, ...], events: list[tuple[bytes, bytes]]
    ) -> None:
        for line in lines:
            if line:
                self._field(line)
                continue
            if self._data:
                events.append((self._name, b"\n".join(self._data)))
                self._data = []
            self._name = b""
            self._size = 0

    def _field(self, line: bytes) -> None:
        self._size += len(line)
        self._check(self._size)
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._name = value

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._line.append(piece)
            self._line_size += len(piece)
            self._check(self._line_size)

    def _check(self, size: int) -> None:
        if size > self._max:
            raise BadResponse(
                f"an event of the stream is larger than {self._max} bytes",
                metadata={"limitBytes": str(self._max)},
            )

    def _unmarked(self, data: bytes) -> bytes:
        if len(data) < len(_MARK) and _MARK.startswith(data):
            self._head = data
            return b""
        self._head = None
        return data.removeprefix(_MARK)

    def _normal(self, data: bytes) -> bytes:
        """The same lines, each ended by a line feed. A pair may be cut between its two bytes."""
        if not data:
            return data
        if self._after_return:
            data = data.removeprefix(b"\n")
        self._after_return = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
