"""Virtual time: an event loop whose clock jumps, so that hours pass in moments, the same each time.

    @virtual
    async def test_an_hour() -> None:
        clock = LoopClock()
        await asyncio.sleep(3600)
        assert clock.monotonic() == 3600

Time stands still while anything can run, and jumps to the next timer when all wait. Timers of the
loop are all there is to wait for: `asyncio.sleep`, `asyncio.timeout` and `LoopClock` agree on the
time, and a test that awaits a socket or a thread belongs elsewhere. When nobody waits for a timer
either, nothing could ever happen again: that is a Stuck, not a hang.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

A = TypeVar("A")
P = ParamSpec("P")

EPOCH = 1_800_000_000.0  # what LoopClock.now() says at the beginning


class Stuck(Exception):
    """Everybody waits for somebody else, and nobody for a timer."""


class _Jumping(selectors.SelectSelector):
    """Never blocks: what the loop would have waited is added to the time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Ready files, of which there should be none but the loop's own."""
        if timeout is None:
            raise Stuck("every task waits for another, and none for a time")
        self.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, which begins at 0 seconds."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds."""
        return self._jumping.now


class LoopClock:
    """The Clock of the running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def monotonic(self) -> float:
        """See Clock."""
        return self._loop.time()

    def now(self) -> float:
        """See Clock."""
        return EPOCH + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await asyncio.sleep(seconds)


def in_virtual_time(story: Coroutine[Any, Any, A]) -> A:
    """Run to the end; raises Stuck when there is none. Nothing may run on after it.

    What the loop's exception handler is told, such as an error that nobody fetched, is raised.
    """
    told: list[BaseException] = []

    def hear(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        told.append(context.get("exception") or RuntimeError(context["message"]))

    async def whole() -> A:
        asyncio.get_running_loop().set_exception_handler(hear)
        answer = await story
        # A task that was cancelled just now ends in the next round.
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left behind: {left}"
        return answer

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        answer = runner.run(whole())
    if told:
        raise told[0]
    return answer


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test that runs in virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        in_virtual_time(test(*args, **kwargs))

    return run
