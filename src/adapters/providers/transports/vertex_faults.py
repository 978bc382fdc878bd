"""Errors of gRPC as REST says them, where the provider said them, else as ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import grpc
import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from hexgate.adapters.providers.failures import timed_out, too_large
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.errors import BadResponse, GatewayError, Unreachable
from hexgate.domain.json import Json, JsonObject

_ENCODER = msgspec.json.Encoder()
_DETAILS = "grpc-status-details-bin"
_Code = grpc.StatusCode
# Source: google/rpc/code.proto.
HTTP: Mapping[grpc.StatusCode, int] = {
    _Code.CANCELLED: 499,
    _Code.UNKNOWN: 500,
    _Code.INVALID_ARGUMENT: 400,
    _Code.DEADLINE_EXCEEDED: 504,
    _Code.NOT_FOUND: 404,
    _Code.ALREADY_EXISTS: 409,
    _Code.PERMISSION_DENIED: 403,
    _Code.UNAUTHENTICATED: 401,
    _Code.RESOURCE_EXHAUSTED: 429,
    _Code.FAILED_PRECONDITION: 400,
    _Code.ABORTED: 409,
    _Code.OUT_OF_RANGE: 400,
    _Code.UNIMPLEMENTED: 501,
    _Code.INTERNAL: 500,
    _Code.UNAVAILABLE: 503,
    _Code.DATA_LOSS: 500,
}
# How gRPC begins what it says itself of a call that ended on this side of the connection.
_OURS = ("Stream removed (", "failed to connect")
_TOO_LARGE = "CLIENT: Received message larger than max"
_LOADED = error_details_pb2.DESCRIPTOR  # its types are found by name below


def found(failure: BaseException) -> grpc.aio.AioRpcError | None:
    """gRPC's own error, under whatever the SDK wrapped around it."""
    seen: BaseException | None = failure
    while seen is not None and not isinstance(seen, grpc.aio.AioRpcError):
        seen = seen.__cause__ or seen.__context__
    return seen


def ours(error: grpc.aio.AioRpcError, provider: str, *, stands: bool) -> GatewayError | None:
    """What ended the call on this side; None where the provider itself answered with an error.

    `stands`: whether the connection still stands. gRPC has the same codes for both, and tells
    them apart by nothing but its words.
    """
    code, words = error.code(), error.details() or ""
    local = words.startswith(_OURS)
    made: GatewayError | None = None
    if code is _Code.CANCELLED or (code is _Code.UNAVAILABLE and (local or not stands)):
        metadata = {"provider": provider}
        made = Unreachable(f"{provider} broke the connection", metadata=metadata)
    elif code is _Code.RESOURCE_EXHAUSTED and _TOO_LARGE in words:
        made = too_large(provider)
    elif local and code is _Code.DEADLINE_EXCEEDED:
        made = timed_out(provider, "attempt")
    elif local and code in (_Code.INTERNAL, _Code.UNKNOWN):
        made = nonsense(provider)
    if made is not None:
        made.detail = code.name
    return made


def nonsense(provider: str) -> BadResponse:
    """The answer is no message of the API."""
    text = f"{provider} sent an answer that its SDK refuses"
    return BadResponse(text, metadata={"provider": provider})


def answered(error: grpc.aio.AioRpcError) -> WireResponse:
    """The provider's error as REST has it: status, headers and a google.rpc.Status as JSON."""
    status = HTTP.get(error.code(), 500)
    headers = {**names(error.initial_metadata()), **names(error.trailing_metadata())}
    return WireResponse(status, headers, _ENCODER.encode(said(error)))


def said(error: grpc.aio.AioRpcError) -> JsonObject:
    """The error as an object, as it also stands in the middle of a stream."""
    status = HTTP.get(error.code(), 500)
    made: JsonObject = {
        "code": status,
        "message": error.details() or "",
        "status": error.code().name,
    }
    if details := _details(error):
        made["details"] = details
    return {"error": made}


def names(metadata: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    """Metadata as headers, without what is binary."""
    return {key: value for key, value in metadata or () if isinstance(value, str)}


def _details(error: grpc.aio.AioRpcError) -> list[Json]:
    rich = dict(error.trailing_metadata() or ()).get(_DETAILS)
    if not isinstance(rich, bytes):
        return []
    try:
        status = status_pb2.Status.FromString(rich)
    except DecodeError:
        return []
    return [_detail(each) for each in status.details]


def _detail(packed: Any) -> Json:
    try:
        detail: Json = json_format.MessageToDict(packed)
    except (TypeError, DecodeError):  # of a type that is not known here
        return {"@type": packed.type_url}
    return detail
