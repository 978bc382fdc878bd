"""The one place where exceptions become statuses. Nothing internal passes it.

Handlers are wrapped once, when they are registered, not by an interceptor on every call. Facts of
grpc.aio that this file answers to: text of any exception that escapes goes to the client; an
AbortError is an Exception and must pass; a CancelledError that is no cancellation of this task
leaves the client without a status; a handler that swallows a real one leaks memory.
"""

from __future__ import annotations

import asyncio
import traceback
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError, Message
from grpc import aio

from hexgate.domain.errors import GatewayError, InvalidRequest, Violation
from hexgate.entrypoints.grpc.running import Calls, Running
from hexgate.entrypoints.grpc.status import Trailers, status_of
from hexgate.entrypoints.grpc.unknown import find, has_unknown
from hexgate.ports.clock import Clock

Req = TypeVar("Req", bound=Message)
Res = TypeVar("Res", bound=Message)

MAX_REQUEST_ID_CHARS = 128


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A request that was not parsed: too large, or no message of its type."""

    error: InvalidRequest


@dataclass(slots=True)
class Scope(Generic[Res]):
    """What a method knows of its call, besides the request."""

    context: aio.ServicerContext[Message, Res]
    running: Running
    request_id: str
    deadline: float  # monotonic
    call_id: str = ""

    async def write(self, event: Res) -> None:
        """Send one event. The watchdog ends the call when the reader takes none for too long."""
        running = self.running
        running.writing_since = running.task.get_loop().time()
        await self.context.write(event)
        running.writing_since = None
        running.sequence += 1
        if running.cause is not None and not running.ended:
            raise running.cause

    def trailers(self) -> Trailers:
        """What travels with an error, in trailers: headers would commit the client's retry.

        An answer says its identifier by itself.
        """
        ids = (("x-request-id", self.request_id), ("hexgate-response-id", self.call_id))
        return tuple(pair for pair in ids if pair[1])


Unary = Callable[[Req, Scope[Res]], Awaitable[Res]]
Streaming = Callable[[Req, Scope[Res]], Awaitable[None]]


class Boundary:
    """Makes grpc handlers out of methods that raise GatewayErrors."""

    def __init__(
        self,
        calls: Calls,
        clock: Clock,
        *,
        max_request_bytes: int,
        max_deadline_s: float,
        default_deadline_s: float,
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._max_request_bytes = max_request_bytes
        self._max_deadline_s = max_deadline_s
        self._default_deadline_s = default_deadline_s
        self._log = structlog.get_logger("hexgate.boundary")

    def unary(
        self, method: Unary[Req, Res], request: type[Req]
    ) -> grpc.RpcMethodHandler[Req | Unreadable, Res]:
        """A handler for one answer."""

        async def handle(
            message: Req | Unreadable, context: aio.ServicerContext[Message, Res]
        ) -> Res:
            scope = await self._enter(context, streamed=False)
            try:
                answer = await method(_readable(message), scope)
            except BaseException as error:
                await self._abort(scope, error)
            else:
                if request_id := scope.request_id:
                    context.set_trailing_metadata((("x-request-id", request_id),))
                return answer
            finally:
                self._calls.leave(scope.running)

        return grpc.unary_unary_rpc_method_handler(handle, self._reader(request), _serialize)

    def stream(
        self, method: Streaming[Req, Res], request: type[Req]
    ) -> grpc.RpcMethodHandler[Req | Unreadable, Res]:
        """A handler for many events: a coroutine that writes, never a generator."""

        async def handle(
            message: Req | Unreadable, context: aio.ServicerContext[Message, Res]
        ) -> None:
            scope = await self._enter(context, streamed=True)
            try:
                await method(_readable(message), scope)
                if request_id := scope.request_id:
                    context.set_trailing_metadata((("x-request-id", request_id),))
            except BaseException as error:
                await self._abort(scope, error)
            finally:
                self._calls.leave(scope.running)

        return grpc.unary_stream_rpc_method_handler(handle, self._reader(request), _serialize)

    async def _enter(
        self, context: aio.ServicerContext[Message, Res], *, streamed: bool
    ) -> Scope[Res]:
        request_id = _request_id(context)
        try:
            running = self._calls.enter(streamed=streamed)
        except GatewayError as error:
            trailers = (("x-request-id", request_id),)
            await context.abort_with_status(status_of(error, trailers=trailers))
        left_s = context.time_remaining()
        if left_s is None or left_s > self._max_deadline_s:
            # Above the caller's own deadline grpc keeps watch; below it, nobody else does.
            left_s = self._default_deadline_s if left_s is None else self._max_deadline_s
            self._calls.limit(running, left_s)
        return Scope(context, running, request_id, self._clock.monotonic() + left_s)

    async def _abort(self, scope: Scope[Res], error: BaseException) -> NoReturn:
        """End the call with a status, or let a real cancellation pass."""
        if isinstance(error, aio.AbortError):
            raise error
        running = scope.running
        if running.cause is not None:
            if isinstance(error, asyncio.CancelledError):
                running.task.uncancel()
            error = running.cause
        elif _passes(error, running.task):
            raise error
        known = error if isinstance(error, GatewayError) else self._incident(scope, error)
        if known.detail:
            self._log.warning(
                "call failed",
                call_id=scope.call_id,
                request_id=scope.request_id,
                reason=known.reason,
                detail=known.detail,
            )
        if known.receipt is None:
            known.receipt = running.receipt
        await scope.context.abort_with_status(self._status(scope, known))

    def _status(self, scope: Scope[Res], error: GatewayError) -> grpc.Status:
        """The status of an error; a value that cannot be rendered must not speak for itself."""
        try:
            return status_of(error, scope.running.sequence, scope.trailers())
        except Exception as bug:
            return status_of(self._incident(scope, bug))

    def _incident(self, scope: Scope[Res], error: BaseException) -> GatewayError:
        """A bug: logged whole, answered in general words."""
        incident = uuid.uuid4().hex[:12]
        self._log.error(
            "internal error",
            incident=incident,
            call_id=scope.call_id,
            request_id=scope.request_id,
            # The message of an exception may quote a prompt or a key; its place in the code cannot.
            error=type(error).__name__,
            frames=traceback.format_tb(error.__traceback__),
        )
        return GatewayError(
            f"internal error; quote incident {incident} to the operator",
            metadata={"incident": incident},
        )

    def _reader(self, request: type[Req]) -> Callable[[bytes], Req | Unreadable]:
        """Parse within bounds. grpc itself would answer with a status that says nothing."""
        most = self._max_request_bytes

        def read(data: bytes) -> Req | Unreadable:
            if len(data) > most:
                return Unreadable(
                    _invalid(f"the request has {len(data)} bytes, at most {most} are allowed")
                )
            try:
                message = request.FromString(data)
            except (DecodeError, RecursionError):
                return Unreadable(_invalid(f"the request is no {request.DESCRIPTOR.full_name}"))
            return Unreadable(_newer(request.FromString(data))) if has_unknown(message) else message

        return read


def _passes(error: BaseException, task: asyncio.Task[object]) -> bool:
    """Whether this ends the task itself: a real cancellation, or the end of the process."""
    if isinstance(error, asyncio.CancelledError):
        return task.cancelling() > 0
    return not isinstance(error, Exception)


def _readable(message: Req | Unreadable) -> Req:
    if isinstance(message, Unreadable):
        raise message.error
    return message


def _newer(message: Message) -> InvalidRequest:
    """What a client of a newer contract asks for must not be ignored: it may be a limit."""
    where = find(message) or "a map entry"
    return _invalid(f"the request has a field that this server does not know: {where}")


def _invalid(text: str) -> InvalidRequest:
    return InvalidRequest(text, (Violation("spec", text, "REQUEST"),))


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def _request_id(context: aio.ServicerContext[Message, Res]) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == "x-request-id" and isinstance(value, str):
            return value[:MAX_REQUEST_ID_CHARS]
    return ""
