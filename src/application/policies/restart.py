"""A stream that begins again elsewhere when it breaks off, for callers who asked for that."""

from __future__ import annotations

from typing import Self

from hexgate.application.policies.walk import Walk
from hexgate.domain.answer import Chunk, Finished, RouteChanged
from hexgate.domain.call import ChatCall
from hexgate.domain.errors import BadResponse, DeadlineExceeded, GatewayError, Unserved
from hexgate.ports.provider import Stream


class Restarting:
    """Goes on with the next target that takes over, else with the same, and says RouteChanged.

    Within the call's budget of attempts and its deadline. Where nothing can go on, it ends with
    what broke it first.
    """

    def __init__(self, stream: Stream, walk: Walk[ChatCall, Stream]) -> None:
        self._stream = stream
        self._walk = walk
        self._finished = False

    @property
    def request_id(self) -> str:
        """See Stream."""
        return self._stream.request_id

    def __aiter__(self) -> Self:
        """The stream itself."""
        return self

    async def __anext__(self) -> Chunk:
        """See Stream."""
        try:
            chunk = await self._stream.__anext__()
        except StopAsyncIteration:
            if self._finished:
                raise
            failure: Unserved = BadResponse("the stream ended without its terminal marker")
        except Unserved as error:
            if self._finished:
                raise
            failure = error
        else:
            self._finished = isinstance(chunk, Finished)
            return chunk
        return await self._anew(failure)

    async def aclose(self) -> None:
        """See Stream."""
        await self._stream.aclose()

    async def _anew(self, failure: Unserved) -> RouteChanged:
        walk = self._walk
        failed = walk.broke(failure)
        await self._stream.aclose()
        try:
            self._stream = await walk.on(failure, stay=True)
        except DeadlineExceeded:
            raise
        except GatewayError:
            # The attempts tell what became of the others; the reader knows of this one.
            raise failure from None
        return RouteChanged(failed, walk.hop.provider, walk.hop.model)
