"""From Cohere's errors to the error tree, for bodies and for ends of streams."""

from __future__ import annotations

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.cohere_chat.structs import Fault
from hexgate.adapters.providers.failures import by_status, invalid, too_long, unserved, word
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.errors import (
    ContentFiltered,
    GatewayError,
    ProviderFailed,
    QuotaExhausted,
    TimedOut,
)

TRACE = "x-debug-trace-id"
_BODY = msgspec.json.Decoder(Fault)
# Statuses of Cohere's own. Source: its OpenAPI description.
_DENIED, _CANCELLED, _UNIMPLEMENTED = 498, 499, 501
_NO_ANSWER = "NO_VALID_RESPONSE_GENERATED"  # with a 422, which it is not the request's fault to get
# There are no codes for these, so the wording is all there is to go by.
_TOO_MANY, _TOO_MUCH_ASKED = "too many tokens", "max tokens must be"
_PER_MONTH = "calls / month"


def from_response(provider: str, response: WireResponse) -> GatewayError:
    """The meaning of an answer with an error status."""
    said, code = _fault(response.body)
    status, headers = response.status, response.headers
    request_id = headers.get(TRACE, "")
    if status in (400, 413, 422) and (known := _too_many(provider, said, status)) is not None:
        return known
    if status == _DENIED:
        text = f"{provider} refused the input on policy grounds ({status})"
        metadata = {"provider": provider, "httpStatus": str(status)}
        return ContentFiltered(text, metadata=metadata)
    if status == _UNIMPLEMENTED:
        return invalid(provider, status, code=code)
    if status == _CANCELLED or code == _NO_ANSWER:
        what = "gave up on its answer"
        return unserved(
            ProviderFailed, provider, what, status=status, code=code, request_id=request_id
        )
    if status == 429 and _PER_MONTH in said:
        what = "reports that the gateway's account is out of quota"
        return unserved(
            QuotaExhausted, provider, what, status=status, code=code, request_id=request_id
        )
    return by_status(provider, status, headers, code=code, request_id=request_id)


def from_end(provider: str, reason: str, said: str = "") -> GatewayError:
    """The meaning of an answer that ended in failure, with a status of 200."""
    known = _too_many(provider, said.casefold(), 0)
    if known is not None:
        return known
    if reason == "TIMEOUT":
        return unserved(TimedOut, provider, "did not finish its answer in time", code=reason)
    what = "reported an error in its answer"
    return unserved(ProviderFailed, provider, what, code=word(reason))


def _too_many(provider: str, said: str, status: int) -> GatewayError | None:
    """Of two things there can be too many tokens: of the prompt, and of what may be answered."""
    if _TOO_MANY not in said:
        return None
    if _TOO_MUCH_ASKED in said:
        return invalid(provider, status, field="max_tokens")
    return too_long(provider)


def _fault(body: bytes) -> tuple[str, str]:
    try:
        found = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", ""
    return lenient.text(found.message).casefold(), word(lenient.text(found.error_type))
