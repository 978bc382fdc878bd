"""CompletionService: thin methods over the use cases."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from hexgate.application.complete import Complete
from hexgate.application.requests import ChatRequest
from hexgate.application.stream import Delivery, Ending, Replayed, StreamComplete
from hexgate.domain.answer import TextDelta, Warned
from hexgate.domain.assemble import Assembler
from hexgate.domain.call import Options
from hexgate.domain.errors import InvalidRequest
from hexgate.entrypoints.grpc import parse, render, wishes
from hexgate.entrypoints.grpc.boundary import Scope
from hexgate.entrypoints.grpc.pace import Paced
from hexgate.v1 import completion_service_pb2 as pb

# Until callers are told apart by their credentials there is one tenant.
TENANT = "default"
MIN_HEARTBEAT_S = 0.05
MAX_MERGE_S = 1.0


@dataclass(frozen=True, slots=True)
class Delivering:
    """How a caller wants its stream: 0 and None mean not at all."""

    heartbeat_s: float | None
    merge_s: float
    include_message: bool
    warnings: tuple[Warned, ...]


class CompletionMethods:
    """The methods of CompletionService that this server implements."""

    def __init__(
        self, complete: Complete, stream: StreamComplete, new_id: Callable[[], str]
    ) -> None:
        self._complete = complete
        self._stream = stream
        self._new_id = new_id

    async def complete(
        self, message: pb.CompleteRequest, scope: Scope[pb.CompleteResponse]
    ) -> pb.CompleteResponse:
        """Answer in one message."""
        request = self._request(message, scope)
        return render.answer(await self._complete(request))

    async def stream_complete(
        self, message: pb.StreamCompleteRequest, scope: Scope[pb.StreamCompleteResponse]
    ) -> None:
        """Answer as events. Nothing is sent before a provider has accepted the call."""
        request = self._request(message, scope)
        wish = _delivering(message.stream, request.options)
        delivery = await self._stream(request)
        paced = Paced(delivery)
        # Not the delivery's own: a read that is under way would take the closing for a failure.
        scope.running.release = paced.aclose
        try:
            async with aclosing(paced):
                await _deliver(delivery, paced, wish, scope)
        finally:
            scope.running.receipt = delivery.receipt

    def _request(
        self,
        message: pb.CompleteRequest | pb.StreamCompleteRequest,
        scope: Scope[pb.CompleteResponse] | Scope[pb.StreamCompleteResponse],
    ) -> ChatRequest:
        scope.call_id = self._new_id()
        return ChatRequest(
            call_id=scope.call_id,
            tenant=TENANT,
            spec=parse.spec(message.spec),
            options=wishes.options(message.options) if message.HasField("options") else _OPTIONS,
            deadline=scope.deadline,
        )


_NO_RAW = Warned(
    "OPTION_IGNORED",
    "a stream has no raw response; ask for it with Complete",
    "options.include_raw_response",
)
_OPTIONS = wishes.options(pb.CompleteRequest().options)


async def _deliver(
    delivery: Delivery | Replayed,
    paced: Paced,
    wish: Delivering,
    scope: Scope[pb.StreamCompleteResponse],
) -> None:
    await scope.write(_started(delivery))
    running = scope.running
    for warned in (*delivery.warnings, *wish.warnings):
        await scope.write(render.event(running.sequence + 1, warned))
    assembler = Assembler() if wish.include_message else None
    idle_since = time.monotonic()
    while True:
        item = await paced.next(wish.heartbeat_s)
        if item is None:
            await scope.write(_heartbeat(running.sequence + 1, time.monotonic() - idle_since))
            continue
        if wish.merge_s and isinstance(item, TextDelta):
            item = await paced.merged(item, wish.merge_s)
        if isinstance(item, Ending):
            running.ended = True
            await scope.write(_finished(running.sequence + 1, item, assembler))
            return
        if assembler is not None:
            assembler.add(item)
        await scope.write(render.event(running.sequence + 1, item))
        if wish.heartbeat_s is not None:
            idle_since = time.monotonic()


def _started(delivery: Delivery | Replayed) -> pb.StreamCompleteResponse:
    call = delivery.call
    started = render.started(
        call.call_id,
        call.attempts.done,
        delivery.accepted_at,
        cache_hit=isinstance(delivery, Replayed),
    )
    return pb.StreamCompleteResponse(sequence=1, started=started)


def _heartbeat(sequence: int, idle_s: float) -> pb.StreamCompleteResponse:
    beat = pb.Heartbeat(idle=render.duration(idle_s))
    return pb.StreamCompleteResponse(sequence=sequence, heartbeat=beat)


def _finished(
    sequence: int, ending: Ending, assembler: Assembler | None
) -> pb.StreamCompleteResponse:
    finished = render.finished(ending.finished, ending.receipt)
    if assembler is not None:
        finished.message.CopyFrom(render.message(assembler.parts()))
    return pb.StreamCompleteResponse(sequence=sequence, finished=finished)


def _delivering(options: pb.StreamOptions, call: Options) -> Delivering:
    if options.resume_token:
        raise _unresumable()
    heartbeat_s = parse.seconds("stream.heartbeat_interval", options.heartbeat_interval)
    if 0 < heartbeat_s < MIN_HEARTBEAT_S:
        raise parse.invalid(
            "stream.heartbeat_interval",
            f"is {heartbeat_s:g} s, expected 0 or at least {MIN_HEARTBEAT_S:g}",
            "OUT_OF_RANGE",
        )
    merge_s = parse.seconds("stream.coalesce_window", options.coalesce_window)
    if merge_s > MAX_MERGE_S:
        raise parse.invalid(
            "stream.coalesce_window",
            f"is {merge_s:g} s, expected at most {MAX_MERGE_S:g}",
            "OUT_OF_RANGE",
        )
    return Delivering(
        heartbeat_s=heartbeat_s or None,
        merge_s=merge_s,
        include_message=options.include_final_message,
        warnings=(_NO_RAW,) if call.include_raw else (),
    )


class UnknownResumeToken(InvalidRequest):
    """This server hands out no resume tokens, so none can be valid."""

    reason = "RESUME_TOKEN_INVALID"


def _unresumable() -> UnknownResumeToken:
    violation = parse.invalid("stream.resume_token", "is unknown; start the stream again")
    return UnknownResumeToken(violation.message, violation.violations)
