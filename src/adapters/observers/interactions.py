"""The interaction log: a line of JSON for each call that is sampled, written off the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

import msgspec

from hexgate.adapters.observers.private import PrivateFile
from hexgate.adapters.observers.tally import Tally
from hexgate.adapters.observers.targets import Logger
from hexgate.adapters.observers.transcript import Wording, transcript
from hexgate.adapters.observers.weight import weight
from hexgate.domain.interaction import Interaction
from hexgate.ports.clock import Clock

# What may wait for the writer: records, and the bytes that they hold of memory.
MAX_RECORDS = 1_000
MAX_BYTES = 64 << 20
# Time at the end to write what waits, and then for the line that is being written.
FLUSH_S = 10.0
LAST_S = 5.0


class InteractionLog:
    """An Interactions that hands a share of the calls to a thread, which writes them down.

    Nobody waits for it: where the thread or the disk is too slow, or broken, a call is not written
    down, which is counted and said in the ordinary log. Whoever starts it must aclose() it.
    """

    def __init__(
        self,
        file: logging.Handler,
        *,
        share: float,
        wording: Wording,
        clock: Clock,
        logger: Logger,
        lost: Tally,
    ) -> None:
        self._file = file
        self._below = share * 2**64
        self._wording = wording
        self._clock = clock
        self._logger = logger
        self._lost = lost  # of the thread
        self._dropped = Tally(logger, "interactions dropped, the log is too slow", clock)
        self._queue: SimpleQueue[tuple[Interaction, int] | None] = SimpleQueue()
        # Each counted by one side alone, so neither waits for the other.
        self._given = self._taken = 0
        self._until: float | None = None
        self._encode = msgspec.json.Encoder().encode
        self._thread = threading.Thread(target=self._run, name="interactions", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def wants(self, call_id: str) -> bool:
        """See Interactions. By a hash: no chance, and a smaller share is part of a greater one."""
        digest = hashlib.blake2b(call_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self._below

    def ended(self, interaction: Interaction) -> None:
        """See Interactions."""
        size = weight(interaction)
        if self._until is not None or self._is_full(size):
            self._dropped.add()
            return
        self._given += size
        self._queue.put((interaction, size))
        self._dropped.due()

    async def aclose(self) -> None:
        """Write what waits, for ten seconds at most, and close the file."""
        if self._until is None:
            self._until = self._clock.monotonic() + FLUSH_S
            self._queue.put(None)
            await asyncio.to_thread(self._end)

    def _is_full(self, size: int) -> bool:
        waiting = self._given - self._taken
        # One alone may be as large as it likes.
        heavy = waiting > 0 and waiting + size > MAX_BYTES
        return heavy or self._queue.qsize() >= MAX_RECORDS

    def _end(self) -> None:
        self._thread.join(FLUSH_S + LAST_S)
        if self._thread.is_alive():
            with suppress(OSError, ValueError):
                self._logger.error("the interaction log does not end, its disk does not answer")
            return
        with suppress(OSError):
            self._file.close()
        self._lost.flush()
        self._dropped.flush()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            interaction, size = item
            try:
                self._write(interaction)
            except Exception as error:  # one that cannot be written must not be the last
                self._lost.add(error)
            self._taken += size

    def _write(self, interaction: Interaction) -> None:
        if self._until is not None and self._clock.monotonic() > self._until:
            raise TimeoutError
        line = transcript(interaction, self._wording)
        try:
            text = self._encode(line).decode()
        except UnicodeEncodeError:  # half a character, which JSON can say and UTF-8 cannot
            text = json.dumps(msgspec.to_builtins(line))
        self._file.handle(logging.makeLogRecord({"msg": text}))


def open_log(
    path: Path,
    *,
    max_bytes: int,
    keep: int,
    share: float,
    wording: Wording,
    clock: Clock,
    logger: Logger,
) -> InteractionLog:
    """A log that writes this file: see PrivateFile. Raises OSError where that is not possible."""
    lost = Tally(logger, "interactions not written", clock)
    file = PrivateFile(path, max_bytes=max_bytes, keep=keep, failed=lost.add)
    log = InteractionLog(file, share=share, wording=wording, clock=clock, logger=logger, lost=lost)
    log.start()
    return log
