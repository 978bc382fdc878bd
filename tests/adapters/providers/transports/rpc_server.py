"""A gRPC server that answers as it is told, right or wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeAlias

import grpc


@dataclass(frozen=True)
class Fail:
    """End the call with this status."""

    code: grpc.StatusCode
    message: str = "no"
    trailers: Sequence[tuple[str, str | bytes]] = ()


@dataclass(frozen=True)
class Hang:
    """Say nothing until the client is gone."""


@dataclass(frozen=True)
class Wait:
    """Wait for `go`."""


Step: TypeAlias = bytes | Fail | Hang | Wait


@dataclass
class RpcServer:
    """Plays the same steps for every call, whatever its method; bytes are messages."""

    steps: Sequence[Step]
    trust: grpc.ServerCredentials | None = None
    calls: list[tuple[str, dict[str, str | bytes], bytes]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self.asked, self.gone, self.go = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.server = grpc.aio.server()
        self.server.add_generic_rpc_handlers((_Any(self),))
        if self.trust is None:
            self.port = self.server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = self.server.add_secure_port("127.0.0.1:0", self.trust)
        await self.server.start()
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.server.stop(None)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    async def play(
        self, method: str, data: bytes, context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncGenerator[bytes, None]:
        """The messages of one call."""
        self.calls.append((method, dict(context.invocation_metadata() or ()), data))
        self.asked.set()
        try:
            for step in self.steps:
                match step:
                    case Fail(code, message, trailers):
                        await context.abort(code, message, tuple(trailers))
                    case Hang():
                        await asyncio.Event().wait()
                    case Wait():
                        await self.go.wait()
                    case _:
                        yield step
        except (asyncio.CancelledError, GeneratorExit):
            self.gone.set()
            raise


class _Any(grpc.GenericRpcHandler):
    def __init__(self, server: RpcServer) -> None:
        self._server = server

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """See GenericRpcHandler."""
        method = str(details.method)

        async def many(data: bytes, context: Any) -> AsyncGenerator[bytes, None]:
            async with aclosing(self._server.play(method, data, context)) as messages:
                async for message in messages:
                    yield message

        async def one(data: bytes, context: Any) -> bytes:
            async for message in self._server.play(method, data, context):
                return message
            raise AssertionError("a call that is not streamed needs an answer")

        if method.rpartition("/")[2].startswith("Stream"):
            return grpc.unary_stream_rpc_method_handler(many)
        return grpc.unary_unary_rpc_method_handler(one)
