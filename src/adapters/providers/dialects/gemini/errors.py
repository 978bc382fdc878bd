"""From Google's errors to the error tree, for bodies and for events of a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.failures import (
    bad,
    by_status,
    invalid,
    retry_after_s,
    too_long,
    unserved,
    word,
)
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.errors import (
    ContentFiltered,
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

Details: TypeAlias = tuple[dict[str, object], ...]
_KEY = (CredentialRejected, "rejected the gateway's credential; check its key")
_SPENT = (QuotaExhausted, "reports that the gateway's account is out of quota")
# The canonical codes of google.rpc. What is not here is told by the HTTP status.
_STATUS: dict[str, tuple[type[Unserved], str]] = {
    "UNAUTHENTICATED": _KEY,
    "PERMISSION_DENIED": (CredentialRejected, "denies the gateway's credential this resource"),
    "NOT_FOUND": (ModelGone, "does not know the model"),
    "RESOURCE_EXHAUSTED": (ProviderLimited, "limits the gateway's request rate"),
    "UNAVAILABLE": (Overloaded, "is overloaded"),
    "DEADLINE_EXCEEDED": (TimedOut, "timed out"),
    "INTERNAL": (ProviderFailed, "failed"),
    "UNKNOWN": (ProviderFailed, "failed"),
    "DATA_LOSS": (ProviderFailed, "failed"),
    "ABORTED": (ProviderFailed, "failed"),
    "CANCELLED": (ProviderFailed, "failed"),
}
# Of google.rpc.ErrorInfo, which say more than the status: a wrong key comes as INVALID_ARGUMENT.
_REASONS: dict[str, tuple[type[Unserved], str]] = {
    "API_KEY_INVALID": _KEY,
    "API_KEY_EXPIRED": _KEY,
    "API_KEY_SERVICE_BLOCKED": _KEY,
    "ACCESS_TOKEN_EXPIRED": _KEY,
    "BILLING_DISABLED": _SPENT,
}
_INVALID = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE")
# The API has no code for this, so its wording is all there is to go by.
_TOO_LONG = re.compile(
    r"input token count[^a-z]{1,40}exceeds the maximum|maximum number of tokens allowed"
)
_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An error as google.rpc.Status says it: `status` is stable, the wording is not.

    What is odd about one is as good as not said.
    """

    code: int = 0
    message: str = ""
    status: str = ""
    details: Details = ()


def from_response(provider: str, response: WireResponse) -> GatewayError:
    """The meaning of an answer with an error status: by reason and canonical code, else by status.

    The body may be a list of one.
    """
    headers, status = response.headers, response.status
    said = lenient.value(msgspec.Raw(response.body))
    if isinstance(said, list) and said:
        said = said[0]
    fault = _fault(said.get("error") if isinstance(said, dict) else None)
    known = _known(provider, fault, status, headers)
    if known is not None:
        return known
    return by_status(
        provider, status, headers, code=word(fault.status), request_id=_request_id(headers)
    )


def from_event(provider: str, raw: msgspec.Raw) -> GatewayError:
    """The meaning of an error that came with a status of 200."""
    said = lenient.value(raw)
    if not isinstance(said, dict):
        return bad(provider, "sent an error that makes no sense")
    fault = _fault(said)
    status = fault.code if 400 <= fault.code <= 599 else 0
    known = _known(provider, fault, status, {})
    if known is not None:
        return known
    code = word(fault.status)
    if status:
        return by_status(provider, status, {}, code=code)
    return unserved(ProviderFailed, provider, "reported an error in its answer", code=code)


def filtered(provider: str, code: str) -> ContentFiltered:
    """The prompt was refused. `code` is the vendor's word for why."""
    text = f"{provider} refused the input on policy grounds ({code})"
    return ContentFiltered(text, metadata={"provider": provider, "code": code})


def _known(
    provider: str, fault: Fault, status: int, headers: Mapping[str, str]
) -> GatewayError | None:
    code, details = word(fault.status), fault.details
    reason = next(iter(_texts(details, "ErrorInfo", "reason")), "")
    if code in _INVALID and reason not in _REASONS:
        if _TOO_LONG.search(fault.message.casefold()):
            return too_long(provider)
        field = next((word(name) for name in _fields(details)), "")
        return invalid(provider, status, code=code, field=field)
    told = _REASONS.get(reason) or _STATUS.get(code)
    if told is None:
        return None
    kind, what = told
    wait_s = _wait_s(details, headers)
    if kind is ProviderLimited and _for_a_day(details):
        kind, what = _SPENT
    return unserved(
        kind,
        provider,
        what,
        status=status,
        code=word(reason) if reason in _REASONS else code,
        request_id=_request_id(headers),
        wait_s=wait_s if kind in (ProviderLimited, Overloaded) else None,
    )


def _for_a_day(details: Details) -> bool:
    """Whether the limit that was hit is that of a day: waiting a while does not help."""
    limits = [*_texts(details, "ErrorInfo", "quota_limit", within="metadata")]
    for violation in _listed(details, "QuotaFailure", "violations"):
        limits += [name for name in (violation.get("quotaId"),) if isinstance(name, str)]
    return any("perday" in name.casefold() for name in limits)


def _wait_s(details: Details, headers: Mapping[str, str]) -> float | None:
    for delay in _texts(details, "RetryInfo", "retryDelay"):
        if found := _DELAY.fullmatch(delay):
            return float(found[1])
    return retry_after_s(headers)


def _fields(details: Details) -> Iterator[object]:
    return (each.get("field") for each in _listed(details, "BadRequest", "fieldViolations"))


def _of(details: Details, kind: str) -> Iterator[dict[str, object]]:
    """The details of one type, each named as in `type.googleapis.com/google.rpc.RetryInfo`."""
    name = f"google.rpc.{kind}"
    return (each for each in details if _text(each.get("@type")).endswith(name))


def _texts(details: Details, kind: str, key: str, within: str = "") -> Iterator[str]:
    for each in _of(details, kind):
        inner = each.get(within) if within else each
        if isinstance(inner, dict) and isinstance(text := inner.get(key), str):
            yield text


def _listed(details: Details, kind: str, key: str) -> Iterator[dict[str, object]]:
    for each in _of(details, kind):
        listed = each.get(key)
        if isinstance(listed, list):
            yield from (item for item in listed if isinstance(item, dict))


def _fault(said: object) -> Fault:
    if not isinstance(said, dict):
        return Fault()
    code, details = said.get("code"), said.get("details")
    return Fault(
        code=code if isinstance(code, int) else 0,
        message=_text(said.get("message")),
        status=_text(said.get("status")),
        details=tuple(each for each in details if isinstance(each, dict))
        if isinstance(details, list)
        else (),
    )


def _text(said: object) -> str:
    return said if isinstance(said, str) else ""


def _request_id(headers: Mapping[str, str]) -> str:
    return headers.get("x-goog-request-id", "")
