"""Errors of REST as statuses of gRPC, with their details."""

from __future__ import annotations

from dataclasses import dataclass

import grpc
import msgspec
from google.protobuf import any_pb2, json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2

from hexgate.domain.json import Json, JsonObject

_LOADED = error_details_pb2.DESCRIPTOR  # its types are found by name
_DETAILS = "grpc-status-details-bin"
_CODES = {code.name: code for code in grpc.StatusCode}
_BY_STATUS = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


class Aborted(Exception):
    """The call ends with this status."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        trailers: tuple[tuple[str, str | bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.trailers = trailers


BROKEN = "The connection to the model was lost."


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error says of itself; `details` are packed."""

    code: grpc.StatusCode
    message: str
    details: tuple[any_pb2.Any, ...]


def aborted(body: bytes, status: int, retry_after: str | None = None) -> Aborted:
    """The status that the body of an error, or an event with one, is in gRPC."""
    fault = _fault(body, status)
    number = code_pb2.Code.Value(fault.code.name)
    rich = status_pb2.Status(code=number, message=fault.message, details=fault.details)
    trailers: list[tuple[str, str | bytes]] = [(_DETAILS, rich.SerializeToString())]
    if retry_after is not None:
        trailers.append(("retry-after", retry_after))
    return Aborted(fault.code, fault.message, tuple(trailers))


def in_stream(event: bytes) -> bool:
    """Whether an event is an error."""
    return "error" in _object(event)


def _fault(body: bytes, status: int) -> Fault:
    error = _object(body).get("error")
    said: JsonObject = error if isinstance(error, dict) else {}
    code = _CODES.get(str(said.get("status"))) or _BY_STATUS.get(status)
    details = said.get("details")
    listed = details if isinstance(details, list) else []
    packed = (_packed(each) for each in listed if isinstance(each, dict))
    return Fault(
        code or grpc.StatusCode.UNAVAILABLE,
        str(said.get("message") or f"HTTP status {status}"),
        tuple(each for each in packed if each is not None),
    )


def _packed(detail: JsonObject) -> any_pb2.Any | None:
    try:
        return json_format.ParseDict(detail, any_pb2.Any())
    except (json_format.ParseError, TypeError):
        return None


def _object(body: bytes) -> JsonObject:
    try:
        found: Json = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
