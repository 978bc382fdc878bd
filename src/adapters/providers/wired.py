"""The one real Provider: a dialect over a transport."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Self

from hexgate.adapters.providers.failures import timed_out
from hexgate.adapters.providers.ratelimits import RateLimits, parse
from hexgate.adapters.providers.side_by_side import together
from hexgate.adapters.providers.wire import (
    Dialect,
    Embeddings,
    Inlining,
    Polyglot,
    Reader,
    Transport,
    WireRequest,
    WireResponse,
    WireStream,
)
from hexgate.domain.answer import OUTPUT, Chunk, Completion, Finished, Warned
from hexgate.domain.call import Call, ChatCall, EmbedCall, Timeouts
from hexgate.domain.chat import linked
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import (
    BadResponse,
    GatewayError,
    TimedOut,
    Unsupported,
    Unwell,
    Violation,
)
from hexgate.domain.usage import Usage

# How long, and how often, to wait for the end of a body after its terminal marker, so that the
# connection can be used again. A new connection costs more than that, but not much more.
_DRAIN_S = 0.1
_DRAIN_READS = 3
_MODELS = 256  # whose latest headers are kept; callers may name any


class WiredProvider:
    """Answers calls by `dialect` over `transport`. `monotonic` is a clock in seconds."""

    def __init__(
        self,
        dialect: Dialect,
        transport: Transport,
        *,
        monotonic: Callable[[], float],
        provider: str = "the provider",
        embeddings: Embeddings | None = None,
        inlining: Inlining | None = None,
    ) -> None:
        self._inlining = inlining
        self._embeddings = embeddings
        self._dialect = dialect
        self._for: Callable[[str], Dialect] = (
            dialect.for_model if isinstance(dialect, Polyglot) else lambda _model: dialect
        )
        self._transport = transport
        self._monotonic = monotonic
        self._provider = provider
        self._told: dict[str, Mapping[str, str]] = {}  # the latest headers, by model

    async def complete(self, call: ChatCall) -> Completion:
        """See Provider."""
        if self._inlining is not None and linked(call.spec.messages):
            call = await self._inlining.inlined(call, self._for(call.model).fetches)
        dialect = self._for(call.model)
        request = dialect.request(call, stream=False)
        response = await self._answered(request, call, call.timeouts)
        answer = dialect.completion(response)
        raw = response.body.decode("utf-8", "replace") if call.options.include_raw else ""
        return dataclasses.replace(
            answer,
            warnings=(*request.warnings, *answer.warnings),
            request_id=answer.request_id or dialect.request_id(response.headers),
            raw_json=raw,
        )

    async def open(self, call: ChatCall) -> WiredStream:
        """See Provider. Whatever comes before the first output is kept and delivered first."""
        if self._inlining is not None and linked(call.spec.messages):
            call = await self._inlining.inlined(call, self._for(call.model).fetches)
        dialect = self._for(call.model)
        request = dialect.request(call, stream=True)
        started = self._monotonic()
        wire = await self._transport.open(request, call.timeouts)
        self._keep(call.model, wire.headers)
        stream = WiredStream(
            wire,
            dialect.reader(),
            request.warnings,
            request_id=dialect.request_id(wire.headers),
            provider=self._provider,
            timeouts=call.timeouts,
            started=started,
            monotonic=self._monotonic,
        )
        try:
            await self._admit(wire, call)
            await stream.start()
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def embed(self, call: EmbedCall) -> Embedded:
        """See Provider. Inputs beyond what one request takes go out in several, side by side.

        They are one attempt: together they have its time, and the first that fails ends them all.
        """
        if self._embeddings is None:
            raise Unsupported(
                f"{self._provider} has no embeddings; choose another provider",
                (Violation("model", "has no embeddings", "UNSUPPORTED"),),
                metadata={"model": call.model, "capability": "embeddings"},
            )
        requests = self._embeddings.requests(call)
        until = self._monotonic() + call.timeouts.attempt_s
        answered: list[WireResponse] = []

        async def send(request: WireRequest) -> WireResponse:
            left_s = until - self._monotonic()
            if left_s <= 0:
                raise timed_out(self._provider, "attempt")
            limits = dataclasses.replace(call.timeouts, attempt_s=left_s)
            answered.append(await self._answered(request, call, limits))
            return answered[-1]

        try:
            responses = await together(send, requests)
        except GatewayError as failure:
            failure.billed = _used(self._embeddings, answered) or failure.billed
            raise
        answer = self._embeddings.vectors(responses)
        found, expected = len(answer.vectors), len(call.spec.inputs)
        if found != expected:
            text = f"{self._provider} answered {expected} inputs with {found} vectors"
            odd = BadResponse(text, metadata={"provider": self._provider})
            odd.billed = answer.usage
            raise odd
        warnings = tuple(dict.fromkeys(w for request in requests for w in request.warnings))
        return dataclasses.replace(
            answer,
            warnings=(*warnings, *answer.warnings),
            request_id=answer.request_id or self._dialect.request_id(responses[0].headers),
        )

    def fits(self, call: ChatCall) -> None:
        """See Fitting."""
        if self._inlining is None or not linked(call.spec.messages):
            self._for(call.model).request(call, stream=False)

    async def check(self, timeouts: Timeouts) -> None:
        """Ask for what costs nothing: returns when the provider accepts the gateway's credential.

        Raises a GatewayError that says why not.
        """
        response = await self._transport.send(self._dialect.check(), timeouts.whole())
        if not 200 <= response.status < 300:
            raise self._refusal(response)

    async def _answered(self, request: WireRequest, call: Call, timeouts: Timeouts) -> WireResponse:
        """A whole answer with a 2xx status; raises what any other means."""
        response = await self._transport.send(request, timeouts.whole())
        self._keep(call.model, response.headers)
        if not 200 <= response.status < 300:
            raise self._refusal(response, call)
        return response

    def rate_limits(self, model: str) -> RateLimits | None:
        """What the provider said of its limits with the latest answer of this model, if anything.

        Times count from that answer.
        """
        return parse(self._told.get(model, {}))

    def _keep(self, model: str, headers: Mapping[str, str]) -> None:
        if model not in self._told and len(self._told) >= _MODELS:
            del self._told[next(iter(self._told))]
        self._told[model] = headers

    async def _admit(self, wire: WireStream, call: ChatCall) -> None:
        """Raise what an answer means that is no stream."""
        if not 200 <= wire.status < 300:
            pieces = []
            with suppress(Unwell):  # the status says more than that its body broke off
                while piece := await wire.read():
                    pieces.append(piece)
            raise self._refusal(WireResponse(wire.status, wire.headers, b"".join(pieces)), call)

    def _refusal(self, response: WireResponse, call: Call | None = None) -> GatewayError:
        if response.status >= 400:
            dialect = self._for(call.model) if isinstance(call, ChatCall) else self._dialect
            error = dialect.error(response)
            # The wire's answer seldom repeats which model was asked.
            if call is not None:
                error.metadata.setdefault("model", call.model)
            return error
        status = str(response.status)
        text = f"{self._provider} answered with status {status}; check its base_url"
        return BadResponse(
            text,
            http_status=response.status,
            metadata={"provider": self._provider, "httpStatus": status},
        )


def _used(embeddings: Embeddings, answered: Sequence[WireResponse]) -> Usage | None:
    """What these answers say that they used, if anything: they are billed, though no vector of
    them is handed out.
    """
    if not answered:
        return None
    try:
        return embeddings.vectors(answered).usage
    except GatewayError:
        return None


class WiredStream:
    """The chunks of one answer, read as they are asked for."""

    def __init__(
        self,
        wire: WireStream,
        reader: Reader,
        warnings: Sequence[Warned],
        *,
        request_id: str,
        provider: str,
        timeouts: Timeouts,
        started: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._wire = wire
        self._reader = reader
        self._chunks: deque[Chunk] = deque(warnings)
        self._request_id = request_id
        self._provider = provider
        self._silence_s = timeouts.between_tokens_s
        self._first_until = started + timeouts.first_token_s
        self._until = started + timeouts.attempt_s
        self._monotonic = monotonic
        self._shown = False  # output has been seen
        self._finished = False
        self._closed = False

    @property
    def request_id(self) -> str:
        """The provider's own identifier of the request, or empty."""
        return self._request_id

    def __aiter__(self) -> Self:
        """The stream itself."""
        return self

    async def __anext__(self) -> Chunk:
        """See Stream."""
        chunks = self._chunks
        while not chunks:
            if self._closed:
                raise StopAsyncIteration
            if self._finished:
                await self.aclose()
            else:
                await self._fill()
        return chunks.popleft()

    async def start(self) -> None:
        """Read until the first output is at hand."""
        while not self._shown:
            await self._fill()

    async def aclose(self) -> None:
        """See Stream. Chunks that were not asked for are gone."""
        if self._closed:
            return
        self._closed = True
        self._chunks.clear()
        try:
            if self._finished:
                await self._drain()
        finally:
            await self._wire.aclose()

    async def _fill(self) -> None:
        """Take in what one read brings; after any failure the stream is closed."""
        try:
            if (failure := self._reader.failure) is not None:
                raise failure  # noqa: TRY301 - what it came behind has been delivered
            data = await self._read()
            self._take(self._reader.feed(data) if data else self._end())
        except BaseException:
            await self.aclose()
            raise

    async def _read(self) -> bytes:
        """One read, within what is left of the tightest limit: silence, first output or attempt."""
        now = self._monotonic()
        limit_s, phase = self._until - now, "attempt"
        if not self._shown and self._first_until - now < limit_s:
            limit_s, phase = self._first_until - now, "first_token"
        elif self._shown and self._silence_s < limit_s:
            limit_s, phase = self._silence_s, "between_tokens"
        if limit_s <= 0:
            raise timed_out(self._provider, phase)
        try:
            return await self._wire.read(limit_s)
        except TimedOut as failure:
            if failure.metadata.get("phase") != "between_tokens":
                raise
            raise timed_out(self._provider, phase) from failure

    def _end(self) -> Sequence[Chunk]:
        chunks = self._reader.end()
        if self._reader.failure is None and not any(
            isinstance(chunk, Finished) for chunk in chunks
        ):
            text = f"{self._provider} ended its stream without a terminal marker"
            raise BadResponse(text, metadata={"provider": self._provider})
        return chunks

    def _take(self, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            self._chunks.append(chunk)
            self._shown = self._shown or isinstance(chunk, OUTPUT)
            if isinstance(chunk, Finished):
                self._finished = True
                return

    async def _drain(self) -> None:
        """Read to the end of the body if it is near, so that the connection can be used again.

        What comes after the terminal marker is no part of the answer.
        """
        with suppress(Unwell):
            for _ in range(_DRAIN_READS):
                if not await self._wire.read(_DRAIN_S):
                    return
