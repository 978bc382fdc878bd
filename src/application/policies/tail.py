"""A stream that tells a policy, once, how it ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Self

from hexgate.domain.answer import Chunk, Finished
from hexgate.ports.provider import Stream

# Told `Finished`, the error that broke the stream, or None when the reader left before the end.
Ended = Callable[[Finished | BaseException | None], Awaitable[None]]


def tailed(stream: Stream, ended: Ended) -> Tailed:
    """A stream that tells `ended` after its last chunk, after an error, or on close.

    One that tells somebody already tells both, the first one first: each chunk passes once.
    """
    if not isinstance(stream, Tailed):
        stream = Tailed(stream)
    stream.told.append(ended)
    return stream


class Tailed:
    """Passes chunks through. Whoever is in `told` is told of the end, once, whatever others do."""

    def __init__(self, inner: Stream) -> None:
        self._inner = inner
        self.told: list[Ended] = []

    @property
    def request_id(self) -> str:
        """See Stream."""
        return self._inner.request_id

    def __aiter__(self) -> Self:
        """The stream itself."""
        return self

    async def __anext__(self) -> Chunk:
        """The next chunk of the inner stream."""
        try:
            chunk = await self._inner.__anext__()
        except StopAsyncIteration:
            raise
        except BaseException as error:
            await self._end(error)
            raise
        if isinstance(chunk, Finished):
            await self._end(chunk)
        return chunk

    async def aclose(self) -> None:
        """Close the inner stream, then tell that the reader left, unless an end was told."""
        try:
            await self._inner.aclose()
        finally:
            await self._end(None)

    async def _end(self, how: Finished | BaseException | None) -> None:
        if self.told:
            ended = self.told.pop(0)
            try:
                await ended(how)
            finally:
                await self._end(how)
