"""From the Messages API's errors to the error tree, for bodies and for `error` events."""

from __future__ import annotations

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.anthropic_messages.structs import (
    Fault,
    FaultBodies,
    FaultBody,
)
from hexgate.adapters.providers.failures import (
    by_status,
    invalid,
    too_long,
    unserved,
    wait_s,
    word,
)
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.errors import (
    CredentialRejected,
    GatewayError,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    QuotaExhausted,
    TimedOut,
    Unserved,
)

_BODY: msgspec.json.Decoder[FaultBodies] = msgspec.json.Decoder(FaultBodies)
# `api_error` is not here: it says no more than "failed", and the status may say more.
_KINDS: dict[str, tuple[type[Unserved], str]] = {
    "authentication_error": (
        CredentialRejected,
        "rejected the gateway's credential; check its API key",
    ),
    "permission_error": (CredentialRejected, "denies the gateway's credential this resource"),
    "billing_error": (QuotaExhausted, "reports a billing problem of the gateway's account"),
    "not_found_error": (ModelGone, "does not know the model"),
    "rate_limit_error": (ProviderLimited, "limits the gateway's request rate"),
    "timeout_error": (TimedOut, "timed out"),
    "overloaded_error": (Overloaded, "is overloaded"),
}
_INVALID = ("invalid_request_error", "request_too_large")
_GOOGLE_INVALID = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE")
_SPENT = (
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "linked_organization_spend_limit_reached",
    "linked_organization_billing_unavailable",
    "organization_on_hold",
)
# These two conditions have no code of their own, so their wording is all there is to go by.
_TOO_LONG = ("prompt is too long", "exceed context limit", "maximum context length")
_NO_CREDIT = ("credit balance is too low", "reached your specified api usage limits")


def from_response(provider: str, response: WireResponse) -> GatewayError:
    """The meaning of an answer with an error status: by `error.type`, else by the status."""
    headers, status = response.headers, response.status
    request_id = headers.get("request-id", "")
    body = _body(response.body)
    if body is None:
        return by_status(provider, status, headers, request_id=request_id)
    fault, request_id = body.error, request_id or word(body.request_id)
    known = _classified(provider, fault, status, request_id, wait_s(status, headers))
    if known is not None:
        return known
    if wait := _retry_delay(fault):
        headers = {**headers, "retry-after": wait}
    code = word(fault.type) or word(fault.status)
    return by_status(provider, status, headers, code=code, request_id=request_id)


def from_event(provider: str, fault: Fault) -> GatewayError:
    """The meaning of an `error` event, by its words alone: the status was 200."""
    known = _classified(provider, fault, 0, "", None)
    if known is not None:
        return known
    status = lenient.count(fault.code) or 0
    if fault.status and 400 <= status < 600:
        return by_status(provider, status, {}, code=word(fault.status))
    return unserved(
        ProviderFailed, provider, "reported an error in its stream", code=word(fault.type)
    )


def _body(data: bytes) -> FaultBody | None:
    try:
        found = _BODY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(found, list):
        return found[0] if found else None
    return found


def _retry_delay(fault: Fault) -> str:
    """The wait, in seconds, that Google asks for with a detail of its own."""
    details = lenient.value(fault.details)
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and delay.endswith("s"):
            return delay[:-1]
    return ""


def _error_code(fault: Fault) -> str:
    details = lenient.value(fault.details)
    return word(details.get("error_code")) if isinstance(details, dict) else ""


def _classified(
    provider: str, fault: Fault, status: int, request_id: str, wait: float | None
) -> GatewayError | None:
    code = _error_code(fault) or word(fault.type)
    said = fault.message.casefold()
    invalid_ = fault.type in _INVALID or fault.status in _GOOGLE_INVALID
    long = invalid_ and any(words in said for words in _TOO_LONG)
    if long or fault.type == "exceed_context_size_error":  # llama.cpp's own word
        return too_long(provider)
    if code in _SPENT or (fault.type in _INVALID and any(words in said for words in _NO_CREDIT)):
        kind, what = QuotaExhausted, "reports that the gateway's account is out of quota"
        return unserved(kind, provider, what, status=status, code=code, request_id=request_id)
    if fault.type in _INVALID:
        return invalid(provider, status, code=code)
    if fault.type not in _KINDS:
        return None
    kinds, what = _KINDS[fault.type]
    return unserved(
        kinds, provider, what, status=status, code=code, request_id=request_id, wait_s=wait
    )
