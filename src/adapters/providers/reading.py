"""From bytes to chunks: a framing cuts them into events, a machine makes sense of the events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from hexgate.adapters.providers.parts import Parts
from hexgate.domain.answer import Chunk
from hexgate.domain.errors import GatewayError

E_contra = TypeVar("E_contra", contravariant=True)
E = TypeVar("E")


class Machine(Protocol[E_contra]):
    """What one event after the other amounts to, written to `parts`."""

    parts: Parts

    def take(self, event: E_contra) -> None:
        """The next event. Raises a GatewayError for one that reports a failure or makes no sense.

        After the terminal marker only what changes nothing is let through.
        """
        ...

    def end(self) -> None:
        """There are no more events. Raises BadResponse when the terminal marker was not seen."""
        ...


class EventReader:
    """See Reader. `split` is the framing's `feed`."""

    def __init__(self, split: Callable[[bytes], Iterable[E]], machine: Machine[E]) -> None:
        self._split = split
        self._machine = machine
        self._take = machine.take
        self._parts = machine.parts
        self.failure: GatewayError | None = None

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """See Reader."""
        take = self._take
        try:
            for event in self._split(data):
                take(event)
        except GatewayError as failure:
            self.failure = failure
        return self._parts.take()

    def end(self) -> Sequence[Chunk]:
        """See Reader."""
        try:
            self._machine.end()
        except GatewayError as failure:
            self.failure = failure
        return self._parts.take()
