"""From a provider's HTTP error to one class of the error tree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from hexgate.adapters.providers.ratelimits import parse
from hexgate.domain.errors import (
    BadResponse,
    ContextTooLong,
    CredentialRejected,
    GatewayError,
    InvalidRequest,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    QuotaExhausted,
    TimedOut,
    Unserved,
    Violation,
)
from hexgate.domain.usage import Usage

_WORD = re.compile(r"[^A-Za-z0-9_.\[\]/-]")
_UNSERVED: dict[int, type[Unserved]] = {
    401: CredentialRejected,
    402: QuotaExhausted,
    403: CredentialRejected,
    404: ModelGone,
    408: TimedOut,
    429: ProviderLimited,
    503: Overloaded,
    504: TimedOut,
    529: Overloaded,
}


def word(value: object) -> str:
    """A provider's machine word made safe to show: at most 64 plain characters, never a sentence.

    Providers echo prompts and parts of keys in their messages, so only codes and field names pass.
    """
    return _WORD.sub("", value)[:64] if isinstance(value, str) and " " not in value else ""


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait a provider asks for: `retry-after-ms`, then `retry-after` in seconds or as a date.

    A date is measured against the response's own `date` header, so no clock has to agree.
    """
    if (ms := _number(headers.get("retry-after-ms"))) is not None:
        return ms / 1000
    value = headers.get("retry-after")
    if (seconds := _number(value)) is not None:
        return seconds
    try:
        until = parsedate_to_datetime(value or "")
        asked = parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (until - asked).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None


def wait_s(status: int, headers: Mapping[str, str]) -> float | None:
    """The wait that an error asks for, in seconds: see retry_after_s.

    Where a 429 names none, it is the time until the limit that is used up is whole again.
    """
    asked = retry_after_s(headers)
    if asked is None and status == 429 and (limits := parse(headers)) is not None:
        return limits.wait_s
    return asked


def unserved(
    kind: type[Unserved],
    provider: str,
    what: str,
    *,
    status: int = 0,
    code: str = "",
    request_id: str = "",
    wait_s: float | None = None,
) -> Unserved:
    """An error of `kind` whose message and metadata agree: provider, what, (status, code)."""
    metadata = {"provider": provider}
    if status:
        metadata["httpStatus"] = str(status)
    if code:
        metadata["code"] = code
    if kind is TimedOut:
        metadata["phase"] = "attempt"
    notes = ", ".join(note for note in (str(status or ""), code) if note)
    return kind(
        f"{provider} {what}" + (f" ({notes})" if notes else ""),
        http_status=status,
        request_id=request_id,
        metadata=metadata,
        retry_after_s=wait_s,
    )


def timed_out(provider: str, phase: str) -> TimedOut:
    """The provider was too slow in `phase`: connect, first_token, between_tokens or attempt."""
    text = f"{provider} did not answer in time ({phase})"
    failure = TimedOut(text, metadata={"provider": provider, "phase": phase})
    if phase == "connect":
        failure.billed = Usage()  # nothing was sent
    return failure


def bad(provider: str, what: str) -> BadResponse:
    """The answer makes no sense. `what` completes "<provider> ..." and holds nothing of it."""
    return BadResponse(f"{provider} {what}", metadata={"provider": provider})


def too_large(provider: str) -> BadResponse:
    """The answer's body is above the configured bound."""
    text = f"{provider} sent a larger body than the gateway accepts; see max_body_bytes"
    return BadResponse(text, metadata={"provider": provider})


def by_status(
    provider: str,
    status: int,
    headers: Mapping[str, str],
    *,
    code: str = "",
    field: str = "",
    request_id: str = "",
) -> GatewayError:
    """What a status means where the vendor's own code said nothing more exact."""
    kind = _UNSERVED.get(status)
    if kind is None and 400 <= status < 500:
        return invalid(provider, status, code=code, field=field)
    kind = kind or ProviderFailed
    return unserved(
        kind,
        provider,
        _SAYS.get(kind, "failed"),
        status=status,
        code=code,
        request_id=request_id,
        wait_s=wait_s(status, headers),
    )


def invalid(provider: str, status: int, *, code: str = "", field: str = "") -> InvalidRequest:
    """The provider says the request is at fault. `field` is in the provider's own words."""
    where = f" at {field}" if field else ""
    why = f" ({code})" if code else ""
    text = f"{provider} rejected the request{where}{why}"
    return InvalidRequest(
        text,
        (Violation(field or "spec", text, "PROVIDER_REJECTED"),),
        metadata=_metadata(provider=provider, httpStatus=str(status or ""), code=code, field=field),
    )


def too_long(provider: str, model: str = "") -> ContextTooLong:
    """The provider says the input does not fit."""
    text = f"the input does not fit the context window of {model or 'the model'} at {provider}"
    return ContextTooLong(
        text,
        (Violation("spec.messages", text, "CONTEXT_WINDOW_EXCEEDED"),),
        metadata=_metadata(provider=provider, model=model),
    )


_SAYS: dict[type[Unserved], str] = {
    CredentialRejected: "rejected the gateway's credential; check its API key",
    QuotaExhausted: "reports that the gateway's account is out of quota",
    ModelGone: "does not know the model",
    ProviderLimited: "limits the gateway's request rate",
    Overloaded: "is overloaded",
    TimedOut: "timed out",
    ProviderFailed: "failed",
}


def _metadata(**values: str) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None
