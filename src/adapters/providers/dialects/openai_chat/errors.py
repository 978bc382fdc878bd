"""From the errors of chat completions to the error tree, for bodies and for error events."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hexgate.adapters.providers.dialects.openai_chat.structs import Fault, FaultBody
from hexgate.adapters.providers.failures import (
    by_status,
    invalid,
    too_long,
    unserved,
    wait_s,
    word,
)
from hexgate.adapters.providers.lenient import fields
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
    Unserved,
)

_BODY = msgspec.json.Decoder(FaultBody)
_TOO_LONG = frozenset(("context_length_exceeded", "exceed_context_size_error"))
_FILTERED = frozenset(
    ("content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation")
)
_KEY = (CredentialRejected, "rejected the gateway's credential; check its API key")
_SPENT = (QuotaExhausted, "reports that the gateway's account is out of quota")
_GONE = (ModelGone, "does not know the model")
_PACE = (ProviderLimited, "limits the gateway's request rate")
_BUSY = (Overloaded, "is overloaded")
# Both `code` and `type` are looked up, `code` first. What says no more than "failed" is not here:
# the status says more.
_WORDS: dict[str, tuple[type[Unserved], str]] = {
    "invalid_api_key": _KEY,
    "account_deactivated": _KEY,
    "authentication_error": _KEY,
    "permission_error": _KEY,
    "insufficient_quota": _SPENT,
    "billing_not_active": _SPENT,
    "billing_hard_limit_reached": _SPENT,
    "model_not_found": _GONE,
    "DeploymentNotFound": _GONE,
    "rate_limit_exceeded": _PACE,
    "rate_limit_error": _PACE,
    "engine_overloaded": _BUSY,
    "overloaded_error": _BUSY,
    "slow_down": _BUSY,
    "unavailable_error": _BUSY,
}
_INVALID = frozenset(("invalid_request_error", "BadRequestError"))
# vLLM, DeepSeek, Mistral, xAI and others have no code for this, so the wording is all there is to
# go by.
_TOO_LONG_SAID = (
    "maximum context length",
    "context size",
    "context window",
    "prompt is too long",
    "maximum prompt length",
    "[input_too_large]",
)


def from_response(provider: str, response: WireResponse) -> GatewayError:
    """The meaning of an answer with an error status: by its words, else by the status."""
    headers, status = response.headers, response.status
    fault = _fault(response.body)
    known = _known(provider, fault, status, headers)
    if known is not None:
        return known
    code, field = word(fault.code) or word(fault.type), word(fault.param)
    return by_status(
        provider, status, headers, code=code, field=field, request_id=request_id(headers)
    )


def from_event(provider: str, fault: Fault | str) -> GatewayError:
    """The meaning of an error that came with a status of 200, whole or in a stream.

    A server without words of its own puts the status that it would have sent into `code`.
    """
    fault = Fault(message=fault) if isinstance(fault, str) else fault
    status = _status(fault.code)
    known = _known(provider, fault, status, {})
    if known is not None:
        return known
    code = word(fault.code) or word(fault.type)
    if status:
        return by_status(provider, status, {}, code=code, field=word(fault.param))
    if word(fault.type) in _INVALID:
        return invalid(provider, 0, code=code, field=word(fault.param))
    return unserved(ProviderFailed, provider, "reported an error in its answer", code=code)


def request_id(headers: Mapping[str, str]) -> str:
    """The provider's own, or empty. Azure has one more, by which its support finds the request."""
    return headers.get("apim-request-id") or headers.get("x-request-id", "")


def _known(
    provider: str, fault: Fault, status: int, headers: Mapping[str, str]
) -> GatewayError | None:
    words = [said for said in (fault.code, fault.type) if isinstance(said, str)]
    for said in words:
        if said in _TOO_LONG:
            return too_long(provider)
        if said in _FILTERED:
            return _filtered(provider, said, fault.innererror)
        if said in _WORDS:
            kind, what = _WORDS[said]
            return unserved(
                kind,
                provider,
                what,
                status=status,
                code=said,
                request_id=request_id(headers),
                wait_s=None if kind is QuotaExhausted else wait_s(status, headers),
            )
    if _exact(fault.code) or status not in (0, 400, 413, 422):
        return None
    message = fault.message.casefold() if isinstance(fault.message, str) else ""
    return too_long(provider) if any(said in message for said in _TOO_LONG_SAID) else None


def _exact(code: object) -> bool:
    """Whether a code says more than that the request is at fault: a number or a sentence does not,
    nor does the name of the kind of error again.
    """
    said = word(code)
    return bool(said) and not said.isdecimal() and said not in _INVALID


def _filtered(provider: str, code: str, inner: object) -> ContentFiltered:
    """What was refused, and where the provider tells, under which of its categories."""
    found = fields(inner)
    results = fields(found.get("content_filter_result") or found.get("content_filter_results"))
    names = [word(name) for name, said in results.items() if fields(said).get("filtered") is True]
    why = ", ".join((code, *names))
    metadata = {"provider": provider, "code": code}
    if names:
        metadata["categories"] = ",".join(names)
    text = f"{provider} refused the input on policy grounds ({why})"
    return ContentFiltered(text, metadata=metadata)


def _fault(body: bytes) -> Fault:
    try:
        found = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Fault()
    if isinstance(found.error, Fault):
        return found.error
    message = found.error or found.message
    return Fault(message=message, type=found.type, code=found.code, param=found.param)


def _status(code: object) -> int:
    try:
        status = int(code) if isinstance(code, str | int) else 0
    except ValueError:
        return 0
    return status if 400 <= status <= 599 else 0
