"""The Python client: a channel, credentials and readable errors over the generated stubs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from hexgate.v1.completion_service_pb2 import CompletionFailure

DOMAIN: Final = "hexgate"
"""The domain of every google.rpc.ErrorInfo that hexgate itself attached."""

MAX_MESSAGE_BYTES: Final = 32 << 20
"""Bound of one received message; gRPC's own default of 4 MiB is too small for images."""

SERVICE_CONFIG: Final = """\
{
  "loadBalancingConfig": [{ "round_robin": {} }],
  "healthCheckConfig": { "serviceName": "hexgate.v1.CompletionService" },
  "methodConfig": [
    {
      "name": [
        { "service": "hexgate.v1.CompletionService" },
        { "service": "hexgate.v1.EmbeddingService" },
        { "service": "hexgate.v1.UsageService", "method": "ExportUsage" }
      ],
      "timeout": "600s",
      "retryPolicy": {
        "maxAttempts": 3,
        "initialBackoff": "0.2s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"]
      }
    },
    {
      "name": [
        { "service": "hexgate.v1.ModelService" },
        { "service": "hexgate.v1.UsageService" },
        { "service": "hexgate.v1.PromptService", "method": "GetPrompt" },
        { "service": "hexgate.v1.PromptService", "method": "ListPrompts" },
        { "service": "hexgate.v1.PromptService", "method": "RenderPrompt" }
      ],
      "timeout": "10s",
      "retryPolicy": {
        "maxAttempts": 4,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"]
      }
    },
    {
      "name": [{ "service": "hexgate.v1.PromptService" }],
      "timeout": "10s"
    }
  ],
  "retryThrottling": { "maxTokens": 100, "tokenRatio": 0.1 }
}
"""
"""The gRPC service config that every hexgate client ships, as JSON: deadlines for calls that set
none, and retries of UNAVAILABLE, which the gateway answers only when it delivered nothing."""

CHANNEL_OPTIONS: Final[tuple[tuple[str, str | int], ...]] = (
    ("grpc.service_config", SERVICE_CONFIG),
    ("grpc.keepalive_time_ms", 30_000),  # above the gateway's minimum of 10 s
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.per_rpc_retry_buffer_size", MAX_MESSAGE_BYTES),  # a larger request is never retried
)
"""What `dial` gives a channel, for those who make their own."""

_DETAILS = "grpc-status-details-bin"
_Detail = TypeVar("_Detail", bound=Message)
_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


@dataclass(frozen=True, slots=True)
class Violation:
    """One bad field: its path in the request, what was expected, and an UPPER_SNAKE reason."""

    field: str
    description: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Everything a gateway says about a failed call.

    `reason` is a name of hexgate.v1.ErrorReason without its prefix, and empty when the failure is
    the transport's own; decide by `code` when it is empty or unknown. `metadata` holds every
    dynamic value of `message`. `retry_after_s` is None when this answer is no reason to repeat the
    call. `failure` tells what was tried, delivered and spent, when a provider was involved.
    """

    code: grpc.StatusCode
    message: str
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    retry_after_s: float | None = None
    violations: tuple[Violation, ...] = ()
    failure: CompletionFailure | None = None

    def __str__(self) -> str:
        return f"{self.code.name}: {self.reason or 'TRANSPORT'}: {self.message}"


def dial(
    target: str,
    *,
    token: str | None = None,
    tls: grpc.ChannelCredentials | None = None,
    plaintext_token: bool = False,
) -> grpc.aio.Channel:
    """A channel to a gateway's public port. It connects with the first call; whoever dials closes.

    `tls` is usually grpc.ssl_channel_credentials(); None means plaintext. `token` is sent as
    `authorization: Bearer <token>` with every call; without `tls` that raises ValueError, unless
    `plaintext_token` allows it. A `dns:///` target spreads calls over several gateways.
    """
    if tls is not None:
        if token is not None:
            bearer = grpc.access_token_call_credentials(token)
            tls = grpc.composite_channel_credentials(tls, bearer)
        return grpc.aio.secure_channel(target, tls, options=CHANNEL_OPTIONS)
    if token is None:
        return grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS)
    if not plaintext_token:
        raise ValueError(
            "token: found one without tls, which would send it readable over the network; "
            "pass tls, or plaintext_token=True for a gateway on this machine"
        )
    # Two objects: a channel takes an interceptor for the first kind it is an instance of.
    return grpc.aio.insecure_channel(
        target, options=CHANNEL_OPTIONS, interceptors=[_UnaryToken(token), _StreamToken(token)]
    )


def explain(error: grpc.aio.AioRpcError) -> Problem:
    """Read the status of a failed call. Never raises: details that do not parse count as absent."""
    status = _status(error)
    infos = (i for i in _details(status, error_details_pb2.ErrorInfo) if i.domain == DOMAIN)
    info = next(infos, error_details_pb2.ErrorInfo())
    waits = [w.retry_delay for w in _details(status, error_details_pb2.RetryInfo)]
    return Problem(
        code=error.code(),
        message=error.details() or "",
        reason=info.reason,
        metadata=MappingProxyType(dict(info.metadata)),
        retry_after_s=waits[0].seconds + waits[0].nanos / 1e9 if waits else None,
        violations=tuple(
            Violation(v.field, v.description, v.reason)
            for bad in _details(status, error_details_pb2.BadRequest)
            for v in bad.field_violations
        ),
        failure=next(iter(_details(status, CompletionFailure)), None),
    )


def _status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                break
    return status_pb2.Status()


def _details(status: status_pb2.Status, kind: type[_Detail]) -> list[_Detail]:
    found = []
    for packed in status.details:
        detail = kind()
        try:
            if packed.Unpack(detail):
                found.append(detail)
        except DecodeError:
            continue
    return found


class _Token:
    """Adds the credential. gRPC's own call credentials refuse a plaintext channel."""

    def __init__(self, token: str) -> None:
        self._bearer = f"Bearer {token}"

    def signed(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        return grpc.aio.ClientCallDetails(
            details.method,
            details.timeout,
            grpc.aio.Metadata(*(details.metadata or ()), ("authorization", self._bearer)),
            details.credentials,
            details.wait_for_ready,
        )


class _UnaryToken(_Token, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self,
        continuation: Callable[
            [grpc.aio.ClientCallDetails, _Request],
            Awaitable[grpc.aio.UnaryUnaryCall[_Request, _Response]],
        ],
        client_call_details: grpc.aio.ClientCallDetails,
        request: _Request,
    ) -> _Response | grpc.aio.UnaryUnaryCall[_Request, _Response]:
        return await continuation(self.signed(client_call_details), request)


class _StreamToken(_Token, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self,
        continuation: Callable[
            [grpc.aio.ClientCallDetails, _Request],
            Awaitable[grpc.aio.UnaryStreamCall[_Request, _Response]],
        ],
        client_call_details: grpc.aio.ClientCallDetails,
        request: _Request,
    ) -> AsyncIterator[_Response] | grpc.aio.UnaryStreamCall[_Request, _Response]:
        return await continuation(self.signed(client_call_details), request)
