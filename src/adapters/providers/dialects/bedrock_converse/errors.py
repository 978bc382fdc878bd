"""From the errors of AWS to the error tree, for bodies and for exceptions in a stream."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hexgate.adapters.framing.eventstream import Message
from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.bedrock_converse.structs import Fault
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

_BODY = msgspec.json.Decoder(Fault)
_KEY = (CredentialRejected, "rejected the gateway's credential; check its AWS credentials")
_DENIED = (CredentialRejected, "denies the gateway's credential this resource")
_PACE = (ProviderLimited, "limits the gateway's request rate")
_SPENT = (QuotaExhausted, "reports that a quota of the gateway's account is used up")
_GONE = (ModelGone, "does not know the model")
_BUSY = (Overloaded, "is overloaded")
_FAILED = (ProviderFailed, "failed")
_SLOW = (TimedOut, "timed out")
# Codes in lower case, without `Exception` at the end: streams spell them differently from bodies.
_CODES: dict[str, tuple[type[Unserved], str]] = {
    "accessdenied": _DENIED,
    "notauthorized": _DENIED,
    "optinrequired": _DENIED,
    "unrecognizedclient": _KEY,
    "invalidsignature": _KEY,
    "signaturedoesnotmatch": _KEY,
    "incompletesignature": _KEY,
    "missingauthenticationtoken": _KEY,
    "invalidclienttokenid": _KEY,
    "expiredtoken": _KEY,
    "requestexpired": _KEY,
    "throttling": _PACE,
    "toomanyrequests": _PACE,
    "modelnotready": _PACE,
    "servicequotaexceeded": _SPENT,
    "resourcenotfound": _GONE,
    "modeltimeout": _SLOW,
    "modelerror": _FAILED,
    "modelstreamerror": _FAILED,
    "internalserver": _FAILED,
    "internalfailure": _FAILED,
    "serviceunavailable": _BUSY,
}
_INVALID = "validation"
# All of these are a ValidationException, so their wording is all there is to go by.
_TOO_LONG = (
    "input is too long",
    "prompt is too long",
    "too many input tokens",
    "exceed context limit",
    "maximum context length",
    "exceeds the maximum number of tokens",
)
_NO_MODEL = ("model identifier is invalid", "on-demand throughput isn")


def from_response(provider: str, response: WireResponse) -> GatewayError:
    """The meaning of an answer with an error status: by its code, else by the status.

    The code is that of `x-amzn-errortype`, else of the body, as botocore has it.
    """
    headers, status = response.headers, response.status
    fault = _fault(response.body)
    code = _code(headers.get("x-amzn-errortype", ""))
    code = code or _code(lenient.text(fault.kind)) or _code(lenient.text(fault.code))
    request_id = headers.get("x-amzn-requestid", "")
    known = _known(provider, code, _said(fault), status, headers)
    return known or by_status(provider, status, headers, code=code, request_id=request_id)


def from_message(provider: str, message: Message) -> GatewayError:
    """The meaning of an exception or error in a stream: by its name, for the status was 200."""
    headers = message.headers
    code = _code(headers.get(":exception-type", "") or headers.get(":error-code", ""))
    said = _said(_fault(message.payload)) or headers.get(":error-message", "").casefold()
    known = _known(provider, code, said, 0, {})
    return known or unserved(ProviderFailed, provider, "reported an error in its stream", code=code)


def _known(
    provider: str, code: str, said: str, status: int, headers: Mapping[str, str]
) -> GatewayError | None:
    key = code.casefold().removesuffix("exception")
    kind = _CODES.get(key)
    if key == _INVALID:
        if any(words in said for words in _TOO_LONG):
            return too_long(provider)
        if not any(words in said for words in _NO_MODEL):
            return invalid(provider, status, code=code)
        kind = _GONE
    if kind is None:
        return None
    return unserved(
        kind[0],
        provider,
        kind[1],
        status=status,
        code=code,
        request_id=headers.get("x-amzn-requestid", ""),
        wait_s=None if kind is _SPENT else wait_s(status, headers),
    )


def _code(text: str) -> str:
    """The code alone: AWS puts a namespace before it and the address of a page behind it."""
    return word(text.partition(":")[0].rpartition("#")[2].strip())


def _said(fault: Fault) -> str:
    return (lenient.text(fault.message) or lenient.text(fault.capital)).casefold()


def _fault(body: bytes) -> Fault:
    try:
        return _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Fault()
