"""The gRPC server: what comes in is parsed by the SDK's own messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Any, NoReturn, Self

import aiohttp
import grpc
from aiohttp.http_exceptions import HttpProcessingError

from hexgate.adapters.simulator.server import Simulator
from hexgate.adapters.simulator.vertex_grpc.bridge import Bridge, senseless
from hexgate.adapters.simulator.vertex_grpc.methods import METHODS, NONSENSE, Method
from hexgate.adapters.simulator.vertex_grpc.statuses import BROKEN, Aborted

_FAILURES = (Aborted, aiohttp.ClientError, HttpProcessingError, OSError)


class VertexGrpc:
    """Serves Vertex AI's gRPC API on the loopback interface, out of a simulator that listens.

    All that the simulator says and does over HTTP, it does over gRPC: errors are statuses, what is
    broken off is `UNAVAILABLE`, what is no JSON is no message, and who leaves is gone there too.
    """

    def __init__(self, simulator: Simulator, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._simulator = simulator
        self._host = host
        self._port = port

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5.0),
        )
        self._server = grpc.aio.server(options=(("grpc.max_receive_message_length", -1),))
        bridge = Bridge(self._session, self._simulator.vertex_url)
        self._server.add_generic_rpc_handlers((_Handlers(bridge),))
        try:
            self._port = self._server.add_insecure_port(f"{self._host}:{self._port}")
            await self._server.start()
        except BaseException:
            await self._session.close()
            raise
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self._server.stop(None)
        await self._session.close()

    @property
    def url(self) -> str:
        """The base URL for a client over gRPC, once it listens."""
        return f"http://{self._host}:{self._port}"


class _Handlers(grpc.GenericRpcHandler):
    """Every method by its path."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See GenericRpcHandler: bytes come in and go out."""
        method = METHODS.get(details.method)
        if method is None:
            return None
        bridge = self._bridge
        if method.streams:
            return grpc.unary_stream_rpc_method_handler(_many(bridge, method))
        return grpc.unary_unary_rpc_method_handler(_one(bridge, method))


def _one(bridge: Bridge, method: Method) -> Any:
    async def answer(data: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            return await bridge.one(method, data, context.invocation_metadata() or ())
        except _FAILURES as failure:
            if senseless(failure):
                return NONSENSE
            await _abort(context, failure)

    return answer


def _many(bridge: Bridge, method: Method) -> Any:
    async def answer(
        data: bytes, context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncGenerator[bytes, None]:
        try:
            messages = bridge.many(method, data, context.invocation_metadata() or ())
            async with aclosing(messages):
                async for message in messages:
                    yield message
        except _FAILURES as failure:
            if senseless(failure):
                yield NONSENSE
            else:
                await _abort(context, failure)

    return answer


async def _abort(context: grpc.aio.ServicerContext[bytes, bytes], failure: Exception) -> NoReturn:
    if isinstance(failure, Aborted):
        await context.abort(failure.code, failure.message, failure.trailers)
    await context.abort(grpc.StatusCode.UNAVAILABLE, BROKEN)
