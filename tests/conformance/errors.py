"""What a provider's failure becomes: one class of the tree, whoever reports it."""

from __future__ import annotations

from collections.abc import Mapping

from hexgate.adapters.simulator import Fault
from hexgate.domain.errors import (
    BadResponse,
    ContentFiltered,
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
    Unreachable,
)

ERRORS: Mapping[Fault, tuple[type[GatewayError], ...]] = {
    Fault.UNAUTHORIZED: (CredentialRejected,),
    Fault.FORBIDDEN: (CredentialRejected,),
    Fault.QUOTA: (QuotaExhausted,),
    Fault.LIMITED: (ProviderLimited,),
    Fault.MODEL_GONE: (ModelGone,),
    Fault.CONTEXT_TOO_LONG: (ContextTooLong,),
    # Most have no word of their own for it: then the request is at fault.
    Fault.FILTER_PROMPT: (ContentFiltered, InvalidRequest),
    Fault.ERROR_500: (ProviderFailed,),
    # gRPC has one status for a gateway that fails and one that is busy.
    Fault.ERROR_502: (ProviderFailed, Overloaded),
    Fault.ERROR_503: (Overloaded,),
    Fault.ERROR_504: (TimedOut,),
    Fault.ERROR_529: (Overloaded,),
    # gRPC has one status for a server that is busy and one that hangs up.
    Fault.RESET_BEFORE_HEADERS: (Unreachable, Overloaded),
    Fault.CLOSE_BEFORE_HEADERS: (Unreachable, Overloaded),
    Fault.HTML: (BadResponse,),
}


UNTOLD: Mapping[tuple[str, Fault], type[GatewayError]] = {
    # Google's answer before Claude is reached: one status for too fast and for too much.
    ("vertex-claude", Fault.QUOTA): ProviderLimited,
}
"""By name of the wire: where a failure cannot be told from another."""
