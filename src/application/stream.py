"""One call, many chunks, settled before the end is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from hexgate.application.books import Account, Books
from hexgate.application.complete import from_cache
from hexgate.application.following import UNTOLD, Begin, Untold, nobody
from hexgate.application.policies.cache import Cached, Replay
from hexgate.application.prepare import Prepare
from hexgate.application.requests import ChatRequest
from hexgate.domain.answer import (
    Chunk,
    Finished,
    ReasoningDelta,
    RouteChanged,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
    Warned,
)
from hexgate.domain.call import ChatCall
from hexgate.domain.errors import BadResponse, GatewayError, Interrupted, Unserved
from hexgate.domain.ledger import CallState
from hexgate.domain.receipt import Receipt
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Stream


@dataclass(frozen=True, slots=True)
class Ending:
    """The last item of a delivery: the terminal chunk and what the call came to."""

    finished: Finished
    receipt: Receipt


class StreamComplete:
    """Prepared, looked up, recorded, opened. What follows is the delivery's business."""

    def __init__(
        self,
        prepare: Prepare,
        provider: Cached,
        books: Books,
        clock: Clock,
        follow: Begin = nobody,
    ) -> None:
        self._prepare = prepare
        self._provider = provider
        self._books = books
        self._clock = clock
        self._follow = follow

    async def __call__(self, request: ChatRequest) -> Delivery | Replayed:
        """Open a stream, or raise a GatewayError. Whoever holds the result must aclose() it."""
        with self._follow(request, streamed=True) as told:
            call = told.about(self._prepare.chat(request))
            kept = await self._provider.hit(call)
            if kept is not None:
                return Replayed(call, told.heard(Replay(kept)), self._clock, told)
            account, stream = await self._books.ask(call, self._provider.open, streamed=True)
            return Delivery(account, told.heard(stream), told)


class Delivery:
    """Chunks of one stream; the last item is an Ending, whose call is settled.

    Raises Interrupted when the provider breaks off. `receipt` is there once the call is settled.
    """

    def __init__(self, account: Account[ChatCall], stream: Stream, told: Untold = UNTOLD) -> None:
        self._account = account
        self._stream = stream
        self._told = told
        self.call = account.call
        self.accepted_at = account.accepted_at or account.call.started_at
        self.receipt: Receipt | None = None
        self.warnings = account.call.warnings

    def __aiter__(self) -> Self:
        """The delivery itself."""
        return self

    async def __anext__(self) -> Chunk | Ending:
        """The next chunk, or the Ending."""
        try:
            chunk = await self._stream.__anext__()
        except Exception as error:
            raise await self._broken(error) from error
        match chunk:
            case TextDelta() | ReasoningDelta():
                self._account.chars += len(chunk.text)
            case ToolCallDelta():
                self._account.chars += len(chunk.fragment)
            case UsageUpdate():
                self._account.usage = chunk.usage
            case Warned():
                self._account.warned((chunk,))
            case Finished():
                return await self._finish(chunk)
            case RouteChanged():
                self._account.restarted()
            case _:
                pass
        return chunk

    async def aclose(self) -> None:
        """Close the provider's connection; a stream that was left early settles as cancelled."""
        try:
            await self._stream.aclose()
        finally:
            try:
                await self._account.abandon()
            finally:
                self.receipt = self._account.receipt
                self._told.left(self.receipt)

    async def _finish(self, chunk: Finished) -> Ending:
        if chunk.usage is not None:
            self._account.usage = chunk.usage
        with self._told as told:
            self.receipt = await self._account.settle(CallState.SETTLED, finish=chunk.finish)
            told.answered(self.receipt, finish=chunk.finish)
        return Ending(chunk, self.receipt)

    async def _broken(self, error: Exception) -> Exception:
        """Settle, and return the error to show: what a target did is now an interruption."""
        if isinstance(error, StopAsyncIteration):
            # No adapter may end like this; were one to, the caller must not take it for the end.
            error = BadResponse("the stream ended without its terminal marker")
        self._account.broke(error)
        if isinstance(error, Unserved):
            error = self._interrupted(error)
        with self._told as told:
            await self._account.failed(error)
            told.failed(error)
        if isinstance(error, GatewayError):
            self.receipt = error.receipt
        return error

    def _interrupted(self, error: Unserved) -> Interrupted:
        chars = self._account.chars
        return Interrupted(
            f"the stream broke off after {chars} characters: {error.message}",
            metadata={**error.metadata, "cause": error.reason, "deliveredChars": str(chars)},
            detail=error.detail,
        )


class Replayed:
    """A kept answer as a delivery: reaches no provider and costs nothing."""

    def __init__(self, call: ChatCall, stream: Stream, clock: Clock, told: Untold = UNTOLD) -> None:
        self._stream = stream
        self._clock = clock
        self._told = told
        self.call = call
        self.accepted_at = call.started_at
        self.receipt: Receipt | None = None
        self.warnings = call.warnings

    def __aiter__(self) -> Self:
        """The delivery itself."""
        return self

    async def __anext__(self) -> Chunk | Ending:
        """The next chunk, or the Ending."""
        chunk = await self._stream.__anext__()
        if isinstance(chunk, Finished):
            self.receipt = self._free()
            self._told.answered(self.receipt, finish=chunk.finish)
            return Ending(chunk, self.receipt)
        return chunk

    async def aclose(self) -> None:
        """Nothing is held."""
        self._told.left(self.receipt or self._free())

    def _free(self) -> Receipt:
        return from_cache(self.call, self._clock.monotonic() - self.call.started)
