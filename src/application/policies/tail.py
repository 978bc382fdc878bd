"""A stream that tells a policy, once, how it ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Self

from hexgate.domain.answer import Chunk, Finished
from hexgate.ports.provider import Stream

# Told `Finished`, the error that broke the stream, or None when the reader left before the end.
Ended = Callable[[Finished | BaseException | None], Awaitable[None]]


class Tailed:
    """Passes chunks through. `ended` runs after the last one, after an error, or on close."""

    def __init__(self, inner: Stream, ended: Ended) -> None:
        self._inner = inner
        self._ended: Ended | None = ended

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
        ended, self._ended = self._ended, None
        if ended is not None:
            await ended(how)
