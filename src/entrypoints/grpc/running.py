"""The calls that are running: how many there may be, and how each is ended from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hexgate.domain.errors import (
    DeadlineExceeded,
    GatewayError,
    GatewayOverloaded,
    ShuttingDown,
    SlowReader,
)
from hexgate.domain.receipt import Receipt


@dataclass(eq=False, slots=True)
class Running:
    """One call in its task. Another part of the server may interrupt it with a reason."""

    task: asyncio.Task[object]
    streamed: bool
    cause: GatewayError | None = None
    receipt: Receipt | None = None
    sequence: int = 0  # of the last event sent
    writing_since: float | None = None  # loop time, while a write waits for the reader
    timer: asyncio.TimerHandle | None = None
    # Closes the provider's connection and settles the call, while the call's task cannot.
    release: Callable[[], Awaitable[None]] | None = None
    ended: bool = False  # the last event is on its way: nothing may follow it but OK

    def interrupt(self, cause: GatewayError) -> None:
        """End the call with this error at its next await, or after the write that is under way.

        A write is never cancelled: grpc could then send no status. The first cause wins.
        """
        if self.cause is None and not self.ended and not self.task.done():
            self.cause = cause
            if self.writing_since is None:
                self.task.cancel()


@dataclass(eq=False, slots=True)
class Calls:
    """Admission and the registry. grpc's own limit counts health checks and tells no details."""

    max_calls: int
    retry_after_s: float = 1.0
    _running: set[Running] = field(default_factory=set)
    _draining: bool = False
    _empty: asyncio.Event = field(default_factory=asyncio.Event)
    _releasing: set[asyncio.Future[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._empty.set()

    def enter(self, *, streamed: bool) -> Running:
        """Admit a call; raises ShuttingDown or GatewayOverloaded."""
        if self._draining:
            raise ShuttingDown("the gateway is draining; use another replica", retry_after_s=0)
        if len(self._running) >= self.max_calls:
            raise GatewayOverloaded(
                f"the gateway is full: {self.max_calls} calls are running; try again shortly",
                metadata={"maxCalls": str(self.max_calls)},
                retry_after_s=self.retry_after_s,
            )
        task = asyncio.current_task()
        assert task is not None
        running = Running(task, streamed)
        self._running.add(running)
        self._empty.clear()
        return running

    def leave(self, running: Running) -> None:
        """The call has ended."""
        if running.timer is not None:
            running.timer.cancel()
        self._running.discard(running)
        if not self._running:
            self._empty.set()

    def limit(self, running: Running, seconds: float) -> None:
        """End the call with DeadlineExceeded after so long, where the caller set no deadline."""
        error = DeadlineExceeded(
            f"the call ran for {seconds:g} s, the longest this gateway allows; set a deadline",
            metadata={"limitS": f"{seconds:g}"},
        )
        loop = asyncio.get_running_loop()
        running.timer = loop.call_later(seconds, running.interrupt, error)

    def counts(self) -> tuple[int, int]:
        """Calls in flight, and how many of them are streams."""
        return len(self._running), sum(one.streamed for one in self._running)

    def stop_admitting(self) -> None:
        """From now on every new call is refused."""
        self._draining = True

    async def drained(self, within_s: float) -> bool:
        """Wait until nothing runs; False when something still does after so long."""
        try:
            await asyncio.wait_for(self._empty.wait(), within_s)
        except TimeoutError:
            return False
        return True

    async def released(self) -> None:
        """Wait for the calls that were given up to be settled."""
        if self._releasing:
            await asyncio.wait(self._releasing)

    def interrupt_all(self) -> None:
        """End what is still running, with an error that says why."""
        for running in list(self._running):
            running.interrupt(ShuttingDown("the gateway is shutting down; the call was cut off"))

    def interrupt_stalled(self, longer_than_s: float) -> None:
        """Give up the streams whose reader has not taken an event for so long.

        Their provider is closed and their place is free at once. The status follows when the reader
        takes the event that is under way, if it ever does.
        """
        now = asyncio.get_running_loop().time()
        for running in list(self._running):
            since = running.writing_since
            if since is None or now - since <= longer_than_s:
                continue
            running.interrupt(
                SlowReader(
                    f"the reader took no event for {longer_than_s:g} s; the stream was closed",
                    metadata={"limitS": f"{longer_than_s:g}"},
                )
            )
            if running.release is not None:
                task = asyncio.ensure_future(running.release())
                self._releasing.add(task)
                task.add_done_callback(self._releasing.discard)
            self.leave(running)
