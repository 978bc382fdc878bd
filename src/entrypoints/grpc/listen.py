"""gRPC servers: options, health, reflection, channelz."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

# Above the documented limit, so that an oversized request is answered by us and not by the
# library, which says RESOURCE_EXHAUSTED and nothing else.
RECEIVE_FACTOR = 2

KNOWN_OPTIONS = frozenset(
    {
        "grpc.so_reuseport",
        "grpc.max_receive_message_length",
        "grpc.max_concurrent_streams",
        "grpc.http2.min_ping_interval_without_data_ms",
        "grpc.keepalive_permit_without_calls",
        "grpc.keepalive_time_ms",
        "grpc.keepalive_timeout_ms",
        "grpc.max_connection_age_ms",
        "grpc.max_connection_age_grace_ms",
    }
)


def options(max_request_bytes: int, longest_call_s: float) -> tuple[tuple[str, int], ...]:
    """Channel arguments of a server. Unknown names are ignored in silence, hence KNOWN_OPTIONS."""
    return (
        # A second process on the port must fail to start, not take half of the connections.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", max_request_bytes * RECEIVE_FACTOR),
        ("grpc.max_concurrent_streams", 1000),
        # Below the interval at which clients ping, or idle streams are killed.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        # Clients reconnect now and then, so that they find new replicas; no call is cut for it.
        ("grpc.max_connection_age_ms", 30 * 60_000),
        ("grpc.max_connection_age_grace_ms", int(longest_call_s * 1000) + 60_000),
    )


def add_health(server: aio.Server) -> health.aio.HealthServicer:
    """The standard health service; starts as NOT_SERVING until `serving` is called."""
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return servicer


async def serving(
    servicer: health.aio.HealthServicer, services: Iterable[ServiceDescriptor], *, yes: bool
) -> None:
    """Set the state of the whole server and of each service."""
    state = (
        health_pb2.HealthCheckResponse.SERVING
        if yes
        else health_pb2.HealthCheckResponse.NOT_SERVING
    )
    for name in ("", *(service.full_name for service in services)):
        await servicer.set(name, state)


def add_reflection(server: aio.Server, services: Iterable[ServiceDescriptor]) -> None:
    """Lets grpcurl and buf curl discover the schema."""
    names = [service.full_name for service in services]
    reflection.enable_server_reflection(
        (*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )


def add_channelz(server: aio.Server) -> None:
    """Live tables of channels and sockets; for the admin port alone."""
    channelz.add_channelz_servicer(server)
