"""Reads a delivery with a limit on the wait, without giving up the chunk that is on its way."""

from __future__ import annotations

import asyncio

from hexgate.application.stream import Delivery, Ending, Replayed
from hexgate.domain.answer import Chunk, TextDelta


class Paced:
    """One read at a time; a read that is still waiting is kept for the next call.

    A stream that asks for neither heartbeats nor merging costs no task per chunk.
    """

    def __init__(self, delivery: Delivery | Replayed) -> None:
        self._delivery = delivery
        self._pending: asyncio.Task[Chunk | Ending] | None = None
        self._held: Chunk | Ending | None = None
        self._broken: Exception | None = None

    async def next(self, within_s: float | None) -> Chunk | Ending | None:
        """The next item, or None when there was none within so many seconds (None: any time)."""
        if self._held is not None:
            held, self._held = self._held, None
            return held
        if self._broken is not None:
            raise self._broken
        if self._pending is None and within_s is None:
            return await self._delivery.__anext__()
        task = self._pending or asyncio.ensure_future(self._delivery.__anext__())
        self._pending = task
        await asyncio.wait((task,), timeout=within_s)
        if not task.done():
            return None
        self._pending = None
        return task.result()

    async def merged(self, first: TextDelta, window_s: float) -> TextDelta:
        """`first` and the text of the same part that follows within the window."""
        loop = asyncio.get_running_loop()
        until = loop.time() + window_s
        texts, logprobs = [first.text], list(first.logprobs)
        while (left_s := until - loop.time()) > 0:
            try:
                item = await self.next(left_s)
            except Exception as error:
                # What was read before the break has to be delivered before it is told.
                self._broken = error
                break
            if not isinstance(item, TextDelta) or item.index != first.index:
                self._held = item
                break
            texts.append(item.text)
            logprobs.extend(item.logprobs)
        return TextDelta(first.index, "".join(texts), tuple(logprobs))

    async def aclose(self) -> None:
        """Give up the read that is waiting, then close the delivery."""
        task, self._pending = self._pending, None
        try:
            if task is not None:
                task.cancel()
                await asyncio.wait((task,))
                if not task.cancelled():
                    task.exception()
        finally:
            # A second cancellation may end the wait, and must not leave the provider open.
            await self._delivery.aclose()
