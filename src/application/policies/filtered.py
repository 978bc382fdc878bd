"""Whether what was answered is an answer, or nothing but a content filter's end of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Self, TypeAlias

from hexgate.application.policies.around import T
from hexgate.domain.answer import OUTPUT, Chunk, Completion, Finish, Finished, UsageUpdate
from hexgate.domain.usage import Usage
from hexgate.ports.provider import Stream


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """An answer, none of it lost by looking, and what it used as far as it was reported."""

    answer: T
    filtered: bool
    usage: Usage | None = None


Look: TypeAlias = Callable[[T], Awaitable[Seen[T]]]


async def at_whole(completion: Completion) -> Seen[Completion]:
    """A whole answer that a content filter ended, wherever it did."""
    return Seen(completion, completion.finish is Finish.CONTENT_FILTER, completion.usage)


async def at_start(stream: Stream) -> Seen[Stream]:
    """A stream that a content filter ended before any output. It is closed then, and readable."""
    head: list[Chunk] = []
    usage = None
    try:
        async for chunk in stream:
            head.append(chunk)
            if isinstance(chunk, OUTPUT):
                break
            if isinstance(chunk, UsageUpdate):
                usage = chunk.usage
    except BaseException:
        await stream.aclose()
        raise
    end = head[-1] if head else None
    filtered = isinstance(end, Finished) and end.finish is Finish.CONTENT_FILTER
    if filtered:
        await stream.aclose()
    if isinstance(end, Finished):
        usage = end.usage or usage
    return Seen(_Reread(head, stream), filtered, usage)


class _Reread:
    """A stream whose beginning was read before."""

    def __init__(self, head: list[Chunk], stream: Stream) -> None:
        self._head = head[::-1]
        self._stream = stream

    @property
    def request_id(self) -> str:
        """See Stream."""
        return self._stream.request_id

    def __aiter__(self) -> Self:
        """The stream itself."""
        return self

    async def __anext__(self) -> Chunk:
        """See Stream."""
        return self._head.pop() if self._head else await self._stream.__anext__()

    async def aclose(self) -> None:
        """See Stream."""
        await self._stream.aclose()
