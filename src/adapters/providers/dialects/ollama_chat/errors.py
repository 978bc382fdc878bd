"""From Ollama's errors to the error tree, for bodies and for lines of a stream."""

from __future__ import annotations

import msgspec

from hexgate.adapters.providers.dialects.ollama_chat.structs import FaultBody
from hexgate.adapters.providers.failures import by_status, too_long, unserved
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.errors import (
    GatewayError,
    ModelGone,
    Overloaded,
    ProviderFailed,
    Unsupported,
    Violation,
)

_BODY = msgspec.json.Decoder(FaultBody)
# Ollama's errors are sentences without codes: these fragments of its own texts are all there is.
_TOO_LONG = ("exceeds the context length", "exceeds maximum context length", "context size")
_LACKS = (
    ("does not support tools", "spec.tools", "tools"),
    ("does not support thinking", "spec.reasoning", "reasoning"),
    ("does not support chat", "spec.messages", "conversations"),
    ("think value", "spec.reasoning", "this level of reasoning"),
)


def from_response(provider: str, response: WireResponse) -> GatewayError:
    """The meaning of an answer with an error status: by known words of a 400, else by status."""
    known = _known(provider, _said(response.body), response.status)
    return known or by_status(provider, response.status, response.headers)


def from_line(provider: str, said: str) -> GatewayError:
    """The meaning of an error that came with a status of 200."""
    known = _known(provider, said.casefold(), 0)
    if known is not None:
        return known
    if "server busy" in said.casefold():
        return unserved(Overloaded, provider, "is overloaded")
    return unserved(ProviderFailed, provider, "reported an error in its answer")


def _known(provider: str, said: str, status: int) -> GatewayError | None:
    # A model that did not fit its context while running is reported with a status of 500.
    if status in (0, 400, 413, 500) and any(words in said for words in _TOO_LONG):
        return too_long(provider)
    if status not in (0, 400, 404):
        return None
    for words, field, what in _LACKS:
        if words in said:
            text = f"the model at {provider} does not support {what}"
            lacking = Unsupported(
                text,
                (Violation(field, text, "UNSUPPORTED"),),
                metadata={"provider": provider, "capability": field},
            )
            lacking.sent = True
            return lacking
    if status == 0 and said.startswith("model ") and said.endswith(" not found"):
        return unserved(ModelGone, provider, "does not know the model")
    return None


def _said(body: bytes) -> str:
    try:
        return _BODY.decode(body).error.casefold()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
