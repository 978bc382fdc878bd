"""One table: from a domain error to a gRPC status with google.rpc details."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
from google.protobuf.any_pb2 import Any as AnyProto
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from hexgate.domain import errors
from hexgate.domain.errors import GatewayError, InvalidRequest
from hexgate.entrypoints.grpc import render
from hexgate.v1 import completion_service_pb2

DOMAIN = "hexgate"
# Peers reject trailers above 8 to 16 KiB, some of them at random, and the message travels twice.
MAX_MESSAGE_BYTES = 1024
MAX_DETAILS_BYTES = 4096
MAX_METADATA_BYTES = 1536
MAX_VIOLATIONS_BYTES = 2048
MAX_ATTEMPTS = 8
MAX_WAIT_S = 86_400.0

Trailers = tuple[tuple[str, str | bytes], ...]
_Code = grpc.StatusCode

CODES: dict[type[GatewayError], grpc.StatusCode] = {
    GatewayError: _Code.INTERNAL,
    errors.Rejected: _Code.INVALID_ARGUMENT,
    errors.UnknownModel: _Code.NOT_FOUND,
    errors.UnknownProvider: _Code.NOT_FOUND,
    errors.NoEligibleTarget: _Code.FAILED_PRECONDITION,
    errors.SpendLimitExceeded: _Code.FAILED_PRECONDITION,
    errors.PriceUnknown: _Code.FAILED_PRECONDITION,
    errors.BudgetExceeded: _Code.RESOURCE_EXHAUSTED,
    errors.Unimplemented: _Code.UNIMPLEMENTED,
    errors.RateLimited: _Code.RESOURCE_EXHAUSTED,
    errors.GatewayOverloaded: _Code.UNAVAILABLE,
    errors.ShuttingDown: _Code.UNAVAILABLE,
    errors.DeadlineExceeded: _Code.DEADLINE_EXCEEDED,
    errors.StoreUnavailable: _Code.UNAVAILABLE,
    errors.SlowReader: _Code.ABORTED,
    errors.Interrupted: _Code.ABORTED,
    errors.AllTargetsFailed: _Code.UNAVAILABLE,
    errors.Unserved: _Code.UNAVAILABLE,
    errors.CredentialRejected: _Code.FAILED_PRECONDITION,
    errors.QuotaExhausted: _Code.FAILED_PRECONDITION,
    errors.ModelGone: _Code.NOT_FOUND,
    errors.ProviderLimited: _Code.RESOURCE_EXHAUSTED,
    errors.BadResponse: _Code.INTERNAL,
}


def code_of(error: GatewayError, last_sequence: int = 0) -> grpc.StatusCode:
    """The code of the nearest class of the table.

    A stream of which an event was sent is ABORTED whatever ended it, because callers repeat
    UNAVAILABLE by themselves and would replay what was shown.
    """
    code = next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
    return _Code.ABORTED if last_sequence > 0 and code is _Code.UNAVAILABLE else code


def status_of(error: GatewayError, last_sequence: int = 0, trailers: Trailers = ()) -> grpc.Status:
    """The whole status. Details that do not fit are left out, the most useful first."""
    code = code_of(error, last_sequence)
    info = error_details_pb2.ErrorInfo(
        reason=error.reason, domain=DOMAIN, metadata=_clipped(error.metadata)
    )
    message = error.message.encode()[:MAX_MESSAGE_BYTES].decode(errors="ignore")
    status = status_pb2.Status(code=code.value[0], message=message, details=[_packed(info)])
    for detail in _details(error, last_sequence):
        packed = _packed(detail)
        if status.ByteSize() + packed.ByteSize() <= MAX_DETAILS_BYTES:
            status.details.append(packed)
    plain: grpc.Status = rpc_status.to_status(status)
    extra = (*plain.trailing_metadata, *_pushback(error, code), *trailers)
    return _Status(plain.code, plain.details, extra)


class _Status(grpc.Status):
    """grpc.Status is an interface; this is the value."""

    def __init__(self, code: grpc.StatusCode, details: str, trailing_metadata: Trailers) -> None:
        self.code = code
        self.details = details
        self.trailing_metadata = trailing_metadata


def _pushback(error: GatewayError, code: grpc.StatusCode) -> Iterator[tuple[str, str]]:
    """Tells client libraries whether and when to repeat: -1 is never.

    What reached a provider was retried here already, and may have been billed: repeating it in the
    client multiplies load and cost.
    """
    tried = error.receipt is not None and bool(error.receipt.attempts)
    cut_off = isinstance(error, errors.ShuttingDown) and error.retry_after_s is None
    if tried or cut_off or isinstance(error, errors.BudgetExceeded):
        yield "grpc-retry-pushback-ms", "-1"
    elif error.retry_after_s is not None and code in (_Code.UNAVAILABLE, _Code.RESOURCE_EXHAUSTED):
        yield "grpc-retry-pushback-ms", str(int(min(error.retry_after_s, MAX_WAIT_S) * 1000))


def _details(error: GatewayError, last_sequence: int) -> Iterator[Message]:
    if error.retry_after_s is not None:
        wait_s = min(error.retry_after_s, MAX_WAIT_S)
        yield error_details_pb2.RetryInfo(retry_delay=render.duration(wait_s))
    for kind, make in _MAKERS:
        if isinstance(error, kind):
            yield make(error)
    if error.receipt is not None:
        yield _failure(error, last_sequence)


def _bad_request(error: GatewayError) -> Message:
    violations = error.violations[:16] if isinstance(error, InvalidRequest) else ()
    detail: Message = error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(
                field=one.field[:256], description=one.description[:256], reason=one.reason
            )
            for one in violations
        ]
    )
    return detail


def _resource(error: GatewayError) -> Message:
    kind = "provider" if isinstance(error, errors.UnknownProvider) else "model"
    name = error.metadata.get(kind, "")[:256]
    detail: Message = error_details_pb2.ResourceInfo(resource_type=kind, resource_name=name)
    return detail


def _quota(error: GatewayError) -> Message:
    subject = error.metadata.get("provider") or error.metadata.get("scope", "")
    limit, value = error.metadata.get("limit", ""), error.metadata.get("value", "")
    violation = error_details_pb2.QuotaFailure.Violation(
        subject=subject,
        description=error.message[:256],
        api_service=error.metadata.get("provider", ""),
        quota_metric=limit,
        quota_value=int(value) if value.isdecimal() else 0,
    )
    detail: Message = error_details_pb2.QuotaFailure(violations=[violation])
    return detail


def _precondition(error: GatewayError) -> Message:
    every = error.ruled_out if isinstance(error, errors.NoEligibleTarget) else ()
    detail = error_details_pb2.PreconditionFailure()
    for one in every or (error,):
        violation = _violation(one)
        if detail.ByteSize() + violation.ByteSize() > MAX_VIOLATIONS_BYTES:
            break
        detail.violations.append(violation)
    made: Message = detail
    return made


def _violation(error: GatewayError) -> error_details_pb2.PreconditionFailure.Violation:
    rejected = isinstance(error, errors.CredentialRejected)
    subjects = ("model", "provider") if error.reason == "TARGET_DISABLED" else ("provider", "model")
    found = (error.metadata[key] for key in subjects if error.metadata.get(key))
    return error_details_pb2.PreconditionFailure.Violation(
        type="PROVIDER_CREDENTIAL" if rejected else error.reason,
        subject=next(found, "")[:256],
        description=error.message[:256],
    )


_MAKERS: tuple[tuple[type[GatewayError], Callable[[GatewayError], Message]], ...] = (
    (errors.InvalidRequest, _bad_request),
    (errors.UnknownModel, _resource),
    (errors.UnknownProvider, _resource),
    (errors.ModelGone, _resource),
    (errors.RateLimited, _quota),
    (errors.BudgetExceeded, _quota),
    (errors.ProviderLimited, _quota),
    (errors.NoEligibleTarget, _precondition),
    (errors.SpendLimitExceeded, _precondition),
    (errors.PriceUnknown, _precondition),
    (errors.CredentialRejected, _precondition),
    (errors.QuotaExhausted, _precondition),
)


def _failure(error: GatewayError, last_sequence: int) -> Message:
    receipt = error.receipt
    assert receipt is not None
    return completion_service_pb2.CompletionFailure(
        response_id=receipt.call_id,
        reason=render.reason(error.reason),
        attempts=[render.attempt(one) for one in receipt.attempts[-MAX_ATTEMPTS:]],
        usage=render.usage(receipt.usage),
        cost=render.cost(receipt.cost),
        last_sequence=last_sequence,
        delivered_text_chars=receipt.delivered_chars,
    )


def _clipped(metadata: dict[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    left = MAX_METADATA_BYTES
    for key, value in metadata.items():
        short = value[:256]
        left -= len(key.encode()) + len(short.encode())
        if left < 0:
            break
        kept[key] = short
    return kept


def _packed(message: Message) -> AnyProto:
    packed = AnyProto()
    packed.Pack(message)
    return packed
