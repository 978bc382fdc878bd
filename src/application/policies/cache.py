"""An answer that was given before is given again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Self

from hexgate.domain.answer import (
    Chunk,
    Completion,
    Finish,
    Finished,
    RouteChanged,
    TextDelta,
    Warned,
)
from hexgate.domain.assemble import Assembler, chunks
from hexgate.domain.call import CacheMode, ChatCall, EmbedCall
from hexgate.domain.embed import Embedded
from hexgate.domain.fingerprint import fingerprint
from hexgate.ports.cache import CompletionCache
from hexgate.ports.provider import Provider, Stream

# Only answers that the model ended by itself: another attempt may do better than a cut-off one.
_KEPT = (Finish.STOP, Finish.STOP_SEQUENCE, Finish.TOOL_CALLS)


_NO_PART = (Warned, RouteChanged)


class Cached:
    """Outside all other policies: a hit takes no permit and reaches no provider."""

    def __init__(
        self, inner: Provider, cache: CompletionCache, default: CacheMode, ttl_s: float
    ) -> None:
        self._inner = inner
        self._cache = cache
        self._default = default
        self._ttl_s = ttl_s

    async def hit(self, call: ChatCall) -> Completion | None:
        """The earlier answer to the same request, or None."""
        return await self._cache.get(fingerprint(call)) if self._mode(call).reads else None

    async def complete(self, call: ChatCall) -> Completion:
        """See Provider. Asks the provider, then keeps the answer as the call's policy says."""
        completion = await self._inner.complete(call)
        if self._mode(call).writes:
            await self.keep(call, completion)
        return completion

    async def open(self, call: ChatCall) -> Stream:
        """See Provider. A stream is kept once it has finished."""
        stream = await self._inner.open(call)
        return _Kept(stream, self, call) if self._mode(call).writes else stream

    async def embed(self, call: EmbedCall) -> Embedded:
        """See Provider. Vectors are not kept."""
        return await self._inner.embed(call)

    def _mode(self, call: ChatCall) -> CacheMode:
        return call.options.cache_mode or self._default

    async def keep(self, call: ChatCall, completion: Completion) -> None:
        """Keep an answer that the model ended by itself."""
        if completion.finish in _KEPT:
            ttl_s = call.options.cache_ttl_s or self._ttl_s
            await self._cache.set(fingerprint(call), replace(completion, raw_json=""), ttl_s)


class _Kept:
    """A stream that is assembled on the way and kept when it finishes."""

    def __init__(self, inner: Stream, cached: Cached, call: ChatCall) -> None:
        self._inner = inner
        self._cached = cached
        self._call = call
        self._begin()

    def _begin(self) -> None:
        self._assembler = Assembler()
        self._warnings: list[Warned] = []
        self._whole = True

    @property
    def request_id(self) -> str:
        """See Stream."""
        return self._inner.request_id

    def __aiter__(self) -> Self:
        """The stream itself."""
        return self

    async def __anext__(self) -> Chunk:
        """See Stream."""
        chunk = await self._inner.__anext__()
        if isinstance(chunk, Finished) and self._whole:
            await self._cached.keep(self._call, self._completion(chunk))
        elif isinstance(chunk, _NO_PART):
            if isinstance(chunk, Warned):
                self._warnings.append(chunk)
            else:
                self._begin()
        else:
            # The parts do not hold them, so the kept answer would lack them.
            self._whole = self._whole and not (isinstance(chunk, TextDelta) and chunk.logprobs)
            self._assembler.add(chunk)
        return chunk

    async def aclose(self) -> None:
        """See Stream. What did not finish is not kept."""
        await self._inner.aclose()

    def _completion(self, end: Finished) -> Completion:
        return Completion(
            parts=self._assembler.parts(),
            finish=end.finish,
            usage=end.usage,
            model=end.model,
            request_id=self._inner.request_id,
            stop_sequence=end.stop_sequence,
            warnings=tuple(self._warnings),
            metadata_json=end.metadata_json,
        )


class Replay:
    """A kept answer as a stream."""

    def __init__(self, completion: Completion) -> None:
        self._chunks: Iterator[Chunk] = chunks(completion)
        self.request_id = completion.request_id

    def __aiter__(self) -> Self:
        """The stream itself."""
        return self

    async def __anext__(self) -> Chunk:
        """See Stream."""
        try:
            return next(self._chunks)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """Nothing is held."""
