"""Cuts a stream into events: server-sent ones, and what comes as bare JSON between them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import msgspec

from hexgate.adapters.framing.sse import SseReader
from hexgate.adapters.providers import lenient

_MOST_BARE = 64 * 1024  # an error is no larger


class Frames:
    """Reads one stream. Any split of the bytes gives the same events.

    An error may be written into a stream as it is, laid out over lines that are no fields of an
    event. Source: the official client, which reads both. No field begins with a brace.
    """

    def __init__(self) -> None:
        self._events = SseReader().feed
        self._fresh = True  # a line begins
        self._bare = b""

    def feed(self, data: bytes) -> Iterable[tuple[bytes, bytes]]:
        """The events that these bytes complete. See SseReader."""
        if self._bare:
            return self._braced(data)
        at = 0 if self._fresh and data.startswith(b"{") else data.find(b"\n{") + 1 or -1
        if at < 0:
            self._fresh = data.endswith(b"\n")
            return self._events(data)
        return chain(self._events(data[:at]), self._braced(data[at:]))

    def _braced(self, data: bytes) -> list[tuple[bytes, bytes]]:
        self._bare += data
        whole = self._bare.rstrip()
        if len(whole) <= _MOST_BARE and (
            not whole.endswith(b"}") or lenient.value(msgspec.Raw(whole)) is None
        ):
            return []
        self._bare = b""
        self._fresh = True
        return [(b"", whole)]
